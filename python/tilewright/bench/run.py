# SPDX-License-Identifier: Apache-2.0
"""Runs families and programs, prints a table as it goes, and keeps a record of each."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tilewright.bench import case as cases_module
from tilewright.bench import families, harness
from tilewright.bench.programs import PROGRAMS

QUICK_CASES = 3  # of each group of a family
SCALING_FLOP = 1e8  # of a call: what threads are measured with


@dataclass
class Options:
    """What to run and how long.

    Parameters
        families, programs : names
        threads : of every library
        seconds : for each case;  rounds : turns of each library in a program
        quick : a few cases of each family, and short
        sweep : random shapes of each family instead of the listed ones, their number; 0: the listed ones
        scaling : the cases with most arithmetic by Tilewright alone, with `threads` and with one
        folder : where records go, or None
        machine : first part of the records' names; from the processor's name where empty
        only : groups or names of cases, or libraries of programs; all where empty
        pythons : module to the interpreter that has it, for programs
    """

    families: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    threads: int = 1
    seconds: float = 0.3
    rounds: int = 5
    quick: bool = False
    sweep: int = 0
    scaling: bool = False
    folder: Path | None = None
    machine: str = ""
    only: list[str] = field(default_factory=list)
    pythons: dict[str, str] = field(default_factory=dict)


def import_rivals() -> list[str]:
    """Imports the rivals that are installed, before threads are counted; their names."""
    found = ["numpy"]
    if find_spec("torch"):
        import torch  # noqa: F401

        found.append("torch")
    return found


def _chosen(options: Options, family: str) -> list:
    if options.sweep:
        return list(families.random_cases(family, options.sweep))
    listed, taken = [], {}
    for case in families.cases(family):
        if options.only and not {case.group, case.name} & set(options.only):
            continue
        taken[case.group] = taken.get(case.group, 0) + 1
        if not options.quick or taken[case.group] <= QUICK_CASES and case.bytes < 2**25:
            listed.append(case)
    if options.scaling:
        return [
            cases_module.against_one_thread(case, options.threads)
            for case in listed
            if case.flop >= SCALING_FLOP
        ]
    return listed


def _bar(total: int, label: str):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return contextlib.nullcontext()
    return tqdm(total=total, desc=label, leave=False, dynamic_ncols=True, disable=None)


def run_family(family: str, options: Options, place: dict, tell=print) -> list[harness.Row]:
    """Times one family's cases."""
    rows, listed = [], _chosen(options, family)
    seconds = min(options.seconds, 0.05) if options.quick else options.seconds
    tell(f"\n{family}: {len(listed)} cases")
    tell(heading())
    with _bar(len(listed), family) as bar:
        for case in listed:
            row = cases_module.run(case, options.threads, seconds)
            rows.append(row)
            if bar is None:
                tell(line(row, place))
            else:
                bar.write(line(row, place))
                bar.update()
    for group, found in harness.summary(rows).items():
        tell(
            f"{group:22} {found['rows']:4} rows: geometric mean {found['geomean']:.2f}, "
            f"worst {found['worst']:.2f}"
        )
    return rows


def run_programs(options: Options, tell=print) -> list[harness.Row]:
    """Times whole training programs; needs no thread settings here, since each library has a process."""
    from tilewright.bench.programs.compare import compare, slowest

    rows = []
    for name in options.programs:
        row, more = compare(
            name,
            options.threads,
            options.pythons,
            2 if options.quick else options.rounds,
            set(options.only) | {"tilewright"} if options.only else None,
            tell,
        )
        row.memory, row.predict = more["memory"], more["predict"]
        row.profile = slowest(name, options.threads)[:5]
        rows.append(row)
        tell(f"\n{name}, batch {PROGRAMS[name].batch}: ms a step, memory of training, predicting one row")
        for library, timing in sorted(row.rivals.items(), key=lambda item: item[1].minimum):
            memory, predict = row.memory.get(library, 0), row.predict.get(library, 0)
            tell(f"  {library:28}{1e3 * timing.minimum:10.3f}{memory / 1e6:9.0f} MB{1e6 * predict:10.0f} us")
        for entry in row.profile[:3]:
            tell(
                f"  {entry['operation']:28}{entry['share']:9.1f} % of the time, "
                f"{entry['roof']:.0f} % of its roof"
            )
        if row.ratio() is not None:
            tell(f"  {row.ratio():.2f} times as fast as {row.best_rival()}")
    return rows


def heading() -> str:
    words = f"{'group':22}{'name':18}{'us':>11}{'GFLOP/s':>9}{'% peak':>8}{'GB/s':>7}{'% copy':>8}"
    return words + "  ratio  best rival"


def line(row: harness.Row, place: dict) -> str:
    """A row of the table: per cents are of this machine's measured peak and copy bandwidth."""
    seconds = row.rivals["tilewright"].minimum
    flops, bandwidth = row.flop / seconds, row.bytes / seconds
    ratio = f"{row.ratio():7.2f}  {row.best_rival()}" if row.ratio() is not None else "      -"
    return (
        f"{row.group:22}{row.name:18}{1e6 * seconds:11.1f}{flops / 1e9:9.1f}"
        f"{100 * flops / place['peak_flops']:8.1f}{bandwidth / 1e9:7.1f}"
        f"{100 * bandwidth / place['copy_bandwidth']:8.0f}{ratio}"
    )


def machine_name(cpu: str) -> str:
    """The processor's name as part of a file name."""
    words = re.sub(r"\(R\)|\(TM\)|CPU|Processor|@.*", " ", cpu)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "machine"


def record_path(options: Options, place: dict, name: str) -> Path:
    """Where a record goes; makes the folder."""
    options.folder.mkdir(parents=True, exist_ok=True)
    machine = options.machine or machine_name(place["cpu"])
    if place["isa_limits"]:
        name += f"_{place['isa']}"
    return options.folder / f"{machine}_{name}_{options.threads}t.json"


def run(options: Options, tell=print) -> dict[str, tuple[dict, list[harness.Row]]]:
    """Runs everything asked for. Gives environment and rows by family; "programs" is one of them."""
    import_rivals()
    done = {}
    with harness.threads(options.threads) as counts:
        place = harness.environment(counts)
        tell(
            f"{place['cpu']}, {place['isa']}, {options.threads} thread(s): "
            f"peak {place['peak_flops'] / 1e9:.0f} GFLOP/s, copy {place['copy_bandwidth'] / 1e9:.1f} GB/s, "
            f"read {place['read_bandwidth'] / 1e9:.1f} GB/s"
        )
        for family in options.families:
            rows = run_family(family, options, place, tell)
            done[family] = (place, rows)
            if options.folder is not None and rows:
                name = family + ("_sweep" if options.sweep else "_scaling" if options.scaling else "")
                harness.save(record_path(options, place, name), name, place, rows)
    if options.programs:
        rows = run_programs(options, tell)
        done["programs"] = (place, rows)
        if options.folder is not None:
            harness.save(record_path(options, place, "programs"), "programs", place, rows)
    return done
