# SPDX-License-Identifier: Apache-2.0
"""WeightOwner: which variables and layers an object holds, found by looking at its attributes."""

from __future__ import annotations

import math

import numpy as np

from tilewright.random import SeedGenerator
from tilewright.variable import Variable


class WeightOwner:
    """The part of a layer that knows its weights and sublayers.

    Own variables come first, trainable ones before the others, then those of sublayers in the order in which
    they were assigned to attributes, alone or in lists, tuples and dicts.
    """

    def __init__(self):
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []

    def _track(self, variable: Variable, trainable: bool | None = None) -> None:
        """Notes a variable as this object's own."""
        own = self.__dict__.get("_trainable_variables")
        if own is None:
            raise RuntimeError(
                f"[{type(self).__name__}] super().__init__() was not called, expected it before variables "
                "are set"
            )
        if not any(variable is v for v in (*own, *self._non_trainable_variables)):
            (
                own
                if (variable.trainable if trainable is None else trainable)
                else self._non_trainable_variables
            ).append(variable)

    def _attributes(self):
        """Values of attributes, those in containers one by one."""
        for name, value in self.__dict__.items():
            if name not in _SKIPPED:
                yield from _members(value)

    def _sublayers(self) -> list[WeightOwner]:
        """Layers held directly, each once."""
        return list({id(v): v for v in self._attributes() if isinstance(v, WeightOwner)}.values())

    def _flatten_layers(self, include_self: bool = True) -> list[WeightOwner]:
        """This layer and all below it, each once, outer ones first."""
        found: dict[int, WeightOwner] = {}

        def visit(layer):
            if id(layer) not in found:
                found[id(layer)] = layer
                for sublayer in layer._sublayers():
                    visit(sublayer)

        visit(self)
        return [layer for layer in found.values() if include_self or layer is not self]

    def _own_weights(self) -> list[Variable]:
        listed = [v for v in self._attributes() if isinstance(v, Variable)]
        own = [*self._trainable_variables, *self._non_trainable_variables, *listed]
        return list({id(v): v for v in own}.values())

    @property
    def weights(self) -> list[Variable]:
        """All weights, without the states of random number generators and metrics."""
        return list({id(v): v for layer in self._flatten_layers() for v in layer._own_weights()}.values())

    @property
    def variables(self) -> list[Variable]:
        """All weights, and the states of random number generators."""
        found = {}
        for layer in self._flatten_layers():
            found.update((id(v), v) for v in layer._own_weights())
            found.update((id(g.state), g.state) for g in layer._attributes() if isinstance(g, SeedGenerator))
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone: those of frozen layers, moving averages."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    trainable_variables = trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it reaches the layers below."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool):
        self._trainable = bool(trainable)
        for variable in self._trainable_variables:
            variable.trainable = self._trainable
        for layer in self._sublayers():
            layer.trainable = self._trainable

    def count_params(self) -> int:
        """Number of elements in all weights."""
        return sum(math.prod(v.shape) for v in self.weights)

    def to(self, device: str):
        """Moves all variables to "cpu" or "cuda", in place."""
        for variable in self.variables:
            variable.to(device)
        return self

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights."""
        return [v.numpy().copy() for v in self.weights]

    def set_weights(self, weights) -> None:
        """Assigns arrays to all weights, in order; nothing is changed unless all fit."""
        own = self.weights
        weights = list(weights)
        if len(weights) != len(own):
            raise ValueError(
                f"[{self.name}.set_weights] got {len(weights)} arrays, expected {len(own)}, one per weight"
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"[{self.name}.set_weights] got shape {tuple(np.shape(value))} for {variable.path}, "
                    f"expected {variable.shape}"
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(np.asarray(value) if not hasattr(value, "__dlpack__") else value)


# Attributes that refer to layers or variables without owning them.
_SKIPPED = frozenset(
    {
        "_built_for",
        "_calls",
        "_compile_arguments",
        "_init_arguments",
        "_trainable_variables",
        "_non_trainable_variables",
        "optimizer",
        "_losses",
        "_state_variables",
        "_trained",
        "_regularized",
    }
)


def _members(value):
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _members(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _members(part)
    else:
        yield value
