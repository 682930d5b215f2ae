# SPDX-License-Identifier: Apache-2.0
"""`tf.function`: a Python function prepared for many calls."""

from __future__ import annotations

import functools

import numpy as np

from tilewright import nest
from tilewright.autograd import Tensor
from tilewright.per_object import PerObject
from tilewright.recording import record
from tilewright.tf.arguments import tensor

__all__ = ["Function", "executing_eagerly", "function", "py_function", "numpy_function"]

# Set by tf.config.run_functions_eagerly.
_eagerly = False


def prepared(python_function):
    """What a `Function` calls: the function recorded; later calls with such shapes run without Python."""
    return record(python_function)


class Function(PerObject):
    """A function made by `tf.function`: arrays come in as Tensors, everything else as it was given."""

    def __init__(self, python_function, input_signature=None, name: str | None = None):
        super().__init__(python_function)
        self.python_function, self.input_signature = python_function, input_signature
        self._prepared = prepared(python_function)
        self._name = name or getattr(python_function, "__name__", "function")

    def __call__(self, *args, **kwargs):
        if self.input_signature is not None:
            self._check(args)
        args = nest.map_leaves(_as_tensor, args)
        kwargs = nest.map_leaves(_as_tensor, kwargs)
        return (self.python_function if _eagerly else self._prepared)(*args, **kwargs)

    def _prepared_for(self, method) -> Function:
        return Function(method, self.input_signature, self._name)

    def _check(self, args) -> None:
        if len(args) != len(self.input_signature):
            raise TypeError(
                f"[tf.function] {self._name} got {len(args)} arguments, expected {len(self.input_signature)}"
            )
        for i, (value, spec) in enumerate(zip(args, self.input_signature, strict=True)):
            x = tensor(value)
            fits = spec.shape is None or (
                len(spec.shape) == x.ndim
                and all(m in (None, n) for m, n in zip(spec.shape, x.shape, strict=True))
            )
            if not fits or x.dtype != spec.dtype:
                raise TypeError(
                    f"[tf.function] argument {i} of {self._name} has shape {x.shape} and dtype {x.dtype}, "
                    f"expected {spec.shape} and {spec.dtype}"
                )

    def get_concrete_function(self, *args, **kwargs):
        """The function itself: there is one for all shapes."""
        return self

    def __repr__(self):
        return f"<tf.function {self._name}>"


def _as_tensor(value):
    """A NumPy array as a Tensor."""
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor(value) if np.asarray(value).dtype.kind in "biufV" else value
    return value


def function(
    func=None,
    input_signature=None,
    autograph=True,
    jit_compile=None,
    reduce_retracing=False,
    experimental_implements=None,
    experimental_autograph_options=None,
    experimental_attributes=None,
    experimental_relax_shapes=None,
    experimental_compile=None,
    experimental_follow_type_hints=None,
):
    """Prepares a function for many calls; a decorator with or without arguments.

    Parameters
        func : function or method
        input_signature : TensorSpec an argument; calls with other shapes or dtypes are refused
        the others : accepted, without effect: Python runs as Python
    Examples
        >>> import tilewright as tf
        >>> @tf.function
        ... def twice(x):
        ...     return 2 * x
        >>> twice(tf.constant([1.0, 2.0])).numpy()
        array([2., 4.], dtype=float32)
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    if not callable(func):
        raise TypeError(f"[tf.function] func is a {type(func).__name__}, expected a function")
    return Function(func, input_signature)


def executing_eagerly() -> bool:
    """Whether values can be read at once: always."""
    return True


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether functions made by `tf.function` run as plain Python, for debugging."""
    global _eagerly
    _eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """What `run_functions_eagerly` set."""
    return _eagerly


def py_function(func=None, inp=(), Tout=None, name=None):
    """Calls `func` with Tensors; its results as Tensors."""
    return _called(func, [tensor(x) for x in inp], Tout)


def numpy_function(func=None, inp=(), Tout=None, stateful=True, name=None):
    """Calls `func` with NumPy arrays; its results as Tensors."""
    return _called(func, [tensor(x).numpy() for x in inp], Tout)


def _called(func, args, dtypes):
    found = func(*args)
    if isinstance(found, (list, tuple)):
        kinds = dtypes if isinstance(dtypes, (list, tuple)) else [dtypes] * len(found)
        return [tensor(x, dtype) for x, dtype in zip(found, kinds, strict=True)]
    return tensor(found, dtypes[0] if isinstance(dtypes, (list, tuple)) else dtypes)
