# SPDX-License-Identifier: Apache-2.0
"""Arguments of layers that are wrong, or of Keras 2: read, and named in messages."""

from __future__ import annotations

import inspect
import operator

import numpy as np

from tilewright import nest, suggestion
from tilewright.keras import serialization


def take_input_shape(kwargs: dict):
    """The shape with batch axis of Keras 2's input_shape=, input_dim=, batch_input_shape=; or None."""
    batch_shape = kwargs.pop("batch_input_shape", None)
    shape, dim = kwargs.pop("input_shape", None), kwargs.pop("input_dim", None)
    if batch_shape is not None:
        return tuple(batch_shape)
    if shape is None and dim is None:
        return None
    shape = (dim,) if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    return (None, *shape)


def unknown_arguments(cls: type, kwargs: dict) -> TypeError:
    known = [
        name
        for base in cls.__mro__
        if "__init__" in base.__dict__
        for name in inspect.signature(base.__init__).parameters
        if name not in ("self", "kwargs", "args")
    ]
    return suggestion.unknown_argument(cls.__name__, next(iter(kwargs)), known)


def positive_int(layer: str, argument: str, value) -> int:
    """A size of a layer; NumPy's whole numbers, as of `np.max(ids) + 1`, and scalar Tensors count as int.

    Raises   ValueError: anything else, or below 1
    """
    whole = not isinstance(value, (bool, float)) and hasattr(value, "__index__") and not np.ndim(value)
    if not whole or operator.index(value) < 1:
        raise ValueError(f"[{layer}] {argument} is {value!r}, expected an int of at least 1")
    return operator.index(value)


def note(error: Exception, text: str) -> None:
    """Adds where it happened, once, at the innermost layer."""
    if not any(str(note).startswith("in layer") for note in getattr(error, "__notes__", ())):
        error.add_note(text)


def described(value) -> str:
    shapes = [
        f"shape {tuple(leaf.shape)} {leaf.dtype}" for leaf in nest.leaves(value) if hasattr(leaf, "shape")
    ]
    return " and ".join(shapes) or type(value).__name__


def constructor_arguments(cls: type, args: tuple, kwargs: dict, common: dict) -> dict:
    """What `__init__` was called with as plain data, and of `common` what it takes besides."""
    signature = inspect.signature(cls.__init__)
    bound = signature.bind(None, *args, **kwargs).arguments
    named = {name: value for name, value in list(bound.items())[1:] if name != "kwargs"}
    named.update(bound.get("kwargs", {}))
    if not any(p.kind == p.VAR_KEYWORD for p in signature.parameters.values()):
        common = {name: value for name, value in common.items() if name in signature.parameters}
    return {**common, **serialization.serialize_keras_object(named)}
