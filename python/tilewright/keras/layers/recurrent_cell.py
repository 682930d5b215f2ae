# SPDX-License-Identifier: Apache-2.0
"""What cells, one step of a recurrent layer, share: RecurrentCell, StackedRNNCells, any object as a cell."""

from __future__ import annotations

from tilewright import nest, ops, random
from tilewright.autograd import Tensor
from tilewright.keras import activations, constraints, initializers, regularizers, serialization
from tilewright.keras.layers.arguments import positive_int
from tilewright.keras.layers.layer import Layer


class RecurrentCell(Layer):
    """Base of the cells: arguments, weights, dropout, and the way to the kernels that run whole sequences.

    Parameters
        units : length of the state and the output
        activation : of the new state;  use_bias : whether to add a bias
        kernel_*, recurrent_*, bias_* : initializers, regularizers and constraints of the weights: kernel
            (inputs, gates * units), recurrent_kernel (units, gates * units), bias
        dropout, recurrent_dropout : shares of the inputs and of the state that training drops, the same
            elements in every step (Gal & Ghahramani, arXiv:1512.05287);  seed : of these choices
    """

    gates = 1
    weight_fields = (
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "recurrent_constraint",
        "bias_constraint",
        "dropout",
        "recurrent_dropout",
        "seed",
    )
    config_fields = ("units", "activation", *weight_fields)

    def __init__(
        self,
        units,
        activation,
        use_bias,
        kernel_initializer,
        recurrent_initializer,
        bias_initializer,
        kernel_regularizer,
        recurrent_regularizer,
        bias_regularizer,
        kernel_constraint,
        recurrent_constraint,
        bias_constraint,
        dropout,
        recurrent_dropout,
        seed,
        **kwargs,
    ):
        kwargs.pop("implementation", None)  # Keras 2's choice between ways to the same numbers
        super().__init__(**kwargs)
        self.units = positive_int(self.name, "units", units)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        if self.dropout or self.recurrent_dropout:
            self.seed_generator = random.SeedGenerator(seed)
        self.state_size = self.output_size = units
        self.held_factors = None

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _first_bias(self):
        return self.bias_initializer

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self.add_ruled_weight("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.add_ruled_weight(
            "recurrent_kernel", (self.units, width), rules="recurrent"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_ruled_weight("bias", self._bias_shape(), initializer=self._first_bias())

    def compute_output_shape(self, input_shape, states_shape=None):
        states = [(input_shape[0], n) for n in nest.leaves(self.state_size)]
        return (input_shape[0], self.units), states

    def get_initial_state(self, batch_size=None) -> list:
        """Zeros (batch_size, units), one array for each state."""
        return [_zeros((batch_size, n), self._compute_dtype) for n in nest.leaves(self.state_size)]

    # ---- dropout: factors that are 0 or 1 / (1 - rate), drawn once for all steps of a call

    def hold_dropout(self, batch: int, features: int, training) -> None:
        """Draws the factors of one sequence; every step uses them until `release_dropout`."""
        self.held_factors = self._factors(batch, features, training)

    def release_dropout(self) -> None:
        self.held_factors = None

    def _factors(self, batch: int, features: int, training) -> tuple:
        """Factors of the inputs and of the state: None, or one for each gate where the state drops, too."""
        if not training or not (self.dropout or self.recurrent_dropout):
            return None, None
        count = self.gates if self.recurrent_dropout else 1
        inputs = self._drawn(count, (batch, features), self.dropout) if self.dropout else None
        state = (
            self._drawn(count, (batch, self.units), self.recurrent_dropout)
            if self.recurrent_dropout
            else None
        )
        return inputs, state

    def _drawn(self, count: int, shape, rate: float) -> list:
        ones = ops.ones(shape, self._compute_dtype)
        key = self.seed_generator.next_key
        return [
            ops.multiply(ones, 0.0) if rate == 1 else ops.dropout(ones, rate, key=key(shape[0] * shape[1]))
            for _ in range(count)
        ]

    def _factors_of(self, inputs, training) -> tuple:
        if self.held_factors is not None:
            return self.held_factors
        return self._factors(inputs.shape[0], inputs.shape[-1], training)

    # ---- one step, in two parts: what does not wait for the step before, and what does

    def call(self, inputs, states, training=False):
        dropped, state_dropped = self._factors_of(inputs, training)
        nested = nest.is_nested(states)
        states = list(states) if nested else [states]
        new = self.advance(self.project(inputs, dropped), states, state_dropped)
        return new[0], new if nested else new[0]

    def project(self, inputs, factors=None):
        """What the inputs give to the gates, (..., gates * units), for one step or for all at once."""
        if factors is not None and inputs.ndim == 3:
            factors = [ops.expand_dims(f, 1) for f in factors]
        return self._product(inputs, self.kernel, self._input_bias(), factors)

    def advance(self, x, states: list, factors=None) -> list:
        """The new states, the output first, from what `project` gave for the step."""
        raise NotImplementedError(f"[{type(self).__name__}] advance is not defined")

    def _input_bias(self):
        return self.bias

    def _product(self, x, kernel, bias, factors):
        """x @ kernel + bias, (..., gates * units), x times each gate's factor first."""
        if factors is None or len(factors) == 1:
            return ops.matmul(x if factors is None else ops.multiply(x, factors[0]), kernel, bias=bias)
        kernels = ops.split(kernel, self.gates, axis=1)
        parts = [ops.matmul(ops.multiply(x, f), k) for f, k in zip(factors, kernels, strict=True)]
        y = ops.concat(parts, axis=-1)
        return y if bias is None else ops.add(y, bias)

    def _gates_of(self, x, h, factors):
        """x + h @ recurrent_kernel"""
        if factors is None:
            return ops.matmul(h, self.recurrent_kernel, residual=x)
        return ops.add(x, self._product(h, self.recurrent_kernel, None, factors))

    # ---- whole sequences by one kernel

    def covers(self, sequences, training) -> bool:
        """Whether `over_sequence` can stand for this cell, called step by step."""
        dropped = bool(training) and self.recurrent_dropout > 0
        return (
            sequences.ndim == 3
            and not dropped
            and self.is_plain()
            and sequences.dtype == self._compute_dtype
            and self._compute_dtype in ("float32", "float64")
            and self._has_kernel()
        )

    def is_plain(self) -> bool:
        """Whether the step is the library's own, not that of a subclass which may have changed it."""
        return "_kernel" in vars(type(self))

    def _has_kernel(self) -> bool:
        return self.activation is activations.tanh

    def over_sequence(self, sequences, states, mask, backwards: bool, training) -> tuple:
        """Outputs (batch, steps, units), each at the place of its input, and the last states.

        Parameters
            states : before the first step, or None for zeros;  mask : bool (batch, steps) or None: where it
                is False the states stay
            backwards : from the last step to the first
        """
        factors, _ = self._factors_of(sequences, training)
        if factors is not None:
            sequences = ops.multiply(sequences, ops.expand_dims(factors[0], 1))
        h0, *others = states or [None] * len(nest.leaves(self.state_size))
        return self._kernel(sequences, h0, others, mask=mask, reverse=backwards)


class StackedRNNCells(Layer):
    """Cells one above the other as one cell; its state is the list of theirs."""

    config_fields = ("cells",)

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(self.name, cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size_of(self.cells[-1])

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size=None) -> list:
        return [initial_state_of(cell, batch_size, self._compute_dtype) for cell in self.cells]

    def compute_output_shape(self, input_shape, states_shape=None):
        states = nest.map_leaves(lambda n: (input_shape[0], n), self.state_size)
        return (input_shape[0], self.output_size), states

    def call(self, inputs, states, training=False):
        found = []
        for cell, state in zip(self.cells, states, strict=True):
            nested = nest.is_nested(state)
            inputs, new = step_of(cell, inputs, list(state) if nested else [state], training)
            found.append(new if nested or len(new) != 1 else new[0])
        return inputs, found

    @classmethod
    def from_config(cls, values: dict):
        cells = [serialization.deserialize_keras_object(cell) for cell in values["cells"]]
        return cls(**{**values, "cells": cells})

    def hold_dropout(self, batch, features, training) -> None:
        for cell in self.cells:
            if hasattr(cell, "hold_dropout"):
                cell.hold_dropout(batch, features, training)
            features = output_size_of(cell)

    def release_dropout(self) -> None:
        for cell in self.cells:
            if hasattr(cell, "release_dropout"):
                cell.release_dropout()

    def covers(self, sequences, training) -> bool:
        return all(
            isinstance(cell, RecurrentCell) and cell.covers(sequences, training) for cell in self.cells
        )

    def over_sequence(self, sequences, states, mask, backwards, training) -> tuple:
        """As RecurrentCell's: each cell runs over all that the one below it gave."""
        last = []
        for cell, state in zip(self.cells, states or [None] * len(self.cells), strict=True):
            state = state if state is None or nest.is_nested(state) else [state]
            sequences, new = cell.over_sequence(sequences, state, mask, backwards, training)
            last.append(new)
        return sequences, last


def check_cell(layer: str, cell) -> None:
    """Raises ValueError for what cannot be a cell."""
    for needed in ("call", "state_size"):
        if not hasattr(cell, needed):
            raise ValueError(f"[{layer}] cell is a {type(cell).__name__} without `{needed}`, expected a cell")


def output_size_of(cell) -> int:
    """Length of a cell's output: its output_size, or its first state's."""
    size = getattr(cell, "output_size", None)
    return nest.leaves(cell.state_size)[0] if size is None else size


def initial_state_of(cell, batch: int, dtype) -> list:
    """What a cell starts from: what it says itself, or zeros."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=batch)
        return list(states) if nest.is_nested(states) else [states]
    return [_zeros((batch, n), dtype) for n in nest.leaves(cell.state_size)]


def step_of(cell, inputs, states, training) -> tuple:
    """(output, list of new states) of any cell, a Layer or an object with `call`."""
    if isinstance(cell, Layer):
        takes = cell._signature().has_training
        output, new = cell(inputs, states, training=training) if takes else cell(inputs, states)
    else:
        output, new = (cell if callable(cell) else cell.call)(inputs, states)
    return output, list(new) if nest.is_nested(new) else [new]


def _zeros(shape, dtype) -> Tensor:
    return Tensor(ops.zeros(shape, dtype))
