# SPDX-License-Identifier: Apache-2.0
"""Data to train on: `optdigits` ships with the package, `mnist` is read from files at hand."""

from tilewright.datasets import mnist, optdigits

__all__ = ["mnist", "optdigits"]
