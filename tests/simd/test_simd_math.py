# SPDX-License-Identifier: Apache-2.0
"""Errors of vec_math_*.h over all exponents, and special values, on every instruction set."""

import pytest
from simd_math_limits import MATH_LIMITS

SAMPLES = 60000
SAMPLES_EMULATED = 3000


@pytest.fixture(scope="session")
def measured(toolchain):
    """{(dtype, function): (largest error in ULP, special values that are wrong, where)}"""
    out, err = toolchain.run("math_driver", str(SAMPLES_EMULATED if toolchain.emulated else SAMPLES))
    table = {}
    for line in out.splitlines():
        dtype, name, error, special, where = line.split(" ", 4)
        table[dtype, name] = (float(error), int(special), f"{where}\n{err}")
    return table


@pytest.mark.parametrize("name", MATH_LIMITS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_error(measured, dtype, name):
    error, special, where = measured[dtype, name]
    limit = MATH_LIMITS[name][dtype == "float64"]
    assert 0 < error <= limit, f"{error} ULP at {where}"
    assert special == 0, f"{special} special values are wrong\n{where}"


def test_every_function_has_a_limit(measured):
    assert {name for _, name in measured} == set(MATH_LIMITS)
