# SPDX-License-Identifier: Apache-2.0
"""What becomes of the losses of single rows: nothing, their sum or their mean."""

from __future__ import annotations

from tilewright.ops import elementwise, reduce


def check_reduction(name: str, reduction) -> None:
    """Raises ValueError for what is no reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"[{name}] reduction is {reduction!r}, expected 'none', 'mean' or 'sum'")


def unreduced(out, reduction: str):
    """`out` where the single losses are written into it."""
    return out if reduction == "none" else None


def reduced(losses, reduction: str, out, counted=None):
    """The losses themselves, their sum, or their mean over the rows that `counted` marks with 1."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return reduce.sum(losses, out=out)
    if counted is None:
        return reduce.mean(losses, out=out)
    return elementwise.divide(reduce.sum(losses), reduce.sum(counted), out=out)
