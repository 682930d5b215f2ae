# SPDX-License-Identifier: Apache-2.0
"""Keras 3's `keras.ops`: functions of arrays, and between the layers of a model that is being described.

What each computes is in `keras/operations`, one module a group.
"""

from __future__ import annotations

import functools
import inspect

from tilewright.keras.graph import is_symbolic
from tilewright.keras.layers.operation import OPERATIONS
from tilewright.keras.operations.declared import NODES, PLAIN, Node
from tilewright.suggestion import check_arguments, missing, named_arguments


def _of_arrays_or_symbols(node: Node):
    """The function of a node: computed, or where an argument is a KerasTensor put into the model."""
    signature = inspect.signature(node.function)

    @functools.wraps(node.function)
    def function(*args, **kwargs):
        check_arguments(node.function.__name__, node.function, kwargs)
        if is_symbolic(args, kwargs):
            return _described(node, signature.bind(*args, **kwargs))
        return node.function(*args, **kwargs)

    return function


def _described(node: Node, bound: inspect.BoundArguments):
    """The KerasTensors of a call: options go to the node's constructor, values to its call.

    Options that are not given are left to their defaults; values are all handed on, as Keras's classes ask.
    """
    options, values, named = {}, [], {}
    first = True  # whether all arguments so far are values
    for name, parameter in bound.signature.parameters.items():
        is_value = name in node.values
        first = first and is_value
        if name not in bound.arguments and (not is_value or parameter.default is parameter.empty):
            continue
        value = bound.arguments.get(name, parameter.default)
        if parameter.kind is parameter.VAR_POSITIONAL:
            values.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            (named if is_value else options).update(value)
        elif first:
            values.append(value)
        else:
            (named if is_value else options)[name] = value
    return OPERATIONS[node.class_name](**options)(*values, **named)


_ALIASES = {"hard_swish": "hard_silu", "swish": "silu"}
globals().update({name: _of_arrays_or_symbols(node) for name, node in NODES.items()})
globals().update({name: named_arguments(function) for name, function in PLAIN.items()})
globals().update({name: globals()[same] for name, same in _ALIASES.items()})

_COMPLEX = "the engine has no complex numbers"
_REASONS = {
    **dict.fromkeys(
        (
            "angle", "conj", "conjugate", "eig", "fft", "fft2", "ifft2", "imag", "irfft", "istft", "polar",
            "real", "rfft", "stft", "view_as_complex", "view_as_real",
        ),
        _COMPLEX,
    ),
    "ctc_decode": "there is no CTC", "ctc_loss": "there is no CTC", "i0": "there is no kernel for it",
    "jvp": "gradients run backwards: GradientTape has jacobian", "vectorize": "use map or vectorized_map",
}  # fmt: skip
__all__ = sorted((*NODES, *PLAIN, *_ALIASES))
__getattr__ = missing(__name__, __all__, _REASONS)
