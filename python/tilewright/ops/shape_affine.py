# SPDX-License-Identifier: Apache-2.0
"""Images read through affine maps (rotated, shifted, sheared, scaled), with the gradient."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops._common import contiguous, destination, float_dtype, given_back
from tilewright.ops.shape_resize import image_size


def affine_transform(
    images,
    matrices,
    *,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    interpolation: str = "bilinear",
    output_size=None,
    out=None,
):
    """Images read through affine maps, as scipy.ndimage.affine_transform does for one.

        y[n, p, q, :] = images[n] at row m[0, 0] p + m[0, 1] q + m[0, 2], column m[1, 0] p + m[1, 1] q + m[1,
        2]

    Parameters
        images : (N, H, W, C) array, uint8, float32 or float64
        matrices : (N, 2, 3) or (N, 3, 3), or one of (2, 3) or (3, 3) for all images; float32 or float64; from
            places of y to places of the images, in rows and columns; the last row of (3, 3) is not read
        fill_mode : what lies outside: "constant", "nearest", "reflect", "mirror", "wrap", "grid-constant" or
            "grid-wrap", with scipy's meaning ("wrap" joins the last pixel to the first, "constant" does not
            interpolate with fill_value; the forms with "grid-" do what their names suggest)
        fill_value : of "constant" and "grid-constant"
        interpolation : "bilinear" or "nearest"
        output_size : (P, Q), rows and columns of y; those of the images where None
        out : array of the result's shape and dtype, optional
    Returns   y : (N, P, Q, C), float32 (float64 for float64)
    Raises    ValueError: images or matrices of another shape, no pixels, unknown modes.  TypeError: other
              dtypes.
    Numerics  places in float64, shares rounded to the dtype of y; a place that is not finite gives fill_value
    Backends  cpu
    Notes     the gradient is by the images; matrices have none
    Examples
        >>> shift = np.array([[1.0, 0, 0], [0, 1, 0.5]], np.float32)
        >>> affine_transform(np.array([[[[1], [3], [5]]]], np.uint8), shift, fill_mode="nearest")[0, 0, :, 0]
        array([2., 4., 5.], dtype=float32)
    """
    name = "affine_transform"
    a, m = raw(name, "images", images), _maps(name, matrices)
    if a.ndim != 4:
        raise ValueError(
            f"[{name}] images has shape {a.shape}, expected 4 dimensions (batch, rows, cols, channels)"
        )
    if a.dtype.kind not in "fV" and a.dtype != np.uint8:
        raise TypeError(f"[{name}] images has dtype {a.dtype}, expected uint8, float32 or float64")
    before = a.shape[1:3]
    rows_cols = before if output_size is None else image_size(name, "output_size", output_size)
    dtype = a.dtype if a.dtype.kind in "fV" else np.dtype(np.float32)
    y = destination(name, out, (a.shape[0], *rows_cols, a.shape[3]), dtype, a)
    target = y if y.flags.c_contiguous else backend.empty(y.shape, y.dtype, a)
    backend.module_of(a).affine_transform_forward(
        target, contiguous(a), m, interpolation, fill_mode, float(fill_value)
    )
    options = {"fill_mode": fill_mode, "interpolation": interpolation}
    return result(
        given_back(out, target),
        (images,) if a.dtype.kind in "fV" else (images, None),
        (lambda dy, y, needs: (affine_transform_backward(dy, m, before, **options),))
        if a.dtype.kind in "fV"
        else None,
    )


def affine_transform_backward(
    dy, matrices, size, *, fill_mode: str = "constant", interpolation: str = "bilinear", out=None
):
    """Gradient of `affine_transform` by the images: each pixel of dy is spread over those it was made from.

    Parameters
        dy : (N, P, Q, C) array, float32 or float64
        matrices, fill_mode, interpolation : those of the forward call
        size : (H, W), rows and columns of the images
        out : array of the result's shape and dtype, optional; overwritten
    Returns   dx : (N, H, W, C), dtype of dy
    Raises    as `affine_transform`
    Numerics  adds in the dtype of dy, in a fixed order
    Backends  cpu
    Examples
        >>> shift = np.array([[1.0, 0, 0], [0, 1, 0.5]], np.float32)
        >>> dy = np.ones((1, 1, 3, 1), np.float32)
        >>> affine_transform_backward(dy, shift, (1, 3), fill_mode="nearest")[0, 0, :, 0]
        array([0.5, 1. , 1.5], dtype=float32)
    """
    name = "affine_transform_backward"
    a, m = raw(name, "dy", dy), _maps(name, matrices)
    float_dtype(name, "dy", a)
    if a.ndim != 4:
        raise ValueError(
            f"[{name}] dy has shape {a.shape}, expected 4 dimensions (batch, rows, cols, channels)"
        )
    rows_cols = image_size(name, "size", size)
    dx = destination(name, out, (a.shape[0], *rows_cols, a.shape[3]), a.dtype, a)
    target = dx if dx.flags.c_contiguous else backend.empty(dx.shape, dx.dtype, a)
    backend.module_of(a).affine_transform_backward(target, contiguous(a), m, interpolation, fill_mode)
    options = {"fill_mode": fill_mode, "interpolation": interpolation, "output_size": a.shape[1:3]}
    return result(
        given_back(out, target), (dy,), lambda ddx, dx, needs: (affine_transform(ddx, m, **options),)
    )


def _maps(name: str, matrices):
    """The maps as (N or 1, 2, 3)."""
    m = raw(name, "matrices", matrices)
    if m.ndim not in (2, 3) or m.shape[-2:] not in ((2, 3), (3, 3)):
        raise ValueError(
            f"[{name}] matrices has shape {m.shape}, expected (2, 3), (3, 3), or one of them per image"
        )
    return (m[None] if m.ndim == 2 else m)[:, :2]
