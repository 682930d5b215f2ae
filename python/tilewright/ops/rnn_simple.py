# SPDX-License-Identifier: Apache-2.0
"""The simple (Elman) RNN over whole sequences, with its gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import result
from tilewright.ops import _recurrent
from tilewright.ops._common import destination

__all__ = ["simple_rnn", "simple_rnn_backward"]


def simple_rnn(
    x, w, u, b=None, *, h0=None, activation: str = "tanh", reverse: bool = False, mask=None, out=None
):
    """Fully connected recurrent network over sequences: every step's output and the last state.

        h' = activation(x_t w + h u + b);   y_t = h'

    Parameters
        x : (B, T, I) array, float32 or float64
        w, u : (I, U), (U, U) arrays of x's dtype
        b : (U), optional
        h0 : (B, U), the state before the first step; zeros where None
        activation : "tanh" or "relu"
        reverse, mask : as in `lstm`
        out : (B, T, U), optional, receives y; must not overlap an input
    Returns   y (B, T, U), h_last (B, U)
    Raises    as `lstm`; ValueError: another activation
    Numerics  as `lstm`
    Backends  cpu, simt
    Notes     Elman, "Finding Structure in Time" (1990); Keras's SimpleRNN, PyTorch's RNN. Differentiable
              once. Gradients are defined for finite x, also where the mask is false.
    Examples
        >>> simple_rnn(np.ones((1, 3, 1)), np.ones((1, 1)), np.ones((1, 1)), activation="relu")[0][0, :, 0]
        array([1., 2., 3.])
    """
    name = "simple_rnn"
    arrays = _recurrent.packed(name, x=x, w=w, u=u, b=b, h0=h0, mask=mask)
    like, inputs = arrays[0], (x, w, u, b, h0)
    batch, steps, units = _recurrent.sizes(like, arrays[2])
    y = destination(name, out, (batch, steps, units), like.dtype, like)
    direct = _recurrent.dense(y)
    h_last = backend.empty((batch, units), like.dtype, like)
    backend.module_of(like).simple_rnn_forward(direct, h_last, *arrays, bool(reverse), activation)

    def gradient(dys, ys, needs):
        dy, dh_last = dys
        return simple_rnn_backward(
            dy,
            x,
            w,
            u,
            b,
            direct,
            h0=h0,
            dh_last=dh_last,
            activation=activation,
            reverse=reverse,
            mask=mask,
            needs=needs,
        )

    return result((_recurrent.settle(out, y, direct), h_last), inputs, gradient)


def simple_rnn_backward(
    dy,
    x,
    w,
    u,
    b,
    y,
    *,
    h0=None,
    dh_last=None,
    activation: str = "tanh",
    reverse: bool = False,
    mask=None,
    needs=None,
    out=None,
):
    """Gradients of `simple_rnn`, from its result.

        for t = T - 1 .. 0:  dh += dy_t;  dz_t = dh * activation'(.);  dh = dz_t u^T
        dx = dz w^T;  dw = x^T dz;  du = h^T dz;  db = sum(dz)

    Parameters
        dy : (B, T, U), the gradient of y, or None
        x, w, u, b, h0, activation, reverse, mask : as given to `simple_rnn`
        y : what `simple_rnn` returned
        dh_last : (B, U), the gradient of the last state, or None
        needs : five booleans, which results are computed; None for all
        out : (dx, dw, du, db, dh0), a tuple of arrays to write (or None), optional; none may overlap an input
    Returns   (dx, dw, du, db, dh0), None for what is not needed and for db without b
    Raises    as `simple_rnn`; ValueError: needs or out of another length
    Numerics  as `lstm_backward`
    Backends  cpu, simt
    Notes     backpropagation through time; differentiating it again raises NotImplementedError
    Examples
        >>> one, ones = np.ones((1, 1)), np.ones((1, 3, 1))
        >>> simple_rnn_backward(ones, ones, one, one, None, ones, activation="relu")[0][0, :, 0]
        array([3., 2., 1.])
    """
    name = "simple_rnn_backward"
    before = _recurrent.packed(name, x=x, w=w, u=u, h0=h0, mask=mask)
    result_y = _recurrent.packed(name, y=y)[0]
    flowing = _recurrent.packed(name, dy=dy, dh_last=dh_last)
    bias = _recurrent.packed(name, b=b)[0]
    like = before[0]
    state = (_recurrent.sizes(like, before[2])[0], before[2].shape[0] if before[2].ndim else 0)
    shapes = [a if a is None else a.shape for a in (*before[:3], bias)] + [state]

    def compute(gs):
        dh0 = backend.empty(state, like.dtype, like) if gs[4] is None else gs[4]
        dgates = backend.empty(result_y.shape, like.dtype, like)
        backend.module_of(like).simple_rnn_backward(
            *gs[:4], dh0, dgates, *flowing, *before, result_y, bool(reverse), activation
        )

    return _recurrent.gradients(name, like, shapes, needs, out, (dy, dh_last, x, w, u, b, h0), compute)
