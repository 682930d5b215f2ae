# SPDX-License-Identifier: Apache-2.0
"""The data sets under the name Keras programs look for them."""

from tilewright import datasets
from tilewright.datasets import *  # noqa: F403

__all__ = [*datasets.__all__]
