# SPDX-License-Identifier: Apache-2.0
"""Where Keras 3 puts the variables of each layer in a weights file: a walk over attributes.

A layer's path is made of the attributes that lead to it from the model ("encoder/attention"), and in lists of
the class with a number ("layers/dense_1" is the second Dense of a Sequential or functional model). Attributes
are visited in alphabetical order, private ones last, and a layer that several lead to stands where it is met
first.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tilewright.keras import naming
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.operation import Operation
from tilewright.keras.layers.weights import WeightOwner
from tilewright.keras.models.functional_config import is_functional


def placed_layers(model) -> dict[str, WeightOwner]:
    """The model ("") and all layers below it by their paths."""
    found: dict[str, WeightOwner] = {}
    _visit(model, "", found, set())
    return found


def _visit(layer, path: str, found: dict, seen: set) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if not isinstance(layer, Operation):
        found[path] = layer
    for name, value in _attributes(layer):
        inner = f"{path}/{name}" if path else name
        if isinstance(value, WeightOwner):
            _visit(value, inner, found, seen)
        elif isinstance(value, (list, tuple, dict)):
            _visit_container(value, inner, found, seen, set())


def _visit_container(container, path: str, found: dict, seen: set, containers: set) -> None:
    if id(container) in containers:
        return
    containers.add(id(container))
    counts: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        if isinstance(value, WeightOwner):
            name = _numbered(naming.to_snake_case(type(value).__name__), counts)
            _visit(value, f"{path}/{name}", found, seen)
        elif isinstance(value, (list, tuple, dict)):
            _visit_container(value, f"{path}/{_numbered('container', counts)}", found, seen, containers)


def _numbered(name: str, counts: dict[str, int]) -> str:
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


def _attributes(layer) -> Iterator[tuple[str, object]]:
    """Names and values of a layer's attributes that may hold others."""
    if is_functional(layer) or hasattr(layer, "_stack"):
        yield "layers", layer.layers
    skipped = _of_every_layer()
    for name in sorted(dir(layer), key=lambda name: f"~{name}" if name.startswith("_") else name):
        if name.startswith("__") or name in skipped:
            continue
        try:
            value = getattr(layer, name)
        except Exception:  # a property may fail for reasons of its own
            continue
        yield name, value


@functools.cache
def _of_every_layer() -> frozenset[str]:
    return frozenset({*dir(Layer(name="any")), *_OF_MODELS})


# What a model refers to without holding it, or holds under "layers" already.
_OF_MODELS = ("_graph_layers", "_stack", "operations", "inputs", "input", "outputs", "output", "optimizer")
