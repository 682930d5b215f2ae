# SPDX-License-Identifier: Apache-2.0
"""Softmax-attention in tiles, never the whole score matrix, and its gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import Tensor, raw, recording, result, tracked
from tilewright.gradient_tape import GradientTape, own_node
from tilewright.ops import elementwise, reduce, shape
from tilewright.ops._common import copied, destination, given_back
from tilewright.ops.matmul import matmul
from tilewright.ops.softmax import softmax

__all__ = ["attention", "attention_backward"]


def attention(q, k, v, *, causal: bool = False, mask=None, scale=None, return_lse: bool = False, out=None):
    """Softmax-attention of queries over keys and values, without ever holding the matrix of scores.

        s = scale * q k^T + mask;   out = softmax(s) v;   lse = log(sum(exp(s)))

    Parameters
        q : (B, Tq, Hq, D) array, float32 or float64; any strides
        k, v : (B, Tk, Hkv, D) arrays of q's dtype; Hq a multiple of Hkv: query head h looks at key head
            h // (Hq / Hkv), as in grouped-query attention (PyTorch's enable_gqa)
        causal : query i sees key j where j <= i + Tk - Tq, so the last query sees every key, as in
            FlashAttention 2.1 and later and when decoding with a cache. PyTorch's is_causal and cuDNN's
            top-left form count from the first query (j <= i) instead; both agree where Tq = Tk
        mask : array broadcastable to (B, Hq, Tq, Tk), or None: bool, true where a query may look (PyTorch's
            and Keras's sense), or q's dtype, added to the scores
        scale : number, 1 / sqrt(D) where None
        return_lse : also return the log-sum-exp of each row's scores
        out : like q, optional; must not overlap an input
    Returns   out : like q; with return_lse (out, lse), lse (B, Hq, Tq) in q's dtype, float32 where that has
              16 bits
    Raises    ValueError: wrong rank, sizes that do not fit, a mask that does not broadcast, overlapping out.
              TypeError: no arrays, other dtypes.
    Numerics  accumulates in q's dtype in an order that only the shapes decide. A query that sees no key gives
              0 and lse -inf, as in FlashAttention and PyTorch 2.5 and later (before: NaN); a NaN score makes
              its row NaN. Float32 tolerance tested: 4e-6 of the largest output
    Backends  cpu; simt with D up to 256
    Notes     Milakov & Gimelshein, arXiv:1805.02867 (online softmax); Dao et al., FlashAttention,
              arXiv:2205.14135 and FlashAttention-2, arXiv:2307.08691. The gradient recomputes the weights
              from lse. Second gradients, and the gradient of an additive mask, go through matmul and hold the
              score matrix.
    Examples
        >>> q = np.ones((1, 2, 1, 4), np.float32)
        >>> attention(q, q, q * 3, causal=True)[0, :, 0, 0]
        array([3., 3.], dtype=float32)
    """
    name = "attention"
    arrays = [raw(name, argument, x) for argument, x in (("q", q), ("k", k), ("v", v))]
    like = arrays[0]
    scores = _score_shape(arrays[0], arrays[1])
    bias = _broadcast_mask(name, mask, scores)
    factor = _scale(scale, like)
    y = destination(name, out, like.shape, like.dtype, like)
    direct = y if _has_rows(y) else backend.empty(y.shape, y.dtype, y)
    wanted = return_lse or (recording() and any(tracked(x) for x in (q, k, v, mask)))
    lse = backend.empty(scores[:3], _lse_dtype(like), like) if wanted else None
    backend.module_of(like).attention_forward(direct, lse, *map(_rows, arrays), bias, factor, bool(causal))
    if direct is not y:
        backend.module_of(y).copy(y, direct)
    y = given_back(out, y)

    def gradient(dys, ys, needs):
        dy, dlse = dys if return_lse else (dys, None)
        return _gradients(dy, dlse, (q, k, v, mask), (direct, lse), causal, factor, needs)

    return result((y, lse) if return_lse else y, (q, k, v, mask), gradient)


def attention_backward(
    dy, q, k, v, y, lse, *, dlse=None, causal: bool = False, mask=None, scale=None, out=None
):
    """Gradients of `attention` by q, k and v, from its results y and lse.

        p = exp(s - lse);   ds = p * (dy v^T - sum(dy * y) + dlse)
        dq = scale * ds k;  dk = scale * ds^T q;  dv = p^T dy

    Parameters
        dy : like q, the gradient of the result
        q, k, v, causal, mask, scale : as given to `attention`
        y, lse : what `attention` returned with return_lse
        dlse : like lse, the gradient of lse, or None
        out : (dq, dk, dv), a tuple of arrays to write, optional; none may overlap an input
    Returns   (dq, dk, dv) : like q, k, v
    Raises    as `attention`; ValueError: dy, y or lse of another shape, out that is no tuple of three
    Numerics  one sweep over the keys that recomputes p; each sum has an order that only the shapes decide
    Backends  cpu; simt with D up to 256
    Notes     Dao, FlashAttention-2, arXiv:2307.08691, algorithm 2
    Examples
        >>> q = np.ones((1, 2, 1, 4), np.float32)
        >>> y, lse = attention(q, q, q, return_lse=True)
        >>> attention_backward(np.ones_like(q), q, q, q, y, lse)[2][0, :, 0, 0]
        array([1., 1.], dtype=float32)
    """
    name = "attention_backward"
    named = (("dy", dy), ("q", q), ("k", k), ("v", v), ("y", y))
    dya, qa, ka, va, ya = (_rows(raw(name, argument, x)) for argument, x in named)
    bias = _broadcast_mask(name, mask, _score_shape(qa, ka))
    factor = _scale(scale, qa)
    if out is not None and not (isinstance(out, (tuple, list)) and len(out) == 3):
        raise ValueError(
            f"[{name}] out is a {type(out).__name__}, expected a tuple of three arrays (dq, dk, dv)"
        )
    outs = out or (None, None, None)
    written = [destination(name, o, a.shape, a.dtype, a) for o, a in zip(outs, (qa, ka, va), strict=True)]
    direct = [g if _has_rows(g) else backend.empty(g.shape, g.dtype, g) for g in written]
    dl = None if dlse is None else raw(name, "dlse", dlse)
    backend.module_of(qa).attention_backward(
        *direct, dya, dl, qa, ka, va, ya, raw(name, "lse", lse), bias, factor, bool(causal)
    )
    for g, d in zip(written, direct, strict=True):
        if g is not d:
            backend.module_of(g).copy(g, d)
    ys = tuple(given_back(o, g) for o, g in zip(outs, written, strict=True))
    return result(
        ys,
        (dy, q, k, v, dlse, mask),
        lambda seeds, _, needs: _second_gradients(seeds, (dy, q, k, v, dlse, mask), causal, factor, needs),
    )


def _scale(scale, q) -> float:
    return float(max(q.shape[-1] if q.ndim else 1, 1)) ** -0.5 if scale is None else float(scale)


def _lse_dtype(q):
    """float32 where q has 16 bits: what they would round away decides the weights of the backward pass."""
    return "float32" if q.dtype.itemsize == 2 else q.dtype


def _score_shape(q, k) -> tuple[int, ...]:
    """(B, Hq, Tq, Tk); of a wrong rank, which the back end names, something to go on with."""
    if q.ndim != 4 or k.ndim != 4:
        return (0, 0, 0, 0)
    return (q.shape[0], q.shape[2], q.shape[1], k.shape[1])


def _has_rows(a) -> bool:
    """Whether the last axis has no gaps."""
    return a.ndim == 0 or a.size == 0 or a.shape[-1] == 1 or a.strides[-1] == a.itemsize


def _rows(a):
    return a if _has_rows(a) else copied(a)


def _broadcast_mask(name: str, mask, shape: tuple[int, ...]):
    """The mask as a view with four axes, each as long as in `shape` or 1."""
    if mask is None:
        return None
    array = raw(name, "mask", mask)
    if array.ndim > 4:
        raise ValueError(
            f"[{name}] mask has shape {array.shape}, expected at most 4 dimensions (B, Hq, Tq, Tk)"
        )
    return array.reshape((1,) * (4 - array.ndim) + array.shape)


def _gradients(dy, dlse, inputs, saved, causal, scale, needs):
    """Gradients of `attention` by (q, k, v, mask)."""
    q, k, v, mask = inputs
    y, lse = saved
    if dy is None:
        dy = elementwise.zeros_like(Tensor(y))
    found = [None, None, None, None]
    if any(needs[:3]):
        found[:3] = attention_backward(dy, q, k, v, y, lse, dlse=dlse, causal=causal, mask=mask, scale=scale)
    if needs[3]:
        with GradientTape() as tape:
            bias = own_node(tape, "attention", "mask", mask)
            ys = _decomposed(q, k, v, bias, causal, scale)
        seeds = [dy, elementwise.zeros_like(Tensor(lse)) if dlse is None else dlse]
        found[3] = tape.gradient(ys, bias, output_gradients=seeds)
    return tuple(found)


def _second_gradients(seeds, inputs, causal, scale, needs):
    """Gradients of `attention_backward` by (dy, q, k, v, dlse, mask): the decomposed form, twice."""
    with GradientTape() as outer:
        dy, q, k, v, dlse, mask = (
            None if x is None else own_node(outer, "attention", "x", x) for x in inputs
        )
        with GradientTape() as inner:
            for x in (q, k, v):
                inner.watch(x)
            y, lse = _decomposed(q, k, v, mask, causal, scale)
        dlses = elementwise.zeros_like(Tensor(lse.array)) if dlse is None else dlse
        firsts = inner.gradient([y, lse], [q, k, v], output_gradients=[dy, dlses])
    used = [(first, seed) for first, seed in zip(firsts, seeds, strict=True) if seed is not None]
    sources = [x for x, need in zip((dy, q, k, v, dlse, mask), needs, strict=True) if need]
    found = iter(
        outer.gradient([first for first, _ in used], sources, output_gradients=[seed for _, seed in used])
    )
    return tuple(next(found) if need else None for need in needs)


def _decomposed(q, k, v, mask, causal, scale):
    """(out, lse) of `attention` by operations that differentiate any number of times; holds the scores."""
    batch, queries, heads, depth = q.shape
    keys, key_heads = k.shape[1:3]
    group = heads // key_heads if key_heads else 0
    # (B, Hkv, group, Tq, D), and keys and values that serve the whole group.
    q5 = shape.transpose(shape.reshape(q, (batch, queries, key_heads, group, depth)), (0, 2, 3, 1, 4))
    k5, v5 = (
        shape.reshape(shape.transpose(x, (0, 2, 1, 3)), (batch, key_heads, 1, keys, depth)) for x in (k, v)
    )
    s = elementwise.multiply(matmul(q5, k5, transpose_b=True), scale)
    allowed = _causal_mask(queries, keys, q) if causal else None
    if mask is not None:
        by_head = (1,) * (4 - mask.ndim) + tuple(mask.shape)
        axes = (key_heads, group) if by_head[1] == heads and heads != 1 else (1, 1)
        mask = shape.reshape(mask, (by_head[0], *axes, *by_head[2:]))
        seen = mask if mask.dtype == bool else elementwise.greater(mask, -float("inf"))
        if mask.dtype != bool:
            s = elementwise.add(s, elementwise.where(seen, mask, 0.0))
        allowed = seen if allowed is None else elementwise.logical_and(allowed, seen)
    if allowed is not None:
        # A finite stand-in for -inf: a row that sees nothing must give 0 below, not NaN.
        s = elementwise.where(allowed, s, -1e30)
    lse, p = reduce.logsumexp(s, axis=-1), softmax(s)
    if allowed is not None:
        p = elementwise.where(allowed, p, 0.0)
    y = shape.transpose(matmul(p, v5), (0, 3, 1, 2, 4))
    return shape.reshape(y, (batch, queries, heads, depth)), shape.reshape(lse, (batch, heads, queries))


def _causal_mask(queries: int, keys: int, like):
    """(Tq, Tk) bool: the last query sees every key."""
    row = reduce.cumsum(elementwise.full((queries, 1), 1.0, like.dtype, like=like), axis=0)
    column = reduce.cumsum(elementwise.full((1, keys), 1.0, like.dtype, like=like), axis=1)
    return elementwise.less_equal(column, elementwise.add(row, float(keys - queries)))
