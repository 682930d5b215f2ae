# SPDX-License-Identifier: Apache-2.0
"""Every line of the operation table: reference, gradient, docstring, bad input, every ISA, 1-3 threads."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from ops.harness import Case, check_bad, check_gradient, check_result, check_second_order
from tilewright import _cpu


def _all_cases() -> list[Case]:
    cases = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem != "test_catalogue":
            cases += getattr(importlib.import_module(f"ops.{path.stem}"), "CASES", [])
    return cases


ALL = _all_cases()


def named(cases):
    return [pytest.param(c, id=c.name) for c in cases]


@pytest.mark.parametrize("case", named(ALL))
def test_matches_reference_with_the_same_bits_for_any_thread_count(case, isa):
    for dtype in case.dtypes:
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append([np.asarray(y).tobytes() for y in check_result(case, dtype)])
        assert bits[0] == bits[1] == bits[2], "the thread count changed the bits"


@pytest.mark.parametrize("case", named(c for c in ALL if not isinstance(c.differentiable, str)))
def test_gradient_matches_finite_differences(case):
    check_gradient(case)


@pytest.mark.parametrize("case", named(c for c in ALL if c.second_order))
def test_second_gradient_matches_finite_differences(case):
    check_second_order(case)


@pytest.mark.parametrize(
    "case,bad", [pytest.param(c, b, id=f"{c.name}-{i}") for c in ALL for i, b in enumerate(c.bad)]
)
def test_bad_input_is_named(case, bad):
    check_bad(case, bad)


@pytest.mark.parametrize("operation", [entry["name"] for entry in _cpu.operations()])
def test_line_of_the_table_is_complete(operation):
    entry = next(e for e in _cpu.operations() if e["name"] == operation)
    assert entry["implemented"], f"{operation} is not implemented on the CPU"
    cases = [c for c in ALL if operation in c.operations]
    assert cases, f"no case in tests/ops runs {operation}"
    assert any(c.bad for c in cases), f"{operation} has no bad-input case"
    for case in cases:
        assert not isinstance(case.differentiable, str) or case.differentiable, (
            f"{case.name}: say why it has no gradient"
        )
        for part in ("Parameters", "Returns", "Raises"):
            assert part in (case.function.__doc__ or ""), f"{case.function.__name__}: docstring lacks {part}"


def test_cases_name_lines_that_exist():
    lines = {entry["name"] for entry in _cpu.operations()}
    assert {o for c in ALL for o in c.operations} <= lines
