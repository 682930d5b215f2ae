# SPDX-License-Identifier: Apache-2.0
"""`.weights.h5` files, and the same inside `.keras` files: the variables of a model, and of its optimizer."""

from __future__ import annotations

import warnings

import numpy as np

from tilewright.keras.layers.layer import Layer
from tilewright.keras.optimizers.schedules import LearningRateSchedule
from tilewright.keras.saving import fitting, hdf5_store
from tilewright.keras.saving.walk import placed_layers
from tilewright.variable import Variable

_OPTIMIZER = "optimizer"


def contents(model, with_optimizer: bool = True) -> bytes:
    """The file."""
    objects = {}
    for path, layer in placed_layers(model).items():
        store: dict[str, np.ndarray] = {}
        layer.save_own_variables(store)
        objects[path] = (layer.name, {key: _array(value) for key, value in store.items()})
    optimizer = getattr(model, "optimizer", None)
    if with_optimizer and optimizer is not None:
        arrays = {str(i): _array(v) for i, v in enumerate(optimizer_variables(optimizer))}
        objects[_OPTIMIZER] = (optimizer.name, arrays)
    return hdf5_store.write(objects)


def _array(value) -> np.ndarray:
    return np.asarray(value.numpy() if isinstance(value, Variable) else value)


def optimizer_variables(optimizer) -> list[Variable]:
    """The state in Keras's order: a learning rate that follows a schedule is none of it."""
    found = list(optimizer.variables)
    rate = getattr(optimizer, "_rate", None)
    if isinstance(getattr(optimizer, "_schedule", None), LearningRateSchedule):
        found = [v for v in found if v is not rate]
    return found


def load(model, path: str, file, skip_mismatch: bool = False) -> None:
    """Assigns what an open HDF5 file holds; nothing is changed unless all weights fit.

    Raises   ValueError: other variables or shapes than the model's
    """
    objects = hdf5_store.read(path, file)
    if "_layer_checkpoint_dependencies" in file:  # TensorFlow 2.13 and before
        objects = {
            "layers".join(place.split("_layer_checkpoint_dependencies")): value
            for place, value in objects.items()
        }
    if not objects:
        raise ValueError(
            f"[load_weights] {path} holds no variables in Keras 3's layout, expected groups 'vars'"
        )
    state = objects.pop(_OPTIMIZER, None)
    layers = placed_layers(model)
    objects = _by_layer_names(layers, objects)
    wanted: dict[str, Variable] = {}
    found = {_name(place, key): a for place, (_, arrays) in objects.items() for key, a in arrays.items()}
    own: list[tuple[str, object]] = []
    for place, layer in layers.items():
        if type(layer).load_own_variables is not Layer.load_own_variables:
            own.append((place, layer))
            found = {name: a for name, a in found.items() if _folder(name) != place}
        else:
            wanted.update((_name(place, i), v) for i, v in enumerate(layer._own_weights()))
    fitting.assign_all(path, model.name, wanted, found, skip_mismatch)
    for place, layer in own:
        layer.load_own_variables(dict(objects.get(place, (None, {}))[1]))
    optimizer = getattr(model, "optimizer", None)
    if state is not None and optimizer is not None and optimizer.built:
        _load_optimizer(path, optimizer, state[1])


def _by_layer_names(layers: dict, objects: dict) -> dict:
    """`objects` at the places of our layers. Where Keras numbered the layers of a model in another order than
    we do, the names that it writes down tell which is which.
    """
    for folder in sorted({_folder(place) for place in layers}, key=lambda folder: folder.count("/")):
        ours = {layer.name: place for place, layer in layers.items() if _folder(place) == folder}
        theirs = {name: place for place, (name, _) in objects.items() if _folder(place) == folder}
        if folder.endswith("layers") and ours.keys() <= theirs.keys():
            moves = {theirs[name]: place for name, place in ours.items()}
            objects = {_moved(place, moves): value for place, value in objects.items()}
    return objects


def _name(place: str, key) -> str:
    return f"{place}/{key}" if place else str(key)


def _folder(place: str) -> str:
    return place.rpartition("/")[0]


def _moved(place: str, moves: dict[str, str]) -> str:
    for old, new in moves.items():
        if place == old or place.startswith(f"{old}/"):
            return new + place[len(old) :]
    return place


def _load_optimizer(path: str, optimizer, arrays: dict) -> None:
    """The optimizer's state, where the file has as much of it as the optimizer."""
    variables = optimizer_variables(optimizer)
    values = [arrays.get(str(i)) for i in range(len(arrays))]
    if len(values) <= 2 < len(variables):  # written before the first step
        variables = variables[: len(values)]
    shapes = [None if value is None else value.shape for value in values]
    if shapes != [v.shape for v in variables]:
        warnings.warn(
            f"the state of the optimizer in {path} is left out: it has {len(values)} variables, and "
            f"{optimizer.name} {len(variables)}, or their shapes differ",
            stacklevel=4,
        )
        return
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
