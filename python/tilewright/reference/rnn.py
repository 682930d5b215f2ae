# SPDX-License-Identifier: Apache-2.0
"""LSTM, GRU and simple RNN, as the formulas read, step by step. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def _sigmoid(xp, x):
    e = xp.exp(-abs(x))
    return xp.where(x < 0, e, 1) / (1 + e)


def _times(x, reverse):
    """The time steps in the order in which they are taken."""
    return range(x.shape[1])[:: -1 if reverse else 1]


def _zeros(xp, x, u):
    return xp.zeros((x.shape[0], u.shape[0]), x.dtype)


def _keep(xp, mask, t, new, old):
    """`new` where the mask lets step t happen, else `old`."""
    return new if mask is None else xp.where(mask[:, t, None], new, old)


def _before(xp, x, u, first, states, order, n):
    """The state before the n-th step: `first`, or the one after the step before."""
    if n > 0:
        return states[:, order[n - 1]]
    return _zeros(xp, x, u) if first is None else first


def _weight_gradients(xp, x, w, dz, b):
    """Of z = x w + b: dx, dw, db."""
    return dz @ w.T, xp.einsum("bti,btj->ij", x, dz), None if b is None else dz.sum(axis=(0, 1))


def lstm(x, w, u, b=None, *, h0=None, c0=None, reverse=False, mask=None, return_gates=False):
    """i, f, g, o = gates of x w + h u + b; c = f c + i g; h = o tanh(c)"""
    xp = namespace_of(x)
    units = u.shape[0]
    h, c = (_zeros(xp, x, u) if s is None else s for s in (h0, c0))
    y, cells = (xp.zeros((*x.shape[:2], units), x.dtype) for _ in range(2))
    gates = xp.zeros((*x.shape[:2], 4 * units), x.dtype)
    for t in _times(x, reverse):
        i, f, g, o = xp.split(x[:, t] @ w + h @ u + (0 if b is None else b), 4, axis=1)
        i, f, g, o = _sigmoid(xp, i), _sigmoid(xp, f), xp.tanh(g), _sigmoid(xp, o)
        gates[:, t] = _keep(xp, mask, t, xp.concatenate([i, f, g, o], axis=1), 0)
        new = f * c + i * g
        h, c = _keep(xp, mask, t, o * xp.tanh(new), h), _keep(xp, mask, t, new, c)
        y[:, t], cells[:, t] = h, c
    return (y, h, c, gates, cells) if return_gates else (y, h, c)


def lstm_backward(
    dy, x, w, u, b, y, gates, cells, *, h0=None, c0=None, dh_last=None, dc_last=None, reverse=False, mask=None
):
    """The steps of `lstm`, differentiated from the last to the first"""
    xp = namespace_of(x)
    dh, dc = (_zeros(xp, x, u) if s is None else s for s in (dh_last, dc_last))
    dz, du = xp.zeros_like(gates), xp.zeros_like(u)
    order = list(_times(x, reverse))
    for n in reversed(range(len(order))):
        t = order[n]
        h, c = (_before(xp, x, u, *pair, order, n) for pair in ((h0, y), (c0, cells)))
        i, f, g, o = xp.split(gates[:, t], 4, axis=1)
        tanh_c = xp.tanh(cells[:, t])
        dh = dh if dy is None else dh + dy[:, t]
        d = dc + dh * o * (1 - tanh_c**2)
        parts = d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g**2), dh * tanh_c * o * (1 - o)
        dz[:, t] = _keep(xp, mask, t, xp.concatenate(parts, axis=1), 0)
        dh, dc = _keep(xp, mask, t, dz[:, t] @ u.T, dh), _keep(xp, mask, t, d * f, dc)
        du += h.T @ dz[:, t]
    dx, dw, db = _weight_gradients(xp, x, w, dz, b)
    return dx, dw, du, db, dh, dc


def gru(x, w, u, b=None, *, h0=None, reset_after=True, reverse=False, mask=None, return_gates=False):
    """h = z h + (1 - z) n;   z, r = gates of x w + h u + b;   n = tanh(x w + b + r (h u + b)).

    Without reset_after n = tanh(x w + b + (r h) u)."""
    xp = namespace_of(x)
    units = u.shape[0]
    h = _zeros(xp, x, u) if h0 is None else h0
    bx, bh = (0, 0) if b is None else (b, xp.zeros_like(b)) if b.ndim == 1 else b
    y = xp.zeros((*x.shape[:2], units), x.dtype)
    gates = xp.zeros((*x.shape[:2], 4 * units), x.dtype)
    for t in _times(x, reverse):
        xz, xr, xn = xp.split(x[:, t] @ w + bx, 3, axis=1)
        hz, hr, hn = xp.split(h @ u + bh, 3, axis=1)
        z, r = _sigmoid(xp, xz + hz), _sigmoid(xp, xr + hr)
        q = hn if reset_after else r * h
        n = xp.tanh(xn + (r * q if reset_after else q @ u[:, 2 * units :]))
        gates[:, t] = _keep(xp, mask, t, xp.concatenate([z, r, n, q], axis=1), 0)
        h = _keep(xp, mask, t, z * h + (1 - z) * n, h)
        y[:, t] = h
    return (y, h, gates) if return_gates else (y, h)


def gru_backward(
    dy, x, w, u, b, y, gates, *, h0=None, dh_last=None, reset_after=True, reverse=False, mask=None
):
    """The steps of `gru`, differentiated from the last to the first"""
    xp = namespace_of(x)
    units = u.shape[0]
    dh = _zeros(xp, x, u) if dh_last is None else dh_last
    du = xp.zeros_like(u)
    dz, dz_state = (xp.zeros((*x.shape[:2], 3 * units), x.dtype) for _ in range(2))  # of x w + b, of h u + b
    order = list(_times(x, reverse))
    for k in reversed(range(len(order))):
        t = order[k]
        h = _before(xp, x, u, h0, y, order, k)
        z, r, n, q = xp.split(gates[:, t], 4, axis=1)
        dh = dh if dy is None else dh + dy[:, t]
        dn = dh * (1 - z) * (1 - n**2)
        dq = dn * r if reset_after else dn @ u[:, 2 * units :].T
        dr = (dn * q if reset_after else dq * h) * r * (1 - r)
        d = xp.concatenate([dh * (h - n) * z * (1 - z), dr], axis=1)
        dz[:, t] = _keep(xp, mask, t, xp.concatenate([d, dn], axis=1), 0)
        dz_state[:, t] = _keep(xp, mask, t, xp.concatenate([d, dq if reset_after else dn], axis=1), 0)
        du[:, : 2 * units] += h.T @ dz_state[:, t, : 2 * units]
        du[:, 2 * units :] += (h if reset_after else q).T @ dz_state[:, t, 2 * units :]
        back = dq @ u[:, 2 * units :].T if reset_after else dq * r
        dh = _keep(xp, mask, t, dh * z + back + d @ u[:, : 2 * units].T, dh)
    dx, dw, db = _weight_gradients(xp, x, w, dz, b)
    if b is not None and b.ndim == 2:
        db = xp.stack([db, dz_state.sum(axis=(0, 1))])
    return dx, dw, du, db, dh


def simple_rnn(x, w, u, b=None, *, h0=None, activation="tanh", reverse=False, mask=None):
    """h = activation(x w + h u + b)"""
    xp = namespace_of(x)
    h = _zeros(xp, x, u) if h0 is None else h0
    y = xp.zeros((*x.shape[:2], u.shape[0]), x.dtype)
    for t in _times(x, reverse):
        z = x[:, t] @ w + h @ u + (0 if b is None else b)
        h = _keep(xp, mask, t, xp.tanh(z) if activation == "tanh" else xp.maximum(z, 0), h)
        y[:, t] = h
    return y, h


def simple_rnn_backward(
    dy, x, w, u, b, y, *, h0=None, dh_last=None, activation="tanh", reverse=False, mask=None
):
    """The steps of `simple_rnn`, differentiated from the last to the first"""
    xp = namespace_of(x)
    dh = _zeros(xp, x, u) if dh_last is None else dh_last
    dz, du = xp.zeros_like(y), xp.zeros_like(u)
    order = list(_times(x, reverse))
    for n in reversed(range(len(order))):
        t = order[n]
        h = _before(xp, x, u, h0, y, order, n)
        dh = dh if dy is None else dh + dy[:, t]
        d = dh * ((1 - y[:, t] ** 2) if activation == "tanh" else y[:, t] > 0)
        dz[:, t] = _keep(xp, mask, t, d, 0)
        dh = _keep(xp, mask, t, dz[:, t] @ u.T, dh)
        du += h.T @ dz[:, t]
    dx, dw, db = _weight_gradients(xp, x, w, dz, b)
    return dx, dw, du, db, dh
