# SPDX-License-Identifier: Apache-2.0
"""The thread pool: drivers/parallel_driver.cpp, one process for each scenario."""

import os

import pytest

SCENARIOS = [
    "every_task_once", "indices", "nesting", "exceptions", "concurrent_callers", "fork_idle", "fork_busy",
    "resize", "resize_under_load", "thread_limit", "environment", "waking", "exit_busy",
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(run_driver, compiler, scenario):
    if scenario == "fork_busy" and compiler.sanitize:
        pytest.skip("the sanitizers' own locks may be held at the fork of a busy process")
    assert run_driver("parallel_driver", scenario) == "ok\n"


@pytest.mark.parametrize("scenario", ["concurrent_callers", "waking", "indices"])
def test_on_one_core(run_driver, scenario):
    """More threads than cores: nothing spins while another thread needs the core."""
    core = {min(os.sched_getaffinity(0))}
    assert run_driver("parallel_driver", scenario, before=lambda: os.sched_setaffinity(0, core)) == "ok\n"


IGNORED = "ignored, expected 1 to 1024)"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TILEWRIGHT_NUM_THREADS": "3"}, "3 TILEWRIGHT_NUM_THREADS"),
        ({"TILEWRIGHT_NUM_THREADS": " 3 "}, "3 TILEWRIGHT_NUM_THREADS"),
        ({"TILEWRIGHT_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3 TILEWRIGHT_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "5"}, "5 OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "4,2"}, "4 OMP_NUM_THREADS"),
        (
            {"TILEWRIGHT_NUM_THREADS": "many", "OMP_NUM_THREADS": "5"},
            f"5 OMP_NUM_THREADS (TILEWRIGHT_NUM_THREADS='many' {IGNORED}",
        ),
        ({"TILEWRIGHT_NUM_THREADS": "0"}, f"1 affinity (TILEWRIGHT_NUM_THREADS='0' {IGNORED}"),
        ({"TILEWRIGHT_NUM_THREADS": "-2"}, f"1 affinity (TILEWRIGHT_NUM_THREADS='-2' {IGNORED}"),
        ({"TILEWRIGHT_NUM_THREADS": "2.5"}, f"1 affinity (TILEWRIGHT_NUM_THREADS='2.5' {IGNORED}"),
        ({"TILEWRIGHT_NUM_THREADS": "4,2"}, f"1 affinity (TILEWRIGHT_NUM_THREADS='4,2' {IGNORED}"),
        (
            {"OMP_NUM_THREADS": "9999999999"},
            f"1 affinity (OMP_NUM_THREADS='9999999999' {IGNORED}",
        ),
        ({"TILEWRIGHT_NUM_THREADS": "", "OMP_NUM_THREADS": ""}, "1 affinity"),
    ],
)
def test_settings(run_driver, environment, expected):
    core = {min(os.sched_getaffinity(0))}
    printed = run_driver(
        "parallel_driver", "settings", environment=environment, before=lambda: os.sched_setaffinity(0, core)
    )
    assert printed == expected + "\n"


def test_affinity(run_driver, tmp_path):
    cores = os.sched_getaffinity(0)
    assert run_driver("parallel_driver", "count", tmp_path) == f"{min(len(cores), 1024)} affinity\n"


# Quotas of at most one CPU, so that the affinity of a one-core machine is no lower.
V1, V2 = "cgroup cpu.cfs_quota_us", "cgroup cpu.max"
CGROUPS = {
    "v2 quota in the group": ("0::/job/step\n", {"job/step/cpu.max": "50000 100000"}, V2),
    "v2 quota in the parent": (
        "0::/job/step\n",
        {"job/cpu.max": "100 100000", "job/step/cpu.max": "max 100000"},
        V2,
    ),
    "v2 container": ("0::/\n", {"cpu.max": "100000 100000"}, V2),
    "v2 path of the host": ("0::/../host/path\n", {"cpu.max": "100000 100000"}, V2),
    "v2 no quota": ("0::/job\n", {"job/cpu.max": "max 100000"}, None),
    "v2 nonsense": ("0::/job\n", {"job/cpu.max": "?"}, None),
    "v2 empty": ("0::/job\n", {"job/cpu.max": ""}, None),
    "v1 quota": (
        "3:cpuset:/\n2:cpu,cpuacct:/job\n",
        {"cpu,cpuacct/job/cpu.cfs_quota_us": "70000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
        V1,
    ),
    "v1 container": (
        "4:cpu:/docker/1\n",
        {"cpu/cpu.cfs_quota_us": "1000", "cpu/cpu.cfs_period_us": "100000"},
        V1,
    ),
    "v1 no quota": ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
    "no line": ("nonsense\n", {}, None),
}


@pytest.mark.parametrize("name", CGROUPS)
def test_cgroup(run_driver, tmp_path, name):
    groups, files, reason = CGROUPS[name]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for path, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    cores = len(os.sched_getaffinity(0))
    limited = reason is not None and cores > 1
    expected = f"1 {reason}\n" if limited else f"{cores} affinity\n"
    assert run_driver("parallel_driver", "count", tmp_path) == expected


def test_cgroup_quota_rounds_up(run_driver, tmp_path):
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        pytest.skip("needs two cores, so that a quota between one and two can be told from affinity")
    for quota, threads in ((100000 * (cores - 2) + 1, cores - 1), (100000 * (cores - 1), cores - 1)):
        (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/self/cgroup").write_text("0::/\n")
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup/cpu.max").write_text(f"{quota} 100000\n")
        assert run_driver("parallel_driver", "count", tmp_path) == f"{threads} {V2}\n"
