# SPDX-License-Identifier: Apache-2.0
"""One toolchain per instruction set for all tests of this folder: each driver is compiled and run once."""

import pytest
from simd_toolchain import ISAS, Toolchain


@pytest.fixture(scope="session", params=ISAS, ids=lambda isa: isa.name)
def toolchain(request, tmp_path_factory):
    return Toolchain(request.param, tmp_path_factory.mktemp(request.param.name))
