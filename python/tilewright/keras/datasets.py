# SPDX-License-Identifier: Apache-2.0
"""The data sets under the name Keras programs look for them."""

from tilewright.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    optdigits,
    reuters,
    tinyshakespeare,
)

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
