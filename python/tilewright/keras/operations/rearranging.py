# SPDX-License-Identifier: Apache-2.0
"""`keras.ops.rearrange`: axes by names, as in einops (Rogozhnikov, ICLR 2022)."""

from __future__ import annotations

import math
import re

from tilewright import ops
from tilewright.keras.operations.declared import EINOPS, node
from tilewright.tf.arguments import tensor as _tensor


def _groups(side: str) -> list[list[str]]:
    """ "a (b c)" as [["a"], ["b", "c"]]."""
    found = re.findall(r"\(([^()]*)\)|(\S+)", side)
    return [inside.split() if not single else [single] for inside, single in found]


def _lengths(pattern: str, groups: list, shape, given: dict) -> dict:
    """The size of each named axis; one in each group may be left to be found out."""
    sizes = dict(given)
    for group, n in zip(groups, shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        known = math.prod(sizes[name] for name in group if name in sizes)
        if len(unknown) > 1 or known < 1 or n % known or (not unknown and n != known):
            raise ValueError(
                f"[rearrange] an axis of {n} is ({' '.join(group)}) in {pattern!r}, expected the lengths of "
                "all but one of these, whose product divides it"
            )
        sizes.update(dict.fromkeys(unknown, n // known))
    return sizes


@node(EINOPS, "tensor pattern axes_lengths")
def rearrange(tensor, pattern, **axes_lengths):
    """Axes taken apart, put in order and joined: rearrange(x, "b (h p) c -> b h (p c)", p=2).

    Raises    ValueError: a pattern that does not fit the shape, names that stand on one side only or twice
    """
    x = _tensor(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"[rearrange] pattern is {pattern!r}, expected two sides around '->'")
    before, after = (_groups(side) for side in sides)
    names, wanted = ([name for group in side for name in group] for side in (before, after))
    if len(before) != x.ndim or sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise ValueError(
            f"[rearrange] pattern is {pattern!r} for shape {x.shape}, expected as many axes, and each name "
            "once on both sides"
        )
    sizes = _lengths(pattern, before, x.shape, axes_lengths)
    x = ops.transpose(ops.reshape(x, [sizes[n] for n in names]), [names.index(n) for n in wanted])
    return ops.reshape(x, [math.prod(sizes[n] for n in group) for group in after])
