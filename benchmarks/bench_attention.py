# SPDX-License-Identifier: Apache-2.0
"""Attention against PyTorch's scaled_dot_product_attention, forward and backward, one thread by default.

    python benchmarks/bench_attention.py [--threads N] [--seconds S] [--isa NAME] [--json FILE] [name ...]

A name is a part of a shape's name in shapes/attention.txt. Buffers rotate past the last-level cache; the
largest error of both against float64 is recorded beside the speed. PyTorch's backward includes its walk over
the graph, a few microseconds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tilewright import _cpu, backend, ops
from tilewright.bench import harness

SHAPES = Path(__file__).parent / "shapes" / "attention.txt"
PASSES = ("forward", "backward")


def shapes(names):
    """(name, q's shape, k's shape, causal) of each line of shapes/attention.txt."""
    for line in SHAPES.read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields and (not names or any(n in fields[0] for n in names)):
            batch, queries, keys, heads, key_heads, depth, causal = map(int, fields[1:])
            yield fields[0], (batch, queries, heads, depth), (batch, keys, key_heads, depth), bool(causal)


def visible_pairs(queries, keys, causal):
    """Pairs of query and key that the border leaves."""
    if not causal:
        return queries * keys
    return sum(max(0, min(keys, i + 1 + keys - queries)) for i in range(queries))


def own_copy(a):
    """In the engine's memory, aligned as its results are; torch's tensors lie in torch's."""
    copy = backend.empty(a.shape, a.dtype)
    copy[...] = a
    return copy


def ours(arrays, causal):
    """One call per pass, into arrays that are there."""
    q, k, v, dy = map(own_copy, arrays)
    y, grads = backend.empty(q.shape, q.dtype), tuple(backend.empty(a.shape, a.dtype) for a in (q, k, v))
    saved, lse = ops.attention(q, k, v, causal=causal, return_lse=True)
    return {
        "forward": lambda: (ops.attention(q, k, v, causal=causal, out=y),),
        "backward": lambda: ops.attention_backward(dy, q, k, v, saved, lse, causal=causal, out=grads),
    }


def pytorch(torch, arrays, causal, dtype):
    """The same through scaled_dot_product_attention, results back in (B, T, H, D)."""
    q, k, v, dy = (torch.from_numpy(a).to(dtype, copy=True).transpose(1, 2) for a in arrays)
    leaves = [x.detach().requires_grad_() for x in (q, k, v)]
    options = {"is_causal": causal, "enable_gqa": q.shape[1] != k.shape[1]}
    y = torch.nn.functional.scaled_dot_product_attention(*leaves, **options)

    def forward():
        with torch.no_grad():
            return (torch.nn.functional.scaled_dot_product_attention(q, k, v, **options).transpose(1, 2),)

    def backward():
        return tuple(g.transpose(1, 2) for g in torch.autograd.grad(y, leaves, dy, retain_graph=True))

    return {"forward": forward, "backward": backward}


def largest_error(got, want):
    """Of all arrays, relative to each one's largest value."""
    return max(
        float(np.abs(np.asarray(g, np.float64) - w).max() / np.abs(w).max())
        for g, w in zip(got, want, strict=True)
    )


def measure(shape, options):
    """One row a pass."""
    name, q_shape, key_shape, causal = shape
    torch = sys.modules.get("torch")
    rng = np.random.default_rng(0)
    arrays = tuple(rng.standard_normal(s, dtype=np.float32) for s in (q_shape, key_shape, key_shape, q_shape))
    flop = 4.0 * q_shape[0] * q_shape[2] * q_shape[3] * visible_pairs(q_shape[1], key_shape[1], causal)
    size = sum(a.nbytes for a in arrays)

    def buffers():
        made = {"tilewright": ours(arrays, causal)}
        if torch:
            made["torch"] = pytorch(torch, arrays, causal, torch.float32)
        return made

    sets = harness.buffer_sets(buffers, 2 * size, rivals=1 + bool(torch))
    exact = pytorch(torch, arrays, causal, torch.float64) if torch else None
    for which in PASSES:
        want = [x.numpy() for x in exact[which]()] if exact else None

        def error(rival, got, which=which, want=want):
            if want is None:
                return None
            found = largest_error(got, want)
            assert rival != "tilewright" or found < 1e-5, f"{name} {which} differs from float64 by {found}"
            return found

        row = harness.Row(name, which, flop if which == "forward" else 2.5 * flop, float(size))
        row.rivals = harness.measure(
            {rival: lambda s, rival=rival, which=which: s[rival][which]() for rival in sets[0]},
            sets,
            seconds=options.seconds,
            single_thread=options.threads == 1,
            error=error,
        )
        yield row


HEAD = f"{'':28}{'GFLOP/s':>8}{'% peak':>8}   torch  ratio  errors: ours, torch's"


def line(row, peak):
    mine = row.rivals["tilewright"]
    speed = row.flop / mine.minimum
    text = f"{row.group:10}{row.name:18}{speed / 1e9:8.1f}{100 * speed / peak:8.1f}"
    if "torch" not in row.rivals:
        return text
    torch = row.rivals["torch"]
    return (
        text + f"{row.flop / torch.minimum / 1e9:8.1f}{row.ratio():7.2f}  {mine.error:.1e} {torch.error:.1e}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="per shape and pass")
    parser.add_argument("--isa")
    parser.add_argument("--json", help="write a record here")
    options = parser.parse_args()
    try:
        import torch  # noqa: F401  (found again through sys.modules)
    except ImportError:
        print("torch is not installed: no rival")
    if options.isa:
        _cpu.use_isa(options.isa)
    measured = []
    with harness.threads(options.threads) as counts:
        place = harness.environment(counts)
        print(
            f"{place['cpu']}, {_cpu.isa()}, {options.threads} thread(s), "
            f"FMA peak {place['peak_flops'] / 1e9:.0f} GFLOP/s"
        )
        print(HEAD)
        for shape in shapes(options.names):
            for row in measure(shape, options):
                measured.append(row)
                print(line(row, place["peak_flops"]), flush=True)
    for group, s in harness.summary(measured).items():
        print(f"{group:10}{s['rows']:3} shapes: geometric mean {s['geomean']:.2f}, worst {s['worst']:.2f}")
    if options.json:
        harness.save(options.json, "attention", place, measured)


if __name__ == "__main__":
    main()
