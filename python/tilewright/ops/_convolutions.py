# SPDX-License-Identifier: Apache-2.0
"""What convolutions share: geometry for the table's calls, one tape node for one with its activation."""

from __future__ import annotations

from tilewright import autograd, backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise
from tilewright.ops._common import destination, gate, given_back
from tilewright.ops._windows import dense_rows, integer, padding_of, pair, window_count

FILTERS = "(rows, cols, in / groups, out)"
# Activations whose gradient is a function of the result alone.
NEED_RESULT = ("relu", "relu6")


def geometry_of(name, x_shape, w_shape, stride, padding, dilation, groups):
    """What the table's calls take after the arrays, and the sizes (P, Q) of the forward result."""
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    pads = padding_of(name, padding, x_shape[1:3], w_shape[:2], stride, dilation)
    groups = integer(name, "groups", groups)
    if groups < 1 or w_shape[3] % groups or w_shape[2] * groups != x_shape[3]:
        raise ValueError(
            f"[{name}] w has shape {w_shape}, expected {FILTERS} with in = {x_shape[3]} channels "
            f"and out a multiple of groups = {groups}"
        )
    sizes = tuple(
        window_count(
            name, "w", x_shape[1 + i], w_shape[i], stride[i], dilation[i], pads[2 * i] + pads[2 * i + 1]
        )
        for i in range(2)
    )
    return (stride, pads, dilation, groups), sizes


def run_backward_data(name, dya, wa, x_shape, geometry, out, bias=None, activation=None, slope=None):
    dx = destination(name, out, x_shape, dya.dtype, dya)
    dense = dx if dense_rows(dx) is dx else backend.empty(dx.shape, dx.dtype, dx)
    backend.module_of(dya).conv2d_backward_data(
        dense, dense_rows(dya), wa, *geometry, bias, activation, slope
    )
    return given_back(out, filled(dx, dense))


def filled(y, dense):
    """y, with what was computed beside it because its rows have gaps."""
    if dense is not y:
        backend.module_of(y).copy(y, dense)
    return y


def shape_of(name, argument, value) -> tuple[int, int, int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected 4 sizes")
    sizes = tuple(integer(name, argument, v) for v in value)
    if min(sizes) < 0:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected sizes of at least 0")
    return sizes


def vector(name, argument, x):
    return None if x is None else dense_rows(raw(name, argument, x))


def tracked(*inputs) -> bool:
    return autograd.recording() and any(autograd.tracked(x) for x in inputs)


def keeps_argument(activation, *inputs) -> bool:
    """Whether the activation's argument is to be written for the gradient."""
    return activation not in (None, "linear", *NEED_RESULT) and tracked(*inputs)


def constants_of(activation, slope) -> dict:
    """The activation's constant as the functions of one argument take it."""
    if activation not in ("leaky_relu", "elu"):
        return {}
    return {"p": slope if slope is not None else 0.2 if activation == "leaky_relu" else 1.0}


def function_of(activation) -> str:
    return "silu" if activation == "swish" else activation


def with_activation(y, z, inputs, activation, slope, linear_gradient):
    """The result of a linear operation with its activation as one node; z, where given, is a second output,
    so that the gradient differentiates again through it."""
    if activation in (None, "linear"):
        return result(y, inputs, lambda dy, y, needs: linear_gradient(dy, needs))
    function, constants = function_of(activation), constants_of(activation, slope)

    def through(dy, argument, value):
        if dy.gated and function == "relu":
            return dy
        return elementwise.unary_backward(dy, argument, function, y=value, **constants)

    if z is None:
        y = result(y, inputs, lambda dy, y, needs: linear_gradient(through(dy, y, y), needs))
        return gate(y) if function == "relu" else y

    def gradient(dys, ys, needs):
        dz = dys[1]
        if dys[0] is not None:
            through_y = through(dys[0], ys[1], ys[0])
            dz = through_y if dz is None else elementwise.add(dz, through_y)
        return linear_gradient(dz, needs)

    return result((y, z), inputs, gradient)[0]
