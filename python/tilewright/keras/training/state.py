# SPDX-License-Identifier: Apache-2.0
"""The whole state of a training in one file: weights, optimizer, random numbers, metrics, the place in the
data and what callbacks remember. A training that goes on from it computes the bits it would have computed.

The file is a safetensors file; what is no array stands in its metadata as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from tilewright import random
from tilewright.keras.saving import named_weights, write_whole

_FORMAT = "tilewright training state 1"


@dataclass
class Position:
    """Where a training stands, and what is put back once fit has its data and callbacks."""

    epoch: int
    step: int
    stopped: bool  # a callback had ended the training
    data: list  # of Stream.place, for the data of training and of validation
    random: dict
    metrics: dict[str, np.ndarray]
    callbacks: list[dict]

    def resume_random(self) -> None:
        """Puts the random numbers back, those of layers apart."""
        random.set_state(self.random)

    def resume_callbacks(self, callbacks: list) -> None:
        """Puts back what callbacks remember, each of the same kind and place among its kind."""
        left = list(self.callbacks)
        for callback in callbacks:
            kind = type(callback).__name__
            found = next((entry for entry in left if entry["kind"] == kind), None)
            if found is not None:
                left.remove(found)
                callback.set_state(found["state"])

    def resume_metrics(self, model) -> None:
        """Puts the sums of an epoch that has begun back into the metrics."""
        variables = _metric_variables(model)
        if set(variables) != set(self.metrics):
            raise ValueError(
                f"[BackupAndRestore] the metrics are {sorted(variables)}, expected {sorted(self.metrics)} as "
                "they were; compile as before"
            )
        for name, variable in variables.items():
            variable.assign(self.metrics[name])


def save(path: str, model, epoch: int, step: int, callbacks=()) -> None:
    """Writes the state: the file is the old one or the new one, never half.

    Parameters
        epoch, step : of the next step, counting from 0
        callbacks : those whose state is kept, where they have any
    """
    arrays = {f"weights/{name}": v.numpy() for name, v in named_weights(model).items()}
    arrays.update({f"seeds/{i}": v.numpy() for i, v in enumerate(_seed_states(model))})
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        arrays.update({f"optimizer/{i}": v.numpy() for i, v in enumerate(optimizer.variables)})
    if step:
        arrays.update({f"metrics/{name}": v.numpy() for name, v in _metric_variables(model).items()})
    within = (bool(step), False)  # no epoch of the validation is under way when a state is written
    kept = [
        {"kind": type(c).__name__, "state": _without_arrays(c.get_state(), f"callbacks/{i}", arrays)}
        for i, c in enumerate(callbacks)
        if c.get_state()
    ]
    meta = {
        "epoch": epoch,
        "step": step,
        "stopped": bool(model.stop_training),
        "data": [s and s.place(begun) for s, begun in zip(model._streams, within, strict=False)],
        "random": random.get_state(),
        "optimizer": None if optimizer is None else type(optimizer).__name__,
        "callbacks": kept,
    }
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    data = _safetensors().save(arrays, metadata={"format": _FORMAT, "training": json.dumps(meta)})
    write_whole(path, data)


def load(path: str, model) -> Position:
    """Reads weights, seeds and the optimizer's state into the model; the rest is in the Position.

    Raises   ValueError: a truncated or foreign file, weights or an optimizer of another kind or other shapes.
             The model is as it was then.
    """
    arrays, meta = _read(path)
    optimizer = model.optimizer
    wanted = {f"weights/{name}": v for name, v in named_weights(model).items()}
    wanted.update({f"seeds/{i}": v for i, v in enumerate(_seed_states(model))})
    if any(name.startswith("optimizer/") for name in arrays):
        if type(optimizer).__name__ != meta["optimizer"]:
            raise ValueError(
                f"[BackupAndRestore] {path} is of a training by {meta['optimizer']}, expected "
                f"{type(optimizer).__name__} as the model is compiled with"
            )
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        wanted.update({f"optimizer/{i}": v for i, v in enumerate(optimizer.variables)})
    _check_fit(path, wanted, arrays)
    for name, variable in wanted.items():
        variable.assign(arrays[name])
    callbacks = [
        {"kind": entry["kind"], "state": _with_arrays(entry["state"], arrays)} for entry in meta["callbacks"]
    ]
    metrics = {name[8:]: a for name, a in arrays.items() if name.startswith("metrics/")}
    return Position(
        meta["epoch"], meta["step"], meta["stopped"], meta["data"], meta["random"], metrics, callbacks
    )


def _check_fit(path: str, wanted: dict, arrays: dict) -> None:
    found = {name for name in arrays if name.startswith(("weights/", "seeds/", "optimizer/"))}
    missing, foreign = sorted(set(wanted) - found), sorted(found - set(wanted))
    if missing or foreign:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing)
        parts += [f"has {', '.join(foreign)}, which the model has not"] * bool(foreign)
        raise ValueError(f"[BackupAndRestore] {path} {' and '.join(parts)}; expected the state of this model")
    for name, variable in wanted.items():
        if arrays[name].shape != variable.shape:
            raise ValueError(
                f"[BackupAndRestore] {path}: {name} has shape {arrays[name].shape}, expected {variable.shape}"
            )


def _read(path: str) -> tuple[dict, dict]:
    import safetensors

    _safetensors()
    try:
        with safetensors.safe_open(path, framework="np") as file:
            meta = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"[BackupAndRestore] {path} is no whole safetensors file: {error}") from error
    if meta.get("format") != _FORMAT:
        raise ValueError(f"[BackupAndRestore] {path} is no state of a training, expected one that fit wrote")
    return arrays, json.loads(meta["training"])


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "[BackupAndRestore] safetensors is not installed, expected it: pip install tilewright[weights]"
        ) from error
    return safetensors.numpy


def _seed_states(model) -> list:
    """States of random number generators that layers own."""
    weights = {id(v) for v in model.weights}
    return [v for v in model.variables if id(v) not in weights]


def _metric_variables(model) -> dict:
    """The state of all metrics by a name that the same compile gives again."""
    return {
        f"{i}/{j}/{v.name}": v
        for i, metric in enumerate(model.metrics)
        for j, v in enumerate(metric.variables)
    }


def _without_arrays(value, name: str, arrays: dict):
    """Plain data with a reference in place of each array, which goes to `arrays`."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, dict):
        return {key: _without_arrays(part, f"{name}/{key}", arrays) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(part, f"{name}/{i}", arrays) for i, part in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value, arrays: dict):
    if isinstance(value, dict):
        if list(value) == ["array"]:
            return arrays[value["array"]]
        return {key: _with_arrays(part, arrays) for key, part in value.items()}
    return [_with_arrays(part, arrays) for part in value] if isinstance(value, list) else value
