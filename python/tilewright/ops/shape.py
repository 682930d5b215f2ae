# SPDX-License-Identifier: Apache-2.0
"""The shape family in one place: views, indexing, scattering, joining, cutting, resizing and warping."""

from tilewright.ops.shape_affine import affine_transform, affine_transform_backward
from tilewright.ops.shape_index import (
    getitem,
    one_hot,
    place,
    scatter_add,
    take,
    take_along_axis,
    take_backward,
)
from tilewright.ops.shape_join import concat, pad, repeat, roll, split, stack, tile, tril, triu
from tilewright.ops.shape_resize import resize, resize_backward
from tilewright.ops.shape_scatter import positions_nd, scatter_nd_add, scatter_nd_update
from tilewright.ops.shape_view import (
    broadcast_to,
    expand_dims,
    flip,
    moveaxis,
    reshape,
    squeeze,
    swapaxes,
    transpose,
)

__all__ = [
    "affine_transform",
    "affine_transform_backward",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "getitem",
    "moveaxis",
    "one_hot",
    "pad",
    "place",
    "positions_nd",
    "repeat",
    "reshape",
    "resize",
    "resize_backward",
    "roll",
    "scatter_add",
    "scatter_nd_add",
    "scatter_nd_update",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "take_backward",
    "tile",
    "transpose",
    "tril",
    "triu",
]
