# SPDX-License-Identifier: Apache-2.0
"""16-bit floats on a back end whose table lacks them: float16 and bfloat16 are storage, float32 computes.

`backend.module_of` gives a Widening for a 16-bit array. It passes on what the table takes as it is (on the
CPU copies, casts, selections and gathers); every other call gets float32 copies of its 16-bit arrays, and
what it writes is rounded back to the storage dtype. The copies are calls of the table, so recordings hold
them.
"""

from __future__ import annotations

import numpy as np

# The arguments that an operation writes, by the names of its binding; all others are only read.
_WRITTEN = {
    "unary": "y",
    "unary_backward": "dx",
    "unary_backward2": "dx",
    "binary": "y",
    "where": "y",
    "copy": "y",
    "fill": "y",
    "bias_activation_forward": "y z",
    "bias_activation_backward": "dz db",
    "dropout": "y",
    "reduce": "y",
    "moments": "mean variance",
    "argmax": "y",
    "cumsum": "y",
    "top_k": "values indices",
    "global_norm": "y",
    "matmul": "y z",
    "conv2d_forward": "y z",
    "conv2d_backward_data": "dx",
    "conv2d_backward_weight": "dw db",
    "max_pool2d_forward": "y indices",
    "max_pool2d_backward": "dx",
    "max_pool2d_gather": "y",
    "avg_pool2d_forward": "y",
    "avg_pool2d_backward": "dx",
    "softmax_forward": "y",
    "softmax_backward": "dx",
    "log_softmax_forward": "y",
    "log_softmax_backward": "dx",
    "layer_norm_forward": "y sum mean rstd",
    "layer_norm_backward": "dx dgamma dbeta",
    "rms_norm_forward": "y sum rstd",
    "rms_norm_backward": "dx dgamma",
    "batch_norm_training": "y mean rstd moving_mean moving_variance",
    "batch_norm_inference": "y",
    "batch_norm_backward": "dx dgamma dbeta",
    "attention_forward": "out lse",
    "attention_backward": "dq dk dv",
    "embedding_gather": "y",
    "embedding_scatter_add": "table",
    "take": "y",
    "take_backward": "dx",
    "gather": "y",
    "scatter_add": "y",
    "one_hot": "y",
    "resize_forward": "y",
    "resize_backward": "dx",
    "affine_transform_forward": "y",
    "affine_transform_backward": "dx",
    "random_uniform": "y",
    "random_normal": "y",
    "random_truncated_normal": "y",
    "random_bernoulli": "y",
    "lstm_forward": "y h_last c_last gates cells",
    "lstm_backward": "dx dw du db dh0 dc0 dgates",
    "gru_forward": "y h_last gates",
    "gru_backward": "dx dw du db dh0 dgates",
    "simple_rnn_forward": "y h_last",
    "simple_rnn_backward": "dx dw du db dh0 dgates",
    "softmax_cross_entropy": "loss dlogits",
    "sigmoid_cross_entropy": "loss dlogits",
    "mean_squared_error": "loss dprediction",
    "adam_update": "params m v v_max",
    "sgd_update": "params velocity",
    "rmsprop_update": "params velocity mean_square mean_gradient",
    "adaptive_update": "params a b product",
}
# What is written and read: the old values have to be there.
_UPDATED = {
    "matmul": "y",
    "batch_norm_training": "moving_mean moving_variance",
    "embedding_scatter_add": "table",
    "take_backward": "dx",
    "scatter_add": "y",
    "adam_update": "params m v v_max",
    "sgd_update": "params velocity",
    "rmsprop_update": "params velocity mean_square mean_gradient",
    "adaptive_update": "params a b product",
}
_HALVES = ("float16", "bfloat16")


class Widening:
    """An extension module that takes 16-bit arrays in every operation.

    Parameters
        module : _cpu, _simt or _cuda
        empty : makes an array of a shape and dtype beside another, `backend.empty`
    """

    def __init__(self, module, empty):
        self._module, self._empty = module, empty
        self._native = {
            entry["name"]: frozenset(entry["dtypes"]).intersection(_HALVES) for entry in module.operations()
        }

    def __getattr__(self, name: str):
        function = getattr(self._module, name)
        native = self._native.get(name)
        if native is None:
            return function
        if len(native) < len(_HALVES):
            function = self._widened(name, function, native)
        setattr(self, name, function)
        return function

    def _widened(self, name: str, function, native: frozenset):
        names = argument_names(function)
        written, updated = set(_WRITTEN[name].split()), set(_UPDATED.get(name, "").split())
        module, empty = self._module, self._empty

        def call(*args, **kwargs):
            given = dict(zip(names, args, strict=False))
            given.update(kwargs)
            backs: list = []

            def widened(argument, value):
                if isinstance(value, (list, tuple)):
                    return [widened(argument, part) for part in value]
                if getattr(value, "itemsize", 0) != 2 or value.dtype.name in native:
                    return value
                wide = empty(value.shape, np.dtype(np.float32), value)
                if argument not in written or argument in updated:
                    module.copy(wide, value)
                if argument in written:
                    backs.append((value, wide))
                return wide

            function(**{argument: widened(argument, value) for argument, value in given.items()})
            for narrow, wide in backs:
                module.copy(narrow, wide)

        return call


def argument_names(function) -> list[str]:
    """The names of a binding's arguments, from the signature that it documents."""
    head = function.__doc__.partition("\n")[0]
    inside = head[head.index("(") + 1 : head.rindex(") ->")]
    names, depth, start = [], 0, 0
    for i, letter in enumerate(inside + ","):
        if letter in "[(":
            depth += 1
        elif letter in "])":
            depth -= 1
        elif letter == "," and depth == 0:
            names.append(inside[start:i].strip().partition(":")[0])
            start = i + 1
    return names
