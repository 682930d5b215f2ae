# SPDX-License-Identifier: Apache-2.0
"""Embedding: rows of a table by id, and the gradient by the table."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import ndarray, raw, result
from tilewright.ops import shape_index
from tilewright.ops._common import contiguous, copied, destination, given_back, plain_destination

__all__ = ["embedding", "embedding_backward"]


def embedding(table, ids, *, out=None):
    """Rows of a table by their number.

        y[.., :] = table[ids[..], :]

    Parameters
        table : (V, D) array of any dtype
        ids : int32 or int64 array of any shape, 0 to V - 1
        out : array of the result's shape and dtype, optional
    Returns   y : shape of ids with an axis of D; dtype of table
    Raises    ValueError: an id out of range (negative ones are), with its position; table has not 2
              dimensions; out of another shape.  TypeError: ids of a float dtype, no arrays.
    Numerics  exact; the gradient adds in the order of the ids
    Backends  cpu
    Examples
        >>> embedding(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), np.array([1, 0, 1]))
        array([[3., 4.],
               [1., 2.],
               [3., 4.]], dtype=float32)
    """
    if type(table) is ndarray and type(ids) is ndarray and table.ndim == 2 and ids.dtype.kind == "i":
        y = plain_destination(out, (*ids.shape, table.shape[1]), table.dtype)
        gapless = table.flags.c_contiguous and ids.flags.c_contiguous
        if y is not None and gapless and y.flags.c_contiguous and ids.itemsize >= 4:
            backend.module_of(table).embedding_gather(y, table, ids)
            return y
    name = "embedding"
    a = raw(name, "table", table)
    i = shape_index.index_array(name, "ids", ids, a)
    if a.ndim != 2:
        raise ValueError(f"[{name}] table has shape {a.shape}, expected 2 dimensions (vocabulary, dimension)")
    rows = a if a.strides[1] == a.itemsize or a.shape[1] == 1 else copied(a)
    wanted = (*i.shape, a.shape[1])
    y = destination(name, out, wanted, a.dtype, a)
    target = y if y.flags.c_contiguous else backend.empty(wanted, a.dtype, a)
    backend.module_of(a).embedding_gather(target, rows, contiguous(i))
    if target is not y:
        backend.module_of(a).copy(y, target)
    shape = a.shape
    return result(given_back(out, y), (table,), lambda dy, y, needs: (embedding_backward(dy, i, shape),))


def embedding_backward(dy, ids, table_shape, *, out=None):
    """Gradient of `embedding` by the table: rows added where they were taken from.

        dtable[ids[..], :] += dy[.., :]

    Parameters
        dy : (..., D) array, float32 or float64
        ids : int32 or int64 array of dy's shape without the last axis, 0 to V - 1
        table_shape : (V, D)
        out : array of table_shape and the dtype of dy, optional; overwritten
    Returns   dtable : (V, D), dtype of dy; zero in rows that no id names
    Raises    as `embedding`; ValueError: dy of another shape
    Numerics  adds in the dtype of dy, in the order of the ids, whatever the number of threads
    Backends  cpu
    Examples
        >>> embedding_backward(np.ones((3, 2), np.float32), np.array([1, 0, 1]), (2, 2))
        array([[1., 1.],
               [2., 2.]], dtype=float32)
    """
    name = "embedding_backward"
    a = raw(name, "dy", dy)
    i = shape_index.index_array(name, "ids", ids, a)
    shape = tuple(table_shape)
    if len(shape) != 2 or a.shape != (*i.shape, shape[1]):
        raise ValueError(
            f"[{name}] dy has shape {a.shape}, expected {(*i.shape, *shape[1:])} for a table of shape {shape}"
        )
    table = destination(name, out, shape, a.dtype, a)
    target = table if table.flags.c_contiguous else backend.empty(shape, a.dtype, a)
    module = backend.module_of(a)
    module.fill(target, 0.0)
    module.embedding_scatter_add(target, contiguous(a), contiguous(i))
    if target is not table:
        module.copy(table, target)
    return result(given_back(out, table), (dy,), lambda ddtable, dtable, needs: (embedding(ddtable, i),))
