# SPDX-License-Identifier: Apache-2.0
"""Arguments that every optimizer step takes: lists of arrays, rates, what happens to gradients first."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw


def raw_list(operation: str, argument: str, arrays):
    """The arrays of a list; what is no list is left for the binding to name."""
    if not isinstance(arrays, (list, tuple)):
        return arrays
    return [raw(operation, f"{argument}[{i}]", a) for i, a in enumerate(arrays)]


def gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm) -> dict:
    """What happens to gradients first, by the binding's names."""
    return dict(
        maximize=maximize,
        l2=float(l2),
        clip_value=float(clip_value or 0),
        clip_norm=float(clip_norm or 0),
        global_clip_norm=float(global_clip_norm or 0),
    )


def module(lists):
    """The extension module that computes on the parameters."""
    params = lists[0]
    return backend.module_of(params[0] if isinstance(params, list) and params else np.empty(0))


def rates(operation: str, lists, learning_rate, gradient_scale) -> tuple:
    """Learning rate and gradient scale as one-element arrays of the parameters' dtype."""
    params = lists[0]
    first = params[0] if isinstance(params, list) and params else np.empty(0, np.float32)
    dtype = first.dtype
    scale = None if gradient_scale is None else one(operation, "gradient_scale", gradient_scale, dtype, first)
    return one(operation, "learning_rate", learning_rate, dtype, first), scale


def one(operation: str, argument: str, value, dtype, like):
    """A number as a one-element array; arrays pass as they are, so that a recorded step sees later values."""
    if isinstance(value, (int, float)):
        return backend.number(value, dtype, like).reshape(1)
    array = raw(operation, argument, value)
    return array.reshape(1) if array.size == 1 else array
