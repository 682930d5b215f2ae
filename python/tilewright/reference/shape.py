# SPDX-License-Identifier: Apache-2.0
"""Shape family, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def reshape(x, shape):
    """the same elements in C order"""
    return x.reshape(shape)


def transpose(x, axes=None):
    """axes in another order"""
    return x.transpose(axes)


def swapaxes(x, axis1, axis2):
    """two axes exchanged"""
    return x.swapaxes(axis1, axis2)


def moveaxis(x, source, destination):
    """one axis moved"""
    return namespace_of(x).moveaxis(x, source, destination)


def broadcast_to(x, shape):
    """repeated along new and size-1 axes"""
    return namespace_of(x).broadcast_to(x, shape)


def expand_dims(x, axis):
    """new axes of size 1"""
    return namespace_of(x).expand_dims(x, axis)


def squeeze(x, axis=None):
    """without axes of size 1"""
    return x.squeeze(axis)


def flip(x, axis=None):
    """x[n - 1 - i]"""
    return namespace_of(x).flip(x, axis)


def getitem(x, key):
    """x[key]"""
    return x[key]


def place(dy, shape, key):
    """zeros with dy at [key]"""
    y = namespace_of(dy).zeros(shape, dy.dtype)
    y[key] = dy
    return y


def concat(arrays, *, axis=0):
    """one after another"""
    return namespace_of(*arrays).concatenate(arrays, axis=axis)


def stack(arrays, *, axis=0):
    """along a new axis"""
    return namespace_of(*arrays).stack(arrays, axis=axis)


def split(x, sections, *, axis=0):
    """equal parts, or parts between positions"""
    return namespace_of(x).split(x, sections, axis=axis)


def pad(x, pad_width, *, mode="constant", value=0.0):
    """more entries around"""
    options = {"constant_values": value} if mode == "constant" else {}
    return namespace_of(x).pad(x, pad_width, mode=mode, **options)


def repeat(x, repeats, *, axis):
    """x[i // repeats]"""
    return x.repeat(repeats, axis=axis)


def tile(x, reps):
    """x[i mod n]"""
    return namespace_of(x).tile(x, reps)


def roll(x, shift, *, axis):
    """y[(i + shift) mod n] = x[i]"""
    return namespace_of(x).roll(x, shift, axis=axis)


def tril(x, k=0):
    """zero above diagonal k"""
    return namespace_of(x).tril(x, k)


def triu(x, k=0):
    """zero below diagonal k"""
    return namespace_of(x).triu(x, k)


def take(x, indices, *, axis=None):
    """x[.., indices[i], ..]"""
    return namespace_of(x).take(x, indices, axis=axis)


def take_backward(dy, indices, shape, *, axis):
    """dx[.., indices[i], ..] += dy[.., i, ..]"""
    xp = namespace_of(dy)
    dx = xp.zeros(shape, dy.dtype)
    xp.add.at(xp.moveaxis(dx, axis, 0), indices, xp.moveaxis(dy, axis, 0))
    return dx


def take_along_axis(x, indices, *, axis=-1):
    """x[.., indices[.., i, ..], ..]"""
    return namespace_of(x).take_along_axis(x, indices, axis=axis)


def scatter_add(x, indices, updates, *, axis=-1):
    """y[.., indices[.., i, ..], ..] += updates[.., i, ..]"""
    xp = namespace_of(x)
    y = x.copy()
    grid = list(xp.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    xp.add.at(y, tuple(grid), updates)
    return y


def one_hot(ids, depth, *, on=1.0, off=0.0, axis=-1, dtype="float32"):
    """on where ids == column, else off"""
    xp = namespace_of(ids)
    y = xp.where(xp.asarray(ids)[..., None] == xp.arange(depth), on, off).astype(dtype)
    return xp.moveaxis(y, -1, axis)


def _weights(xp, size, count, method, align_corners):
    """The (count, size) matrix that resizes one axis."""
    i = xp.arange(count)
    if align_corners:
        at = i * ((size - 1) / (count - 1) if count > 1 else 0.0)
        at = at if method == "bilinear" else xp.floor(at + 0.5)
    elif method == "nearest":
        at = (2 * i + 1) * size // (2 * count)
    elif method == "nearest_floor":
        at = i * size // count
    else:
        at = xp.clip((i + 0.5) * size / count - 0.5, 0, size - 1)
    return xp.maximum(0, 1 - xp.abs(at[:, None] - xp.arange(size)))


def resize(x, size, *, method="bilinear", align_corners=False, data_format="channels_last"):
    """each axis by a matrix of weights 1 - |distance|"""
    xp = namespace_of(x)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    for axis, count in zip(axes, size, strict=True):
        w = _weights(xp, x.shape[axis], count, method, align_corners)
        x = xp.moveaxis(xp.tensordot(w, x, axes=(1, axis)), 0, axis)
    return x


def resize_backward(dy, size, *, method="bilinear", align_corners=False, data_format="channels_last"):
    """the transposed matrices"""
    xp = namespace_of(dy)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    for axis, count in zip(axes, size, strict=True):
        w = _weights(xp, count, dy.shape[axis], method, align_corners)
        dy = xp.moveaxis(xp.tensordot(w, dy, axes=(0, axis)), 0, axis)
    return dy
