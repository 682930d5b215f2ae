# SPDX-License-Identifier: Apache-2.0
"""The emulator's 16-bit conversions, bit for bit against NumPy and ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

FORMATS = [("f16", np.float16), ("bf16", ml_dtypes.bfloat16)]


@pytest.mark.parametrize("name, dtype", FORMATS)
def test_every_value_to_float(emulator, name, dtype):
    bits = np.arange(65536, dtype=np.uint16)
    got = emulator.convert(f"tw_from_{name}", bits, np.float32)
    want = bits.view(dtype).astype(np.float32)
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("name, dtype", FORMATS)
def test_rounding(emulator, name, dtype):
    """Each value of the format, the middle to its neighbour, and one step of float to either side of both."""
    exact = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float32)
    exact = np.unique(exact[np.isfinite(exact)])
    middle = (exact[:-1].astype(np.float64) + exact[1:]) / 2
    values = np.concatenate([exact, middle.astype(np.float32)])
    values = np.concatenate(
        [
            values,
            np.nextafter(values, np.inf),
            np.nextafter(values, -np.inf),
            np.array([np.inf, -np.inf, 65519.9, 65520.0, 1e38, -1e38, 1e-45, -0.0]),
        ]
    ).astype(np.float32)
    got = emulator.convert(f"tw_to_{name}", values, np.uint16)
    with np.errstate(over="ignore"):
        want = values.astype(dtype).view(np.uint16)
    assert np.array_equal(got, want), values[got != want][:5]


@pytest.mark.parametrize("name, dtype", FORMATS)
def test_nan_stays_nan(emulator, name, dtype):
    nans = np.array([0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF], np.uint32).view(np.float32)
    got = emulator.convert(f"tw_to_{name}", nans, np.uint16)
    assert np.isnan(got.view(dtype).astype(np.float32)).all()
