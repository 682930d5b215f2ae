# SPDX-License-Identifier: Apache-2.0
"""A short table of this machine's kernels against NumPy: same arrays, same process, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tilewright import _cpu, ops


@dataclass
class Pair:
    """One computation done twice."""

    name: str
    ours: Callable[[], np.ndarray]
    numpy: Callable[[], np.ndarray]


def _pairs() -> list[Pair]:
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    a, b = normal(512, 512), normal(512, 512)
    rows, vector = normal(2048, 1000), normal(1_000_000)
    image, filters = normal(8, 28, 28, 32), normal(3, 3, 32, 64)
    gamma, beta = normal(1000), normal(1000)
    return [
        Pair("matmul 512x512x512", lambda: ops.matmul(a, b), lambda: a @ b),
        Pair(
            "conv2d 8x28x28x32, 3x3x64",
            lambda: ops.conv2d(image, filters, padding="same"),
            lambda: _conv2d(image, filters),
        ),
        Pair("max_pool2d 8x28x28x32, 2x2", lambda: ops.max_pool2d(image, 2), lambda: _max_pool2d(image)),
        Pair("softmax 2048x1000", lambda: ops.softmax(rows), lambda: _softmax(rows)),
        Pair(
            "layer_norm 2048x1000",
            lambda: ops.layer_norm(rows, gamma, beta),
            lambda: _layer_norm(rows, gamma, beta),
        ),
        Pair("exp 1,000,000", lambda: ops.exp(vector), lambda: np.exp(vector)),
        Pair("sum 2048x1000, axis 0", lambda: ops.sum(rows, axis=0), lambda: rows.sum(axis=0)),
    ]


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _layer_norm(x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * gamma + beta


def _conv2d(x, w):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (N, P, Q, C, R, S)
    return np.tensordot(windows, w, axes=((3, 4, 5), (2, 0, 1)))


def _max_pool2d(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def _seconds(function: Callable, budget: float = 0.12) -> float:
    """The shortest of as many calls as fit in the budget, at least three."""
    best, calls, end = float("inf"), 0, time.perf_counter() + budget
    while calls < 3 or time.perf_counter() < end:
        begun = time.perf_counter()
        function()
        best, calls = min(best, time.perf_counter() - begun), calls + 1
    return best


def text() -> str:
    """The table; every pair's results are compared before they are timed.

    Raises   RuntimeError: the two results differ
    """
    lines = [f"{'kernel, float32':<30}{'tilewright':>12}{'NumPy':>12}{'ratio':>8}"]
    for pair in _pairs():
        ours, theirs = pair.ours(), pair.numpy()
        if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max()):
            raise RuntimeError(f"[kernels] {pair.name}: the result differs from NumPy's")
        ours, theirs = _seconds(pair.ours), _seconds(pair.numpy)
        lines.append(f"{pair.name:<30}{1e3 * ours:>9.3f} ms{1e3 * theirs:>9.3f} ms{theirs / ours:>7.1f}x")
    lines.append(
        f"shortest of many calls; {_cpu.isa()}, {_cpu.num_threads()} threads, NumPy {np.__version__} with "
        "its own BLAS and threads"
    )
    return "\n".join(lines)
