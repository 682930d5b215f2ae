# SPDX-License-Identifier: Apache-2.0
"""Attention forward and backward against PyTorch's scaled_dot_product_attention.

PyTorch's backward includes its walk over the graph, a few microseconds.
"""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import Case, lines, normal, random_size, torch_module


def cases():
    for name, *sizes in lines("attention"):
        for which in ("forward", "backward"):
            yield case(name, which, *map(int, sizes))


def random_case(rng, name):
    """Lengths up to 1,024, heads alone or in groups, head sizes up to 128, causal or not, at most 2 GFLOP."""
    key_heads, group = random_size(rng, 1, 16), int(rng.choice([1, 1, 2, 4]))
    depth = random_size(rng, 8, 128)
    queries, keys = (random_size(rng, 1, 1024) for _ in range(2))
    causal = int(rng.integers(2))
    if causal:
        queries = min(queries, keys)
    batch = random_size(rng, 1, 16)
    while 4 * batch * key_heads * group * depth * queries * keys > 1 << 31 and batch * key_heads > 1:
        batch, key_heads = max(1, batch // 2), max(1, key_heads // 2) if batch == 1 else key_heads
    label = f"{name}_{batch}x{queries}x{keys}_{key_heads * group}-{key_heads}_{depth}{'c' if causal else ''}"
    which = ("forward", "backward")[rng.integers(2)]
    return case(label, which, batch, queries, keys, key_heads * group, key_heads, depth, causal)


def visible_pairs(queries, keys, causal):
    """Pairs of query and key that the border leaves."""
    if not causal:
        return queries * keys
    return sum(max(0, min(keys, i + 1 + keys - queries)) for i in range(queries))


def case(name, which, batch, queries, keys, heads, key_heads, depth, causal) -> Case:
    """q (batch, queries, heads, depth), k and v (batch, keys, key_heads, depth)."""
    torch, rng, causal = torch_module(), np.random.default_rng(0), bool(causal)
    q, dy = (normal(rng, batch, queries, heads, depth) for _ in range(2))
    k, v = (normal(rng, batch, keys, key_heads, depth) for _ in range(2))
    y, lse = ops.attention(q, k, v, causal=causal, return_lse=True)
    arrays = {"q": q, "k": k, "v": v, "dy": dy, "y": y, "lse": lse}

    def make(dtype=np.float32):
        own = {key: array.astype(dtype) for key, array in arrays.items()}
        own |= {f"{key}_out": np.zeros_like(own[key]) for key in ("q", "k", "v")}
        if torch:
            own["torch"] = _tensors(torch, own, causal, which == "backward")
        return own

    def ours(s):
        if which == "forward":
            return ops.attention(s["q"], s["k"], s["v"], causal=causal, out=s["q_out"])
        out = s["q_out"], s["k_out"], s["v_out"]
        return ops.attention_backward(
            s["dy"], s["q"], s["k"], s["v"], s["y"], s["lse"], causal=causal, out=out
        )

    def theirs(s):
        leaves, y, dy, options = s["torch"]
        if which == "forward":
            with torch.no_grad():
                found = torch.nn.functional.scaled_dot_product_attention(*leaves, **options)
            return found.transpose(1, 2).numpy()
        return [g.transpose(1, 2).numpy() for g in torch.autograd.grad(y, leaves, dy, retain_graph=True)]

    flop = 4.0 * batch * heads * depth * visible_pairs(queries, keys, causal)
    size = 4.0 * (2 * q.size + 2 * k.size)
    rivals = {"tilewright": ours} | ({"torch": theirs} if torch else {})
    exact = (lambda _: theirs(make(np.float64))) if torch else None
    if which == "backward":
        flop, size = 2.5 * flop, 2 * size
    few_written = which == "forward" and 16 * queries <= keys
    return Case(name, which, flop, size, make, rivals, exact, only_reads=few_written)


def _tensors(torch, own, causal, with_graph):
    """q, k, v as (B, H, T, D), the result with its graph where it is wanted, dy, and the options."""
    q, k, v, dy = (torch.from_numpy(own[key]).transpose(1, 2) for key in ("q", "k", "v", "dy"))
    options = {"enable_gqa": q.shape[1] != k.shape[1]}
    queries, keys = q.shape[2], k.shape[2]
    if causal and queries != keys:  # PyTorch aligns the border at the first key, we at the last
        rows, columns = torch.arange(queries)[:, None], torch.arange(keys)[None]
        options["attn_mask"] = columns <= rows + keys - queries
    else:
        options["is_causal"] = causal
    leaves = [x.detach().requires_grad_(with_graph) for x in (q, k, v)]
    y = torch.nn.functional.scaled_dot_product_attention(*leaves, **options) if with_graph else None
    return leaves, y, dy, options
