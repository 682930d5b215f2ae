# SPDX-License-Identifier: Apache-2.0
"""The data sets under the name Keras programs look for them."""

import sys

from tilewright import datasets
from tilewright.datasets import *  # noqa: F403
from tilewright.suggestion import missing

__all__ = [*datasets.__all__]
for _name in __all__:  # `from tilewright.keras.datasets.mnist import load_data` finds them
    sys.modules[f"{__name__}.{_name}"] = getattr(datasets, _name)
__getattr__ = missing(__name__, __all__)
