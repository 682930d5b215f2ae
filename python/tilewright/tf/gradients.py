# SPDX-License-Identifier: Apache-2.0
"""Gradients by hand: stop_gradient, custom_gradient, and the words for unconnected ones."""

from __future__ import annotations

import functools
import inspect

from tilewright import autograd, ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import tensor

__all__ = ["UnconnectedGradients", "custom_gradient", "grad_pass_through", "no_gradient", "stop_gradient"]


class UnconnectedGradients:
    """What `tape.gradient(unconnected_gradients=...)` gives where no path leads: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


def stop_gradient(input, name=None) -> Tensor:
    """`input` as a constant: no gradient flows through it."""
    return autograd.stop_gradient(tensor(input))


no_gradient = stop_gradient


def custom_gradient(f):
    """A decorator for a function with a gradient of its own.

    `f(*args)` gives `(y, grad)`; y is a Tensor or a list of them, and `grad(*dys)` gives one gradient an
    argument (None where there is none). The gradients are themselves differentiable if `grad` is.

    Raises    TypeError: f does not give a pair.  ValueError: grad gives another number of gradients than f
              has arguments
    Examples
        >>> import tilewright as tf
        >>> @tf.custom_gradient
        ... def reversed_gradient(x):
        ...     return tf.identity(x), lambda dy: -dy
        >>> x = tf.Variable(2.0)
        >>> with tf.GradientTape() as tape:
        ...     y = reversed_gradient(x) * 3.0
        >>> float(tape.gradient(y, x))
        -3.0
    """

    @functools.wraps(f)
    def with_gradient(*args, **kwargs):
        inputs = tuple(tensor(a) for a in args)
        given = f(*inputs, **kwargs)
        if not (isinstance(given, tuple) and len(given) == 2 and callable(given[1])):
            raise TypeError(
                f"[custom_gradient] {f.__name__} gave a {type(given).__name__}, expected (y, grad)"
            )
        y, grad = given
        if "variables" in inspect.signature(grad).parameters:
            raise NotImplementedError(
                f"[custom_gradient] grad of {f.__name__} takes variables, expected them among the "
                "function's arguments"
            )
        several = isinstance(y, (list, tuple))
        outputs = [tensor(part) for part in y] if several else [tensor(y)]

        def gradient(dys, _, needs):
            dys = [dys] if len(outputs) == 1 else list(dys)
            # An output that nothing uses has a gradient of zeros.
            dys = [
                ops.zeros_like(Tensor(o.array)) if d is None else d for d, o in zip(dys, outputs, strict=True)
            ]
            found = grad(*dys)
            found = tuple(found) if isinstance(found, (list, tuple)) else (found,)
            if len(found) != len(inputs):
                raise ValueError(
                    f"[custom_gradient] grad of {f.__name__} gave {len(found)} gradients, expected "
                    f"{len(inputs)}, one an argument"
                )
            return tuple(g if g is None or isinstance(g, Tensor) else tensor(g) for g in found)

        arrays = tuple(o.array for o in outputs)
        made = autograd.result(arrays if len(arrays) > 1 else arrays[0], inputs, gradient)
        made = list(made) if len(arrays) > 1 else [made]
        return type(y)(made) if several else made[0]

    return with_gradient


def grad_pass_through(f):
    """A decorator: the function with the gradient of the identity, as straight-through estimators have."""

    @custom_gradient
    def passed(x):
        return f(x), lambda dy: dy

    return functools.wraps(f)(passed)
