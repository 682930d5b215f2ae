# SPDX-License-Identifier: Apache-2.0
"""Convolution against PyTorch, all three passes: the better of PyTorch's two layouts is the rival.

    python benchmarks/bench_conv2d.py [--threads N] [--seconds S] [--isa NAME] [--warm] [--json F] [name ...]

A name is a pass or a part of a shape's name in shapes/conv2d.txt. Buffers rotate past the last-level cache,
unless `--warm` asks for the kernels alone. To compare on AVX2: --isa avx2, with ONEDNN_MAX_CPU_ISA=AVX2 in the
environment.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import numpy as np

from tilewright import _cpu, backend, ops
from tilewright.bench import harness

SHAPES = Path(__file__).parent / "shapes" / "conv2d.txt"
PASSES = ("forward", "backward_data", "backward_weight")
LAYOUTS = ("channels_last", "contiguous")


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


def own_copy(a):
    """In the engine's memory, aligned as its results are; torch's tensors lie in torch's."""
    copy = backend.empty(a.shape, a.dtype)
    copy[...] = a
    return copy


def buffers(arrays):
    """Copies of x, w and dy, and torch's in (N, C, H, W) and (K, C, R, S) in both layouts."""
    x, w, dy = map(own_copy, arrays)
    made = {"x": x, "w": w, "dy": dy}
    torch = sys.modules.get("torch")
    for layout in LAYOUTS if torch else ():
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        turned = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), dy.transpose(0, 3, 1, 2)
        made[layout] = tuple(
            torch.from_numpy(a).clone(memory_format=torch.preserve_format).contiguous(memory_format=memory)
            for a in turned
        )
    return made


def rivals(which, x_shape, w_shape, options):
    """Name to a call on one set of buffers. PyTorch's convolution makes its result, so ours does too: both find
    memory they used before."""
    ours = {
        "forward": lambda s: ops.conv2d(s["x"], s["w"], **options),
        "backward_data": lambda s: ops.conv2d_backward_data(s["dy"], s["w"], x_shape, **options),
        "backward_weight": lambda s: ops.conv2d_backward_weight(s["dy"], s["x"], w_shape, **options),
    }
    found, torch = {"tilewright": ours[which]}, sys.modules.get("torch")
    pad = (w_shape[0] - 1) // 2 if options["padding"] == "same" else options["padding"]
    rest = ([options["stride"]] * 2, [pad] * 2, [options["dilation"]] * 2, False, [0, 0], options["groups"])

    def theirs(layout):
        convolution, backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward

        def call(s):
            x, w, dy = s[layout]
            if which == "forward":
                return convolution(x, w, None, *rest)
            data = which == "backward_data"
            return backward(dy, x, w, None, *rest, [data, not data, False])[0 if data else 1]

        return call

    return found | {f"torch {layout}": theirs(layout) for layout in (LAYOUTS if torch else ())}


def turned_back(result, which):
    """A torch result in our layout."""
    if isinstance(result, np.ndarray):
        return result
    return result.permute((2, 3, 1, 0) if which == "backward_weight" else (0, 2, 3, 1)).numpy()


def exact_results(arrays, options):
    """All passes in float64: PyTorch's where it is there, else ours."""
    wide = buffers([a.astype(np.float64) for a in arrays])
    x, w = arrays[:2]
    found = {}
    for which in PASSES:
        calls = rivals(which, x.shape, w.shape, options)
        found[which] = turned_back(calls[list(calls)[-1]](wide), which)
    return found


def measure(shape, passes, options):
    """One row a pass."""
    name, x_shape, w_shape, conv = shape
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s, dtype=np.float32) for s in (x_shape, w_shape))
    dy = rng.standard_normal(ops.conv2d(x, w, **conv).shape, dtype=np.float32)
    arrays = x, w, dy
    exact = exact_results(arrays, conv)
    size = sum(a.nbytes for a in arrays)
    sets = harness.buffer_sets(lambda: buffers(arrays), size, cold=not options.warm)
    for which in passes:

        def error(rival, result, which=which):
            found = float(
                np.abs(turned_back(result, which) - exact[which]).max() / np.abs(exact[which]).max()
            )
            assert found < 1e-4, f"{rival}, {name} {which} differs from float64 by {found}"
            return found

        row = harness.Row(name, which, 2.0 * dy.size * math.prod(w_shape[:3]), float(size))
        row.rivals = harness.measure(
            rivals(which, x_shape, w_shape, conv),
            sets,
            seconds=options.seconds,
            single_thread=options.threads == 1,
            error=error,
        )
        yield row


HEAD = (
    f"{'':34}{'GFLOP/s':>8}{'% peak':>8}{'GB/s':>7}   rivals: channels_last, contiguous   ratio"
    "  errors: ours, rival's"
)


def line(row, peak):
    ours = row.rivals["tilewright"]
    speed = {name: row.flop / timing.minimum / 1e9 for name, timing in row.rivals.items()}
    text = (
        f"{row.group:16}{row.name:18}{speed.pop('tilewright'):8.1f}"
        f"{100 * row.flop / ours.minimum / peak:8.1f}{row.bytes / ours.minimum / 1e9:7.1f}   "
    )
    if not speed:
        return text + f"{ours.error:.1e}"
    best = row.rivals[row.best_rival()]
    others = " ".join(f"{value:9.1f}" for value in speed.values())
    return text + f"{others:28}{row.ratio():12.2f}  {ours.error:.1e} {best.error:.1e}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="per shape and pass")
    parser.add_argument("--isa")
    parser.add_argument("--warm", action="store_true", help="one set of buffers, which stays in the caches")
    parser.add_argument("--json", help="write a record here")
    options = parser.parse_args()
    try:
        import torch  # noqa: F401  (found again through sys.modules)
    except ImportError:
        print("torch is not installed: no rival")
    if options.isa:
        _cpu.use_isa(options.isa)
    passes = [p for p in PASSES if p in options.names] or PASSES
    names = [n for n in options.names if n not in PASSES]
    measured = []
    with harness.threads(options.threads) as counts:
        place = harness.environment(counts)
        place["onednn_max_cpu_isa"] = os.environ.get("ONEDNN_MAX_CPU_ISA")
        place["warm"] = options.warm
        print(
            f"{place['cpu']}, {_cpu.isa()}, {options.threads} thread(s), FMA peak "
            f"{place['peak_flops'] / 1e9:.0f} GFLOP/s, copy {place['copy_bandwidth'] / 1e9:.1f} GB/s"
        )
        print(HEAD)
        for shape in shapes(names):
            for row in measure(shape, passes, options):
                measured.append(row)
                print(line(row, place["peak_flops"]), flush=True)
    for group, s in harness.summary(measured).items():
        print(f"{group:16}{s['rows']:3} shapes: geometric mean {s['geomean']:.2f}, worst {s['worst']:.2f}")
    if options.json:
        harness.save(options.json, "conv2d", place, measured)


if __name__ == "__main__":
    main()
