# SPDX-License-Identifier: Apache-2.0
"""Max and average pooling of channels-last images, both passes; PyTorch gets its channels_last tensors."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size


def cases():
    for fields in lines("pool2d"):
        name, sizes = fields[0], tuple(map(int, fields[1:5]))
        window, stride, padding = map(int, fields[5:8])
        yield from _pooling(name, sizes, window, stride, padding)


def _pooling(name, shape, window, stride, padding):
    x = normal(np.random.default_rng(0), *shape)
    options = {"stride": stride, "padding": padding}
    y, indices = ops.max_pool2d(x, window, return_indices=True, **options)
    dy = normal(np.random.default_rng(1), *y.shape)
    work = float(y.size) * window * window
    forward_bytes, backward_bytes = 4.0 * (x.size + y.size), 4.0 * (x.size + y.size)
    size, step, pad = [window] * 2, [stride] * 2, [padding] * 2

    def nchw(t):
        return t.permute(0, 3, 1, 2)

    def max_forward(t):
        import torch

        call = torch.ops.aten.max_pool2d_with_indices.out
        call(nchw(t.x), size, step, pad, out=nchw(t.y), indices=nchw(t.indices64))
        return t.y

    def avg_forward(t):
        import torch

        torch.ops.aten.avg_pool2d.out(nchw(t.x), size, step, pad, False, False, out=nchw(t.y))
        return t.y

    arrays = {"x": x, "y": np.zeros_like(y)}
    yield paired(
        name,
        "max_pool2d",
        {**arrays, "indices64": np.zeros(indices.shape, np.int64)},
        ours=lambda a: ops.max_pool2d(a.x, window, return_indices=True, out=a.y, **options)[0],
        torch=max_forward,
        flop=work,
        bytes=forward_bytes + 4.0 * y.size,
    )
    yield paired(
        name,
        "avg_pool2d",
        arrays,
        ours=lambda a: ops.avg_pool2d(a.x, window, out=a.y, **options),
        torch=avg_forward,
        flop=work,
        bytes=forward_bytes,
    )
    arrays = {
        "dy": dy,
        "indices": indices,
        "indices64": indices.astype(np.int64),
        "x": x,
        "dx": np.zeros_like(x),
    }

    def max_backward(t):
        import torch

        call = torch.ops.aten.max_pool2d_with_indices_backward.grad_input
        inputs = nchw(t.dy), nchw(t.x), size, step, pad, [1, 1], False, nchw(t.indices64)
        call(*inputs, grad_input=nchw(t.dx))
        return t.dx

    def avg_backward(t):
        import torch

        call = torch.ops.aten.avg_pool2d_backward.grad_input
        call(nchw(t.dy), nchw(t.x), size, step, pad, False, False, None, grad_input=nchw(t.dx))
        return t.dx

    yield paired(
        name,
        "max_pool2d_backward",
        arrays,
        ours=lambda a: ops.max_pool2d_backward(a.dy, a.indices, x.shape, window, out=a.dx, **options),
        torch=max_backward,
        flop=float(y.size),
        bytes=backward_bytes + 4.0 * y.size,
    )
    yield paired(
        name,
        "avg_pool2d_backward",
        {"dy": dy, "x": x, "dx": np.zeros_like(x)},
        ours=lambda a: ops.avg_pool2d_backward(a.dy, x.shape, window, out=a.dx, **options),
        torch=avg_backward,
        flop=work,
        bytes=backward_bytes,
    )


def random_case(rng, name):
    """A pooling of any kind and window over images of any size, at most 4 million elements."""
    window, stride = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    padding = int(rng.integers(0, window // 2 + 1))
    h, w = (random_size(rng, window, 128) for _ in range(2))
    c = random_size(rng, 1, 512)
    n = random_size(rng, 1, max(1, min(64, (1 << 22) // (h * w * c))))
    return list(_pooling(f"{name}_{n}x{h}x{w}x{c}", (n, h, w, c), window, stride, padding))[rng.integers(4)]
