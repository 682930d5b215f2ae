# SPDX-License-Identifier: Apache-2.0
"""The data sets under the name Keras programs look for them."""

from tilewright.datasets import mnist, optdigits

__all__ = ["mnist", "optdigits"]
