# SPDX-License-Identifier: Apache-2.0
"""Fills the tables of docs/examples.md from benchmarks/records/examples.json.

python benchmarks/report_examples.py
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "records" / "examples.json"
PAGE = ROOT / "docs" / "examples.md"
BEGIN, END = "<!-- measured: written by benchmarks/report_examples.py -->", "<!-- end of measured -->"


def shown(row: dict | None, key: str) -> str:
    """Mean, standard error and seeds of one result."""
    if row is None or key not in row["summary"]:
        return "not run"
    found, seeds = row["summary"][key], len(row["runs"])
    error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.2g}"
    return f"{found['mean']:.4g}{error} ({seeds} seed{'s' if seeds > 1 else ''})"


def results_table(results: dict) -> list[str]:
    """What every program reached, in Tilewright and in Keras."""
    lines = ["| program | result | Tilewright | Keras |", "|---|---|---|---|"]
    for program, rows in sorted(results.items()):
        ours = rows.get("tilewright")
        theirs = {
            name.removeprefix("keras "): row for name, row in sorted(rows.items()) if name != "tilewright"
        }
        for key in (ours or next(iter(theirs.values())))["summary"]:
            metric = key.split(" ", 1)[1]
            keras = ", ".join(f"{backend}: {shown(row, key)}" for backend, row in theirs.items()) or "not run"
            lines.append(f"| `{program}` | {metric} | {shown(ours, key)} | {keras} |")
    return lines


def epoch_seconds(row: dict) -> float:
    """The median later epoch of the call of `fit`, or the loop, that had the longest."""
    return max(fit["median"] for run in row["runs"] for fit in run["fits"])


def speed_table(speed: dict) -> list[str]:
    """Seconds of an epoch by library, and how many times as fast as the fastest Keras ours is."""
    lines = ["| program | Tilewright | Keras | ratio |", "|---|---|---|---|"]
    for program, rows in sorted(speed.items()):
        seconds = {library: epoch_seconds(row) for library, row in rows.items()}
        ours = seconds.pop("tilewright", None)
        if ours is None or not seconds:
            continue
        theirs = ", ".join(f"{name.removeprefix('keras ')} {s:.3g} s" for name, s in sorted(seconds.items()))
        ratio = min(seconds.values()) / ours
        lines.append(f"| `{program}` | {ours:.3g} s | {theirs} | **{ratio:.1f}** |")
    return lines


def main() -> None:
    record = json.loads(RECORD.read_text())
    text = "\n".join(
        [
            BEGIN,
            "### Results",
            "Means over the seeds with standard errors; Keras runs the same source with its own imports.",
            "On TensorFlow, `set_random_seed` makes `Model.fit` repeat the first epoch's order of arrays in",
            "every epoch, which costs `cifar10_cnn` five points; on JAX each has its own order, as here.",
            "",
            *results_table(record.get("results", {})),
            "",
            "### Seconds of an epoch",
            "Two threads, one library after the other, on a machine that did nothing else.",
            "",
            *speed_table(record.get("speed", {})),
            END,
        ]
    )
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(head + text + rest)


if __name__ == "__main__":
    main()
