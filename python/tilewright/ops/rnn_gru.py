# SPDX-License-Identifier: Apache-2.0
"""GRU over whole sequences, with its gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import result
from tilewright.ops import _recurrent
from tilewright.ops._common import destination

__all__ = ["gru", "gru_backward"]


def gru(
    x,
    w,
    u,
    b=None,
    *,
    h0=None,
    reset_after: bool = True,
    reverse: bool = False,
    mask=None,
    return_gates: bool = False,
    out=None,
):
    """Gated recurrent unit over sequences: every step's output and the last state.

        z, r = sigmoid(x_t w + h u + b)
        n = tanh(x_t w + b + r * (h u + b))    reset_after
        n = tanh(x_t w + b + (r * h) u)        otherwise
        h' = z * h + (1 - z) * n;   y_t = h'

    Parameters
        x : (B, T, I) array, float32 or float64
        w, u : (I, 3 U), (U, 3 U) arrays of x's dtype; gates side by side in Keras's order z, r, n. PyTorch's
            order is r, z, n
        b : (3 U), added to x w, or, with reset_after, (2, 3 U): the bias of x w and that of h u, as in Keras
            and, as b_ih and b_hh, in PyTorch; optional
        h0 : (B, U), the state before the first step; zeros where None
        reset_after : where the reset gate stands: after the product, as in Keras's default, PyTorch and
            cuDNN, or before it, as in the paper
        reverse, mask : as in `lstm`
        return_gates : also return what `gru_backward` takes
        out : (B, T, U), optional, receives y; must not overlap an input
    Returns   y (B, T, U), h_last (B, U); with return_gates also gates (B, T, 4 U): the values of z, r, n, and
              what n takes from the state, h u + b or r * h; a constant to a tape
    Raises    as `lstm`; ValueError: two biases without reset_after
    Numerics  as `lstm`
    Backends  cpu, simt
    Notes     Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", arXiv:1406.1078v3.
              Differentiable once. Gradients are defined for finite x, also where the mask is false.
    Examples
        >>> y, h = gru(np.zeros((1, 3, 2)), np.zeros((2, 3)), np.zeros((1, 3)), np.array([0.0, 0, 9]))
        >>> y[0, :, 0]
        array([0.49999998, 0.74999998, 0.87499997])
    """
    name = "gru"
    arrays = _recurrent.packed(name, x=x, w=w, u=u, b=b, h0=h0, mask=mask)
    like, inputs = arrays[0], (x, w, u, b, h0)
    batch, steps, units = _recurrent.sizes(like, arrays[2])
    y = destination(name, out, (batch, steps, units), like.dtype, like)
    direct = _recurrent.dense(y)
    h_last = backend.empty((batch, units), like.dtype, like)
    gates = backend.empty((batch, steps, 4 * units), like.dtype, like)
    backend.module_of(like).gru_forward(direct, h_last, gates, *arrays, bool(reverse), bool(reset_after))

    def gradient(dys, ys, needs):
        dy, dh_last = dys
        return gru_backward(
            dy,
            x,
            w,
            u,
            b,
            direct,
            gates,
            h0=h0,
            dh_last=dh_last,
            reset_after=reset_after,
            reverse=reverse,
            mask=mask,
            needs=needs,
        )

    results = result((_recurrent.settle(out, y, direct), h_last), inputs, gradient)
    return (*results, result(gates, inputs, None)) if return_gates else results


def gru_backward(
    dy,
    x,
    w,
    u,
    b,
    y,
    gates,
    *,
    h0=None,
    dh_last=None,
    reset_after: bool = True,
    reverse: bool = False,
    mask=None,
    needs=None,
    out=None,
):
    """Gradients of `gru`, from its results.

        for t = T - 1 .. 0:  dh += dy_t;  dz = dh * (h - n);  dn = dh * (1 - z)
            dr = dn * (h u + b), and dn * r goes on through u    reset_after
            dr = (dn u^T) * h, and (dn u^T) * r goes on to h     otherwise
            dh = dh * z + (what went on) + (dz, dr) u^T
        dx = d w^T;  dw = x^T d;  du = h^T d;  db = sum(d),  d the gradients of the pre-activations

    Parameters
        dy : (B, T, U), the gradient of y, or None
        x, w, u, b, h0, reset_after, reverse, mask : as given to `gru`
        y, gates : what `gru` returned with return_gates
        dh_last : (B, U), the gradient of the last state, or None
        needs : five booleans, which results are computed; None for all
        out : (dx, dw, du, db, dh0), a tuple of arrays to write (or None), optional; none may overlap an input
    Returns   (dx, dw, du, db, dh0), None for what is not needed and for db without b
    Raises    as `gru`; ValueError: needs or out of another length
    Numerics  as `lstm_backward`
    Backends  cpu, simt
    Notes     backpropagation through time; differentiating it again raises NotImplementedError
    Examples
        >>> one, row = np.ones((1, 1, 1)), np.ones((1, 3))
        >>> y, h, gates = gru(one, row, row, return_gates=True)
        >>> gru_backward(one, one, row, row, None, y, gates)[0].round(3)
        array([[[-0.037]]])
    """
    name = "gru_backward"
    before = _recurrent.packed(name, x=x, w=w, u=u, h0=h0, mask=mask)
    saved = _recurrent.packed(name, y=y, gates=gates)
    flowing = _recurrent.packed(name, dy=dy, dh_last=dh_last)
    bias = _recurrent.packed(name, b=b)[0]
    like = before[0]
    state = (_recurrent.sizes(like, before[2])[0], before[2].shape[0] if before[2].ndim else 0)
    shapes = [a if a is None else a.shape for a in (*before[:3], bias)] + [state]

    def compute(gs):
        dh0 = backend.empty(state, like.dtype, like) if gs[4] is None else gs[4]
        dgates = backend.empty(saved[1].shape, like.dtype, like)
        backend.module_of(like).gru_backward(
            *gs[:4], dh0, dgates, *flowing, *before, *saved, bool(reverse), bool(reset_after)
        )

    return _recurrent.gradients(name, like, shapes, needs, out, (dy, dh_last, x, w, u, b, h0), compute)
