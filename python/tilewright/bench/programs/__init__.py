# SPDX-License-Identifier: Apache-2.0
"""Whole training programs, each the same network, weights and batches in every library.

`models` builds a program with any Keras, `torch_models` with PyTorch; `worker` runs one library's steps in a
process of its own, `compare` lets the workers take turns.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One program: the shapes of a batch, and how many different batches there are.

    `classes` is the number of classes, 1 for a yes-or-no answer, 0 for a number.
    """

    name: str
    batch: int
    inputs: tuple[int, ...]
    classes: int
    batches: int
    tokens: bool = False  # inputs and targets are ids below `classes`


PROGRAMS = {
    program.name: program
    for program in (
        Program("mnist_mlp", 64, (784,), 10, 100),
        Program("mnist_cnn", 64, (28, 28, 1), 10, 20),
        Program("cifar10_cnn", 32, (32, 32, 3), 10, 20),
        Program("cats_and_dogs_cnn", 32, (150, 150, 3), 1, 2),
        Program("char_transformer", 12, (64,), 65, 20, tokens=True),
        Program("tabular_mlp", 32, (30,), 1, 100),
    )
}
