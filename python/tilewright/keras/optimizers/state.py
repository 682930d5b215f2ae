# SPDX-License-Identifier: Apache-2.0
"""What an optimizer holds: step count, learning rate, and the arrays it keeps for each variable."""

from __future__ import annotations

import warnings

from tilewright import ops
from tilewright.keras import config, initializers
from tilewright.variable import Variable


class OptimizerState:
    """The state of an Optimizer, in Keras's order and by Keras's names."""

    # Names of the state, one array a variable each, in groups: `variables` lists a group for each variable in
    # turn, then the next group.
    state_groups: tuple[tuple[str, ...], ...] = ()
    # What arrays of a name hold at first, where that is not 0.
    first_values: dict[str, float] = {}

    def __init__(self, name: str):
        self.name = name
        self.built = False
        self._iterations = Variable(0, False, "iteration", dtype="int64", path=f"{name}/iteration")
        self._rate = Variable(
            0.0, False, "learning_rate", dtype=config.floatx(), path=f"{name}/learning_rate"
        )
        self._rate_is_state = True
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}
        self._state: dict[str, list[Variable]] = {}
        self._listed: list[Variable] = []

    def build(self, variables) -> None:
        """Makes the state for these variables; done by the first `apply` otherwise."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        for names in (*self._common_groups(), *self.state_groups):
            self._state.update({name: [] for name in names})
            for variable in self._trainable_variables:
                for name in names:
                    first = self.first_values.get(name, 0.0)
                    self._state[name].append(
                        self.add_variable_from_reference(variable, name, initializers.Constant(first))
                    )
        self.built = True

    def _common_groups(self) -> tuple[tuple[str, ...], ...]:
        """State that arguments of every optimizer ask for."""
        return ()

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None
    ) -> Variable:
        """A further piece of state, for optimizers of one's own."""
        name = name or "variable"
        value = initializers.get(initializer)(tuple(shape), dtype=dtype or config.floatx())
        variable = Variable(value, False, name, path=f"{self.name}/{name}")
        self._listed.append(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros") -> Variable:
        """State for a variable, of its shape and dtype."""
        prefix = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{prefix}_{name or 'var'}",
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A list of state for variables; for several names as many lists."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]
        firsts = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
        if len(firsts) != len(name):
            raise ValueError(
                f"[{self.name}.add_optimizer_variables] initializer has {len(firsts)} entries, expected "
                f"{len(name)}, one for each name"
            )
        lists = tuple([] for _ in name)
        for variable in trainable_variables:
            for found, part, first in zip(lists, name, firsts, strict=True):
                found.append(self.add_variable_from_reference(variable, part, first))
        return lists

    def _get_variable_index(self, variable) -> int:
        """Where a variable stands in the lists of state."""
        if id(variable) not in self._index:
            raise ValueError(
                f"[{self.name}.apply] {variable.path} is unknown, expected the variables of the first step; "
                "make a new optimizer for others"
            )
        return self._index[id(variable)]

    def assign(self, variable: Variable, value) -> None:
        """Writes into a variable or a piece of state."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value) -> None:
        """Adds in place."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value) -> None:
        """Subtracts in place."""
        variable.assign_sub(value)

    @property
    def variables(self) -> list[Variable]:
        """Step count, learning rate (where it is a number), then the state, in Keras's order."""
        return [self._iterations, *([self._rate] if self._rate_is_state else ()), *self._listed]

    def moved(self) -> list[Variable]:
        """All variables, to be moved to another device; arrays kept beside them are looked up again."""
        self._groups_for = ()
        return [self._iterations, self._rate, *self._listed]

    def get_weights(self) -> list:
        """The state as NumPy arrays, copied."""
        return [variable.numpy().copy() for variable in self.variables]

    def set_weights(self, weights) -> None:
        """Writes what `get_weights` gave; all shapes are checked before the first is written."""
        if not self.built:
            raise ValueError(
                f"[{self.name}.set_weights] the optimizer has no state, expected build(variables)"
            )
        variables = self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"[{self.name}.set_weights] got {len(weights)} arrays, expected {len(variables)}"
            )
        for variable, weight in zip(variables, weights, strict=True):
            if tuple(weight.shape) != variable.shape:
                raise ValueError(
                    f"[{self.name}.set_weights] {variable.path} got shape {tuple(weight.shape)}, expected "
                    f"{variable.shape}"
                )
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store) -> None:
        """Puts the state into a dict-like store, by number."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Takes the state from what `save_own_variables` filled."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"The state of {self.name} is not loaded: it has {len(self.variables)} variables, the saved "
                f"one {len(store.keys())}.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(store[str(i)])


def by_dtype(variables) -> list[list[int]]:
    """Positions of variables, apart by dtype: what one operation over lists takes."""
    groups: dict = {}
    for position, variable in enumerate(variables):
        groups.setdefault(variable.dtype, []).append(position)
    return list(groups.values())


def add_in_place(sums: list[Variable], arrays: list, scale=None) -> None:
    """sums += scale * arrays, an operation a dtype."""
    for positions in by_dtype(sums):
        ops.sgd_update(
            [sums[i].array for i in positions],
            [arrays[i] for i in positions],
            learning_rate=1.0,
            maximize=True,
            gradient_scale=scale,
        )


def move_towards(averages: list[Variable], variables: list[Variable], share) -> None:
    """averages += share * (variables - averages), an operation a dtype; `share` is a one-element array.

    Gradient ascent along the variables with a weight decay of 1 is just that, and exact where share is 1.
    """
    for positions in by_dtype(variables):
        ops.sgd_update(
            [averages[i].array for i in positions],
            [variables[i].array for i in positions],
            learning_rate=ops.cast(share, variables[positions[0]].dtype),
            weight_decay=1.0,
            maximize=True,
        )


def overwrite(variables: list[Variable], values: list[Variable]) -> None:
    """Copies values into variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
