# SPDX-License-Identifier: Apache-2.0
"""Turns the records in benchmarks/records into docs/performance.md and its pictures, losing rows included.

python benchmarks/report.py [--records DIR] [--docs DIR]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tilewright.bench import pictures

ROOT = Path(__file__).parents[1]
AT_THE_ROOF = 0.92  # of its own roofline a kernel has met its target, whatever the rival does


@dataclass(frozen=True)
class Target:
    """What a set of rows is to reach: geometric mean and worst of the ratios to the best rival."""

    title: str
    family: str
    geomean: float
    worst: float
    belongs: Callable[[dict], bool] = lambda row: True


def _group(*names):
    return lambda row: row["group"] in names


def _few_channels(row):
    return row["name"] in ("resnet_stem", "mnist_1", "cifar_1", "cats_dogs_1")


TARGETS = (
    Target(
        "matmul: squares, GPT, ResNet 1×1, LSTM and RNN shapes",
        "matmul",
        1.00,
        0.88,
        lambda row: row["group"] not in ("small", "batched", "thin"),
    ),
    Target("matmul: small, call included", "matmul", 0.95, 0.70, _group("small")),
    Target("matmul: batched", "matmul", 1.30, 1.00, _group("batched")),
    Target("matmul: matrix × vector, batch ≤ 8", "matmul", 1.10, 0.90, _group("thin")),
    Target(
        "conv2d forward",
        "conv2d",
        1.05,
        0.85,
        lambda row: row["group"] == "forward" and not _few_channels(row),
    ),
    Target(
        "conv2d backward_data",
        "conv2d",
        1.05,
        0.85,
        lambda row: row["group"] == "backward_data" and not _few_channels(row),
    ),
    Target(
        "conv2d backward_weight",
        "conv2d",
        1.05,
        0.85,
        lambda row: row["group"] == "backward_weight" and not _few_channels(row),
    ),
    Target("conv2d with at most 4 input channels, all passes", "conv2d", 1.80, 1.00, _few_channels),
    Target("attention forward", "attention", 2.00, 1.50, _group("forward")),
    Target("attention backward", "attention", 2.00, 1.50, _group("backward")),
    Target("softmax, log_softmax, both passes", "softmax", 1.20, 1.00),
    Target("layer, RMS and batch norm, both passes", "norm", 1.20, 1.00),
    Target("pooling, both passes", "pool2d", 1.20, 1.00),
    Target("elementwise, bias + activation", "elementwise", 1.20, 1.00),
    Target("reductions", "reduce", 1.20, 1.00),
    Target("losses with gradients", "loss", 1.20, 1.00),
    Target("embedding gather and gradient", "embedding", 1.20, 1.00),
    Target("Adam: one large array", "optimizer", 1.05, 1.00, lambda row: row["name"] == "ten_million"),
    Target("Adam: many small arrays", "optimizer", 3.00, 3.00, lambda row: row["name"] != "ten_million"),
)
PROGRAMS = {
    "mnist_mlp": 3.0,
    "tabular_mlp": 3.0,
    "mnist_cnn": 2.5,
    "cifar10_cnn": 2.5,
    "cats_and_dogs_cnn": 2.5,
    "char_transformer": 2.0,
}
SWEEP_TARGET = 0.7  # the 5th percentile of random shapes


def roof_share(row: dict, place: dict) -> float:
    """How near a kernel is to the best this machine could do: peak, or the bytes it must move."""
    seconds = row["rivals"]["tilewright"]["minimum"]
    best = max(row["flop"] / place["peak_flops"], row["bytes"] / place["copy_bandwidth"])
    return best / seconds


def judged(record: dict, target: Target) -> tuple[float, float, int, int] | None:
    """Geometric mean and worst of the ratios, how many rows, how many of them at their roof instead.

    A row at its roof counts as one that met the target exactly, if its ratio is lower.
    """
    place = record["environment"]
    values, roofs = [], 0
    for row in record["rows"]:
        if row["ratio"] is None or not target.belongs(row):
            continue
        ratio = row["ratio"]
        if ratio < target.geomean and roof_share(row, place) >= AT_THE_ROOF:
            ratio, roofs = target.geomean, roofs + 1
        values.append(ratio)
    return (statistics.geometric_mean(values), min(values), len(values), roofs) if values else None


def verdict(geomean: float, worst: float, target: Target) -> str:
    share = min(geomean / target.geomean, worst / target.worst)
    return "met" if share >= 1 else f"{100 * share:.0f} % of it"


def load(folder: Path) -> dict[tuple[str, int], dict]:
    """Records by family and threads."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        if "family" in record and record.get("rows"):
            found[record["family"], record["environment"]["threads"]["tilewright"]] = record
    return found


