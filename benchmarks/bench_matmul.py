# SPDX-License-Identifier: Apache-2.0
"""Matrix products against NumPy and PyTorch, one thread unless asked otherwise.

    python benchmarks/bench_matmul.py [--threads N] [--seconds S] [--dtype float64] [--json FILE] [name ...]

Small products stay in the caches, as a loop over them would find them; the buffers of all others rotate past
the last-level cache. A name is a group or a shape of shapes/matmul.txt.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tilewright import _cpu, ops
from tilewright.bench import harness

SHAPES = Path(__file__).parent / "shapes" / "matmul.txt"
WARM = ("small", "batched")
CHECKED_ROWS = 16


def shapes(wanted):
    """(group, name, m, n, k, a is transposed, b is transposed, batch) of each line of shapes/matmul.txt."""
    for line in SHAPES.read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields and (not wanted or fields[0] in wanted or fields[1] in wanted):
            group, name = fields[:2]
            m, n, k, batch = (int(fields[i]) for i in (2, 3, 4, 7))
            yield group, name, m, n, k, fields[5] == "t", fields[6] == "t", batch


def buffers(a, b, transpose_a, transpose_b):
    """a, b as they lie and as they are used, a result, and torch's views of them where it is there."""
    a, b = a.copy(), b.copy()
    shape = (*a.shape[:-2], a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1])
    made = {"a": a, "b": b, "y": np.zeros(shape, a.dtype)}
    made["op_a"] = a.swapaxes(-1, -2) if transpose_a else a
    made["op_b"] = b.swapaxes(-1, -2) if transpose_b else b
    if "torch" in sys.modules:
        made["torch"] = tuple(sys.modules["torch"].from_numpy(made[key]) for key in ("op_a", "op_b", "y"))
    return made


def rivals(transpose_a, transpose_b):
    """Name to a call on one set of buffers; all write into y."""

    def ours(s):
        return ops.matmul(s["a"], s["b"], transpose_a=transpose_a, transpose_b=transpose_b, out=s["y"])

    found = {"tilewright": ours, "numpy": lambda s: np.matmul(s["op_a"], s["op_b"], out=s["y"])}
    torch = sys.modules.get("torch")
    if torch:
        found["torch"] = lambda s: torch.matmul(s["torch"][0], s["torch"][1], out=s["torch"][2]).numpy()
    return found


def measure(shape, dtype, threads, seconds):
    group, name, m, n, k, transpose_a, transpose_b, batch = shape
    rng, lead = np.random.default_rng(0), (batch,) if batch > 1 else ()
    a = rng.standard_normal((*lead, *((k, m) if transpose_a else (m, k)))).astype(dtype)
    b = rng.standard_normal((*lead, *((n, k) if transpose_b else (k, n)))).astype(dtype)
    size = np.dtype(dtype).itemsize * batch * (m * k + k * n + m * n)
    sets = harness.buffer_sets(lambda: buffers(a, b, transpose_a, transpose_b), size, cold=group not in WARM)
    rows = slice(None, None, -(-m // CHECKED_ROWS))
    exact = np.matmul(sets[0]["op_a"][..., rows, :].astype(np.float64), sets[0]["op_b"].astype(np.float64))

    def error(_, y):
        return float(np.abs(y[..., rows, :] - exact).max() / np.abs(exact).max())

    row = harness.Row(name, group, 2.0 * batch * m * n * k, float(size))
    row.rivals = harness.measure(
        rivals(transpose_a, transpose_b), sets, seconds=seconds, single_thread=threads == 1, error=error
    )
    return row


HEAD = f"{'':26}{'GFLOP/s':>9}{'% peak':>8}{'GB/s':>7}   {'rivals, GFLOP/s':28} ratio  errors: ours, rival's"


def line(row, peak):
    ours, best = row.rivals["tilewright"], row.rivals[row.best_rival()]
    speed = {name: row.flop / timing.minimum / 1e9 for name, timing in row.rivals.items()}
    others = " ".join(f"{name} {value:.1f}" for name, value in speed.items() if name != "tilewright")
    return (
        f"{row.group:8} {row.name:16}{speed['tilewright']:10.1f}{1e11 * speed['tilewright'] / peak:8.1f}"
        f"{row.bytes / ours.minimum / 1e9:7.1f}   {others:28}{row.ratio():6.2f}"
        f"  {ours.error:.1e} {best.error:.1e}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wanted", nargs="*", help="groups or names of shapes/matmul.txt; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="per shape")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--json", help="write a record here")
    options = parser.parse_args()
    try:
        import torch  # noqa: F401  (found again through sys.modules)
    except ImportError:
        print("torch is not installed: NumPy is the only rival")
    measured = []
    with harness.threads(options.threads) as counts:
        place = harness.environment(counts)
        peak = place["peak_flops"] * (1 if options.dtype == "float32" else 0.5)
        print(
            f"{place['cpu']}, {_cpu.isa()}, {options.threads} thread(s), FMA peak {peak / 1e9:.0f} GFLOP/s, "
            f"copy {place['copy_bandwidth'] / 1e9:.1f} GB/s"
        )
        print(HEAD)
        for shape in shapes(options.wanted):
            measured.append(measure(shape, options.dtype, options.threads, options.seconds))
            print(line(measured[-1], peak), flush=True)
    for group, s in harness.summary(measured).items():
        print(f"{group:8} {s['rows']:3} shapes: geometric mean {s['geomean']:.2f}, worst {s['worst']:.2f}")
    if options.json:
        harness.save(options.json, "matmul", place, measured)


if __name__ == "__main__":
    main()
