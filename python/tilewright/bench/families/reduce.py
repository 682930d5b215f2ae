# SPDX-License-Identifier: Apache-2.0
"""Sums, means, extremes and their places over some axes."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size

OPERATIONS = ("sum", "mean", "max", "argmax", "logsumexp", "var")


def cases():
    for name, shape, axes in lines("reduce"):
        sizes = tuple(map(int, shape.split(",")))
        axis = None if axes == "all" else tuple(map(int, axes.split(",")))
        for operation in OPERATIONS:
            if operation != "argmax" or axis is not None and len(axis) == 1:
                yield _case(name, operation, sizes, axis)


def _exact(operation, x, axis):
    if operation == "logsumexp":
        top = x.max(axis, keepdims=True)
        return np.log(np.exp(x - top).sum(axis)) + top.reshape(np.log(np.exp(x - top).sum(axis)).shape)
    if operation == "argmax":
        return x.argmax(axis[0])
    return getattr(np, operation)(x, axis)


def _case(name, operation, shape, axis):
    x = normal(np.random.default_rng(0), *shape)
    function = getattr(ops, {"var": "variance"}.get(operation, operation), None) or getattr(ops, operation)
    of_numpy = None if operation == "logsumexp" else getattr(np, operation)
    every = tuple(range(x.ndim)) if axis is None else axis

    def torch(t):
        import torch

        if operation == "argmax":
            return torch.argmax(t.x, every[0])
        if operation == "max":
            return torch.amax(t.x, every)
        if operation == "var":
            return torch.var(t.x, every, correction=0)
        return getattr(torch, operation)(t.x, every)

    return paired(
        name,
        operation,
        {"x": x},
        ours=lambda a: function(a.x, axis=axis if operation != "argmax" else axis[0]),
        numpy=None
        if of_numpy is None
        else lambda a: of_numpy(a.x, axis if operation != "argmax" else axis[0]),
        torch=torch,
        exact=lambda a: _exact(operation, a.x, axis),
        flop=float(x.size),
        bytes=4.0 * x.size * (2 if operation == "var" else 1),
        only_reads=True,
    )


def random_case(rng, name):
    """A reduction of one to four axes over any of them, at most 4 million elements."""
    ndim = int(rng.integers(1, 5))
    shape, room = [], 1 << 22
    for _ in range(ndim):
        shape.append(random_size(rng, 1, min(4096, room)))
        room //= shape[-1]
    axes = tuple(int(a) for a in sorted(rng.permutation(ndim)[: rng.integers(1, ndim + 1)]))
    operation = OPERATIONS[rng.integers(len(OPERATIONS))]
    if operation == "argmax":
        axes = axes[:1]
    label = f"{name}_{'x'.join(map(str, shape))}_over_{''.join(map(str, axes))}"
    return _case(label, operation, tuple(shape), axes)
