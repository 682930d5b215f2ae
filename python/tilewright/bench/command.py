# SPDX-License-Identifier: Apache-2.0
"""`python -m tilewright bench`: times kernels and programs against the rivals that are installed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tilewright import threads
from tilewright.bench import families, pictures, run
from tilewright.bench.programs import PROGRAMS


def add_to(commands) -> None:
    """Adds the subcommand to the command line."""
    parser = commands.add_parser(
        "bench",
        help="time kernels and whole programs against NumPy, PyTorch and others that are installed",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "families", nargs="*", metavar="family", help=f"{', '.join(families.FAMILIES)}; all unless given"
    )
    parser.add_argument("--only", nargs="*", default=[], help="these groups, shapes or libraries only")
    parser.add_argument(
        "--programs",
        nargs="*",
        metavar="NAME",
        help=f"train whole programs too: {', '.join(PROGRAMS)}; all if none is named",
    )
    parser.add_argument("--threads", type=int, default=1, help="of every library; 0: all cores")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each shape")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library in a program")
    parser.add_argument("--quick", action="store_true", help="a few shapes of each family, under a minute")
    parser.add_argument("--sweep", type=int, default=0, metavar="N", help="N random shapes of each family")
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="what --threads gain over one, without rivals, where it is much",
    )
    parser.add_argument("--out", help="folder for records (JSON) and pictures")
    parser.add_argument("--machine", default="", help="first part of the records' file names")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="MODULE=PATH",
        help="interpreter that has a library, for programs (as tensorflow=/opt/tf/bin/python)",
    )
    parser.set_defaults(run=main)


def main(arguments) -> int:
    """Runs the subcommand; returns the exit status."""
    unknown = [name for name in arguments.families if name not in families.FAMILIES]
    if unknown:
        raise ValueError(f"family is {unknown[0]!r}, expected one of {', '.join(families.FAMILIES)}")
    programs = arguments.programs
    if programs is not None:
        programs = programs or list(PROGRAMS)
        for name in programs:
            if name not in PROGRAMS:
                raise ValueError(f"program is {name!r}, expected one of {', '.join(PROGRAMS)}")
    listed = arguments.families or ([] if programs and not arguments.quick else list(families.FAMILIES))
    if arguments.sweep:
        listed = [name for name in listed if families.has_sweep(name)]
    count = arguments.threads if arguments.threads > 0 else threads.num_threads()
    if arguments.scaling and (count < 2 or arguments.sweep):
        raise ValueError(
            "--scaling compares several threads with one, expected --threads of 2 or more, no --sweep"
        )
    options = run.Options(
        listed,
        programs or [],
        count,
        arguments.seconds,
        arguments.rounds,
        arguments.quick,
        arguments.sweep,
        arguments.scaling,
        Path(arguments.out) if arguments.out else None,
        arguments.machine,
        arguments.only,
        dict(pair.split("=", 1) for pair in arguments.python),
    )
    run.run(options)
    if options.folder is not None:
        draw(options.folder)
    return 0


def draw(folder: Path) -> list[Path]:
    """Pictures of all records in a folder, beside them."""
    made, by_threads = [], {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        if "family" not in record or not record["rows"] or record["family"].endswith("_scaling"):
            continue
        if record["family"] == "programs":
            made.append(pictures.programs(record, path.with_suffix(".png")))
        elif record["family"].endswith("_sweep"):
            by_threads.setdefault("sweep", []).append(record)
        else:
            by_threads.setdefault(record["environment"]["threads"]["tilewright"], []).append(record)
            if any(row["ratio"] is not None for row in record["rows"]):
                made.append(pictures.ratios(record, path.with_suffix(".png")))
    for key, records in by_threads.items():
        if key == "sweep":
            made.append(pictures.sweep(records, folder / "sweep.png"))
        else:
            made.append(pictures.roofline(records, folder / f"roofline_{key}t.png"))
    return made
