# SPDX-License-Identifier: Apache-2.0
"""What is benchmarked, one module a family; each has `cases()`, which gives its Cases one by one."""

from importlib import import_module

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


def cases(family: str):
    """The cases of a family. Raises ValueError for an unknown one."""
    if family not in FAMILIES:
        raise ValueError(f"[bench] family is {family!r}, expected one of {', '.join(FAMILIES)}")
    return import_module(f"tilewright.bench.families.{family}").cases()
