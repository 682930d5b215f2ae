# SPDX-License-Identifier: Apache-2.0
"""One Adam step over whole lists of parameters against PyTorch's fused Adam.

Adam moves 28 bytes a parameter (reads p, g, m, v; writes p, m, v): its roofline is the copy bandwidth.
"""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.bench.case import Case, lines, torch_module

_RATE = 1e-3


def cases():
    for name, arrays, size in lines("optimizer"):
        yield _adam(name, [int(size)] * int(arrays))


def _adam(name, sizes):
    torch, rng = torch_module(), np.random.default_rng(0)
    params, grads = ([rng.standard_normal(n, np.float32) for n in sizes] for _ in range(2))

    def make():
        own = [[p.copy() for p in params], [g.copy() for g in grads]]
        made = {"lists": (*own, *([np.zeros_like(p) for p in params] for _ in range(2))), "step": 0}
        if torch:
            theirs = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
            for p, g in zip(theirs, own[1], strict=True):
                p.grad = torch.from_numpy(g)
            made["torch"] = torch.optim.Adam(theirs, lr=_RATE, fused=True)
        return made

    def ours(s):
        s["step"] += 1
        ops.adam_update(*s["lists"], step=s["step"], learning_rate=_RATE)
        return s["lists"][0]

    def fused(s):
        s["torch"].step()
        return [p.detach().numpy() for p in s["torch"].param_groups[0]["params"]]

    def exact(_):  # from moments of zero the first step is rate * g / (|g| + epsilon)
        return [
            p - _RATE * g.astype(np.float64) / (np.abs(g) + 1e-8) for p, g in zip(params, grads, strict=True)
        ]

    total = float(sum(sizes))
    rivals = {"tilewright": ours} | ({"torch": fused} if torch else {})
    return Case(name, "adam", 12 * total, 28 * total, make, rivals, exact, cold=total > 10**6)
