# SPDX-License-Identifier: Apache-2.0
"""The command for the GPU day, rehearsed: stages run alone, records are whole even when one is cut off."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DAY = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu" / "day.py"


def day(folder, *options):
    words = [sys.executable, str(DAY), "--out", str(folder), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("stage", ["build", "sanitize", "bench-rows"])
def test_a_stage_is_rehearsed_alone(tmp_path, stage):
    done = day(tmp_path, "--dry-run", "--stage", stage)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / f"{stage}.json").read_text())
    assert record["state"] == "passed" and record["where"].startswith("emulator") and record["entries"]
    page = (tmp_path / "table.md").read_text()
    assert f"- {stage}: passed (emulator" in page and "- bench-gemm: not run" in page
    if stage == "bench-rows":
        assert "| softmax float32 6x96 | rehearsed |" in page
        assert not any("wrong" in row for row in record["entries"])


def test_a_stage_that_is_cut_off_leaves_its_record(tmp_path):
    done = day(tmp_path, "--dry-run", "--stage", "bench-gemm", "--limit", "1")
    assert done.returncode == 1
    assert json.loads((tmp_path / "bench-gemm.json").read_text())["state"].startswith("cut off")
    assert "- bench-gemm: cut off after 1 s" in (tmp_path / "table.md").read_text()


def test_times_of_a_gpu_are_shown_with_the_ratio(tmp_path):
    sys.path.insert(0, str(DAY.parent))
    import day as module

    row = {
        "name": "matmul",
        "flop": 2e9,
        "bytes": 4e6,
        "target": "aim",
        "rivals": {"tilewright": {"median_s": 1e-3}},
    }
    row["rivals"]["cuBLAS"] = {"median_s": 5e-4}
    record = {
        "stage": "bench-gemm",
        "where": "GPU",
        "state": "cut off after 9 s",
        "entries": [row, {**row, "wrong": "by 3"}],
    }
    (tmp_path / "bench-gemm.json").write_text(json.dumps(record))
    page = module.table(tmp_path)
    assert "| matmul | 1.0000 | 2.0 | 4 | cuBLAS | 0.5000 | 0.50 | aim |" in page
    assert "WRONG: by 3" in page
