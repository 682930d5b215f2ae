# SPDX-License-Identifier: Apache-2.0
"""California housing: 20,640 districts, 8 features, the median price (Pace and Barry, 1997)."""

from __future__ import annotations

from tilewright.datasets._tables import load_table

_SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """((x_train, y_train), (x_test, y_test)): features (n, 8) and prices (n,) in dollars.

    Parameters
        version : "large", or "small" for the first 600 districts
        path : an .npz file with x and y, or its name in the cache
        test_split : share of the test part;  seed : of the order
    Raises    ValueError: another version, test_split out of range, a broken file.  OSError: no connection
    """
    if version not in ("small", "large"):
        raise ValueError(
            f"[california_housing.load_data] version is {version!r}, expected 'small' or 'large'"
        )
    rows = 600 if version == "small" else None
    return load_table("california_housing", path, _SHA256, test_split, seed, rows)
