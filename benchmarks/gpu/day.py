# SPDX-License-Identifier: Apache-2.0
"""One command for a machine with a GPU: build, tests, sanitizers, golden data, benchmarks, each in its limit.

    benchmarks/gpu.sh --stage build            one stage (or several, or all)
    benchmarks/gpu.sh --dry-run                every stage on the emulator with tiny sizes
    benchmarks/gpu.sh --stage bench-gemm --out /tmp/day --limit 540

Each stage writes <out>/<stage>.json and <out>/table.md after every entry, so both are there however it ends.
SIGTERM and Ctrl-C end the stage and the stages after it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python"  # the build stage builds here, in place
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]
BENCHES = (
    "bench-gemm",
    "bench-conv",
    "bench-attention",
    "bench-rows",
    "bench-optimizer",
    "bench-families",
    "bench-programs",
)
STAGES = ("build", "test", "sanitize", "golden", *BENCHES)
SANITIZERS = ("memcheck", "racecheck", "synccheck")
GOLDEN = ROOT / "benchmarks" / "records" / "gpu_golden.npz"


class CutOff(Exception):
    """The stage's time is over."""


class Stopped(CutOff):
    """Somebody ended the run."""


def replace_file(path: Path, text: str) -> None:
    """Writes a file that is whole at every moment, the old one or the new one."""
    partial = path.with_suffix(".part")
    partial.write_text(text)
    partial.replace(path)


class Record:
    """A stage's JSON file and the page of all stages, written after every entry."""

    def __init__(self, folder: Path, stage: str, dry: bool):
        self._path = folder / f"{stage}.json"
        where = "emulator, tiny sizes: says nothing about speed" if dry else "GPU"
        self.data = {"stage": stage, "where": where, "state": "running", "entries": []}
        self.data["python"] = platform.python_version()
        self.write()

    def add(self, **entry) -> None:
        self.data["entries"].append(entry)
        self.write()

    def write(self) -> None:
        replace_file(self._path, json.dumps(self.data, indent=1))
        replace_file(self._path.with_name("table.md"), table(self._path.parent))


def command(record: Record, words: list, left: float, **environment) -> int:
    """Runs a command; its output goes to the terminal, how it ended to the record."""
    print("$", " ".join(map(str, words)), flush=True)
    begun = time.monotonic()
    process = subprocess.Popen(
        list(map(str, words)), cwd=ROOT, env={**os.environ, **environment}, start_new_session=True
    )
    try:
        code = process.wait(timeout=left)
    except BaseException as stop:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        record.add(command=" ".join(map(str, words)), cut_off_after_s=time.monotonic() - begun)
        raise stop if isinstance(stop, CutOff) else CutOff from stop
    record.add(command=" ".join(map(str, words)), code=code, seconds=time.monotonic() - begun)
    return code


def build(record, dry, left):
    if dry:
        import tilewright._simt as simt

        lines = [entry["name"] for entry in simt.operations() if entry["implemented"]]
        record.add(reused="the build at hand", emulated=lines)
        return bool(lines)
    options = [
        "-DTILEWRIGHT_INPLACE=ON",
        "-DCMAKE_BUILD_TYPE=Release",
        *os.environ.get("CMAKE_ARGS", "").split(),
    ]
    folder = ROOT / "build" / "gpu"
    configured = command(record, ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *options], left())
    return (
        configured == 0
        and command(record, ["cmake", "--build", folder, "-j", os.cpu_count() or 1], left()) == 0
    )


def pytest_words(*rest) -> list:
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *rest]


def built_in_place() -> bool:
    return any((PACKAGE / "tilewright").glob("_cpu.*"))


def paths() -> dict:
    """The environment of a stage's commands: the package built in place, else the installed one."""
    folders = [PACKAGE] if built_in_place() else []
    return {"PYTHONPATH": os.pathsep.join(map(str, [*folders, ROOT / "tests"])), "CI": "1"}


def test(record, dry, left):
    if dry:
        return (
            command(record, pytest_words("tests/cuda", "-k", "arrays and not half"), left(), **paths()) == 0
        )
    return command(record, pytest_words("tests/cuda/test_on_gpu.py"), left(), **paths()) == 0


def sanitize(record, dry, left):
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        record.add(skipped="compute-sanitizer is not installed")
        return True
    if dry:
        record.add(skipped="compute-sanitizer looks at GPU kernels, and none run here")
        return True
    fine = True
    for name in SANITIZERS:
        words = [
            tool,
            "--tool",
            name,
            "--error-exitcode",
            "9",
            *pytest_words("tests/cuda/test_on_gpu.py", "-k", "float32"),
        ]
        code = command(record, words, left() / (len(SANITIZERS) - SANITIZERS.index(name)), **paths())
        if code not in (0, 9):
            record.add(
                skipped=f"{name} ended with {code}: where it refuses the device nothing is said about races"
            )
        fine = fine and code != 9
    return fine


