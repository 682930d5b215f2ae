# SPDX-License-Identifier: Apache-2.0
"""An object built from these headers exports nothing outside the namespace of its instruction set.

A function shared between instruction sets could be linked in its widest version and fault on an older CPU.
"""

import shutil
import subprocess

import pytest

NEEDED_FROM_OUTSIDE = {"sin", "cos", "memcpy", "memset"}


@pytest.mark.parametrize("optimisation", ["-O0", "-O3"])
def test_exports(toolchain, optimisation):
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    binary = toolchain.build("symbols_driver", "-c", optimisation, "-fno-stack-protector", "-fno-exceptions")
    listing = subprocess.run(["nm", "-C", str(binary)], capture_output=True, text=True, check=True).stdout
    home = f"tilewright::cpu::{toolchain.isa.name}::"
    seen = 0
    for line in listing.splitlines():
        kind, name = line[17:].split(" ", 1)
        if kind == "U":
            assert name in NEEDED_FROM_OUTSIDE, f"needs {name}"
        elif kind in "TWVuBDR":
            assert home in name.split("(")[0], f"exports {name}"
            seen += 1
    assert seen >= 3
