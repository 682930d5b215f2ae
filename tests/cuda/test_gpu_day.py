# SPDX-License-Identifier: Apache-2.0
"""The command for the GPU day, rehearsed: stages run alone, records are whole even when one is cut off."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DAY = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu" / "day.py"


def day(folder, *options):
    words = [sys.executable, str(DAY), "--out", str(folder), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


BENCHES = (
    "bench-gemm",
    "bench-conv",
    "bench-attention",
    "bench-optimizer",
    "bench-families",
    "bench-programs",
)


@pytest.mark.parametrize("stage", ["build", "sanitize", "golden", "bench-rows"])
def test_a_stage_is_rehearsed_alone(tmp_path, stage):
    done = day(tmp_path, "--dry-run", "--stage", stage)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / f"{stage}.json").read_text())
    assert record["state"] == "passed" and record["where"].startswith("emulator") and record["entries"]
    page = (tmp_path / "table.md").read_text()
    assert f"- {stage}: passed (emulator" in page and "- test: not run" in page
    if stage == "bench-rows":
        assert "| softmax float32 6x96 | rehearsed |" in page


def test_every_benchmark_is_rehearsed(tmp_path):
    done = day(tmp_path, "--dry-run", "--stage", *BENCHES)
    assert done.returncode == 0, done.stdout + done.stderr
    for stage in BENCHES:
        entries = json.loads((tmp_path / f"{stage}.json").read_text())["entries"]
        assert entries and not any("wrong" in row or "not_run" in row for row in entries), stage


def test_a_stage_that_is_cut_off_leaves_its_record(tmp_path):
    done = day(tmp_path, "--dry-run", "--stage", "bench-gemm", "--limit", "1")
    assert done.returncode == 1
    assert json.loads((tmp_path / "bench-gemm.json").read_text())["state"].startswith("cut off")
    assert "- bench-gemm: cut off after 1 s" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_its_records_and_goes_no_further(tmp_path, ending):
    words = [
        sys.executable,
        str(DAY),
        "--out",
        str(tmp_path),
        "--dry-run",
        "--stage",
        "bench-rows",
        "bench-gemm",
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    record, page = tmp_path / "bench-rows.json", tmp_path / "table.md"
    while not (page.exists() and "| copy float32 6x96 | rehearsed |" in page.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(ending)
    assert process.wait(30) != 0
    state = json.loads(record.read_text())["state"]
    assert state == "running" if ending == signal.SIGKILL else state.startswith("stopped after")
    page = page.read_text()
    assert "| copy float32 6x96 | rehearsed |" in page and "- bench-gemm: not run" in page


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
