# SPDX-License-Identifier: Apache-2.0
"""Data on its way to training: `Dataset` with the names of tf.data, and threads that work ahead of use."""

from tilewright.data.dataset import AUTOTUNE, Dataset
from tilewright.data.dataset import INFINITE as INFINITE_CARDINALITY
from tilewright.data.dataset import UNKNOWN as UNKNOWN_CARDINALITY
from tilewright.data.lines import TextLineDataset
from tilewright.suggestion import missing
from tilewright.tensor_spec import TensorSpec


class experimental:
    """Where older programs look for AUTOTUNE and the cardinalities."""

    AUTOTUNE = AUTOTUNE
    INFINITE_CARDINALITY = INFINITE_CARDINALITY
    UNKNOWN_CARDINALITY = UNKNOWN_CARDINALITY

    @staticmethod
    def Counter(start=0, step=1, dtype="int64"):  # noqa: N802 - TensorFlow's name
        """start, start + step, ... without end."""
        return Dataset.counter(start, step, dtype)

    @staticmethod
    def cardinality(dataset):
        """How many elements, as `Dataset.cardinality`."""
        return dataset.cardinality()


__all__ = [
    "AUTOTUNE",
    "Dataset",
    "INFINITE_CARDINALITY",
    "TensorSpec",
    "TextLineDataset",
    "UNKNOWN_CARDINALITY",
    "experimental",
]
__getattr__ = missing(__name__, __all__)
