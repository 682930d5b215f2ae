# SPDX-License-Identifier: Apache-2.0
"""Every name of csrc/cpu/simd/vec_*.h does the same on every instruction set, and is covered by a driver."""

import re

import pytest
from simd_toolchain import CSRC, HERE, ISAS

SIMD = CSRC / "cpu" / "simd"
# How a body is built, and what the pattern takes along.
NOT_INTERFACE = {"raw", "from_raw", "sizeof", "operator"}


def names_defined(header):
    """Functions and operators that a header marks TW_INLINE, joined over line ends."""
    text = re.sub(r"//.*", "", (SIMD / header).read_text())
    declarations = re.findall(r"TW_INLINE\s+[\w:<>&*,\s]*?(operator[^\s(]+|\b\w+)\(", text)
    return {name for name in declarations if name not in NOT_INTERFACE}


@pytest.mark.parametrize("driver, names", [("memory_driver", 70), ("arithmetic_driver", 180)])
def test_lanes_agree_with_plain_cpp(toolchain, driver, names):
    out, err = toolchain.run(driver)
    rows = [line.rsplit(" ", 2) for line in out.splitlines()]
    assert len(rows) > names
    assert all(int(checks) > 0 for _, checks, _ in rows)
    wrong = [name for name, _, failures in rows if int(failures)]
    assert not wrong, f"{wrong}\n{err}"


@pytest.mark.parametrize("isa", [isa.name for isa in ISAS if isa.name != "scalar"])
def test_bodies_define_the_same_names(isa):
    common = names_defined("vec_common.h")
    missing = names_defined("vec_scalar.h") - names_defined(f"vec_{isa}.h") - common
    assert not missing, f"vec_{isa}.h lacks {sorted(missing)}"


def test_drivers_cover_every_name():
    names = names_defined("vec_scalar.h") | names_defined("vec_common.h")
    assert {"load_n", "reduce_add", "mul_wide", "operator+"} <= names  # the pattern finds them
    driver = "".join((HERE / f"{name}_driver.cpp").read_text() for name in ("memory", "arithmetic"))
    structure = {"fold_lanes", "reduce", "to_bf16_bits", "operator()"}  # reached through other names
    called = {n for n in names - structure if not n.startswith("operator")}
    unused = [n for n in called if not re.search(rf"\b{n}\b", driver)]
    assert not unused, f"not checked: {sorted(unused)}"
