# SPDX-License-Identifier: Apache-2.0
"""Annotated: a Tensor that carries what a later layer or loss wants to know of how it was made."""

from __future__ import annotations

from tilewright import nest
from tilewright.autograd import Tensor


class Annotated(Tensor):
    """The same array and node, and beside them:

    mask : bool array, which time steps count; travels from Embedding or Masking to the layers after
    logits : what softmax or sigmoid was applied to; the cross-entropies start from it, which is exact where
        probabilities have rounded to 0 or 1
    """

    __slots__ = ("mask", "logits", "logits_of")

    def __init__(self, tensor: Tensor, *, mask=None, logits=None, logits_of: str | None = None):
        self.array, self.node, self.index = tensor.array, tensor.node, tensor.index
        self.mask, self.logits, self.logits_of = mask, logits, logits_of

    @property
    def _keras_mask(self):
        """The mask by Keras's name; as there, a value that has none lacks the attribute."""
        if self.mask is None:
            raise AttributeError("'Tensor' object has no attribute '_keras_mask': it carries no mask")
        return self.mask


def mask_of(x):
    """The mask a value carries, or None."""
    return x.mask if type(x) is Annotated else None


def logits_of(x, activation: str):
    """What `activation` ("softmax" or "sigmoid") was applied to when it made x, or None."""
    return x.logits if type(x) is Annotated and x.logits_of == activation else None


def with_mask(x, mask):
    """x carrying `mask`, or no mask where that is None."""
    if type(x) is Annotated:
        return Annotated(x, mask=mask, logits=x.logits, logits_of=x.logits_of)
    return x if mask is None else Annotated(x, mask=mask)


def masks_of(value):
    """The mask of a value, or the masks of a list of values, or None."""
    if type(value) is Annotated:
        return value.mask
    if nest.is_nested(value):
        masks = [mask_of(leaf) for leaf in nest.leaves(value)]
        return masks if any(m is not None for m in masks) else None
    return None
