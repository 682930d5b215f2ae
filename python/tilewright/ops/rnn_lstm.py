# SPDX-License-Identifier: Apache-2.0
"""LSTM over whole sequences, with its gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import result
from tilewright.ops import _recurrent
from tilewright.ops._common import destination

__all__ = ["lstm", "lstm_backward"]


def lstm(
    x,
    w,
    u,
    b=None,
    *,
    h0=None,
    c0=None,
    reverse: bool = False,
    mask=None,
    return_gates: bool = False,
    out=None,
):
    """Long short-term memory over sequences: every step's output and the last state.

        i, f, o = sigmoid(x_t w + h u + b);   g = tanh(x_t w + h u + b)
        c' = f * c + i * g;   h' = o * tanh(c');   y_t = h'

    Parameters
        x : (B, T, I) array, float32 or float64
        w, u : (I, 4 U), (U, 4 U) arrays of x's dtype; gates side by side in the order i, f, g, o, as in Keras
            (which calls g c) and, transposed, in PyTorch
        b : (4 U), optional; PyTorch's b_ih + b_hh
        h0, c0 : (B, U), the state before the first step; zeros where None
        reverse : goes from the last time step to the first; y_t still belongs to x_t, as in PyTorch's
            backward direction. Keras's go_backwards gives y in the order of the steps instead, that is y[:,
            ::-1]
        mask : (B, T) bool, optional; where it is false the step keeps the state, and y_t is the state kept.
            (Keras gives zeros for y before the first true step; without h0 the two agree.)
        return_gates : also return what `lstm_backward` takes
        out : (B, T, U), optional, receives y; must not overlap an input
    Returns   y (B, T, U), h_last (B, U), c_last (B, U); with return_gates also gates (B, T, 4 U), the values
              of i, f, g, o, and cells (B, T, U), every c'; constants to a tape
    Raises    ValueError: wrong rank, sizes that do not fit, overlapping out.  TypeError: no arrays, other
              dtypes.
    Numerics  accumulates in x's dtype in an order that only the shapes decide; sigmoid and tanh to 2 ULP
    Backends  cpu, simt
    Notes     Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997); Gers et al., "Learning to Forget"
              (2000). Differentiable once. Gradients are defined for finite x, also where the mask is false.
    Examples
        >>> y, h, c = lstm(np.zeros((1, 3, 2)), np.zeros((2, 4)), np.zeros((1, 4)), np.array([9.0, 9, 9, 9]))
        >>> y[0, :, 0].round(2)
        array([0.76, 0.96, 0.99])
    """
    name = "lstm"
    arrays = _recurrent.packed(name, x=x, w=w, u=u, b=b, h0=h0, c0=c0, mask=mask)
    like, inputs = arrays[0], (x, w, u, b, h0, c0)
    batch, steps, units = _recurrent.sizes(like, arrays[2])
    y = destination(name, out, (batch, steps, units), like.dtype, like)
    direct = _recurrent.dense(y)
    h_last, c_last = (backend.empty((batch, units), like.dtype, like) for _ in range(2))
    gates = backend.empty((batch, steps, 4 * units), like.dtype, like)
    keep = return_gates or _recurrent.kept(inputs)
    cells = backend.empty((batch, steps, units), like.dtype, like) if keep else None
    backend.module_of(like).lstm_forward(direct, h_last, c_last, gates, cells, *arrays, bool(reverse))

    def gradient(dys, ys, needs):
        dy, dh_last, dc_last = dys
        return lstm_backward(
            dy,
            x,
            w,
            u,
            b,
            direct,
            gates,
            cells,
            h0=h0,
            c0=c0,
            dh_last=dh_last,
            dc_last=dc_last,
            reverse=reverse,
            mask=mask,
            needs=needs,
        )

    results = result((_recurrent.settle(out, y, direct), h_last, c_last), inputs, gradient)
    return results + result((gates, cells), inputs, None) if return_gates else results


def lstm_backward(
    dy,
    x,
    w,
    u,
    b,
    y,
    gates,
    cells,
    *,
    h0=None,
    c0=None,
    dh_last=None,
    dc_last=None,
    reverse: bool = False,
    mask=None,
    needs=None,
    out=None,
):
    """Gradients of `lstm`, from its results.

        for t = T - 1 .. 0:  dh += dy_t;  dc += dh * o * (1 - tanh(c')^2)
            di, df, dg, do = dc * g, dc * c, dc * i, dh * tanh(c'), each through its sigmoid or tanh: dz_t
            dc = dc * f;  dh = dz_t u^T
        dx = dz w^T;  dw = x^T dz;  du = h^T dz;  db = sum(dz)

    Parameters
        dy : (B, T, U), the gradient of y, or None
        x, w, u, b, h0, c0, reverse, mask : as given to `lstm`
        y, gates, cells : what `lstm` returned with return_gates
        dh_last, dc_last : (B, U), gradients of the last state, or None
        needs : six booleans, which results are computed; None for all
        out : (dx, dw, du, db, dh0, dc0), a tuple of arrays to write (or None), optional; none may overlap an
            input
    Returns   (dx, dw, du, db, dh0, dc0), None for what is not needed and for db without b
    Raises    as `lstm`; ValueError: needs or out of another length
    Numerics  as `lstm`; the sums over B and T are cut into slices that only the shapes decide
    Backends  cpu, simt
    Notes     backpropagation through time; differentiating it again raises NotImplementedError
    Examples
        >>> one = np.ones((1, 1, 1), np.float32)
        >>> saved = lstm(one, np.ones((1, 4), np.float32), np.ones((1, 4), np.float32), return_gates=True)
        >>> gates = np.ones((1, 4), np.float32)
        >>> dx, *_ = lstm_backward(one, one, gates, gates, None, saved[0],
        ...                        *saved[3:])
        >>> dx.round(3)
        array([[[0.348]]], dtype=float32)
    """
    name = "lstm_backward"
    before = _recurrent.packed(name, x=x, w=w, u=u, h0=h0, c0=c0, mask=mask)
    saved = _recurrent.packed(name, y=y, gates=gates, cells=cells)
    flowing = _recurrent.packed(name, dy=dy, dh_last=dh_last, dc_last=dc_last)
    bias = _recurrent.packed(name, b=b)[0]
    like = before[0]
    state = (_recurrent.sizes(like, before[2])[0], before[2].shape[0] if before[2].ndim else 0)
    shapes = [a if a is None else a.shape for a in (*before[:3], bias)] + [state, state]

    def compute(gs):
        dh0, dc0 = (backend.empty(state, like.dtype, like) if g is None else g for g in gs[4:])
        dgates = backend.empty(saved[1].shape, like.dtype, like)
        backend.module_of(like).lstm_backward(
            *gs[:4], dh0, dc0, dgates, *flowing, *before, *saved, bool(reverse)
        )

    inputs = (dy, dh_last, dc_last, x, w, u, b, h0, c0)
    return _recurrent.gradients(name, like, shapes, needs, out, inputs, compute)
