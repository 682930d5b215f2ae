# SPDX-License-Identifier: Apache-2.0
"""Small helpers: seeds, one-hot labels, serialization; names of `preprocessing` that Keras repeats here."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import naming
from tilewright.keras.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    floatx,
    is_interactive_logging_enabled,
)
from tilewright.keras.graph import KerasTensor
from tilewright.keras.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from tilewright.keras.serialization import deserialize_keras_object, serialize_keras_object
from tilewright.random import set_random_seed
from tilewright.suggestion import error_for


def clear_session(free_memory: bool = True) -> None:
    """Layers are numbered from the start again. `free_memory` changes nothing: memory goes back by itself."""
    naming.reset_names()


CustomObjectScope = custom_object_scope


def is_keras_tensor(x) -> bool:
    """Whether x stands for a value of a model that is being described."""
    return isinstance(x, KerasTensor)


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    **kwargs,
) -> str:
    """A model's layers and how they are connected, as text for Graphviz's `dot`.

    The arguments are those of `plot_model`; `subgraph` gives the part that another graph can hold.
    """
    from tilewright.keras.models import dot_text

    shown = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested)
    return dot_text.of_model(model, shown, rankdir, dpi, subgraph)


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Draws a model's layers and how they are connected; see `tilewright.plots.plot_model`."""
    from tilewright.plots import plot_model as draw

    options = {name: value for name, value in locals().items() if name not in ("draw", "kwargs")}
    return draw(**options, **kwargs)


def to_categorical(x, num_classes: int | None = None):
    """Class numbers as one-hot rows.

    Examples
        >>> to_categorical([0, 2], 3)
        array([[1., 0., 0.],
               [0., 0., 1.]], dtype=float32)
    """
    tensor = isinstance(x, Tensor)
    labels = ops.cast(x.array if tensor else np.asarray(x), "int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    highest = int(ops.max(labels)) if labels.size else -1
    num_classes = highest + 1 if num_classes is None else num_classes
    if highest >= num_classes or (labels.size and int(ops.min(labels)) < 0):
        raise ValueError(
            f"[to_categorical] x holds {highest if highest >= num_classes else int(ops.min(labels))}, "
            f"expected 0 to {num_classes - 1}"
        )
    y = ops.one_hot(labels, num_classes, dtype=floatx())
    return Tensor(y) if tensor else y


def normalize(x, axis: int = -1, order: int = 2):
    """x scaled to norm 1 along an axis."""
    x = np.asarray(x, None if getattr(x, "dtype", None) is not None else floatx())
    if order == 2:
        norm = ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))
    else:
        norm = ops.power(ops.sum(ops.power(ops.abs(x), float(order)), axis=axis, keepdims=True), 1.0 / order)
    return ops.divide(x, ops.where(ops.equal(norm, 0.0), 1.0, norm))


# Imported when first used: name -> module.
_ELSEWHERE = {
    "Progbar": "keras.training.progbar",
    "PyDataset": "keras.pydataset",
    "Sequence": "keras.pydataset",
    "array_to_img": "keras.preprocessing.image",
    "get_file": "datasets.download",
    "image_dataset_from_directory": "keras.preprocessing",
    "img_to_array": "keras.preprocessing.image",
    "load_img": "keras.preprocessing.image",
    "pack_x_y_sample_weight": "keras.training.data",
    "pad_sequences": "keras.preprocessing.sequence",
    "save_img": "keras.preprocessing.image",
    "split_dataset": "keras.preprocessing.splitting",
    "text_dataset_from_directory": "keras.preprocessing",
    "timeseries_dataset_from_array": "keras.preprocessing",
    "unpack_x_y_sample_weight": "keras.training.data",
}


def __getattr__(name: str):
    if name not in _ELSEWHERE:
        raise error_for(__name__, name, __all__)
    return getattr(import_module(f"tilewright.{_ELSEWHERE[name]}"), name)


__all__ = [
    "CustomObjectScope",
    *_ELSEWHERE,
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "model_to_dot",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]
