# SPDX-License-Identifier: Apache-2.0
"""Attention against PyTorch's scaled_dot_product_attention, forward and backward, one thread.

    python benchmarks/bench_attention.py [--threads N] [--seconds S] [--isa NAME] [--json FILE] [name ...]

Each shape is timed in turns, ours, rival, ours, rival; the minimum of many counts. The outputs of each timed pair are
compared in the same run, and the largest error of both against float64 is recorded beside the speed. PyTorch's
backward includes its walk over the graph, a few microseconds.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from tilewright import _cpu, ops

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


def ours(q, k, v, dy, causal):
    """One call per pass, into arrays that are there."""
    y, grads = np.empty_like(q), tuple(np.empty_like(a) for a in (q, k, v))
    _, lse = ops.attention(q, k, v, causal=causal, return_lse=True)
    saved = ops.attention(q, k, v, causal=causal)
    return {
        "forward": lambda: (ops.attention(q, k, v, causal=causal, out=y),),
        "backward": lambda: ops.attention_backward(dy, q, k, v, saved, lse, causal=causal, out=grads),
    }


def pytorch(torch, arrays, causal, dtype):
    """The same through scaled_dot_product_attention, results back in (B, T, H, D)."""
    q, k, v, dy = (torch.from_numpy(a).to(dtype).transpose(1, 2) for a in arrays)
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


def least_times(calls, seconds, clock):
    """The minimum over rounds of all calls in turns."""
    best, end, rounds = [math.inf] * len(calls), time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        for i, call in enumerate(calls):
            start = clock()
            call()
            best[i] = min(best[i], clock() - start)
        rounds += 1
    return best


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def measure(torch, name, shape, key_shape, causal, seconds, clock):
    """One record a pass."""
    rng = np.random.default_rng(0)
    q, k, v, dy = (rng.standard_normal(s, dtype=np.float32) for s in (shape, key_shape, key_shape, shape))
    flop = 4 * shape[0] * shape[2] * shape[3] * visible_pairs(shape[1], key_shape[1], causal)
    mine = ours(q, k, v, dy, causal)
    rival = exact = None
    if torch is not None:
        rival = pytorch(torch, (q, k, v, dy), causal, torch.float32)
        exact = pytorch(torch, (q, k, v, dy), causal, torch.float64)
    for which in PASSES:
        record = {"shape": name, "pass": which}
        calls = [mine[which]]
        if rival is not None:
            want = [x.numpy() for x in exact[which]()]
            errors = largest_error(mine[which](), want), largest_error(rival[which](), want)
            assert errors[0] < 1e-5, f"{name} {which} differs from float64 by {errors[0]}"
            record |= {"error": errors[0], "torch_error": errors[1]}
            calls.append(rival[which])
        times = least_times(calls, seconds, clock)
        work = flop if which == "forward" else 2.5 * flop
        record |= {"ms": times[0] * 1e3, "gflops": work / times[0] / 1e9}
        if rival is not None:
            record |= {"torch_gflops": work / times[1] / 1e9, "ratio": times[1] / times[0]}
        yield record


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="per shape and pass")
    parser.add_argument("--isa")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(arguments.threads)
    except ImportError:
        torch = None
    _cpu.set_num_threads(arguments.threads)
    if arguments.isa:
        _cpu.use_isa(arguments.isa)
    # One thread's own time leaves out what others take of the processor.
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    records = []
    for shape in shapes(arguments.names):
        for record in measure(torch, *shape, arguments.seconds, clock):
            records.append(record)
            print(
                "  ".join(f"{x:9.3g}" if isinstance(x, float) else f"{x:16}" for x in record.values()),
                flush=True,
            )
    for which in PASSES:
        ratios = [r["ratio"] for r in records if r["pass"] == which and "ratio" in r]
        if ratios:
            print(f"{which}: geometric mean {geometric_mean(ratios):.2f}, worst {min(ratios):.2f}")
    if arguments.json:
        summary = {"isa": _cpu.isa(), "threads": arguments.threads, "records": records}
        arguments.json.write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
