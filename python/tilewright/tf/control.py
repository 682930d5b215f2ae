# SPDX-License-Identifier: Apache-2.0
"""Control flow as functions: cond, while_loop, map_fn, scan, TensorArray. Python decides, at once."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.tf.arguments import tensor

__all__ = [
    "TensorArray", "case", "cond", "foldl", "foldr", "group", "map_fn", "no_op", "scan", "switch_case",
    "vectorized_map", "while_loop",
]  # fmt: skip


def cond(pred, true_fn=None, false_fn=None, name=None):
    """true_fn() if `pred` holds, else false_fn()."""
    return true_fn() if bool(pred) else false_fn()


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case"):
    """The function of the first pair whose condition holds, called; else `default`."""
    for pred, function in pred_fn_pairs:
        if bool(pred):
            return function()
    if default is None:
        raise ValueError("[case] no condition holds and default is None, expected one of them")
    return default()


def switch_case(branch_index, branch_fns, default=None, name="switch_case"):
    """The function with that number, called; `default` or the last one where there is none."""
    branches = dict(branch_fns) if not callable(next(iter(branch_fns), None)) else dict(enumerate(branch_fns))
    index = int(branch_index)
    if index in branches:
        return branches[index]()
    return branches[max(branches)]() if default is None else default()


def while_loop(
    cond, body, loop_vars, shape_invariants=None, parallel_iterations=10, maximum_iterations=None, name=None
):
    """Calls `body(*loop_vars)` while `cond(*loop_vars)` holds; gives the last values."""
    values, steps = tuple(loop_vars), 0
    while bool(cond(*values)) and (maximum_iterations is None or steps < int(maximum_iterations)):
        found = body(*values)
        values = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        steps += 1
    return type(loop_vars)(values) if type(loop_vars) in (list, tuple) else values


def _stacked(results):
    """A list of equal structures as one structure of stacked Tensors."""
    first = results[0]
    if isinstance(first, dict):
        return {key: _stacked([r[key] for r in results]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)([_stacked(list(parts)) for parts in zip(*results, strict=True)])
    return ops.stack([tensor(r) for r in results])


def _rows(elems) -> list:
    """The entries along the first axis of a structure of Tensors."""
    if isinstance(elems, dict):
        columns = {key: _rows(value) for key, value in elems.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(elems, tuple) or (isinstance(elems, list) and any(isinstance(e, Tensor) for e in elems)):
        return [type(elems)(row) for row in zip(*(_rows(e) for e in elems), strict=True)]
    return list(tensor(elems))


def map_fn(fn, elems, dtype=None, parallel_iterations=None, fn_output_signature=None, name=None, **kwargs):
    """`fn` of each entry along the first axis, stacked."""
    rows = _rows(elems)
    if not rows:
        raise ValueError("[map_fn] elems has no entries, expected at least one")
    return _stacked([fn(row) for row in rows])


def vectorized_map(fn, elems, fallback_to_while_loop=True, warn=True):
    """`map_fn`."""
    return map_fn(fn, elems)


def _folded(fn, rows, initializer):
    rows = list(rows)
    if initializer is None:
        if not rows:
            raise ValueError("[foldl] elems has no entries and initializer is None, expected one of them")
        initializer = rows.pop(0)
    return initializer, rows


def foldl(fn, elems, initializer=None, name=None, **kwargs):
    """fn(...fn(fn(initializer, e0), e1)..., en)"""
    value, rows = _folded(fn, _rows(elems), initializer)
    for row in rows:
        value = fn(value, row)
    return value


def foldr(fn, elems, initializer=None, name=None, **kwargs):
    """`foldl` from the last entry on."""
    value, rows = _folded(fn, reversed(_rows(elems)), initializer)
    for row in rows:
        value = fn(value, row)
    return value


def scan(fn, elems, initializer=None, reverse=False, name=None, **kwargs):
    """Every value that `foldl` passes through, stacked."""
    rows = _rows(elems)
    value, rest = _folded(fn, reversed(rows) if reverse else rows, initializer)
    passed = [] if initializer is not None else [value]
    for row in rest:
        value = fn(value, row)
        passed.append(value)
    return _stacked(passed[::-1] if reverse else passed)


class TensorArray:
    """A list of Tensors that are stacked in the end, as loops over time steps use it."""

    def __init__(self, dtype, size=0, dynamic_size=None, clear_after_read=None, element_shape=None, **kwargs):
        self.dtype = dtype_of(dtype)
        self._values: list = [None] * int(size)
        self._grows = dynamic_size is None or bool(dynamic_size)

    def write(self, index, value, name=None) -> TensorArray:
        """Puts a value at a place; gives the array."""
        index = int(index)
        if index >= len(self._values):
            if not self._grows:
                raise ValueError(
                    f"[TensorArray.write] index is {index}, expected 0 to {len(self._values) - 1}"
                )
            self._values.extend([None] * (index + 1 - len(self._values)))
        self._values[index] = tensor(value, self.dtype)
        return self

    def read(self, index, name=None) -> Tensor:
        """The value at a place."""
        found = self._values[int(index)]
        if found is None:
            raise ValueError(
                f"[TensorArray.read] index {int(index)} has not been written, expected one that has"
            )
        return found

    def stack(self, name=None) -> Tensor:
        """All values along a new first axis; places never written are zeros."""
        like = next((v for v in self._values if v is not None), None)
        if like is None:
            raise ValueError("[TensorArray.stack] nothing has been written, expected at least one value")
        return ops.stack([ops.zeros_like(like) if v is None else v for v in self._values])

    def concat(self, name=None) -> Tensor:
        """All values along their first axis."""
        return ops.concat([v for v in self._values if v is not None])

    def unstack(self, value, name=None) -> TensorArray:
        """Takes the entries along the first axis of `value`."""
        self._values = list(tensor(value, self.dtype))
        return self

    def gather(self, indices, name=None) -> Tensor:
        """The values at several places, stacked."""
        return ops.stack([self.read(int(i)) for i in indices])

    def size(self, name=None) -> Tensor:
        """How many places there are."""
        return tensor(len(self._values))

    def identity(self) -> TensorArray:
        """The array itself."""
        return self


def group(*inputs, name=None) -> None:
    """Nothing: what is given has been done already."""


def no_op(name=None) -> None:
    """Nothing."""
