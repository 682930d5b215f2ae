# SPDX-License-Identifier: Apache-2.0
"""Attention, as the formulas read, with the whole score matrix. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def _scores(xp, q, k, causal, mask, scale):
    """(B, Hq, Tq, Tk): scale * q k^T, with what the mask and the causal border take away."""
    k = xp.repeat(k, q.shape[2] // max(k.shape[2], 1), axis=2)
    s = xp.einsum("bihd,bjhd->bhij", q, k) * (max(q.shape[3], 1) ** -0.5 if scale is None else scale)
    if mask is not None:
        s = xp.where(mask, s, -xp.inf) if mask.dtype == bool else s + mask
    if causal:
        s = xp.where(xp.tri(*s.shape[2:], k=s.shape[3] - s.shape[2], dtype=bool), s, -xp.inf)
    return s


def _softmax(xp, s):
    """Softmax and log-sum-exp over the last axis; a row of -inf gives 0 and -inf."""
    m = s.max(axis=-1, keepdims=True, initial=-xp.inf)
    e = xp.exp(s - xp.where(m == -xp.inf, 0, m))
    total = e.sum(axis=-1, keepdims=True)
    lse = xp.where(total == 0, -xp.inf, m + xp.log(xp.where(total == 0, 1, total)))
    return e / xp.where(total == 0, 1, total), lse[..., 0]


def attention(q, k, v, *, causal=False, mask=None, scale=None, return_lse=False):
    """softmax(scale * q k^T + mask) v, and the log-sum-exp of the scores"""
    xp = namespace_of(q)
    p, lse = _softmax(xp, _scores(xp, q, k, causal, mask, scale))
    out = xp.einsum("bhij,bjhd->bihd", p, xp.repeat(v, q.shape[2] // max(v.shape[2], 1), axis=2))
    return (out, lse) if return_lse else out


def attention_backward(dy, q, k, v, y, lse, *, dlse=None, causal=False, mask=None, scale=None):
    """ds = p (dp - sum(dy y) + dlse): dq = scale ds k, dk = scale ds^T q, dv = p^T dy"""
    xp = namespace_of(q)
    factor = max(q.shape[3], 1) ** -0.5 if scale is None else scale
    group = q.shape[2] // max(k.shape[2], 1)
    p = xp.exp(_scores(xp, q, k, causal, mask, scale) - xp.where(lse == -xp.inf, xp.inf, lse)[..., None])
    dp = xp.einsum("bihd,bjhd->bhij", dy, xp.repeat(v, group, axis=2))
    delta = xp.einsum("bihd,bihd->bhi", dy, y) - (0 if dlse is None else dlse)
    ds = p * (dp - delta[..., None])
    dq = xp.einsum("bhij,bjhd->bihd", ds, xp.repeat(k, group, axis=2)) * factor
    dk = xp.einsum("bhij,bihd->bjhd", ds, q) * factor
    dv = xp.einsum("bhij,bihd->bjhd", p, dy)
    shape = k.shape[:3] + (group, k.shape[3])
    return dq, dk.reshape(shape).sum(axis=3), dv.reshape(shape).sum(axis=3)
