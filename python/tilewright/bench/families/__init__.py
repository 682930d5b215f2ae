# SPDX-License-Identifier: Apache-2.0
"""What is benchmarked, one module a family; each has `cases()`, which gives its Cases one by one."""

from importlib import import_module

import numpy as np

from tilewright.bench.case import wanted_shapes

FAMILIES = (
    "matmul",
    "conv2d",
    "attention",
    "softmax",
    "norm",
    "pool2d",
    "elementwise",
    "reduce",
    "loss",
    "embedding",
    "optimizer",
)


def _module(family: str):
    if family not in FAMILIES:
        raise ValueError(f"[bench] family is {family!r}, expected one of {', '.join(FAMILIES)}")
    return import_module(f"tilewright.bench.families.{family}")


def cases(family: str, shapes=None):
    """The listed cases of a family, of all its shapes or these. Raises ValueError for an unknown one."""
    token = wanted_shapes.set(None if shapes is None else frozenset(shapes))
    try:
        yield from _module(family).cases()
    finally:
        wanted_shapes.reset(token)


def has_sweep(family: str) -> bool:
    """Whether random shapes of it can be made."""
    return hasattr(_module(family), "random_case")


def random_cases(family: str, count: int, seed: int = 0):
    """`count` cases of random shapes, always the same ones."""
    make = _module(family).random_case
    rng = np.random.default_rng(seed)
    return (make(rng, f"random_{i}") for i in range(count))
