# SPDX-License-Identifier: Apache-2.0
"""clone_model: a model of new layers, with new weights, connected as another one is."""

from __future__ import annotations

from tilewright import nest
from tilewright.keras import serialization
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers.input import Input, InputLayer
from tilewright.keras.models.functional_config import is_functional
from tilewright.keras.models.model import Functional, Model
from tilewright.keras.models.sequential import Sequential


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False):
    """A copy of a model's structure with newly drawn weights, compiled as the model is.

    Parameters
        input_tensors : KerasTensors to build it upon instead of new Inputs
        clone_function : gives the layer that takes a layer's place; by its configuration where None
        call_function : called as fn(layer, *args, **kwargs) instead of the new layer, in functional models
        recursive : whether `clone_function` gets the layers inside nested models instead of these models
    Raises   ValueError: a model by inheritance with one of these arguments
    """
    copy = _Copier(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("[clone_model] call_function is given, expected None for a Sequential")
        clone = _sequential(model, copy, input_tensors)
    elif is_functional(model):
        clone = _functional(model, copy, input_tensors, call_function)
    elif clone_function is not None or input_tensors is not None or call_function is not None:
        raise ValueError(
            f"[clone_model] clone_function, call_function or input_tensors is given, expected none of them "
            f"for {model.name}, a {type(model).__name__}"
        )
    else:
        config = serialization.serialize_keras_object(model)
        return serialization.deserialize_keras_object(config, model.own_objects())
    if model.compiled:
        with serialization.custom_object_scope(model.own_objects()):
            clone.compile_from_config(model.get_compile_config())
    return clone


class _Copier:
    """Gives for each layer its copy, the same one each time."""

    def __init__(self, clone_function, call_function, recursive: bool):
        self._clone = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))
        self._call_function, self._recursive = call_function, recursive
        self._made: dict[int, object] = {}

    def __call__(self, layer):
        if id(layer) not in self._made:
            inner = self._recursive and isinstance(layer, Model)
            if inner and isinstance(layer, Sequential):
                self._made[id(layer)] = _sequential(layer, self, None)
            elif inner and is_functional(layer):
                self._made[id(layer)] = _functional(layer, self, None, self._call_function)
            else:
                self._made[id(layer)] = self._clone(layer)
        return self._made[id(layer)]


def _sequential(model, copy, input_tensors):
    layers = [copy(layer) for layer in model.layers]
    if input_tensors is not None:
        flat = nest.leaves(input_tensors)
        if len(flat) != 1 or not isinstance(flat[0], KerasTensor):
            raise ValueError("[clone_model] input_tensors are others than one KerasTensor, expected one")
        layers.insert(0, Input(tensor=flat[0]))
    elif model._stack and isinstance(model._stack[0], InputLayer):
        first = model._stack[0]
        layers.insert(0, Input(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name))
    return Sequential(layers, trainable=model._trainable, name=model.name)


def _functional(model, copy, input_tensors, call_function):
    graph = model._graph
    if input_tensors is None:
        input_tensors = nest.map_leaves(
            lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), graph.inputs
        )
    given = nest.leaves(input_tensors)
    if len(given) != len(graph.flat_inputs) or not all(isinstance(t, KerasTensor) for t in given):
        raise ValueError(
            f"[clone_model] input_tensors has {len(given)} parts, expected {len(graph.flat_inputs)} "
            "KerasTensors as model.input has"
        )
    new = {id(t): value for t, value in zip(graph.flat_inputs, given, strict=True)}

    def place(leaf):
        return new[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

    for call in graph.calls:
        layer = copy(call.layer)
        args, kwargs = nest.map_leaves(place, call.args), nest.map_leaves(place, call.kwargs)
        outputs = call_function(layer, *args, **kwargs) if call_function else layer(*args, **kwargs)
        new.update(zip(map(id, nest.leaves(call.outputs)), nest.leaves(outputs), strict=True))
    outputs = nest.map_leaves(place, graph.outputs)
    cls = type(model) if type(model).__init__ is Model.__init__ else Functional
    return cls(input_tensors, outputs, name=model.name)
