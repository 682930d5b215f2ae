# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/performance.md, each a list of Markdown lines made from the records."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

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
RESTRICTED_TARGET = 0.95  # geometric mean, all libraries kept to AVX2
SWEEP_TARGET = 0.7  # the 5th percentile of random shapes


def roof_share(row: dict, place: dict) -> float:
    """How near a kernel is to the best this machine could do: peak, or the bytes it must move."""
    seconds = row["rivals"]["tilewright"]["minimum"]
    bandwidth = place["read_bandwidth" if row["only_reads"] else "copy_bandwidth"]
    best = max(row["flop"] / place["peak_flops"], row["bytes"] / bandwidth)
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


def restricted_table(records) -> list[str]:
    """Targets on older instructions."""
    lines = ["| what | instructions | target | 1 thread: geometric mean / worst |", "|---|---|---|---|"]
    for target in TARGETS:
        record = records.get((target.family, 1))
        found = judged(record, target) if record else None
        if found:
            isa = record["environment"]["isa"]
            cell = f"**{found[0]:.2f} / {found[1]:.2f}** ({found[2]} rows)"
            lines.append(f"| {target.title} | {isa} | {RESTRICTED_TARGET} | {cell} |")
    return lines


def scaling_table(records, scaling) -> list[str]:
    """How much faster two or more threads are than one, in the rows where arithmetic decides."""
    lines = [
        "| family | threads | rows | ours: geometric mean / worst | the best rival's |",
        "|---|---|---|---|---|",
    ]
    for (family, threads), record in scaling.items():
        place = record["environment"]
        ours = [row["ratio"] for row in record["rows"] if compute_bound(row, place)]
        theirs = rival_gains(records, family, threads)
        if ours:
            lines.append(f"| {family} | {threads} | {len(ours)} | {spread(ours)} | {spread(theirs)} |")
    return lines


def spread(ratios: list[float]) -> str:
    return f"{statistics.geometric_mean(ratios):.2f} / {min(ratios):.2f}" if ratios else ""


def rival_gains(records, family: str, threads: int) -> list[float]:
    """Of the fastest rival of each row where arithmetic decides: time of one thread over that of several."""
    one, many = records.get((family, 1)), records.get((family, threads))
    if one is None or many is None:
        return []
    alone = {(row["group"], row["name"]): row["rivals"] for row in one["rows"]}
    gains = []
    for row in many["rows"]:
        single = alone.get((row["group"], row["name"]), {})
        best = row["best_rival"]
        if best in single and compute_bound(row, one["environment"]):
            gains.append(single[best]["minimum"] / row["rivals"][best]["minimum"])
    return gains


def compute_bound(row: dict, place: dict) -> bool:
    """Whether there is enough arithmetic for threads: 100 MFLOP, and at least twice the time of the bytes."""
    flops, bandwidth = place["peak_flops"], place["copy_bandwidth"]
    return row["flop"] > 1e8 and row["flop"] / flops > 2 * row["bytes"] / bandwidth


def program_table(records) -> list[str]:
    lines = [
        "| program | target | threads | ms a step | best rival | ratio | memory: ours / rival | "
        "one row predicted: ours, best rival |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for threads in sorted({t for f, t in records if f == "programs"}):
        for row in records["programs", threads]["rows"]:
            ours, best = row["rivals"]["tilewright"], row["best_rival"]
            if best is None:
                continue
            memory, predict = row.get("memory", {}), dict(row.get("predict", {}))
            own = predict.pop("tilewright", 0)
            quickest = min(predict, key=predict.get, default=None)
            other = "" if quickest is None else f", {quickest} {1e6 * predict[quickest]:.0f}"
            lines.append(
                f"| {row['name']} | {PROGRAMS[row['name']]:.1f} | {threads} | {1e3 * ours['minimum']:.3g} | "
                f"{best} {1e3 * row['rivals'][best]['minimum']:.3g} | **{row['ratio']:.2f}** | "
                f"{memory.get('tilewright', 0) / 1e6:.0f} / {memory.get(best, 0) / 1e6:.0f} MB | "
                f"{1e6 * own:.0f}{other} µs |"
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
