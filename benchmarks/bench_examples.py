# SPDX-License-Identifier: Apache-2.0
"""Runs the example programs over seeds, in Tilewright or in Keras, and writes what they reached.

    python benchmarks/bench_examples.py mnist_cnn cifar10_cnn --seeds 1 2 3
    python benchmarks/bench_examples.py "cats_and_dogs --augment" --library keras --python VENV/bin/python

Each program is a process of its own (example_worker.py). What it prints as `result: <name> <metric> <value>`
is collected in benchmarks/records/examples.json, with the seconds of its epochs.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from tilewright import info

RECORD = Path(__file__).parent / "records" / "examples.json"
WORKER = Path(__file__).with_name("example_worker.py")
RESULT = re.compile(r"^result: (\S+) (\S+) (\S+)$", re.M)
EPOCHS = re.compile(r"^epochs: (\[.*\])$", re.M)


def fit_times(seconds: list[float]) -> dict:
    """Of one call of `fit`: how many epochs, the seconds of the first (which compiles) and the later ones."""
    later = seconds[1:] or seconds
    return {
        "epochs": len(seconds),
        "first": seconds[0],
        "minimum": min(later),
        "median": round(statistics.median(later), 4),
    }


def run(program: str, seed: int, options: argparse.Namespace) -> dict:
    """One program with one seed: results {"<name> <metric>": value}, epoch seconds, and seconds in all."""
    name, *flags = program.split()
    for flag in ("epochs", "data"):
        if getattr(options, flag) is not None:
            flags += [f"--{flag}", str(getattr(options, flag))]
    out = options.out / options.library
    command = [options.python, str(WORKER), options.library, name, *flags]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "--seed", str(seed), "--out", str(out)], stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout[-1500:], flush=True)
    found = {f"{result[1]} {result[2]}": float(result[3]) for result in RESULT.finditer(done.stdout)}
    if not found:
        raise RuntimeError(f"{program} printed no line `result: <name> <metric> <value>`")
    return {
        "seed": seed,
        "results": found,
        "fits": [fit_times(json.loads(seconds)) for seconds in EPOCHS.findall(done.stdout)],
        "seconds": round(time.perf_counter() - begun, 2),
    }


def summary(runs: list[dict]) -> dict[str, dict]:
    """Mean and standard error of the mean of each result."""
    found = {}
    for key in runs[0]["results"]:
        values = [run["results"][key] for run in runs]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
        found[key] = {"mean": statistics.fmean(values), "standard_error": error}
    return found


def keep(path: Path, section: str, program: str, library: str, row: dict) -> None:
    """Puts a row into the record, where results of other seeds stay; two processes may write to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        record = json.loads(file.read() or "{}")
        rows = record.setdefault(section, {}).setdefault(program, {})
        if section == "results":
            runs = {run["seed"]: run for run in rows.get(library, {}).get("runs", []) + row["runs"]}
            runs = [runs[seed] for seed in sorted(runs)]
            row = {**row, "runs": runs, "summary": summary(runs)}
        rows[library] = row
        file.seek(0)
        file.truncate()
        file.write(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "programs", nargs="+", help="names in tilewright.examples, with flags of their own if quoted"
    )
    parser.add_argument("--library", choices=("tilewright", "keras"), default="tilewright")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the library")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=int, help="for all programs; their own where not given")
    parser.add_argument(
        "--speed", action="store_true", help="keep the epochs' seconds, not the results: of a quiet machine"
    )
    parser.add_argument("--data", help="folder with data sets")
    parser.add_argument("--out", type=Path, default=Path("tilewright-examples"), help="folder for pictures")
    parser.add_argument("--record", type=Path, default=RECORD, help="file to write")
    options = parser.parse_args()
    library = options.library
    if library == "keras":
        library += " " + os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for program in options.programs:
        runs = [run(program, seed, options) for seed in options.seeds]
        row = {"date": date.today().isoformat(), "machine": info.collect(), "runs": runs}
        keep(options.record, "speed" if options.speed else "results", program, library, row)
        for key, found in summary(runs).items():
            error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.4f}"
            print(f"{program}: {key} {found['mean']:.4f}{error} over {len(runs)} seeds", flush=True)


if __name__ == "__main__":
    main()
