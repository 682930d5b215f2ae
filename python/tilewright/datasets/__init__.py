# SPDX-License-Identifier: Apache-2.0
"""Data to train on: `optdigits` ships with the package; the rest is read from files at hand, or fetched."""

from importlib import import_module

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
        raise AttributeError(f"module 'tilewright.datasets' has no attribute {name!r}")
    return import_module(f"tilewright.datasets.{name}")
