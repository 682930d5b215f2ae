# SPDX-License-Identifier: Apache-2.0
"""Output modes of layers that number categories: the numbers themselves, or rows that count them."""

from __future__ import annotations

from tilewright import ops

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count")


def check_output_mode(layer: str, mode: str, modes=OUTPUT_MODES) -> str:
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if mode not in modes:
        raise ValueError(f"[{layer}] output_mode is {mode!r}, expected one of {', '.join(modes)}")
    return mode


def encoded(ids, output_mode: str, depth: int, dtype, weights=None):
    """Category numbers as they are ("int"), or as rows of `depth`; a number outside gives zeros.

    Parameters
        output_mode : "one_hot": a row each;  "multi_hot", "count": a row for all numbers along axis 1
        weights : of "count", like ids
    """
    if output_mode == "int":
        return ops.cast(ids, dtype)
    if ids.ndim == 0:
        ids = ops.expand_dims(ids, 0)
    if output_mode == "one_hot":
        if ids.ndim > 1 and ids.shape[-1] == 1:
            ids = ops.squeeze(ids, -1)
        return ops.one_hot(ids, depth, dtype=dtype)
    rows, axis = ops.one_hot(ids, depth, dtype=dtype), 1 if ids.ndim > 1 else 0
    if output_mode == "multi_hot":
        return ops.max(rows, axis=axis) if ids.shape[axis] else ops.sum(rows, axis=axis)
    if weights is not None:
        rows = ops.multiply(rows, ops.expand_dims(ops.cast(weights, dtype), -1))
    return ops.sum(rows, axis=axis)


def encoded_shape(shape, output_mode: str, depth) -> tuple:
    """The shape of `encoded` for ids of `shape`."""
    if output_mode == "int":
        return tuple(shape)
    if len(shape) == 0:
        return (depth,)
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def refuse_sparse(layer: str, sparse: bool) -> None:
    """Raises NotImplementedError where sparse rows are asked for."""
    if sparse:
        raise NotImplementedError(f"[{layer}] sparse is True, expected False: there are no sparse arrays")