def golden(record, dry, left):
    from cuda import golden as data

    folder = Path(record._path.parent)
    library = data.build(folder, on_gpu=not dry)
    found = data.collect(library)
    target = folder / "golden_rehearsal.npz" if dry else GOLDEN
    data.save(target, found)
    record.add(file=str(target), items={name: list(y.shape) for name, (_, y) in found.items()})
    return True


def bench(stage):
    def run(record, dry, left):
        import timing
        from cases import STAGES as cases

        place = timing.Rehearsal() if dry else timing.Gpu()
        fine = True
        for case in cases[stage](place):
            if left() < 15:
                raise CutOff
            print(f"  {case.name}", flush=True)
            try:
                row = timing.measure(place, case)
            except (NotImplementedError, TypeError) as missing:  # a line of the table without this dtype yet
                row = {"name": case.name, "target": case.target, "not_run": str(missing).split("\n")[0]}
            fine = fine and "wrong" not in row
            record.add(**row)
        return fine

    return run


RUNS = {
    "build": build,
    "test": test,
    "sanitize": sanitize,
    "golden": golden,
    **{s: bench(s) for s in BENCHES},
}


def table(folder: Path) -> str:
    """All records as one page."""
    lines = ["# GPU day", ""]
    for stage in STAGES:
        path = folder / f"{stage}.json"
        if not path.exists():
            lines.append(f"- {stage}: not run")
            continue
        data = json.loads(path.read_text())
        lines.append(f"- {stage}: {data['state']} ({data['where']}, {len(data['entries'])} entries)")
        lines += [f"  - skipped: {entry['skipped']}" for entry in data["entries"] if "skipped" in entry]
    lines += [
        "",
        "| case | ours ms | TFLOP/s | GB/s | rival | rival ms | rival / ours | aim |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stage in BENCHES:
        path = folder / f"{stage}.json"
        data = json.loads(path.read_text()) if path.exists() else {"entries": (), "where": "GPU"}
        for row in data["entries"]:
            lines += _rows(row) if data["where"] == "GPU" else _rehearsed(row)
    return "\n".join(lines) + "\n"


def _rehearsed(row: dict):
    """Of the emulator no time is shown: it would mean nothing."""
    state = f"not run: {row['not_run'][:80]}" if "not_run" in row else row.get("wrong", "rehearsed")
    yield f"| {row['name']} | {state} | | | | | | {row['target']} |"


def _rows(row: dict):
    if "rivals" not in row:
        if "not_run" in row:
            yield f"| {row['name']} | not run: {row['not_run'][:80]} | | | | | | {row['target']} |"
        return
    ours = row["rivals"]["tilewright"]["median_s"]
    rates = f"{row['flop'] / ours / 1e12:.1f} | {row['bytes'] / ours / 1e9:.0f}"
    head = f"| {row['name']} | {ours * 1e3:.4f} | {rates} |"
    rivals = {name: timing for name, timing in row["rivals"].items() if name != "tilewright"}
    wrong = f" WRONG: {row['wrong']}" if "wrong" in row else ""
    for name, timing in rivals.items() or ((("none", {"median_s": ours}),)):
        seconds = timing["median_s"]
        yield f"{head} {name} | {seconds * 1e3:.4f} | {seconds / ours:.2f} | {row['target']}{wrong} |"


def run_stage(stage: str, folder: Path, dry: bool, limit: float) -> bool:
    """One stage; its record says how it ended, whatever happens."""
    print(f"== {stage}", flush=True)
    record, end = Record(folder, stage, dry), time.monotonic() + limit

    def over(number, *_):
        raise CutOff if number == signal.SIGALRM else Stopped

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, over)
    signal.alarm(max(1, int(limit)))
    fine, begun = False, time.monotonic()
    if built_in_place() and str(PACKAGE) not in sys.path:
        sys.path.insert(0, str(PACKAGE))
    try:
        fine = RUNS[stage](record, dry, lambda: max(1.0, end - time.monotonic()))
        record.data["state"] = "passed" if fine else "failed"
    except Stopped:
        record.data["state"] = f"stopped after {time.monotonic() - begun:.0f} s"
        raise
    except CutOff:
        record.data["state"] = f"cut off after {limit:.0f} s"
    except Exception as error:
        record.data["state"] = f"failed: {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        record.write()
        print(f"   {record.data['state']}", flush=True)
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", nargs="+", default=["all"], choices=(*STAGES, "all"))
    parser.add_argument("--limit", type=float, default=570, help="seconds for each stage")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu_day")
    parser.add_argument("--dry-run", action="store_true", help="on the emulator, with tiny sizes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = STAGES if "all" in options.stage else options.stage
    fine = []
    try:
        for stage in chosen:
            fine.append(run_stage(stage, options.out, options.dry_run, options.limit))
    except Stopped:
        fine.append(False)
    print((options.out / "table.md").read_text())
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
