# SPDX-License-Identifier: Apache-2.0
"""Arrays of a file against variables of a model: all is compared before anything is assigned."""

from __future__ import annotations

import warnings

import numpy as np

from tilewright.variable import Variable

_LISTED = 8  # names in a message; the rest is counted


def assign_all(path: str, model: str, wanted: dict[str, Variable], found: dict, skip_mismatch=False) -> None:
    """Assigns `found` arrays to the `wanted` variables of the same names.

    Raises   ValueError: names or shapes differ; lists what is missing, unexpected and of another shape. With
             `skip_mismatch` it warns instead and assigns what fits
    """
    missing = [name for name in wanted if name not in found]
    unexpected = sorted(name for name in found if name not in wanted)
    common = [name for name in wanted if name in found]
    reshaped = [name for name in common if tuple(found[name].shape) != wanted[name].shape]
    if missing or unexpected or reshaped:
        text = _difference(path, model, wanted, found, (missing, unexpected, reshaped))
        if not skip_mismatch:
            raise ValueError(text)
        warnings.warn(text, stacklevel=4)
    for name in common:
        if name not in reshaped:
            wanted[name].assign(np.asarray(found[name]))


def _difference(path: str, model: str, wanted: dict, found: dict, parts) -> str:
    missing, unexpected, reshaped = parts
    lines = []
    if missing:
        lines.append(f"lacks {_names(f'{n} {wanted[n].shape}' for n in missing)}")
    if unexpected:
        shapes = (f"{n} {tuple(found[n].shape)}" for n in unexpected)
        lines.append(f"has {_names(shapes)}, which the model has not")
    if reshaped:
        shapes = (f"{n} has shape {tuple(found[n].shape)}, expected {wanted[n].shape}" for n in reshaped)
        lines.append(_names(shapes, "; "))
    return f"[load_weights] {path} does not hold the weights of {model}: it {'; '.join(lines)}"


def _names(texts, between: str = ", ") -> str:
    texts = list(texts)
    more = len(texts) - _LISTED
    return between.join(texts[:_LISTED]) + (f"{between}and {more} more" if more > 0 else "")
