# SPDX-License-Identifier: Apache-2.0
"""The operation tests of tests/ops on a real GPU; skipped, with the reason, where there is none."""

import numpy as np
import pytest
from ops.harness import compare, outputs_of
from ops.test_catalogue import ALL

import tilewright as tw
from tilewright import backend

REASON = tw.cuda.unavailable_reason()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no GPU: {REASON}")


def nested(function, a):
    if isinstance(a, (list, tuple)) and any(isinstance(part, np.ndarray) for part in a):
        return type(a)(None if part is None else function(part) for part in a)
    return function(a) if isinstance(a, np.ndarray) else a


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALL])
def test_matches_the_float64_reference(case, dtype):
    lines = {entry["name"]: entry for entry in backend.load("cuda").operations()}
    if dtype not in case.dtypes or any(
        np.dtype(dtype).name not in lines[o]["dtypes"] for o in case.operations
    ):
        pytest.skip("the table has no such dtype")
    arguments = case.arguments(dtype)
    exact = [nested(lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a, a) for a in arguments]
    want = outputs_of(case.reference(*exact, **case.kwargs))
    moved = {name: nested(backend.to_gpu, value) for name, value in case.kwargs.items()}
    got = outputs_of(case.function(*(nested(backend.to_gpu, a) for a in arguments), **moved))
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        compare(backend.to_host(g), w, case.family, dtype, f"{case.name}, output {i}")


def test_a_recorded_step_runs_as_a_graph():
    tw.set_device("cuda")
    w = tw.Variable(np.zeros((5, 3), np.float32))

    @tw.record
    def step(x, y):
        with tw.GradientTape() as tape:
            loss = tw.ops.softmax_cross_entropy(x @ w, y, reduction="mean")
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((8, 5)).astype(np.float32), rng.integers(0, 3, 8)
    losses = [float(step(x, y)) for _ in range(10)]
    assert losses == sorted(losses, reverse=True)
    assert step.stats()[0].replayed == 7
