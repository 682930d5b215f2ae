# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, functions of functions: branches, loops, scans, maps, gradients by hand. Python decides."""

from __future__ import annotations

import operator

from tilewright import nest, ops
from tilewright.keras.operations.arguments import slices
from tilewright.keras.operations.declared import CORE, node, plain
from tilewright.ops._common import axis_index
from tilewright.tf import control, gradients
from tilewright.tf.arguments import tensor


@node(CORE)
def stop_gradient(variable):
    """The value as a constant: no gradient flows through it."""
    return gradients.stop_gradient(variable)


@plain
def custom_gradient(f):
    """A decorator for a function that gives (y, grad), grad(*args, upstream) or grad(upstream)."""
    return gradients.custom_gradient(f)


@plain
def cond(pred, true_fn, false_fn):
    """true_fn() if `pred` holds, else false_fn(). The value of `pred` is read, which ends a recording."""
    return control.cond(pred, true_fn, false_fn)


@plain
def switch(index, branches, *operands):
    """The branch with that number, called on the operands; numbers beyond the ends are the first and last.

    The value of a Tensor is read, which ends a recording.
    """
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


@plain
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Calls `body(*loop_vars)` while `cond(*loop_vars)` holds; gives the last values.

    Where cond gives a Tensor its value is read, which ends a recording.
    """
    several = isinstance(loop_vars, (list, tuple))
    found = control.while_loop(
        cond, body, loop_vars if several else (loop_vars,), maximum_iterations=maximum_iterations
    )
    return found if several else found[0]


@plain
def fori_loop(lower, upper, body_fun, init_val):
    """val = body_fun(i, val) for i from lower to before upper, from init_val on."""
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


def _stacked(parts: list):
    """A list of equal structures as one structure of stacked Tensors."""
    return nest.map_leaves(lambda *values: ops.stack([tensor(v) for v in values]), *parts)


@plain
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """(carry, y) = f(carry, x) for each x of `xs`, or `length` times; the last carry, and all y stacked.

    Parameters
        init : what the first call gets as its carry, a structure of Tensors
        xs : a structure of Tensors with one first axis, or None;  reverse : from the last entry on
        unroll : changes nothing
    Notes     Python calls f, and a recording repeats what that led to. A y of None stacks zeros like init.
    """
    leaves = [tensor(x) for x in nest.leaves(xs)] if xs is not None else []
    if not leaves and length is None:
        raise ValueError("[scan] xs and length are None, expected one of them")
    count = operator.index(length) if length is not None else leaves[0].shape[0]
    wrong = next((x for x in leaves if x.shape[0] != count), None)
    if wrong is not None:
        raise ValueError(f"[scan] xs has {wrong.shape[0]} entries, expected {count}")
    carry, passed = nest.map_leaves(tensor, init), []
    for i in reversed(range(count)) if reverse else range(count):
        x = nest.map_leaves(lambda leaf, i=i: tensor(leaf)[i], xs) if leaves else None
        carry, y = f(carry, x)
        passed.append(nest.map_leaves(ops.zeros_like, carry) if y is None else y)
    if not passed:
        return carry, nest.map_leaves(lambda leaf: ops.zeros((0, *leaf.shape), leaf.dtype), carry)
    return carry, _stacked(passed[::-1] if reverse else passed)


@plain
def associative_scan(f, elems, reverse=False, axis=0):
    """The running results of an associative function along an axis, in log2(n) calls of f.

    f takes two structures like `elems` and combines them entry by entry; the reach doubles from call to call.
    (Hillis & Steele, "Data parallel algorithms", 1986)
    """
    elems = nest.map_leaves(tensor, elems)
    first = nest.leaves(elems)[0]
    axis = axis_index("associative_scan", axis, first.ndim)
    count = first.shape[axis]
    if any(x.shape[axis] != count for x in nest.leaves(elems)):
        raise ValueError(
            f"[associative_scan] elems differ along axis {axis}, expected {count} entries in all"
        )

    def part(structure, start, stop):
        return nest.map_leaves(lambda x: x[slices(x.ndim, axis, slice(start, stop))], structure)

    elems = nest.map_leaves(lambda x: ops.flip(x, axis), elems) if reverse else elems
    reach = 1
    while reach < count:
        joined = f(part(elems, None, count - reach), part(elems, reach, None))
        kept = part(elems, None, reach)
        elems = nest.map_leaves(lambda a, b: ops.concat([a, tensor(b)], axis=axis), kept, joined)
        reach *= 2
    return nest.map_leaves(lambda x: ops.flip(x, axis), elems) if reverse else elems


@plain
def map_(f, xs):
    """f of each entry along the first axis, stacked."""
    return control.map_fn(f, xs)


@plain
def vectorized_map(function, elements):
    """`function` of each entry along the first axis, stacked."""
    return control.map_fn(function, elements)
