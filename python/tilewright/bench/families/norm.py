# SPDX-License-Identifier: Apache-2.0
"""Layer norm and RMS norm over rows, batch norm over the columns of images, forward and backward."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size

EPSILON = 1e-5


def cases():
    for name, rows, cols in lines("rows"):
        yield from _layer(name, int(rows), int(cols))
        yield from _rms(name, int(rows), int(cols))
    for name, shape, _ in lines("reduce"):
        sizes = tuple(map(int, shape.split(",")))
        if len(sizes) == 4:
            yield from _batch(name, sizes)


def _arrays(rng, *shape):
    cols = shape[-1]
    return {"x": normal(rng, *shape), "gamma": normal(rng, cols), "beta": normal(rng, cols)}


def _layer(name, rows, cols):
    a = _arrays(np.random.default_rng(0), rows, cols)
    size = rows * cols
    mean, rstd = a["x"].mean(-1), 1 / np.sqrt(a["x"].var(-1) + EPSILON)

    def forward(t):
        import torch

        y, stats = t.y, (t.mean, t.rstd)
        torch.ops.aten.native_layer_norm.out(
            t.x, [cols], t.gamma, t.beta, EPSILON, out0=y, out1=stats[0], out2=stats[1]
        )
        return y

    def exact(a):
        return (a.x - a.x.mean(-1, keepdims=True)) / np.sqrt(
            a.x.var(-1, keepdims=True) + EPSILON
        ) * a.gamma + a.beta

    more = {
        "y": np.zeros_like(a["x"]),
        "mean": np.zeros((rows, 1), np.float32),
        "rstd": np.zeros((rows, 1), np.float32),
    }
    yield paired(
        name,
        "layer_norm",
        {**a, **more},
        ours=lambda a: ops.layer_norm(a.x, a.gamma, a.beta, epsilon=EPSILON, out=a.y),
        torch=forward,
        exact=exact,
        flop=8.0 * size,
        bytes=8.0 * size,
    )

    def backward(t):
        import torch

        call = torch.ops.aten.native_layer_norm_backward
        return call(t.dy, t.x, [cols], t.mean, t.rstd, t.gamma, t.beta, [True, True, True])

    def exact_backward(a):
        h = (a.x - a.x.mean(-1, keepdims=True)) / np.sqrt(a.x.var(-1, keepdims=True) + EPSILON)
        g = a.dy * a.gamma
        scale = 1 / np.sqrt(a.x.var(-1, keepdims=True) + EPSILON)
        dx = scale * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))
        return dx, (a.dy * h).sum(0), a.dy.sum(0)

    saved = {
        "dy": normal(np.random.default_rng(1), rows, cols),
        "dx": np.zeros_like(a["x"]),
        "mean": mean[:, None],
        "rstd": rstd[:, None],
    }
    yield paired(
        name,
        "layer_norm_backward",
        {**a, **saved},
        ours=lambda a: ops.layer_norm_backward(a.dy, a.x, a.mean[:, 0], a.rstd[:, 0], a.gamma, out=a.dx),
        torch=backward,
        exact=exact_backward,
        flop=14.0 * size,
        bytes=12.0 * size,
    )


def _rms(name, rows, cols):
    a = _arrays(np.random.default_rng(0), rows, cols)
    del a["beta"]
    size = rows * cols

    def forward(t):
        import torch

        return torch.nn.functional.rms_norm(t.x, [cols], t.gamma, EPSILON)

    yield paired(
        name,
        "rms_norm",
        {**a, "y": np.zeros_like(a["x"])},
        ours=lambda a: ops.rms_norm(a.x, a.gamma, epsilon=EPSILON, out=a.y),
        torch=forward,
        exact=lambda a: a.x / np.sqrt((a.x**2).mean(-1, keepdims=True) + EPSILON) * a.gamma,
        flop=5.0 * size,
        bytes=8.0 * size,
    )


def _batch(name, shape):
    rng = np.random.default_rng(0)
    a = _arrays(rng, *shape)
    channels, size = shape[-1], a["x"].size
    moving = {"moving_mean": np.zeros(channels, np.float32), "moving_variance": np.ones(channels, np.float32)}

    def nchw(t):
        return t.permute(0, 3, 1, 2)

    def training(t):
        import torch

        call = torch.ops.aten.native_batch_norm
        y = call(nchw(t.x), t.gamma, t.beta, t.moving_mean, t.moving_variance, True, 0.01, EPSILON)[0]
        return y.permute(0, 2, 3, 1)

    def normalized(a):
        axes = (0, 1, 2)
        return (a.x - a.x.mean(axes)) / np.sqrt(a.x.var(axes) + EPSILON)

    yield paired(
        name,
        "batch_norm",
        {**a, **moving, "y": np.zeros_like(a["x"])},
        ours=lambda a: ops.batch_norm(
            a.x,
            a.gamma,
            a.beta,
            a.moving_mean,
            a.moving_variance,
            training=True,
            epsilon=EPSILON,
            out=a.y,
        ),
        torch=training,
        exact=lambda a: normalized(a) * a.gamma + a.beta,
        flop=8.0 * size,
        bytes=12.0 * size,  # x is read twice: the statistics come first
    )
    mean, rstd = a["x"].mean((0, 1, 2)), 1 / np.sqrt(a["x"].var((0, 1, 2)) + EPSILON)

    def backward(t):
        import torch

        call = torch.ops.aten.native_batch_norm_backward
        dx, dgamma, dbeta = call(
            nchw(t.dy), nchw(t.x), t.gamma, None, None, t.mean, t.rstd, True, EPSILON, [True, True, True]
        )
        return dx.permute(0, 2, 3, 1), dgamma, dbeta

    def exact_backward(a):
        axes, h = (0, 1, 2), normalized(a)
        scale = a.gamma / np.sqrt(a.x.var(axes) + EPSILON)
        return (
            scale * (a.dy - a.dy.mean(axes) - h * (a.dy * h).mean(axes)),
            (a.dy * h).sum(axes),
            a.dy.sum(axes),
        )

    saved = {"dy": normal(rng, *shape), "mean": mean, "rstd": rstd, "dx": np.zeros_like(a["x"])}
    yield paired(
        name,
        "batch_norm_backward",
        {**a, **saved},
        ours=lambda a: ops.batch_norm_backward(a.dy, a.x, a.mean, a.rstd, a.gamma, out=a.dx),
        torch=backward,
        exact=exact_backward,
        flop=14.0 * size,
        bytes=20.0 * size,  # dy and x are read twice
    )


def random_case(rng, name):
    """A layer or RMS norm, or its gradient, over rows and columns log-uniform, at most 4 million elements."""
    cols = random_size(rng, 1, 1 << 14)
    rows = random_size(rng, 1, max(1, (1 << 22) // cols))
    label = f"{name}_{rows}x{cols}"
    return list((*_layer(label, rows, cols), *_rms(label, rows, cols)))[rng.integers(3)]
