# SPDX-License-Identifier: Apache-2.0
"""Matrix products against NumPy's and PyTorch's BLAS; the Python call of each is part of its time.

Small products stay in the caches, as a loop over them would find them; the buffers of all others rotate past
the last-level cache.
"""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import Case, lines, random_size, torch_module

WARM = ("small", "batched")
CHECKED_ROWS = 16


def cases(dtype=np.float32):
    for fields in lines("matmul"):
        group, name = fields[:2]
        m, n, k, batch = (int(fields[i]) for i in (2, 3, 4, 7))
        yield case(name, group, m, n, k, fields[5] == "t", fields[6] == "t", batch, dtype)


def case(name, group, m, n, k, transpose_a, transpose_b, batch=1, dtype=np.float32) -> Case:
    """y (batch?, m, n) = a @ b, each as it is or lying transposed in memory."""
    torch, rng, lead = torch_module(), np.random.default_rng(0), (batch,) if batch > 1 else ()
    a = rng.standard_normal((*lead, *((k, m) if transpose_a else (m, k)))).astype(dtype)
    b = rng.standard_normal((*lead, *((n, k) if transpose_b else (k, n)))).astype(dtype)
    rows = slice(None, None, -(-m // CHECKED_ROWS))

    def make():
        s = {"a": a.copy(), "b": b.copy(), "y": np.zeros((*lead, m, n), dtype)}
        s["op_a"] = s["a"].swapaxes(-1, -2) if transpose_a else s["a"]
        s["op_b"] = s["b"].swapaxes(-1, -2) if transpose_b else s["b"]
        if torch:
            s["torch"] = tuple(torch.from_numpy(s[key]) for key in ("op_a", "op_b", "y"))
        return s

    def ours(s):
        ops.matmul(s["a"], s["b"], transpose_a=transpose_a, transpose_b=transpose_b, out=s["y"])
        return s["y"][..., rows, :]

    def numpy(s):
        np.matmul(s["op_a"], s["op_b"], out=s["y"])
        return s["y"][..., rows, :]

    def theirs(s):
        torch.matmul(s["torch"][0], s["torch"][1], out=s["torch"][2])
        return s["y"][..., rows, :]

    def exact(s):
        return np.matmul(s["op_a"][..., rows, :].astype(np.float64), s["op_b"].astype(np.float64))

    size = np.dtype(dtype).itemsize * batch * (m * k + k * n + m * n)
    rivals = {"tilewright": ours, "numpy": numpy} | ({"torch": theirs} if torch else {})
    flop, few_written = 2.0 * batch * m * n * k, 16 * m * n <= m * k + k * n
    return Case(name, group, flop, size, make, rivals, exact, cold=group not in WARM, only_reads=few_written)


def random_case(rng, name):
    """Sizes log-uniform from 1 to 4096, any transposition, at most 2 GFLOP."""
    m, n, k = (random_size(rng, 1, 4096) for _ in range(3))
    while m * n * k > 1 << 30:
        m, n, k = (max(1, size // 2) for size in (m, n, k))
    transpose_a, transpose_b = bool(rng.integers(2)), bool(rng.integers(2))
    label = f"{name}_{m}x{n}x{k}_{'t' if transpose_a else 'n'}{'t' if transpose_b else 'n'}"
    return case(label, "random", m, n, k, transpose_a, transpose_b)
