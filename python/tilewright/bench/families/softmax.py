# SPDX-License-Identifier: Apache-2.0
"""softmax and log_softmax over rows, forward and backward."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size


def cases():
    for name, rows, cols in lines("rows"):
        for operation in ("softmax", "log_softmax"):
            yield _forward(name, operation, int(rows), int(cols))
            yield _backward(name, operation, int(rows), int(cols))


def _exact(operation, x):
    shifted = x - x.max(-1, keepdims=True)
    log = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.exp(log) if operation == "softmax" else log


def _forward(name, operation, rows, cols):
    x = normal(np.random.default_rng(0), rows, cols)
    function = getattr(ops, operation)

    def torch(t):
        import torch

        return getattr(torch, operation)(t.x, -1, out=t.y)

    return paired(
        name,
        operation,
        {"x": x, "y": np.zeros_like(x)},
        ours=lambda a: function(a.x, out=a.y),
        torch=torch,
        exact=lambda a: _exact(operation, a.x),
        flop=5.0 * x.size,
        bytes=8.0 * x.size,
    )


def _backward(name, operation, rows, cols):
    rng = np.random.default_rng(0)
    dy, y = normal(rng, rows, cols), _exact(operation, normal(rng, rows, cols)).astype(np.float32)
    function = getattr(ops, f"{operation}_backward")

    def torch(t):
        import torch

        call = getattr(torch.ops.aten, f"_{operation}_backward_data").out
        keyword = {"grad_input" if operation == "softmax" else "out": t.dx}
        return call(t.dy, t.y, -1, torch.float32, **keyword)

    def exact(a):
        if operation == "softmax":
            return a.y * (a.dy - (a.dy * a.y).sum(-1, keepdims=True))
        return a.dy - np.exp(a.y) * a.dy.sum(-1, keepdims=True)

    return paired(
        name,
        f"{operation}_backward",
        {"dy": dy, "y": y, "dx": np.zeros_like(y)},
        ours=lambda a: function(a.dy, a.y, out=a.dx),
        torch=torch,
        exact=exact,
        flop=4.0 * y.size,
        bytes=12.0 * y.size,
    )


def random_case(rng, name):
    """Rows and columns log-uniform, at most 4 million elements."""
    cols = random_size(rng, 1, 1 << 17)
    rows = random_size(rng, 1, max(1, (1 << 22) // cols))
    make = (_forward, _backward)[rng.integers(2)]
    return make(f"{name}_{rows}x{cols}", ("softmax", "log_softmax")[rng.integers(2)], rows, cols)
