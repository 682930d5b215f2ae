# SPDX-License-Identifier: Apache-2.0
"""Turns the records in benchmarks/records into docs/performance.md and its pictures, losing rows included.

python benchmarks/report.py [--records DIR] [--docs DIR]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import report_tables

from tilewright.bench import pictures

ROOT = Path(__file__).parents[1]
Records = dict[tuple[str, int], dict]  # by family and threads


class Recorded(NamedTuple):
    """The records of a folder, by how they were measured."""

    whole: Records  # with all that the machine has
    restricted: Records  # libraries kept to older instructions
    scaling: Records  # Tilewright against itself with one thread
    winograd: Records  # with Winograd's method


def load(folder: Path) -> Recorded:
    """All records of a folder."""
    found = Recorded({}, {}, {}, {})
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        if "family" not in record or not record.get("rows"):
            continue
        place, family = record["environment"], record["family"]
        if family.endswith("_scaling"):
            group = found.scaling
        elif place.get("conv2d_method", "direct") != "direct":
            group = found.winograd
        else:
            group = found.restricted if place["isa_limits"] else found.whole
        group[family.removesuffix("_scaling"), place["threads"]["tilewright"]] = record
    return found


TEXT = """# Performance
Written by `python benchmarks/report.py` from the records in `benchmarks/records/`; measure your own machine
with `python -m tilewright bench`. A ratio is the time of the fastest rival over ours: above 1 we are faster.
Rivals run in the same process, in turns, on buffers that rotate past the caches; the minimum of many turns
counts. Copy bandwidth counts bytes read plus written.

## Targets and what was reached
{targets}

A row at {roof} % of its own roofline counts as one that meets its target: the peak, or the bytes it must move
at the bandwidth of a copy (of reading, where little is written). Why the short ones are short, with the
alternatives tried: the family's page in `docs/kernels/`.

## Kept to AVX2
All libraries, by `TILEWRIGHT_ISA=avx2`, `ONEDNN_MAX_CPU_ISA=AVX2`, `MKL_ENABLE_INSTRUCTIONS=AVX2`,
`OPENBLAS_CORETYPE=Haswell`, `ATEN_CPU_CAPABILITY=avx2` and
`NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR"`.

{restricted}

## Threads
Time of one thread over time of several, rows of at least 100 MFLOP where arithmetic decides; the goal for two
threads is 1.85. Ours is measured without rivals (`bench --scaling`): their threads spin on after a call and
would hold a core. Theirs is that of the fastest rival of each row in the records above.

{scaling}

## Whole programs
Milliseconds of a training step, every library in a process of its own, same weights and batches, first losses
compared. Memory is what training added to the process.

{programs}

Where the time goes (`tw.profile()`); [programs.md](programs.md) says why the first is there.

{slowest}

{programs_drawn}

## Whole programs with Winograd's method
`tw.set_conv2d_method("winograd")`, off by default: errors are larger ([conv2d.md](kernels/conv2d.md)).

{winograd}

## Random shapes
Two hundred random shapes of each family, always the same ones; the 5th percentile is to reach {sweep_target}.

{sweep}

{sweep_drawn}

## Every kernel under the roof
{roofline_drawn}

## Rows where we lose (one thread)
{losing}

## All rows
{ratios_drawn}

## Where this was measured
Load is the number of processes that wanted a core when the run began; above one or two, times are of a busy
machine and ratios vary by some per cent.

{measured}
"""


def page(recorded: Recorded, drawn: list[str]) -> str:
    """The text of docs/performance.md with these pictures."""
    records = recorded.whole

    def images(kind):
        return "\n".join(f"![{name}]({name})" for name in drawn if kind in name)

    return TEXT.format(
        targets="\n".join(report_tables.target_table(records)),
        restricted="\n".join(report_tables.restricted_table(recorded.restricted)),
        scaling="\n".join(report_tables.scaling_table(records, recorded.scaling)),
        roof=round(100 * report_tables.AT_THE_ROOF),
        programs="\n".join(report_tables.program_table(records)),
        slowest="\n".join(report_tables.slowest_table(records)),
        programs_drawn=images("programs"),
        winograd="\n".join(report_tables.winograd_table(recorded.winograd, records)),
        sweep_target=report_tables.SWEEP_TARGET,
        sweep="\n".join(report_tables.sweep_table(records)),
        sweep_drawn=images("sweep"),
        roofline_drawn=images("roofline"),
        losing="\n".join(report_tables.losing_rows(records)),
        ratios_drawn=images("ratios"),
        measured="\n".join(report_tables.where_measured(records)),
    )


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
    recorded = load(options.records)
    if not recorded.whole:
        raise SystemExit(f"{options.records} holds no records, expected some of `tilewright bench --out`")
    drawn = draw(recorded.whole, options.docs / "performance")
    (options.docs / "performance.md").write_text(page(recorded, drawn))
    print(f"{options.docs / 'performance.md'} and {len(drawn)} pictures")


if __name__ == "__main__":
    main()
