# SPDX-License-Identifier: Apache-2.0
"""Every name of csrc/cpu/simd/vec_*.h does the same on every instruction set, and is covered by the driver."""

import re

import pytest
from conftest import CSRC, HERE, ISAS

SIMD = CSRC / "cpu" / "simd"
HELPERS = {"raw", "from_raw"}  # how a body is built, not what kernels use


def names_defined(header):
    """Functions and operators that a header marks TW_INLINE, joined over line ends."""
    text = re.sub(r"//.*", "", (SIMD / header).read_text())
    declarations = re.findall(r"TW_INLINE\s+[\w:<>&*,\s]*?(operator[^\s(]+|\b\w+)\(", text)
    return {name for name in declarations if name not in HELPERS and name != "operator"}


def test_lanes_agree_with_plain_cpp(toolchain):
    out, err = toolchain.run("interface_driver")
    rows = [line.rsplit(" ", 2) for line in out.splitlines()]
    assert len(rows) > 250
    assert all(int(checks) > 0 for _, checks, _ in rows)
    wrong = [name for name, _, failures in rows if int(failures)]
    assert not wrong, f"{wrong}\n{err}"


@pytest.mark.parametrize("isa", [isa.name for isa in ISAS if isa.name != "scalar"])
def test_bodies_define_the_same_names(isa):
    common = names_defined("vec_common.h")
    missing = names_defined("vec_scalar.h") - names_defined(f"vec_{isa}.h") - common
    assert not missing, f"vec_{isa}.h lacks {sorted(missing)}"


def test_driver_covers_every_name():
    names = names_defined("vec_scalar.h") | names_defined("vec_common.h")
    assert {"load_n", "reduce_add", "mul_wide", "operator+"} <= names  # the pattern finds them
    driver = (HERE / "interface_driver.cpp").read_text()
    structure = {"fold_lanes", "reduce", "to_bf16_bits", "operator()"}  # reached through other names
    unused = [n for n in names - structure if not n.startswith("operator") and not re.search(rf"\b{n}\b", driver)]
    assert not unused, f"not checked: {sorted(unused)}"
