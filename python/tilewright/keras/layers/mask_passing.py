# SPDX-License-Identifier: Apache-2.0
"""How masks travel through layers: from arguments to the parameters of `call`, and on to the outputs."""

from __future__ import annotations

import warnings

from tilewright import nest
from tilewright.autograd import Tensor
from tilewright.keras.annotated import mask_of, masks_of, with_mask


def fill(signature, masked, args: tuple, kwargs: dict) -> None:
    """Puts the masks that the arguments carry into `kwargs`, where `call` takes them and none was given.

    As in Keras `mask` is that of a single argument: beside a second one that holds arrays, like the initial
    state of a recurrent layer, only `<name>_mask` parameters are filled.

    Parameters
        signature : CallSignature of the layer;  masked : the first argument's mask, or list of masks, or None
    """
    bound = signature.bound(args, kwargs)
    given = {name: value for name, value in bound.items() if _holds_arrays(value)}
    if len(given) <= 1:
        if signature.has_mask and bound.get("mask") is None and masked is not None:
            kwargs["mask"] = masked
        return
    for argument, name in signature.mask_names.items():
        if bound.get(name) is None and argument in given:
            mask = masks_of(given[argument])
            if mask is not None:
                kwargs[name] = mask


def _holds_arrays(value) -> bool:
    if isinstance(value, Tensor):
        return True
    return nest.is_nested(value) and bool(value) and all(isinstance(v, Tensor) for v in nest.leaves(value))


def attached(outputs, masks):
    """The outputs carrying the masks, one after the other; an output that carries one already keeps it."""
    if not nest.is_nested(outputs):
        mask = nest.leaves(masks)[0] if nest.is_nested(masks) else masks
        return outputs if mask is None or mask_of(outputs) is not None else with_mask(outputs, mask)
    leaves, masks = nest.leaves(outputs), nest.leaves(masks)
    masks += [None] * (len(leaves) - len(masks))
    pairs = zip(leaves, masks, strict=False)
    return nest.pack(
        outputs, [y if m is None or mask_of(y) is not None else with_mask(y, m) for y, m in pairs]
    )


def warn_of_loss(layer, masked, outputs) -> None:
    """Says that a mask ends at a layer that does not support masking and whose `call` made no other."""
    if masked is None or any(mask_of(y) is not None for y in nest.leaves(outputs)):
        return
    if any(mask is not None for mask in nest.leaves(masked)):
        warnings.warn(
            f"[{layer.name}] the input has a mask, and {type(layer).__name__} does not support masking: "
            "the layers after it will not see the mask",
            stacklevel=4,
        )
