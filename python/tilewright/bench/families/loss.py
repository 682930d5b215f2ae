# SPDX-License-Identifier: Apache-2.0
"""Losses together with their gradients, as a training step needs them."""

from __future__ import annotations

import numpy as np

from tilewright import Tensor, ops
from tilewright.bench.case import lines, normal, paired
from tilewright.gradient_tape import GradientTape


def cases():
    for name, rows, classes in lines("loss"):
        rows, classes = int(rows), int(classes)
        yield _cross_entropy(name, rows, classes)
        yield _elementwise(name, "binary_cross_entropy", rows, classes)
        yield _elementwise(name, "mean_squared_error", rows, classes)


def _with_gradient(function, x, *rest):
    x = Tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        loss = function(x, *rest, reduction="mean")
    return loss.array, tape.gradient(loss, x).array


def _torch_gradient(function, x, *rest):
    x = x.detach().requires_grad_()
    loss = function(x, *rest)
    loss.backward()
    return loss.detach(), x.grad


def _cross_entropy(name, rows, classes):
    rng = np.random.default_rng(0)
    arrays = {"x": normal(rng, rows, classes), "labels": rng.integers(0, classes, rows)}

    def torch(t):
        import torch

        return _torch_gradient(torch.nn.functional.cross_entropy, t.x, t.labels)

    def exact(a):
        shifted = a.x - a.x.max(-1, keepdims=True)
        log = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        dx = np.exp(log)
        dx[np.arange(rows), a.labels] -= 1
        return -log[np.arange(rows), a.labels].mean(), dx / rows

    size = float(rows * classes)
    return paired(
        name,
        "cross_entropy",
        arrays,
        ours=lambda a: _with_gradient(ops.softmax_cross_entropy, a.x, a.labels),
        torch=torch,
        exact=exact,
        flop=8 * size,
        bytes=8 * size,
    )


def _elementwise(name, group, rows, classes):
    rng = np.random.default_rng(0)
    x, target = normal(rng, rows, classes), rng.random((rows, classes), np.float32)
    binary = group == "binary_cross_entropy"
    function = ops.sigmoid_cross_entropy if binary else ops.mean_squared_error

    def torch(t):
        import torch.nn.functional as functional

        theirs = functional.binary_cross_entropy_with_logits if binary else functional.mse_loss
        return _torch_gradient(theirs, t.x, t.target)

    def exact(a):
        if not binary:
            return ((a.x - a.target) ** 2).mean(), 2 * (a.x - a.target) / a.x.size
        loss = np.maximum(a.x, 0) - a.x * a.target + np.log1p(np.exp(-np.abs(a.x)))
        return loss.mean(), (1 / (1 + np.exp(-a.x)) - a.target) / a.x.size

    return paired(
        name,
        group,
        {"x": x, "target": target},
        ours=lambda a: _with_gradient(function, a.x, a.target),
        torch=torch,
        exact=exact,
        flop=6.0 * x.size,
        bytes=12.0 * x.size,
    )