def target_table(records) -> list[str]:
    lines = [
        "| what | target: geometric mean / worst | 1 thread | verdict | all threads |",
        "|---|---|---|---|---|",
    ]
    most = max((threads for _, threads in records), default=1)
    for target in TARGETS:
        record = records.get((target.family, 1))
        found = judged(record, target) if record else None
        cell, word = "not run", ""
        if found:
            cell = f"**{found[0]:.2f} / {found[1]:.2f}** ({found[2]} rows" + (
                f", {found[3]} at the roof)" if found[3] else ")"
            )
            word = verdict(found[0], found[1], target)
        other = records.get((target.family, most)) if most > 1 else None
        several = judged(other, target) if other else None
        lines.append(
            f"| {target.title} | {target.geomean:.2f} / {target.worst:.2f} | {cell} | {word} | "
            + (f"{several[0]:.2f} / {several[1]:.2f} |" if several else "not run |")
        )
    return lines


def program_table(records) -> list[str]:
    lines = [
        "| program | target | threads | ms a step | best rival | ratio | memory: ours / rival |",
        "|---|---|---|---|---|---|---|",
    ]
    for threads in sorted({t for f, t in records if f == "programs"}):
        for row in records["programs", threads]["rows"]:
            ours, best = row["rivals"]["tilewright"], row["best_rival"]
            if best is None:
                continue
            memory = row.get("memory", {})
            lines.append(
                f"| {row['name']} | {PROGRAMS[row['name']]:.1f} | {threads} | {1e3 * ours['minimum']:.3g} | "
                f"{best} {1e3 * row['rivals'][best]['minimum']:.3g} | **{row['ratio']:.2f}** | "
                f"{memory.get('tilewright', 0) / 1e6:.0f} / {memory.get(best, 0) / 1e6:.0f} MB |"
            )
    return lines


def slowest_table(records) -> list[str]:
    """Where the time of each program's step goes, by tw.profile."""
    lines = [
        "| program | threads | the longest operations: share of the step, per cent of their roof |",
        "|---|---|---|",
    ]
    for threads in sorted({t for f, t in records if f == "programs"}):
        for row in records["programs", threads]["rows"]:
            listed = ", ".join(
                f"{e['operation']} {e['share']:.0f} % (roof {e['roof']:.0f} %)"
                for e in row.get("profile", [])[:3]
            )
            lines.append(f"| {row['name']} | {threads} | {listed} |")
    return lines


def losing_rows(records) -> list[str]:
    """Every row that is slower than its best rival."""
    lines = [
        "| family | row | ratio | best rival | of its roof | error: ours / rival's |",
        "|---|---|---|---|---|---|",
    ]
    for (family, threads), record in records.items():
        if threads != 1 or family == "programs" or family.endswith("_sweep"):
            continue
        for row in sorted(record["rows"], key=lambda r: r["ratio"] or 9):
            if row["ratio"] is None or row["ratio"] >= 1:
                continue
            ours, rival = row["rivals"]["tilewright"], row["rivals"][row["best_rival"]]
            errors = (
                ""
                if ours["error"] is None or rival["error"] is None
                else f"{ours['error']:.0e} / {rival['error']:.0e}"
            )
            lines.append(
                f"| {family} | {row['group']} {row['name']} | {row['ratio']:.2f} | {row['best_rival']} | "
                f"{100 * roof_share(row, record['environment']):.0f} % | {errors} |"
            )
    return lines


def sweep_table(records) -> list[str]:
    lines = [
        "| family | shapes | 5th percentile | median | 95th percentile | slower than the rival |",
        "|---|---|---|---|---|---|",
    ]
    for (family, threads), record in records.items():
        if not family.endswith("_sweep") or threads != 1:
            continue
        values = sorted(r["ratio"] for r in record["rows"] if r["ratio"] is not None)
        cut = statistics.quantiles(values, n=20)
        slower = sum(v < 1 for v in values)
        lines.append(
            f"| {family.removesuffix('_sweep')} | {len(values)} | {cut[0]:.2f} | "
            f"{statistics.median(values):.2f} | {cut[-1]:.2f} | {100 * slower / len(values):.0f} % |"
        )
    return lines


