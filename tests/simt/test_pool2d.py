# SPDX-License-Identifier: Apache-2.0
"""The pooling kernels on the emulator: the operation tests of tests/ops."""

import pytest
from ops.test_pool2d import (  # noqa: F401
    test_any_shape,
    test_any_strides_in_memory_and_out,
    test_every_number_of_channels,
    test_nan_and_infinity,
    test_one_dimension,
    test_padding_never_wins,
    test_windows_and_strides,
)

pytestmark = pytest.mark.usefixtures("on_simt")
