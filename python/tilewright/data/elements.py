# SPDX-License-Identifier: Apache-2.0
"""Elements of data sets: arrays, alone or in tuples and dicts; entered, described and put together."""

from __future__ import annotations

from functools import partial

import numpy as np

from tilewright import backend, nest
from tilewright.autograd import Tensor
from tilewright.tensor_spec import TensorSpec

# A list is a value here, an array in the making.
_CONTAINERS = (tuple, dict)

map_structure = partial(nest.map_leaves, containers=_CONTAINERS)
flatten = partial(nest.leaves, containers=_CONTAINERS)
pack = partial(nest.pack, containers=_CONTAINERS)


def host_array(value) -> np.ndarray:
    """A component as a NumPy array; Python's numbers become int32 and float32 as in TensorFlow."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Tensor):
        return np.asarray(value)
    if is_stream(value):
        return value
    if isinstance(value, np.generic):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return backend.array("Dataset", "element", value)
    array = np.asarray(value)
    if isinstance(value, (list, tuple)) and _holds_arrays(value):
        return array
    if array.dtype == np.int64 and not isinstance(value, np.ndarray):
        small = array.astype(np.int32)
        return small if (small == array).all() else array
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _holds_arrays(value) -> bool:
    return any(
        isinstance(v, (np.ndarray, np.generic, Tensor)) or (isinstance(v, (list, tuple)) and _holds_arrays(v))
        for v in value
    )


def to_host(element):
    """An element that a user's function or generator gave: lists become arrays."""
    return map_structure(host_array, element)


def to_tensors(element):
    """An element as it is handed to users."""
    return map_structure(lambda part: part if is_stream(part) else Tensor(part), element)


def spec_of(element):
    """TensorSpecs in the structure of an element; a data set in it stands for itself."""
    return map_structure(
        lambda part: part if is_stream(part) else TensorSpec(part.shape, part.dtype), element
    )


def is_stream(part) -> bool:
    """Whether a component is a data set, as in what `window` gives."""
    return hasattr(part, "as_numpy_iterator")


def gather(arrays, rows: list[int]):
    """The rows of each array as one; a run of neighbours without a copy."""
    first, n = rows[0], len(rows)
    if rows[-1] - first == n - 1 and rows == list(range(first, first + n)):
        return map_structure(lambda a: a[first : first + n], arrays)
    index = np.array(rows)
    return map_structure(lambda a: take_rows(a, index), arrays)


def take_rows(array, rows):
    """array[rows] in reused memory."""
    if array.dtype.kind not in "fiub":
        return array[rows]
    out = backend.empty((len(rows), *array.shape[1:]), array.dtype, array)
    return array.take(rows, axis=0, out=out, mode="clip")


def stack(elements: list):
    """Elements one after another along a new first axis. Raises ValueError for different shapes."""

    def joined(*parts):
        shapes = {p.shape for p in parts}
        if len(shapes) > 1:
            raise ValueError(
                f"[Dataset.batch] elements have shapes {', '.join(map(str, sorted(shapes)))}, "
                "expected one shape; padded_batch takes different ones"
            )
        first = parts[0]
        if first.dtype.kind not in "fiub" or any(p.dtype != first.dtype for p in parts):
            return np.stack(parts)
        return np.stack(parts, out=backend.empty((len(parts), *first.shape), first.dtype))

    return map_structure(joined, *elements)


def pad_and_stack(elements: list, shapes, values):
    """Elements grown at their ends to one shape, then stacked."""
    flat = [flatten(element) for element in elements]
    wanted = _spread(shapes, elements[0], lambda s: all(n is None or isinstance(n, int) for n in s))
    fills = _spread(values, elements[0], lambda v: False)
    columns = zip(*flat, strict=True)
    return pack(elements[0], [_padded(*one) for one in zip(columns, wanted, fills, strict=True)])


def _padded(parts, wanted, fill):
    longest = [max(sizes) for sizes in zip(*(p.shape for p in parts), strict=True)]
    wanted = [None] * len(longest) if wanted is None else list(wanted)
    if len(wanted) != len(longest):
        raise ValueError(
            f"[Dataset.padded_batch] padded_shapes has {tuple(wanted)}, expected {len(longest)} sizes"
        )
    shape = [m if n in (None, -1) else n for n, m in zip(wanted, longest, strict=True)]
    if any(m > n for n, m in zip(shape, longest, strict=True)):
        raise ValueError(
            f"[Dataset.padded_batch] an element has shape {tuple(longest)}, expected at most {tuple(shape)}"
        )
    dtype = parts[0].dtype if parts[0].dtype.kind in "fiub" else np.result_type(*parts)
    if fill is None:
        fill = "" if dtype.kind in "USO" else 0
    batch = np.full((len(parts), *shape), fill, dtype)
    for i, part in enumerate(parts):
        batch[(i, *(slice(0, n) for n in part.shape))] = part
    return batch


def _spread(given, element, is_leaf) -> list:
    """What is given for each component of an element: a structure like it, or one value for all."""
    if isinstance(element, dict):
        parts = given if isinstance(given, dict) else dict.fromkeys(element, given)
        return [leaf for k, v in element.items() for leaf in _spread(parts[k], v, is_leaf)]
    if isinstance(element, tuple):
        each = isinstance(given, (tuple, list)) and not is_leaf(given)
        if each and len(given) != len(element):
            raise ValueError(
                f"[Dataset.padded_batch] got {given!r}, expected one for each of {len(element)} parts"
            )
        parts = given if each else [given] * len(element)
        return [leaf for g, v in zip(parts, element, strict=True) for leaf in _spread(g, v, is_leaf)]
    return [given]
