# SPDX-License-Identifier: Apache-2.0
"""Runs the example programs over seeds and writes what they reached to benchmarks/records.

    python benchmarks/bench_programs_accuracy.py mnist_cnn cifar10_cnn --seeds 1 2 3
    python benchmarks/bench_programs_accuracy.py "cats_and_dogs --augment" --seeds 1 2 3

Each program is a process of its own: python -m tilewright.examples.<program> --seed <seed>. What it prints as
`result: <name> <metric> <value>` is collected, with the seconds it took.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tilewright import info

RECORDS = Path(__file__).parent / "records"
RESULT = re.compile(r"^result: (\S+) (\S+) (\S+)$", re.M)


def run(program: str, seed: int, flags: list[str]) -> tuple[dict, float]:
    """The results of one program with one seed, {(name, metric): value}, and its seconds."""
    name, *own = program.split()
    begun = time.perf_counter()
    command = [sys.executable, "-m", f"tilewright.examples.{name}", *own, *flags, "--seed", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    found = {(found[1], found[2]): float(found[3]) for found in RESULT.finditer(done.stdout)}
    if not found:
        raise RuntimeError(f"{program} printed no line `result: <name> <metric> <value>`")
    return found, time.perf_counter() - begun


def summary(values: list[float]) -> dict:
    """Mean, standard error of the mean, and the values."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "standard_error": error, "values": values}


def measure(program: str, seeds: list[int], flags: list[str]) -> dict:
    """The record of a program: each metric over the seeds."""
    results, seconds = {}, []
    for seed in seeds:
        found, took = run(program, seed, flags)
        seconds.append(took)
        for key, value in found.items():
            results.setdefault(key, []).append(value)
    metrics = {f"{name} {metric}": summary(values) for (name, metric), values in results.items()}
    return {"program": program, "flags": flags, "seeds": seeds, "seconds": seconds, "results": metrics}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "programs", nargs="+", help="names in tilewright.examples, with flags of their own if quoted"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=int, help="for all programs; their own where not given")
    parser.add_argument("--data", help="folder with data sets")
    parser.add_argument("--out", default="tilewright-examples", help="folder for pictures")
    parser.add_argument(
        "--record", type=Path, default=RECORDS / "programs_accuracy.json", help="file to write"
    )
    options = parser.parse_args()
    flags = ["--out", options.out]
    for name in ("epochs", "data"):
        if getattr(options, name) is not None:
            flags += [f"--{name}", str(getattr(options, name))]
    record = json.loads(options.record.read_text()) if options.record.exists() else {"programs": {}}
    for program in options.programs:
        row = measure(program, options.seeds, flags)
        record["machine"] = info.collect()
        record["programs"][program] = row
        options.record.parent.mkdir(parents=True, exist_ok=True)
        options.record.write_text(json.dumps(record, indent=2) + "\n")
        for name, found in row["results"].items():
            error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.4f}"
            print(f"{program}: {name} {found['mean']:.4f}{error} over {len(options.seeds)} seeds")


if __name__ == "__main__":
    main()
