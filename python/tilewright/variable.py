# SPDX-License-Identifier: Apache-2.0
"""Variable: a Tensor that is changed in place and, when trainable, watched by every tape."""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops, recording
from tilewright.autograd import Node, Tensor, raw
from tilewright.dtype_names import dtype_of


class Variable(Tensor):
    """A named array that keeps its memory: assignments write into it, so whoever holds the array sees them.

    Parameters
        initial_value : array, number, nested list, or a callable that makes an array from (shape, dtype)
        trainable : tapes watch the variable by themselves, and models hand it to their optimizer
        name : last part of `path`
        shape : needed where initial_value is a callable
        dtype : taken from initial_value where None; Python floats become float32, ints int32 where they fit
        regularizer : called with the variable, gives a loss to add;  constraint : called after each update
    Raises    ValueError: a callable without shape, a value of another shape.  TypeError: what is no number
    Examples
        >>> v = Variable(np.zeros(2, np.float32), name="offset")
        >>> v.assign_add(np.ones(2, np.float32)).numpy()
        array([1., 1.], dtype=float32)
    """

    __slots__ = ("name", "path", "regularizer", "constraint", "_trainable")

    def __init__(
        self,
        initial_value,
        trainable: bool = True,
        name: str | None = None,
        *,
        shape=None,
        dtype=None,
        regularizer=None,
        constraint=None,
        path: str | None = None,
    ):
        value = _initial(initial_value, shape, dtype)
        super().__init__(ops.copy(backend.on_device(value)))
        self.name = name or "variable"
        self.path = path or self.name
        self.regularizer, self.constraint = regularizer, constraint
        self.trainable = trainable

    @property
    def trainable(self) -> bool:
        """Whether tapes watch this variable."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool):
        if getattr(self, "_trainable", trainable) != trainable:
            recording.note_change()
        self._trainable = bool(trainable)
        watched = self._trainable and self.array.dtype.kind in "fV"
        self.node = Node(leaf=self.array.shape) if watched else None

    @property
    def value(self) -> Reading:
        """The variable to read from; called, `value()`, a copy that later assignments leave alone."""
        return Reading(self.array, self.node)

    def read_value(self) -> Tensor:
        """The values now, apart from later assignments."""
        return ops.copy(self)

    def numpy(self) -> np.ndarray | np.generic:
        """The values now, as an array of their own; of no dimension as a NumPy scalar."""
        return super().numpy().copy()

    def assign(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Writes `value` (an array of the same shape, or for a scalar a number) into the variable."""
        ops.copy(self._fitting("assign", value), out=self.array)
        return self

    def assign_add(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Adds `value` in place."""
        ops.add(self.array, self._fitting("assign_add", value), out=self.array)
        return self

    def assign_sub(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Subtracts `value` in place."""
        ops.subtract(self.array, self._fitting("assign_sub", value), out=self.array)
        return self

    def __getitem__(self, key) -> Part:
        """A part to read from, as of a Tensor; its `assign` and kin write into the variable."""
        return Part(ops.getitem(self, key), self, key)

    def scatter_nd_update(self, indices, updates, name=None) -> Variable:
        """Writes `updates` at positions along the first axes, one along the last axis of `indices` each."""
        return self.assign(ops.scatter_nd_update(*self._scattered(indices, updates)))

    def scatter_nd_add(self, indices, updates, name=None) -> Variable:
        """Adds `updates` at positions along the first axes."""
        return self.assign(ops.scatter_nd_add(*self._scattered(indices, updates)))

    def scatter_nd_sub(self, indices, updates, name=None) -> Variable:
        """Subtracts `updates` at positions along the first axes."""
        array, ids, updates = self._scattered(indices, updates)
        return self.assign(ops.scatter_nd_add(array, ids, ops.negative(updates)))

    def scatter_update(self, sparse_delta, use_locking=False, name=None) -> Variable:
        """Writes rows: the values of a `tf.IndexedSlices` at its indices."""
        return self.scatter_nd_update(ops.expand_dims(sparse_delta.indices, -1), sparse_delta.values)

    def scatter_add(self, sparse_delta, use_locking=False, name=None) -> Variable:
        """Adds rows: the values of a `tf.IndexedSlices` at its indices."""
        return self.scatter_nd_add(ops.expand_dims(sparse_delta.indices, -1), sparse_delta.values)

    def scatter_sub(self, sparse_delta, use_locking=False, name=None) -> Variable:
        """Subtracts rows: the values of a `tf.IndexedSlices` at its indices."""
        return self.scatter_nd_sub(ops.expand_dims(sparse_delta.indices, -1), sparse_delta.values)

    def _scattered(self, indices, updates) -> tuple:
        """The values and what is to be written into them, as raw arrays."""
        ids = raw(
            "Variable.scatter", "indices", np.asarray(indices) if isinstance(indices, list) else indices
        )
        if isinstance(updates, (int, float, list, tuple)):
            updates = np.array(updates, self.array.dtype)
        return self.array, ids, ops.cast(raw("Variable.scatter", "updates", updates), self.array.dtype)

    def to(self, device: str) -> Variable:
        """Moves the values to "cpu" or "cuda" ("simt" computes on the arrays of "cpu"), in place."""
        backend.load(device)
        array = backend.to_gpu(self.array) if device == "cuda" else backend.to_host(self.array)
        if array is not self.array:
            self.array = array
            recording.note_change()
        return self

    def _fitting(self, method: str, value):
        if isinstance(value, (int, float, list, tuple)):
            value = np.array(value, self.array.dtype)
        array = backend.beside(raw(f"Variable.{method}", "value", value), self.array)
        if array.shape != self.array.shape:
            raise ValueError(
                f"[Variable.{method}] value has shape {array.shape}, expected {self.array.shape} as "
                f"{self.path} has"
            )
        return array if array.dtype == self.array.dtype else ops.cast(array, self.array.dtype)

    def __repr__(self):
        values = backend.to_host(self.array)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, values={values!s}>"


class Part(Tensor):
    """What `variable[key]` gives.

    Examples
        >>> v = Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> v[:, 1].assign([0.0, 5.0]).numpy()
        array([[1., 0.],
               [3., 5.]], dtype=float32)
    """

    __slots__ = ("_variable", "_is_view")

    def __init__(self, part: Tensor, variable: Variable, key):
        super().__init__(part.array, part.node, part.index)
        self._variable = variable
        self._is_view = not any(
            isinstance(k, (list, Tensor)) or getattr(k, "ndim", 0)
            for k in (key if isinstance(key, tuple) else (key,))
        )

    def assign(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Writes `value`, which may be broadcast, into this part; gives the whole variable."""
        ops.copy(self._fitting("assign", value), out=self.array)
        return self._variable

    def assign_add(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Adds `value` to this part."""
        ops.add(self.array, self._fitting("assign_add", value), out=self.array)
        return self._variable

    def assign_sub(self, value, use_locking=None, name=None, read_value=True) -> Variable:
        """Subtracts `value` from this part."""
        ops.subtract(self.array, self._fitting("assign_sub", value), out=self.array)
        return self._variable

    def _fitting(self, method: str, value):
        if not self._is_view:
            raise TypeError(
                f"[Variable.{method}] the part was chosen by an array, expected ints and slices; "
                "scatter_nd_update writes at positions"
            )
        if isinstance(value, (int, float, list, tuple)):
            value = np.array(value, self.array.dtype)
        array = backend.beside(raw(f"Variable.{method}", "value", value), self.array)
        return ops.broadcast_to(ops.cast(array, self.array.dtype), self.array.shape)


class Reading(Tensor):
    """What `variable.value` gives: array and node. Calling it gives a copy, as `value()` in TensorFlow."""

    __slots__ = ()

    def __call__(self) -> Tensor:
        return ops.copy(self)


def _initial(value, shape, dtype):
    """The first value as an array, cast where a dtype is asked for."""
    if callable(value) and not isinstance(value, Tensor):
        if shape is None:
            raise ValueError(
                "[Variable] shape is None, expected a tuple of int for an initial_value that is a callable"
            )
        value = value(tuple(shape), dtype="float32" if dtype is None else dtype)
    if isinstance(value, (bool, int, float, list, tuple)):
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise TypeError(f"[Variable] initial_value has dtype {value.dtype}, expected numbers")
        value = narrowed(value) if dtype is None else value
    array = raw("Variable", "initial_value", value)
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"[Variable] initial_value has shape {array.shape}, expected {tuple(shape)}")
    return array if dtype is None else ops.cast(array, dtype_of(dtype))


def narrowed(array: np.ndarray) -> np.ndarray:
    """float64 as float32, and int64 as int32 where the values fit: the dtypes that Python numbers get."""
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64 and not ((array < _INT32.min) | (array > _INT32.max)).any():
        return array.astype(np.int32)
    return array


_INT32 = np.iinfo(np.int32)
