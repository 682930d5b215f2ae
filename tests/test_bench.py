# SPDX-License-Identifier: Apache-2.0
"""The benchmark command: each case computes what its rivals compute, records and pictures are written."""

import json

import numpy as np
import pytest

from tilewright import cli
from tilewright.bench import case, families, harness, run

TIMED_TOGETHER = 2e-3  # of the largest value; the rivals' own errors are far below


# One small shape of each family, or one of each kind.
SHAPES = {
    "matmul": ("256", "64", "gemv_1024", "96x64"),
    "conv2d": ("mnist_3", "cifar_3"),
    "attention": ("character_256", "decode_gpt2"),
    "softmax": ("tiny",),
    "norm": ("tiny", "channels"),
    "pool2d": ("mnist_2",),
    "elementwise": ("l1", "rows"),
    "reduce": ("small",),
    "loss": ("mnist",),
    "embedding": ("characters",),
    "optimizer": ("mlp",),
}


def small(family):
    """One case of each group."""
    return list({found.group: found for found in families.cases(family, SHAPES[family])}.values())


ALL = [(family, found) for family in families.FAMILIES for found in small(family)]


@pytest.mark.parametrize("family, found", [pytest.param(f, c, id=f"{f}-{c.group}-{c.name}") for f, c in ALL])
def test_all_rivals_of_a_case_agree(family, found):
    results = {}
    for name, call in found.rivals.items():  # each on buffers of its own: some write in place
        result = call(found.make())
        parts = result if isinstance(result, (tuple, list)) else [result]
        results[name] = [np.array(part, np.float64) for part in parts]
    ours = results.pop("tilewright")
    for name, theirs in results.items():
        error = case.relative_error(ours, [p.reshape(o.shape) for p, o in zip(theirs, ours, strict=True)])
        assert error < TIMED_TOGETHER, f"{name} computes something else"
    if found.exact is not None:
        exact = found.exact(found.make())
        assert case.relative_error(ours, list(exact) if isinstance(exact, (tuple, list)) else [exact]) < 1e-4


@pytest.mark.parametrize("family", [f for f in families.FAMILIES if families.has_sweep(f)])
def test_random_shapes_are_always_the_same(family):
    first, second = ([c.name for c in families.random_cases(family, 5)] for _ in range(2))
    assert first == second and len(set(first)) == 5


def test_the_command_writes_records_and_pictures(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    arguments = ["bench", "loss", "--quick", "--seconds", "0.001", "--only", "mnist", "--out", str(tmp_path)]
    assert cli.main([*arguments, "--machine", "here"]) == 0
    out = capsys.readouterr().out
    assert "cross_entropy" in out and "geometric mean" in out or "tilewright" not in out
    record = json.loads((tmp_path / "here_loss_1t.json").read_text())
    assert {row["group"] for row in record["rows"]} >= {"cross_entropy"}
    assert record["environment"]["peak_flops"] > 1e8
    assert (tmp_path / "roofline_1t.png").stat().st_size > 10_000


def test_threads_against_one(tmp_path, capsys):
    arguments = ["bench", "matmul", "--only", "512", "--threads", "2", "--scaling", "--seconds", "0.01"]
    assert cli.main([*arguments, "--out", str(tmp_path), "--machine", "here"]) == 0
    record = json.loads((tmp_path / "here_matmul_scaling_2t.json").read_text())
    assert [row["name"] for row in record["rows"]] == ["512"]
    assert set(record["rows"][0]["rivals"]) == {"tilewright", case.ONE_THREAD}
    assert cli.main(["bench", "matmul", "--scaling"]) == 1
    assert "--threads" in capsys.readouterr().err


def test_unknown_names_are_refused(capsys):
    assert cli.main(["bench", "matmull"]) == 1
    assert "family is 'matmull', expected one of matmul" in capsys.readouterr().err
    assert cli.main(["bench", "--programs", "mnist"]) == 1
    assert "program is 'mnist', expected one of mnist_mlp" in capsys.readouterr().err


def test_a_program_learns_the_same_in_every_library():
    from tilewright.bench.programs.compare import compare

    told = []
    row, more = compare("tabular_mlp", 1, {}, rounds=1, only={"tilewright", "torch"}, tell=told.append)
    assert not [t for t in told if "not counted" in t]
    assert row.rivals["tilewright"].minimum > 0 and more["memory"]["tilewright"] >= 0
    assert set(more["predict"]) == {"tilewright", "torch"} and min(more["predict"].values()) > 0
    if "torch" in row.rivals:
        assert row.rivals["torch"].error < 1e-4


def test_rows_choose_the_fastest_rival():
    row = harness.Row(
        "x", "y", 1.0, 1.0, {n: harness.Timing(t, t, 3) for n, t in (("tilewright", 2), ("a", 3), ("b", 4))}
    )
    assert row.best_rival() == "a" and row.ratio() == 1.5
    assert run.machine_name("AMD EPYC(TM) 9654 96-Core Processor") == "amd-epyc-9654-96-core"