def where_measured(records) -> list[str]:
    lines = []
    for (family, threads), record in sorted(records.items()):
        place = record["environment"]
        versions = ", ".join(
            f"{k} {v}" for k, v in place["versions"].items() if k in ("numpy", "torch", "jax")
        )
        lines.append(
            f"| {family} | {threads} | {place['cpu']}, {place['isa']} | {place['peak_flops'] / 1e9:.0f} | "
            f"{place['copy_bandwidth'] / 1e9:.1f} | {versions} | {place['commit']} | {place['date'][:10]} | "
            f"{place['load'] or 0:.0f} |"
        )
    head = [
        "| record | threads | machine | GFLOP/s | copy GB/s | versions | commit | date | load |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return head + lines


def page(records, drawn: list[str]) -> str:
    parts = [
        "# Performance",
        "Written by `python benchmarks/report.py` from the records in `benchmarks/records/`; measure your "
        "own machine with `python -m tilewright bench`. A ratio is the time of the fastest rival over "
        "ours: above 1 we are faster. Rivals run in the same process, in turns, on buffers that rotate "
        "past the caches; the minimum of many turns counts. Copy bandwidth counts bytes read plus written.",
        "## Targets and what was reached",
        *target_table(records),
        "",
        f"A row at {100 * AT_THE_ROOF:.0f} % of its own roofline (peak, or copy bandwidth) counts as one "
        "that meets its target. Why the short ones are short, with the alternatives tried: the family's "
        "page in `docs/kernels/`.",
        "",
        "## Whole programs",
        "Milliseconds of a training step, every library in a process of its own, same weights and batches, "
        "first losses compared. Memory is what training added to the process.",
        "",
        *program_table(records),
        "",
        "Where the time goes (`tw.profile()`); [programs.md](programs.md) says why the first is there.",
        "",
        *slowest_table(records),
        "",
        *[f"![{name}]({name})" for name in drawn if "programs" in name],
        "",
        "## Random shapes",
        "Two hundred random shapes of each family, always the same ones; the 5th percentile is to reach "
        f"{SWEEP_TARGET}.",
        "",
        *sweep_table(records),
        "",
        *[f"![{name}]({name})" for name in drawn if "sweep" in name],
        "",
        "## Every kernel under the roof",
        *[f"![{name}]({name})" for name in drawn if "roofline" in name],
        "",
        "## Rows where we lose (one thread)",
        *losing_rows(records),
        "",
        "## All rows",
        *[f"![{name}]({name})" for name in drawn if "ratios" in name],
        "",
        "## Where this was measured",
        "Load is the number of processes that wanted a core when the run began; above one or two, times "
        "are of a busy machine and ratios vary by some per cent.",
        "",
        *where_measured(records),
    ]
    return "\n".join(parts) + "\n"


def draw(records, folder: Path) -> list[str]:
    """The pictures; their paths from the page."""
    made = []
    by_threads: dict[int, list[dict]] = {}
    for (family, threads), record in records.items():
        if family == "programs":
            made.append(pictures.programs(record, folder / f"programs_{threads}t.png"))
        elif not family.endswith("_sweep"):
            by_threads.setdefault(threads, []).append(record)
            if threads == 1:
                made.append(pictures.ratios(record, folder / f"ratios_{family}.png"))
    for threads, found in by_threads.items():
        made.append(pictures.roofline(found, folder / f"roofline_{threads}t.png"))
    sweeps = [r for (f, t), r in records.items() if f.endswith("_sweep") and t == 1]
    if sweeps:
        made.append(pictures.sweep(sweeps, folder / "sweep.png"))
    return [f"{folder.name}/{path.name}" for path in made]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=Path, default=ROOT / "benchmarks" / "records")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    records = load(options.records)
    if not records:
        raise SystemExit(f"{options.records} holds no records, expected some of `tilewright bench --out`")
    drawn = draw(records, options.docs / "performance")
    (options.docs / "performance.md").write_text(page(records, drawn))
    print(f"{options.docs / 'performance.md'} and {len(drawn)} pictures")


if __name__ == "__main__":
    main()
