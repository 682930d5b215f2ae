# SPDX-License-Identifier: Apache-2.0
"""Convolution against PyTorch, all three passes: the better of PyTorch's two layouts is the rival.

    python benchmarks/bench_conv2d.py [--threads N] [--seconds S] [--json FILE] [name ...]

Each shape is timed in turns, ours, rival, ours, rival; the minimum of many counts. The outputs of each timed
pair are compared in the same run.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from tilewright import _cpu, ops

SHAPES = Path(__file__).parent / "shapes" / "conv2d.txt"
PASSES = ("forward", "backward_data", "backward_weight")


def shapes(names):
    """(name, x_shape, w_shape, options) of each line of shapes/conv2d.txt."""
    for line in SHAPES.read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields and (not names or any(n in fields[0] for n in names)):
            n, h, w, c, k, r, s, stride = map(int, fields[1:9])
            padding = fields[9] if fields[9] == "same" else int(fields[9])
            dilation, groups = map(int, fields[10:12])
            options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
            yield fields[0], (n, h, w, c), (r, s, c // groups, k), options


def ours(x, w, dy, options):
    """One call per pass, into arrays that are there."""
    y, dx, dw = np.empty_like(dy), np.empty_like(x), np.empty_like(w)
    return {
        "forward": lambda: ops.conv2d(x, w, out=y, **options),
        "backward_data": lambda: ops.conv2d_backward_data(dy, w, x.shape, out=dx, **options),
        "backward_weight": lambda: ops.conv2d_backward_weight(dy, x, w.shape, out=dw, **options),
    }


def pytorch(torch, x, w, dy, options, layout):
    """The same through aten; results turned to our layouts by `back`."""
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    tx, tdy = (torch.from_numpy(a).permute(0, 3, 1, 2).contiguous(memory_format=memory) for a in (x, dy))
    tw = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1))).contiguous(memory_format=memory)
    pad = (w.shape[0] - 1) // 2 if options["padding"] == "same" else options["padding"]
    rest = ([options["stride"]] * 2, [pad] * 2, [options["dilation"]] * 2, False, [0, 0], options["groups"])
    backward = torch.ops.aten.convolution_backward
    return {
        "forward": lambda: torch.ops.aten.convolution(tx, tw, None, *rest),
        "backward_data": lambda: backward(tdy, tx, tw, None, *rest, [True, False, False])[0],
        "backward_weight": lambda: backward(tdy, tx, tw, None, *rest, [False, True, False])[1],
    }


def back(result, which):
    """A torch result in our layout."""
    return (
        result.permute(2, 3, 1, 0).numpy()
        if which == "backward_weight"
        else result.permute(0, 2, 3, 1).numpy()
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="per shape and pass")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(arguments.threads)
    except ImportError:
        torch = None
    _cpu.set_num_threads(arguments.threads)
    rng = np.random.default_rng(0)
    # One thread's own time leaves out what others take of the processor.
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    records = []
    for name, x_shape, w_shape, options in shapes(arguments.names):
        x, w = (rng.standard_normal(s, dtype=np.float32) for s in (x_shape, w_shape))
        y = ops.conv2d(x, w, **options)
        dy = rng.standard_normal(y.shape, dtype=np.float32)
        flop = 2 * y.size * math.prod(w_shape[:3])
        mine = ours(x, w, dy, options)
        rivals = {}
        if torch is not None:
            rivals = {
                layout: pytorch(torch, x, w, dy, options, layout)
                for layout in ("channels_last", "contiguous")
            }
        for which in PASSES:
            got = mine[which]()
            for layout, calls in rivals.items():
                want = back(calls[which](), which)
                error = np.abs(got - want).max() / np.abs(want).max()
                assert error < 1e-4, f"{name} {which} differs from PyTorch {layout} by {error}"
            times = least_times(
                [mine[which], *(calls[which] for calls in rivals.values())], arguments.seconds, clock
            )
            record = {"shape": name, "pass": which, "gflops": flop / times[0] / 1e9}
            for layout, t in zip(rivals, times[1:], strict=True):
                record[f"torch_{layout}"] = flop / t / 1e9
            if rivals:
                record["ratio"] = min(times[1:]) / times[0]
            records.append(record)
            print(
                "  ".join(f"{v:9.2f}" if isinstance(v, float) else f"{v:18}" for v in record.values()),
                flush=True,
            )
    for which in PASSES:
        ratios = [r["ratio"] for r in records if r["pass"] == which and "ratio" in r]
        if ratios:
            print(f"{which}: geometric mean {geometric_mean(ratios):.2f}, worst {min(ratios):.2f}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"isa": _cpu.isa(), "threads": arguments.threads, "records": records}, indent=1)
        )


if __name__ == "__main__":
    main()
