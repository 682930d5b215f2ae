# SPDX-License-Identifier: Apache-2.0
"""The memory pool and the scratch arenas: drivers/memory_driver.cpp, one process for each scenario."""

import signal

import pytest

SCENARIOS = [
    "pool_sizes", "pool_reuse", "pool_steady", "pool_counts", "pool_huge", "pool_threads", "pool_fork",
    "scratch_stack", "scratch_growth", "scratch_disorder", "scratch_overflow", "scratch_threads",
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(run_driver, scenario):
    assert run_driver("memory_driver", scenario) == "ok\n"


def test_out_of_memory(run_driver, compiler):
    if compiler.sanitize:
        pytest.skip("sanitizers need the address space that this test limits")
    assert run_driver("memory_driver", "pool_out_of_memory") == "ok\n"


@pytest.mark.parametrize(
    ("scenario", "limit"),
    [
        ("pool_limit", "1000000"),
        ("pool_no_cache", "0"),
        # No number: the default bound holds.
        ("pool_steady", "many"), ("pool_steady", "-1"), ("pool_steady", "10M"), ("pool_steady", ""),
    ],
)  # fmt: skip
def test_limit(run_driver, scenario, limit):
    environment = {"TILEWRIGHT_POOL_LIMIT": limit}
    assert run_driver("memory_driver", scenario, environment=environment) == "ok\n"


def test_double_release_is_reported(run_driver):
    message = run_driver("memory_driver", "pool_double_release", returncode=-signal.SIGABRT)
    assert "released twice" in message
