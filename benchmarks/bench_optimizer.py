# SPDX-License-Identifier: Apache-2.0
"""One Adam step against PyTorch's fused Adam, one thread unless asked otherwise.

    python benchmarks/bench_optimizer.py [--threads N] [--seconds S] [--json FILE]

Adam moves 28 bytes a parameter (reads p, g, m, v; writes p, m, v): its roofline is the copy bandwidth.
"""

from __future__ import annotations

import argparse

import numpy as np

from tilewright import _cpu, ops
from tilewright.bench import harness

CASES = {
    "10M in one array": [10_000_000],
    "1,000 arrays of 1,000": [1000] * 1000,
    "1,000 arrays of 64": [64] * 1000,
}
BYTES = 28


def buffers(sizes, with_torch):
    """Parameters, gradients and moments, and a PyTorch optimizer over parameters of its own."""
    rng = np.random.default_rng(0)
    params, grads = ([rng.standard_normal(n, np.float32) for n in sizes] for _ in range(2))
    made = {
        "lists": (params, grads, [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]),
        "step": 0,
    }
    if with_torch:
        import torch

        own = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
        for p, g in zip(own, grads, strict=True):
            p.grad = torch.from_numpy(g)
        made["torch"] = torch.optim.Adam(own, lr=1e-3, fused=True)
    return made


def ours(s):
    s["step"] += 1
    ops.adam_update(*s["lists"], step=s["step"], learning_rate=1e-3)
    return s["lists"][0]


def torch_fused(s):
    s["torch"].step()
    return [p.detach().numpy() for p in s["torch"].param_groups[0]["params"]]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="per case")
    parser.add_argument("--json", help="write a record here")
    options = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        print("torch is not installed: there is no rival")
        rivals = {"tilewright": ours}
    else:
        rivals = {"tilewright": ours, "torch fused": torch_fused}
    measured = []
    with harness.threads(options.threads) as counts:
        place = harness.environment(counts)
        print(
            f"{place['cpu']}, {_cpu.isa()}, {options.threads} thread(s), copy {place['copy_bandwidth'] / 1e9:.1f} GB/s"
        )
        for name, sizes in CASES.items():
            total = sum(sizes)
            sets = harness.buffer_sets(
                lambda sizes=sizes: buffers(sizes, len(rivals) > 1), BYTES * total, cold=total > 10**6
            )
            first = [p.copy() for p in sets[0]["lists"][0]]

            def error(
                _, params, first=first
            ):  # after one step from zero moments every |change| is learning_rate
                return float(
                    max(np.abs(np.abs(p - q) - 1e-3).max() for p, q in zip(params, first, strict=True))
                )

            row = harness.Row(name, "adam", 12.0 * total, float(BYTES * total))
            row.rivals = harness.measure(
                rivals, sets, seconds=options.seconds, single_thread=options.threads == 1, error=error
            )
            measured.append(row)
            best = row.rivals["tilewright"].minimum
            ratio = "" if row.ratio() is None else f"{row.ratio():6.2f} x torch fused"
            print(
                f"{name:24}{1e3 * best:9.3f} ms{row.bytes / best / 1e9:7.1f} GB/s"
                f"{100 * row.bytes / best / place['copy_bandwidth']:6.0f} % of copy {ratio}",
                flush=True,
            )
    if options.json:
        harness.save(options.json, "optimizer", place, measured)


if __name__ == "__main__":
    main()
