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


def _fold(xp, at, n, mode):
    """Places on an axis of n pixels brought back to the image (scipy.ndimage's borders; ties aside)."""
    if mode in ("constant", "grid-constant"):
        return at
    if n == 1:
        return xp.zeros_like(at)
    if mode == "nearest":
        return xp.clip(at, 0, n - 1)
    if mode == "reflect":
        return n - 0.5 - xp.abs((at + 0.5) % (2 * n) - n)
    if mode == "mirror":
        return n - 1 - xp.abs(at % (2 * n - 2) - (n - 1))
    return xp.where((at < 0) | (at > n - 1), at % (n - 1), at) if mode == "wrap" else at % n


def _axis_weights(xp, at, n, mode, interpolation):
    """(..., n): the share of each pixel of an axis in the value at each place; zeros where it is outside."""
    folded = _fold(xp, at, n, mode)[..., None]
    pixels = xp.arange(n)
    if interpolation == "nearest":
        folded = xp.floor(folded + 0.5)
    distance = xp.abs(folded - pixels)
    if mode == "grid-wrap":
        distance = xp.minimum(distance, n - distance)
    if mode == "reflect":  # the last pixel's mirror image lies beside it
        distance = xp.where((folded < 0) & (pixels == 0) | (folded > n - 1) & (pixels == n - 1), 0, distance)
    weights = xp.maximum(0, 1 - distance)
    return weights * ((at >= 0) & (at <= n - 1))[..., None] if mode == "constant" else weights


def _affine_weights(xp, matrices, shape, size, fill_mode, interpolation):
    """Shares of rows (N, P, Q, H) and of columns (N, P, Q, W)."""
    m = xp.broadcast_to(matrices[..., :2, :], (shape[0], 2, 3))
    p, q = xp.arange(size[0])[:, None], xp.arange(size[1])[None, :]
    at = m[:, :, 0, None, None] * p + m[:, :, 1, None, None] * q + m[:, :, 2, None, None]
    return (
        _axis_weights(xp, at[:, 0], shape[1], fill_mode, interpolation),
        _axis_weights(xp, at[:, 1], shape[2], fill_mode, interpolation),
    )


def affine_transform(
    images, matrices, *, fill_mode="constant", fill_value=0.0, interpolation="bilinear", output_size=None
):
    """each place's mean of all pixels by their shares, the rest of the share being fill_value's"""
    xp = namespace_of(images)
    size = output_size or images.shape[1:3]
    rows, cols = _affine_weights(xp, matrices, images.shape, size, fill_mode, interpolation)
    rest = 1 - rows.sum(axis=-1) * cols.sum(axis=-1)
    return xp.einsum("npqh,npqw,nhwc->npqc", rows, cols, images) + fill_value * rest[..., None]


def affine_transform_backward(dy, matrices, size, *, fill_mode="constant", interpolation="bilinear"):
    """the same shares, transposed"""
    xp = namespace_of(dy)
    shape = (dy.shape[0], *size)
    rows, cols = _affine_weights(xp, matrices, shape, dy.shape[1:3], fill_mode, interpolation)
    return xp.einsum("npqh,npqw,npqc->nhwc", rows, cols, dy)
