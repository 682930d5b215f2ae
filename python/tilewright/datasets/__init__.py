# SPDX-License-Identifier: Apache-2.0
"""Data to train on: `optdigits` ships with the package; the rest is read from files at hand, or fetched."""

from importlib import import_module

from tilewright.suggestion import error_for

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "optdigits",
    "reuters",
    "tinyshakespeare",
]


def __getattr__(name: str):
    if name not in __all__:
        raise error_for(__name__, name, __all__)
    return import_module(f"tilewright.datasets.{name}")
