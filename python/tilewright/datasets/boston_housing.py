# SPDX-License-Identifier: Apache-2.0
"""Boston housing: 506 districts, 13 features, the median price (Harrison and Rubinfeld, 1978).

One of its features supposes a relation of prices to the share of Black inhabitants; prefer
`california_housing`.
"""

from __future__ import annotations

from tilewright.datasets._tables import load_table

_SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """((x_train, y_train), (x_test, y_test)): float64 features (n, 13) and prices (n,) in $1000.

    Parameters
        path : an .npz file with x and y, or its name in the cache
        test_split : share of the test part;  seed : of the order
    Raises    ValueError: test_split out of range, a broken file.  OSError: no connection
    """
    return load_table("boston_housing", path, _SHA256, test_split, seed)
