# SPDX-License-Identifier: Apache-2.0
"""`.h5` files of Keras 2, and of Keras 3 where asked for one: a group for each layer, weights by their names.

The attributes of the file hold the configuration (model_config) and the compile arguments (training_config)
as JSON; those of each group the order of layers (layer_names) and of weights (weight_names).
"""

from __future__ import annotations

import io
import itertools
import json
import warnings

import numpy as np

from tilewright.keras import serialization
from tilewright.keras.registration import custom_object_scope
from tilewright.keras.saving import fitting, hdf5_store, legacy_config
from tilewright.keras.saving.files import KERAS_VERSION, h5py_module, write_whole
from tilewright.keras.saving.weights_h5 import optimizer_variables

_TOP = "top_level_model_weights"
_ATTRIBUTE_BYTES = 64512  # what HDF5 lets one attribute hold; longer lists are cut into several


# ---- reading


def load(path: str, custom_objects=None, compile: bool = True, safe_mode: bool = True):
    """The model in a file.

    Raises   ValueError: a truncated or foreign file, a file of weights only, weights that do not fit
    """
    with hdf5_store.open_file(path) as file:
        config = _json(path, file, "model_config")
        if config is None:
            raise ValueError(
                f"[load_model] {path} has no attribute model_config, expected a whole model; weights alone "
                "are read by model.load_weights"
            )
        config = legacy_config.translated(config)
        with serialization.sharing_scope():
            model = serialization.deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
        _assign(model, path, file["model_weights"], by_name=False, skip_mismatch=False)
        training = _json(path, file, "training_config") if compile else None
        if training is not None:
            with custom_object_scope(custom_objects):
                model.compile(**legacy_config.compile_arguments(training))
            model.optimizer.build(model.trainable_variables)
            if "optimizer_weights" in file:
                _assign_optimizer(model.optimizer, path, file["optimizer_weights"])
    return model


def load_weights(model, path: str, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Assigns the weights in a file of weights or of a whole model, by the order or the names of layers."""
    with hdf5_store.open_file(path) as file:
        whole = "layer_names" not in file.attrs and "model_weights" in file
        _assign(model, path, file["model_weights"] if whole else file, by_name, skip_mismatch)


def _json(path: str, file, name: str):
    value = file.attrs.get(name)
    if value is None:
        return None
    try:
        return json.loads(value.decode() if isinstance(value, bytes) else value)
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"[load_model] {name} of {path} is no JSON: {error}") from error


def _names(group, attribute: str) -> list[str]:
    """A list of names, which may be cut into attributes with numbers."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while not parts or f"{attribute}{len(parts)}" in group.attrs:
        if attribute in group.attrs or f"{attribute}{len(parts)}" not in group.attrs:
            break
        parts.append(group.attrs[f"{attribute}{len(parts)}"])
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _named_arrays(path: str, group) -> list[tuple[str, np.ndarray]]:
    """The arrays of a group in order, each with the last part of its name ("kernel")."""
    found = []
    for name in _names(group, "weight_names"):
        folder, _, key = name.rpartition("/")
        try:
            array = hdf5_store.array_of(path, group[folder] if folder else group, key)
        except KeyError:
            raise ValueError(f"[load_weights] {path}: {group.name} lacks {name}, which it lists") from None
        found.append((key.removesuffix(":0"), array))
    return found


def _weights_of(layer) -> list:
    """Weights in the order of Keras 2: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _assign(model, path: str, group, by_name: bool, skip_mismatch: bool) -> None:
    names = _names(group, "layer_names")
    if not names:
        raise ValueError(f"[load_weights] {path} has no layer_names, expected weights as Keras 2 wrote them")
    held = {name: _named_arrays(path, group[name]) for name in names if name in group}
    held = {name: arrays for name, arrays in held.items() if arrays}
    weights = {layer.name: _weights_of(layer) for layer in model.layers if layer.weights}
    if by_name:
        pairs = [(name, weights[name], held[name]) for name in weights if name in held]
    elif len(held) == len(weights) or not held.keys() & weights.keys():
        places = itertools.zip_longest(weights, held)
        pairs = [(name or at, weights.get(name, []), held.get(at, [])) for name, at in places]
    else:  # another architecture: what differs is told by the names
        pairs = [(name, weights.get(name, []), held.get(name, [])) for name in {**weights, **held}]
    own = model._own_weights()
    if own and _TOP in group:
        pairs.append((model.name, own, _named_arrays(path, group[_TOP])))
    wanted, found = {}, {}
    for layer, variables, arrays in pairs:
        for i in range(max(len(variables), len(arrays))):
            name = variables[i].name if i < len(variables) else arrays[i][0]
            name = f"{layer}/{name}"
            if name in wanted or name in found:  # a model inside has several kernels
                name += f" ({i})"
            if i < len(variables):
                wanted[name] = variables[i]
            if i < len(arrays):
                found[name] = arrays[i][1]
    fitting.assign_all(path, model.name, wanted, found, skip_mismatch)


def _assign_optimizer(optimizer, path: str, group) -> None:
    """The state of a file of Keras 3; Keras 2 ordered it in another way, and is left out."""
    arrays = [array for _, array in _named_arrays(path, group)]
    variables = optimizer_variables(optimizer)
    if [a.shape for a in arrays] != [v.shape for v in variables]:
        warnings.warn(
            f"the state of the optimizer in {path} is left out: it is not that of {optimizer.name} here",
            stacklevel=4,
        )
        return
    for variable, value in zip(variables, arrays, strict=True):
        variable.assign(value)


# ---- writing


def save(model, path: str, include_optimizer: bool = True) -> None:
    """Writes a whole model so that Keras 2 and 3 read it."""
    buffer = io.BytesIO()
    with h5py_module().File(buffer, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, "tilewright"
        file.attrs["model_config"] = json.dumps(legacy_config.described(model)).encode()
        _write_weights(model, file.create_group("model_weights"))
        optimizer = getattr(model, "optimizer", None)
        if include_optimizer and optimizer is not None:
            file.attrs["training_config"] = json.dumps(legacy_config.described_training(model)).encode()
            _write_arrays(file.create_group("optimizer_weights"), optimizer_variables(optimizer))
    write_whole(path, buffer.getvalue())


def _write_weights(model, group) -> None:
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["keras_version"], group.attrs["backend"] = KERAS_VERSION.encode(), b"tilewright"
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _write_arrays(group.create_group(layer.name), _weights_of(layer))
    _write_arrays(group.create_group(_TOP), model._own_weights())


def _write_arrays(group, variables) -> None:
    _write_names(group, "weight_names", [v.path for v in variables])
    for variable in variables:
        group.create_dataset(variable.path, data=variable.numpy())


def _write_names(group, attribute: str, names: list[str]) -> None:
    encoded = [name.encode() for name in names]
    longest = max([1, *map(len, encoded)])
    count = max(1, _ATTRIBUTE_BYTES // longest)
    if len(encoded) <= count:
        group.attrs[attribute] = encoded
        return
    for i in range(0, len(encoded), count):
        group.attrs[f"{attribute}{i // count}"] = encoded[i : i + count]
