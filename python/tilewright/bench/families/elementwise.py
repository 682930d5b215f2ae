# SPDX-License-Identifier: Apache-2.0
"""Arithmetic, functions, activations with bias, casts and copies, forward and backward."""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size

BINARY = ("add", "multiply", "divide", "maximum", "power")
UNARY = ("exp", "log", "tanh", "sigmoid", "sqrt", "relu", "gelu", "silu")
_TORCH = {"power": "pow", "multiply": "mul", "divide": "div", "relu": "clamp_min"}


def cases():
    for name, shape in lines("elementwise"):
        sizes = tuple(map(int, shape.split(",")))
        for operation in BINARY:
            yield _binary(name, operation, sizes)
        for operation in UNARY:
            yield _unary(name, operation, sizes)
            if operation in ("relu", "gelu", "tanh", "silu"):
                yield _unary_backward(name, operation, sizes)
        yield from _copies(name, sizes)
        if len(sizes) > 1:
            yield from _bias_activation(name, sizes)


def _positive(rng, shape):
    return np.abs(normal(rng, *shape)) + np.float32(0.1)


def _binary(name, operation, shape):
    rng = np.random.default_rng(0)
    a = {"a": _positive(rng, shape), "b": _positive(rng, shape), "y": np.zeros(shape, np.float32)}
    function, of_numpy = getattr(ops, operation), getattr(np, operation)

    def torch(t):
        import torch

        return getattr(torch, _TORCH.get(operation, operation))(t.a, t.b, out=t.y)

    size = float(math.prod(shape))
    return paired(
        name,
        operation,
        a,
        ours=lambda a: function(a.a, a.b, out=a.y),
        numpy=lambda a: of_numpy(a.a, a.b, out=a.y),
        torch=torch,
        exact=lambda a: of_numpy(a.a, a.b),
        flop=size,
        bytes=12 * size,
    )


def _erf(x):
    from scipy.special import erf

    return erf(x)


_EXACT = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def _unary(name, operation, shape):
    rng = np.random.default_rng(0)
    x = _positive(rng, shape) if operation in ("log", "sqrt") else normal(rng, *shape)
    function, of_numpy = getattr(ops, operation), getattr(np, operation, None)

    def torch(t):
        import torch

        if operation == "gelu":
            return torch.ops.aten.gelu.out(t.x, out=t.y)
        if operation == "silu":
            return torch.ops.aten.silu.out(t.x, out=t.y)
        if operation == "relu":
            return torch.clamp_min(t.x, 0, out=t.y)
        return getattr(torch, operation)(t.x, out=t.y)

    size = float(math.prod(shape))
    return paired(
        name,
        operation,
        {"x": x, "y": np.zeros_like(x)},
        ours=lambda a: function(a.x, out=a.y),
        numpy=None if of_numpy is None else lambda a: of_numpy(a.x, out=a.y),
        torch=torch,
        exact=lambda a: _EXACT.get(operation, of_numpy)(a.x),
        flop=size,
        bytes=8 * size,
    )


def _unary_backward(name, operation, shape):
    rng = np.random.default_rng(0)
    x, dy = normal(rng, *shape), normal(rng, *shape)
    y = getattr(ops, operation)(x)

    def torch(t):
        import torch

        aten = torch.ops.aten
        if operation == "relu":
            return aten.threshold_backward.grad_input(t.dy, t.y, 0, grad_input=t.dx)
        if operation == "tanh":
            return aten.tanh_backward.grad_input(t.dy, t.y, grad_input=t.dx)
        return getattr(aten, f"{operation}_backward").grad_input(t.dy, t.x, grad_input=t.dx)

    size = float(math.prod(shape))
    saved = {"y": y} if operation in ("relu", "tanh") else {}
    return paired(
        name,
        f"{operation}_backward",
        {"x": x, "dy": dy, "dx": np.zeros_like(x), **saved},
        ours=lambda a: ops.unary_backward(a.dy, a.x, operation, y=getattr(a, "y", None), out=a.dx),
        torch=torch,
        flop=size,
        bytes=12 * size,
    )


def _numpy_copy(a):
    np.copyto(a.y, a.x)
    return a.y


def _numpy_transpose(a):
    np.copyto(a.y, a.x.T)
    return a.y


def _copies(name, shape):
    x = normal(np.random.default_rng(0), *shape)
    size = float(x.size)
    yield paired(
        name,
        "copy",
        {"x": x, "y": np.zeros_like(x)},
        ours=lambda a: ops.copy(a.x, out=a.y),
        numpy=_numpy_copy,
        torch=lambda t: t.y.copy_(t.x),
        flop=0.0,
        bytes=8 * size,
    )
    yield paired(
        name,
        "cast_uint8",
        {"x": (np.abs(x) * 60).astype(np.uint8), "y": np.zeros_like(x)},
        ours=lambda a: ops.cast(a.x, np.float32, out=a.y),
        numpy=_numpy_copy,
        torch=lambda t: t.y.copy_(t.x),
        flop=0.0,
        bytes=5 * size,
    )
    if x.ndim == 2:
        yield paired(
            name,
            "transpose",
            {"x": x, "y": np.zeros(shape[::-1], np.float32)},
            ours=lambda a: ops.copy(a.x.T, out=a.y),
            numpy=_numpy_transpose,
            torch=lambda t: t.y.copy_(t.x.T),
            flop=0.0,
            bytes=8 * size,
        )


def _bias_activation(name, shape):
    rng = np.random.default_rng(0)
    x, bias = normal(rng, *shape), normal(rng, shape[-1])
    size = float(x.size)

    def torch(t):
        import torch

        torch.add(t.x, t.bias, out=t.y)
        return t.y.clamp_min_(0)

    yield paired(
        name,
        "bias_relu",
        {"x": x, "bias": bias, "y": np.zeros_like(x)},
        ours=lambda a: ops.bias_activation(a.x, bias=a.bias, activation="relu", out=a.y),
        torch=torch,
        exact=lambda a: np.maximum(a.x + a.bias, 0),
        flop=2 * size,
        bytes=8 * size,
    )
    y, dy = np.maximum(x + bias, 0), normal(rng, *shape)

    def torch_backward(t):
        import torch

        dz = torch.ops.aten.threshold_backward.grad_input(t.dy, t.y, 0, grad_input=t.dz)
        return dz, dz.sum(tuple(range(dz.ndim - 1)))

    def exact(a):
        dz = a.dy * (a.y > 0)
        return dz, dz.sum(tuple(range(dz.ndim - 1)))

    yield paired(
        name,
        "bias_relu_backward",
        {"dy": dy, "y": y, "dz": np.zeros_like(x)},
        ours=lambda a: ops.bias_activation_backward(a.dy, a.y, "relu", bias_gradient=True, out=a.dz),
        torch=torch_backward,
        exact=exact,
        flop=2 * size,
        bytes=12 * size,
    )


def random_case(rng, name):
    """A function of one or two arrays of any size up to 4 million elements."""
    shape = (random_size(rng, 1, 1 << 22),)
    operations = BINARY + UNARY
    operation = operations[rng.integers(len(operations))]
    return (_binary if operation in BINARY else _unary)(f"{name}_{shape[0]}", operation, shape)
