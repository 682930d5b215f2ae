# SPDX-License-Identifier: Apache-2.0
"""RNN: a cell run over the steps of sequences, by one kernel or step by step."""

from __future__ import annotations

from tilewright import nest, ops
from tilewright.autograd import Tensor
from tilewright.keras import naming
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.recurrent_cell import (
    RecurrentCell,
    StackedRNNCells,
    check_cell,
    initial_state_of,
    output_size_of,
    step_of,
)
from tilewright.variable import Variable


class RNN(Layer):
    """A cell run over the steps of sequences (batch, steps, ...).

    Parameters
        cell : a cell, or a list of them for a stack
        return_sequences : all outputs instead of the last;  return_state : also the last states
        go_backwards : from the last step to the first, outputs in that order
        stateful : a batch starts from the states that the one before left (sample i from sample i)
        unroll : accepted; the steps are the same either way
        zero_output_for_mask : outputs are 0 where the mask is False, instead of the output before
    Notes   Where the mask is False the states stay. Cells of this library run in one kernel for all steps
            wherever that gives the same numbers (no recurrent dropout, usual activations), else step by step.
    """

    casts_integers = True
    supports_masking = True
    sequence_fields = (
        "return_sequences",
        "return_state",
        "go_backwards",
        "stateful",
        "unroll",
        "zero_output_for_mask",
    )
    config_fields = ("cell", *sequence_fields)

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        check_cell(self.name, cell)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self._state_variables = None

    @property
    def state_size(self) -> list:
        size = self.cell.state_size
        return [size] if isinstance(size, int) else list(size)

    # ---- shapes

    def build(self, sequences_shape, initial_state_shape=None):
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self._state_variables is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"[{self.name}] input has shape {tuple(sequences_shape)}, expected a known batch size "
                    "as the layer is stateful: give Input a batch_size"
                )
            path = "/".join((*naming.current_scope(), "rnn_state"))
            self._state_variables = nest.map_leaves(
                lambda value: Variable(value, trainable=False, name="rnn_state", path=path),
                self.get_initial_state(sequences_shape[0]),
            )

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        size = output_size_of(self.cell)
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return (output, *nest.map_leaves(lambda n: (batch, n), self.state_size))

    def compute_mask(self, sequences, mask=None):
        mask = nest.leaves(mask)[0]
        output = mask if self.return_sequences else None
        return [output, *(None for _ in nest.leaves(self.state_size))] if self.return_state else output

    # ---- states between batches

    @property
    def states(self):
        """The states of a stateful layer, variables; None before it is built."""
        return self._state_variables

    def get_initial_state(self, batch_size) -> list:
        """What a sequence starts from."""
        return initial_state_of(self.cell, batch_size, self._compute_dtype)

    def reset_state(self) -> None:
        """A stateful layer starts from zeros again."""
        for variable in nest.leaves(self._state_variables or ()):
            ops.fill(variable.array, 0.0)

    reset_states = reset_state

    # ---- running

    def call(self, sequences, initial_state=None, mask=None, training=False):
        mask = self._step_mask(mask)
        states = self._first_states(sequences, initial_state)
        if hasattr(self.cell, "covers") and self.cell.covers(sequences, training):
            outputs, last, states = self._by_kernel(sequences, states, mask, training)
        else:
            outputs, last, states = self._step_by_step(sequences, states, mask, training)
        if self.stateful:
            for variable, state in zip(nest.leaves(self.states), nest.leaves(states), strict=True):
                variable.assign(state)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences, given):
        """The states to start from as a list, None for zeros."""
        batch = sequences.shape[0]
        if self.stateful:
            expected = nest.leaves(self.states)[0].shape[0]
            if batch != expected:
                raise ValueError(
                    f"[{self.name}] input has shape {sequences.shape}, expected a batch of {expected} as the "
                    "states that the layer keeps"
                )
        if given is None:
            # Copies: gradients must see what the call started from, not what it leaves behind.
            return (
                nest.map_leaves(lambda v: Tensor(ops.copy(v.array)), self.states) if self.stateful else None
            )
        given = list(given) if nest.is_nested(given) else [given]
        sizes, states = nest.leaves(self.state_size), nest.leaves(given)
        if len(states) != len(sizes) or any(
            tuple(s.shape) != (batch, n) for s, n in zip(states, sizes, strict=True)
        ):
            raise ValueError(
                f"[{self.name}] initial_state has shapes {[tuple(s.shape) for s in states]}, expected "
                f"{[(batch, n) for n in sizes]}"
            )
        return given

    def _step_mask(self, mask):
        """The mask as bool (batch, steps), or None."""
        mask = nest.leaves(mask)[0]
        if mask is None:
            return None
        if mask.ndim == 3 and mask.shape[2] == 1:
            mask = ops.squeeze(mask, 2)
        if mask.ndim != 2:
            raise ValueError(f"[{self.name}] mask has shape {mask.shape}, expected (batch, steps)")
        return mask if mask.dtype == bool else ops.cast(mask, "bool")

    def _by_kernel(self, sequences, first, mask, training):
        """Outputs, the last one, and the last states, by one kernel for all steps."""
        backwards = self.go_backwards
        outputs, states = self.cell.over_sequence(sequences, first, mask, backwards, training)
        # The kernel's outputs are the states it keeps; here they are 0 up to the first step that counts.
        counts = None
        if mask is not None and self.zero_output_for_mask:
            counts = mask
        elif mask is not None and first is not None:
            counts = ops.cumsum(ops.cast(mask, "int32"), axis=1, reverse=backwards)
        if counts is not None:
            outputs = ops.where(ops.expand_dims(ops.cast(counts, "bool"), 2), outputs, 0.0)
        if self.return_sequences:
            return ops.flip(outputs, 1) if backwards else outputs, None, states
        top = states[-1] if isinstance(self.cell, StackedRNNCells) else states
        if counts is None or not sequences.shape[1]:
            return None, top[0], states
        return None, outputs[:, 0 if backwards else -1], states

    def _prepared(self, sequences, training):
        """The sequences and a step over their parts: with cells of the library what needs no state comes
        first, in one product for all steps.
        """
        cell = self.cell
        plain = isinstance(cell, RecurrentCell) and cell.is_plain()
        if not plain or cell.activity_regularizer is not None or sequences.ndim != 3:
            return sequences, lambda x, states: step_of(cell, x, states, training)
        dropped, state_dropped = cell.held_factors

        def step(x, states):
            new = cell.advance(x, states, state_dropped)
            return new[0], new

        return cell.project(sequences, dropped), step

    def _step_by_step(self, sequences, states, mask, training):
        """The same by calling the cell once a step."""
        batch, steps = sequences.shape[:2]
        states = self.get_initial_state(batch) if states is None else states
        counts = None if mask is None else _unstacked(ops.expand_dims(mask, 2), steps)
        outputs, output = [], None
        try:
            if hasattr(self.cell, "hold_dropout"):
                self.cell.hold_dropout(batch, sequences.shape[-1], training)
            sequences, step = self._prepared(sequences, training)
            inputs = _unstacked(sequences, steps)
            for t in reversed(range(steps)) if self.go_backwards else range(steps):
                y, new = step(inputs[t], states)
                if counts is None:
                    output, states = y, new
                else:
                    before = 0.0 if output is None or self.zero_output_for_mask else output
                    output = ops.where(counts[t], y, before)
                    states = _chosen(counts[t], new, states)
                if self.return_sequences:
                    outputs.append(output)
        finally:
            if hasattr(self.cell, "release_dropout"):
                self.cell.release_dropout()
        size = output_size_of(self.cell)
        if not steps:
            empty = Tensor(ops.zeros((batch, 0, size), sequences.dtype))
            return empty, Tensor(ops.zeros((batch, size), sequences.dtype)), states
        return (ops.stack(outputs, axis=1) if self.return_sequences else None), output, states


def _unstacked(x, steps: int) -> list:
    """The steps of (batch, steps, ...) one by one."""
    return [ops.squeeze(part, 1) for part in ops.split(x, steps, axis=1)] if steps else []


def _chosen(condition, new, old):
    """Nested states, new where the condition holds."""
    pairs = zip(nest.leaves(new), nest.leaves(old), strict=True)
    return nest.pack(new, [ops.where(condition, a, b) for a, b in pairs])
