# SPDX-License-Identifier: Apache-2.0
"""Bank conflicts and global sectors of every operation's cases, against operation_access_counts.json.

A line a kernel: requests to shared memory, the passes they took, the conflicts among them; reads of global
memory and their sectors; writes and their sectors. TILEWRIGHT_UPDATE_RECORDS=1 writes the file.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt

from .count_records import recorded
from .test_catalogue import READY, takes
from .test_matmul import aligned

RECORD = Path(__file__).with_name("operation_access_counts.json")
COUNTS = (
    "shared_requests", "shared_passes", "shared_conflicts", "global_reads", "global_read_sectors",
    "global_writes", "global_write_sectors",
)  # fmt: skip
CASES = {
    f"{case.name} {np.dtype(dtype).name}": (case, dtype)
    for case in READY
    for dtype in (np.float32, np.float16)
    if np.float32 in case.dtypes and (dtype == np.float32 or takes(case, dtype))
    if case.name != "attention_backward"  # wants its float32 lse beside 16-bit arrays
}
# These make small arrays or copies of their own, which NumPy puts anywhere: their sectors are not counted.
WITH_OWN_ARRAYS = ("adam", "rmsprop", "sgd", "ada", "nadam", "lion", "ftrl", "pad", "where", "getitem")

pytestmark = pytest.mark.usefixtures("on_simt")


def placed(a):
    """The array, or each of a list, at a multiple of 64 bytes."""
    if isinstance(a, np.ndarray):
        result = aligned(a.shape, a.dtype)
        result[...] = a
        return result
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], np.ndarray):
        return type(a)(map(placed, a))
    return a


def counts_of(name):
    case, dtype = CASES[name]
    arguments = [placed(a) for a in case.arguments(dtype)]
    _simt.set_schedule("forward")
    _simt.count_accesses(True)
    try:
        case.function(*arguments, **case.kwargs)
    finally:
        _simt.count_accesses(False)
    anywhere = case.name.startswith(WITH_OWN_ARRAYS)
    kept = [word for word in COUNTS if not (anywhere and word.endswith("sectors"))]
    return {kernel: [counts[word] for word in kept] for kernel, counts in _simt.counted_accesses().items()}


def written(record):
    """JSON with a line a kernel."""
    cases = []
    for case, kernels in record.items():
        lines = ",\n".join(f"  {json.dumps(kernel)}: {json.dumps(c)}" for kernel, c in kernels.items())
        cases.append(f" {json.dumps(case)}: {{\n{lines}\n }}" if lines else f" {json.dumps(case)}: {{}}")
    return "{\n" + ",\n".join(cases) + "\n}\n"


@pytest.mark.parametrize("name", CASES)
def test_counts_are_as_recorded(name):
    counts = counts_of(name)
    assert counts == recorded(RECORD, name, counts, CASES, written), f"{name}: {counts}"


def test_every_operation_is_counted():
    assert {line for case, _ in CASES.values() for line in case.operations} >= {
        entry["name"] for entry in _simt.operations()
    } - {"attention_backward"}
