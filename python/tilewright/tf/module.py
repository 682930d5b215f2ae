# SPDX-License-Identifier: Apache-2.0
"""`tf.Module`: an object that knows the Variables it and its parts hold."""

from __future__ import annotations

from tilewright.variable import Variable

__all__ = ["Module"]


class Module:
    """Base of objects with Variables, found in attributes and in lists, tuples and dicts of them.

    Examples
        >>> import tilewright as tf
        >>> class Line(tf.Module):
        ...     def __init__(self):
        ...         super().__init__(name="line")
        ...         self.slope = tf.Variable(1.0)
        ...         self.offset = tf.Variable(0.0, trainable=False)
        >>> len(Line().variables), len(Line().trainable_variables)
        (2, 1)
    """

    def __init__(self, name=None):
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        return getattr(self, "_name", type(self).__name__.lower())

    @classmethod
    def with_name_scope(cls, method):
        """The method itself: names have no scopes."""
        return method

    def _held(self) -> list:
        """Attributes in alphabetical order, what lists and dicts hold in theirs."""
        return [value for _, value in sorted(vars(self).items())]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All Variables, each once; what Layers hold too."""
        found: dict[int, Variable] = {}
        _collect(self._held(), found, {id(self)})
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """Those of `variables` that are trained."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """Those of `variables` that are not trained."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Module, ...]:
        """The Modules among the parts, and theirs."""
        found: dict[int, Module] = {}
        stack = self._held()
        while stack:
            value = stack.pop(0)
            if isinstance(value, Module) and id(value) not in found and value is not self:
                found[id(value)] = value
                stack.extend(value._held())
            elif isinstance(value, (list, tuple)):
                stack.extend(value)
            elif isinstance(value, dict):
                stack.extend(value.values())
        return tuple(found.values())


def _collect(value, found: dict, seen: set) -> None:
    if isinstance(value, Variable):
        found.setdefault(id(value), value)
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            _collect(part, found, seen)
    elif isinstance(value, Module):
        if id(value) not in seen:
            seen.add(id(value))
            _collect(value._held(), found, seen)
    elif hasattr(value, "trainable_variables") and hasattr(value, "variables"):
        for variable in value.variables:
            found.setdefault(id(variable), variable)
