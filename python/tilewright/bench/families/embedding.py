# SPDX-License-Identifier: Apache-2.0
"""Rows of a table by number, and gradients added to the rows they came from."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import lines, normal, paired, random_size


def cases():
    for name, *sizes in lines("embedding"):
        vocabulary, width, count = map(int, sizes)
        yield from _pair(name, vocabulary, width, count)


def _pair(name, vocabulary, width, count):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, vocabulary, count)
    table, rows = normal(rng, vocabulary, width), normal(rng, count, width)
    moved = 8.0 * count * width

    def gather(t):
        import torch

        return torch.index_select(t.table, 0, t.ids, out=t.y)

    yield paired(
        name,
        "gather",
        {"table": table, "ids": ids, "y": np.zeros_like(rows)},
        ours=lambda a: ops.embedding(a.table, a.ids, out=a.y),
        numpy=lambda a: np.take(a.table, a.ids, axis=0, out=a.y, mode="clip"),
        torch=gather,
        exact=lambda a: a.table[a.ids],
        flop=0.0,
        bytes=moved,
    )

    def gradient(t):
        import torch

        return torch.ops.aten.embedding_dense_backward(t.dy, t.ids, vocabulary, -1, False)

    def exact(a):
        total = np.zeros((vocabulary, width))
        np.add.at(total, a.ids, a.dy)
        return total

    yield paired(
        name,
        "gradient",
        {"dy": rows, "ids": ids},
        ours=lambda a: ops.embedding_backward(a.dy, a.ids, (vocabulary, width)),
        torch=gradient,
        exact=exact,
        flop=float(count * width),
        bytes=12.0 * count * width + 4.0 * vocabulary * width,
    )


def random_case(rng, name):
    """A gather or its gradient over tables of any size up to 4 million elements."""
    width = random_size(rng, 1, 4096)
    vocabulary = random_size(rng, 1, max(1, (1 << 22) // width))
    count = random_size(rng, 1, max(1, (1 << 21) // width))
    pair = list(_pair(f"{name}_{vocabulary}x{width}_{count}", vocabulary, width, count))
    return pair[rng.integers(2)]
