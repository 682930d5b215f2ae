# SPDX-License-Identifier: Apache-2.0
"""Configurations as Keras 2 wrote them: without modules, with names and arguments that have changed since."""

from __future__ import annotations

from tilewright import nest
from tilewright.keras import registration, serialization
from tilewright.keras.layers.operation import OPERATIONS

_MODELS = {"Model": "Functional", "Functional": "Functional", "Sequential": "Sequential"}
# Arguments that Keras 2 wrote down and that have no effect on what a layer computes here.
_GONE = ("time_major", "implementation", "ragged", "sparse", "batch_input_shape")
_LAMBDA_PARTS = ("module", "function_type", "output_shape_type", "output_shape_module")
_STRINGS = ("accuracy", "acc", "crossentropy", "ce")


def translated(config: dict) -> dict:
    """The configuration of a model or layer as Keras 3 would write it."""
    name = config.get("class_name")
    values = (
        dict(config.get("config") or {}) if isinstance(config.get("config"), dict) else config.get("config")
    )
    if isinstance(values, list):  # Keras 2.0 and 2.1 described a Sequential by its layers alone
        values = {"name": None, "layers": values}
    if name in _MODELS or "layers" in values:
        values["layers"] = [translated(entry) for entry in values.get("layers", [])]
        module = "keras" if name == "Sequential" else "keras.src.models.functional"
        module = module if name in _MODELS else config.get("module")
        return {**_kept(config), "module": module, "class_name": _MODELS.get(name, name), "config": values}
    shape = values.get("batch_input_shape")
    if name == "InputLayer":
        values["batch_shape"] = values.pop("batch_shape", None) or shape
    for key in _GONE:
        values.pop(key, None)
    if shape is not None and name != "InputLayer":
        values["batch_input_shape"] = shape
    if name == "Lambda":
        _translate_lambda(values)
    for key, value in values.items():  # layers inside layers, as in Bidirectional
        if isinstance(value, dict) and key in ("layer", "backward_layer", "cell"):
            values[key] = translated(value)
    module = config.get("module") or _module_of(name, values)
    return {**_kept(config), "module": module, "class_name": name, "config": values}


def _module_of(name: str, values: dict) -> str | None:
    """The module of a class that was written without one; None for those of users."""
    if name in OPERATIONS and "dtype" not in values:  # of the same name as a layer, but without its arguments
        return registration.module_of(OPERATIONS[name])
    found = registration.find_exported("keras.layers", name)
    return None if found is None else registration.module_of(found)


def _kept(config: dict) -> dict:
    return {k: v for k, v in config.items() if k in ("name", "inbound_nodes", "registered_name")}


def _translate_lambda(values: dict) -> None:
    for key in _LAMBDA_PARTS:
        values.pop(key, None)
    function = values.get("function")
    if isinstance(function, list):
        code, defaults, closure = function
        parts = {"code": code, "defaults": defaults, "closure": closure}
        values["function"] = {"class_name": "__lambda__", "config": parts}


def compile_arguments(training: dict) -> dict:
    """What `compile` gets by a training_config."""
    from tilewright.keras import losses, metrics, optimizers

    config = training["optimizer_config"]
    values = {
        k: v for k, v in config["config"].items() if k not in ("decay", "is_legacy_optimizer", "jit_compile")
    }
    optimizer = optimizers.get(
        {"module": "keras.optimizers", "class_name": config["class_name"].split(">")[-1], "config": values}
    )

    def read(get, value):
        if value is None or value in _STRINGS:
            return value
        if isinstance(value, (str, dict)) and ("class_name" in value or isinstance(value, str)):
            return get(value)
        if isinstance(value, dict):
            return {key: read(get, part) for key, part in value.items()}
        return [read(get, part) for part in value]

    return {
        "optimizer": optimizer,
        "loss": read(losses.get, training.get("loss")),
        "metrics": read(metrics.get, training.get("metrics")),
        "weighted_metrics": read(metrics.get, training.get("weighted_metrics")),
        "loss_weights": training.get("loss_weights"),
    }


# ---- writing


def described(model) -> dict:
    """The model_config of a model."""
    return {"class_name": type(model).__name__, "config": _without_modules(model.get_config())}


def _without_modules(value):
    """Layers without their modules, which Keras takes as a sign of the newer format."""
    if isinstance(value, dict):
        value = {key: _without_modules(part) for key, part in value.items()}
        if str(value.get("module")) in ("keras", "keras.layers", "keras.src.models.functional"):
            for key in ("module", "registered_name", "build_config"):
                value.pop(key, None)
        return value
    return [_without_modules(part) for part in value] if isinstance(value, (list, tuple)) else value


def described_training(model) -> dict:
    """The training_config of a compiled model."""
    values = dict(model._compile_arguments)
    optimizer = values.pop("optimizer")
    found = {key: serialization.serialize_keras_object(value) for key, value in values.items()}
    found["loss"] = nest.map_leaves(_full_name, found["loss"])  # Keras does not read its own short names here
    name = type(optimizer).__name__
    config = serialization.serialize_keras_object(optimizer.get_config())
    return {**found, "optimizer_config": {"class_name": name, "config": config}}


def _full_name(loss):
    from tilewright.keras import losses

    if not isinstance(loss, str):
        return loss
    try:
        return losses.get(loss).__name__
    except (ValueError, AttributeError):
        return loss
