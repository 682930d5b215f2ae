# SPDX-License-Identifier: Apache-2.0
"""Gives GradientTape its Jacobians: gradients of one entry of the target after another."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from tilewright.autograd import Tensor
from tilewright.gradient_tape import GradientTape
from tilewright.ops import elementwise, shape


def jacobian(
    self, target, sources, unconnected_gradients="none", parallel_iterations=None, experimental_use_pfor=True
):
    """The derivative of every entry of `target` by every entry of each source.

    Parameters
        target : Tensor;  sources : Tensor, or a list, tuple or dict of Tensors
        unconnected_gradients : as in `gradient`;  the others : accepted, without effect
    Returns   Tensors of target.shape + source.shape, nested like `sources`; None where no path leads
    Notes     one backward sweep per entry of the target
    """
    with _several_gradients(self):
        rows = [
            self.gradient(target, sources, seed, unconnected_gradients) for seed in _unit_seeds(target.array)
        ]
    if not rows:
        return _each(sources, lambda at: elementwise.zeros((*target.shape, *at(sources).shape), target.dtype))
    return _each(sources, lambda at: _stacked([at(row) for row in rows], target.shape))


def batch_jacobian(
    self, target, source, unconnected_gradients="none", parallel_iterations=None, experimental_use_pfor=True
):
    """The Jacobian of each row of `target` by the same row of `source`, where rows do not depend on others.

    Returns   Tensor of (batch, *target.shape[1:], *source.shape[1:]), or None
    Raises    ValueError: batches of different sizes
    """
    if not target.ndim or target.shape[:1] != source.shape[:1]:
        raise ValueError(
            f"[batch_jacobian] target has shape {target.shape} and source {source.shape}, expected one "
            "batch size"
        )
    array = target.array
    rows = []
    with _several_gradients(self):
        for place in np.ndindex(*array.shape[1:]):
            seed = np.zeros(array.shape, array.dtype)
            seed[(slice(None), *place)] = 1
            rows.append(self.gradient(target, source, Tensor(seed), unconnected_gradients))
    if any(row is None for row in rows):
        return None
    y = shape.stack(rows, axis=1)
    return shape.reshape(y, (*target.shape, *source.shape[1:]))


@contextmanager
def _several_gradients(tape):
    """Lets a tape that is not persistent give several gradients as its one use."""
    persistent = tape._persistent
    tape._persistent = persistent or not tape._used
    try:
        yield
    finally:
        tape._persistent = persistent


def _unit_seeds(array):
    for place in np.ndindex(*array.shape):
        seed = np.zeros(array.shape, array.dtype)
        seed[place] = 1
        yield Tensor(seed)


def _each(sources, made):
    """`made` of a function that finds a source's place in a structure like `sources`, in that structure."""
    if isinstance(sources, dict):
        return {
            key: _each(value, lambda at, k=key: made(lambda s: at(s[k]))) for key, value in sources.items()
        }
    if isinstance(sources, (list, tuple)):
        return type(sources)(
            [_each(value, lambda at, i=i: made(lambda s: at(s[i]))) for i, value in enumerate(sources)]
        )
    return made(lambda s: s)


def _stacked(rows, lead):
    if any(row is None for row in rows):
        return None
    return shape.reshape(shape.stack(rows), (*lead, *rows[0].shape))


def install() -> None:
    """Sets the methods; called once, when tilewright.ops is imported."""
    GradientTape.jacobian, GradientTape.batch_jacobian = jacobian, batch_jacobian
