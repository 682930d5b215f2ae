# SPDX-License-Identifier: Apache-2.0
"""Every listed case, ours and its rivals, as pytest-benchmark runs:

    python -m pytest benchmarks/bench_families.py --benchmark-only -k "matmul and 1024"

For fair ratios (rivals in turns, buffers past the caches, errors beside the times) use
`python -m tilewright bench`; the file of --benchmark-json holds the same record under "tilewright".
"""

import pytest

from tilewright.bench import families, harness, run

run.import_rivals()
SETS = 4


def pytest_generate_tests(metafunc):
    cases = [
        pytest.param(case, rival, id=f"{family}-{case.group}-{case.name}-{rival}")
        for family in families.FAMILIES
        for case in families.cases(family)
        if case.bytes < 2**24
        for rival in case.rivals
    ]
    metafunc.parametrize("case, rival", cases)


def test_case(benchmark, case, rival):
    sets = [case.make() for _ in range(SETS if case.cold else 1)]
    turn = iter(range(2**62))
    with harness.threads(1):
        benchmark.extra_info.update(
            family=case.group, name=case.name, rival=rival, flop=case.flop, bytes=case.bytes
        )
        benchmark(lambda: case.rivals[rival](sets[next(turn) % len(sets)]))
