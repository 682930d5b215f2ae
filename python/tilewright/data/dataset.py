# SPDX-License-Identifier: Apache-2.0
"""Dataset: a stream of elements that can be run through again and again, with the names of tf.data.Dataset.

A data set is a function that starts an iterator of raw items. Raw items are elements (arrays in tuples and
dicts) or, while `rows` is set, numbers of rows of arrays in memory: shuffling, taking, repeating and
filtering then move whole numbers, and a batch is one gather of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from tilewright.autograd import Tensor
from tilewright.data import iterators
from tilewright.data import threads as threads_module
from tilewright.data.combining import Combining
from tilewright.data.elements import (
    flatten,
    gather,
    map_structure,
    pack,
    pad_and_stack,
    spec_of,
    stack,
    to_host,
    to_tensors,
)
from tilewright.data.reordering import AUTOTUNE, INFINITE, UNKNOWN, Reordering, at_least, call_on
from tilewright.dtype_names import dtype_of
from tilewright.tensor_spec import TensorSpec


class Dataset(Combining, Reordering):
    """Elements one after another. Made by the class methods `from_...` and `range`, changed by the others.

    Iterating gives Tensors (alone, in tuples or in dicts); `as_numpy_iterator` gives arrays.
    """

    def __init__(
        self, start: Callable[[], Iterator], *, rows=None, count: int = UNKNOWN, spec=None, parents=()
    ):
        self._start, self._rows, self._count, self._spec = start, rows, count, spec
        self._orders = tuple({id(o): o for parent in parents for o in parent._orders}.values())

    # ---- sources

    @classmethod
    def from_tensor_slices(cls, tensors, name=None) -> Dataset:
        """The rows of arrays (alone, in tuples or dicts) with the same number of rows."""
        arrays = to_host(tensors)
        sizes = {a.shape[0] if a.ndim else None for a in flatten(arrays)}
        if len(sizes) != 1 or None in sizes:
            shapes = ", ".join(str(a.shape) for a in flatten(arrays)) or "none"
            raise ValueError(
                f"[Dataset.from_tensor_slices] tensors have shapes {shapes}, expected the same number of rows"
            )
        n = sizes.pop()
        spec = map_structure(lambda a: TensorSpec(a.shape[1:], a.dtype), arrays)
        return cls(lambda: iter(range(n)), rows=arrays, count=n, spec=spec)

    @classmethod
    def from_tensors(cls, tensors, name=None) -> Dataset:
        """One element."""
        element = to_host(tensors)
        return cls(lambda: iter((element,)), count=1, spec=spec_of(element))

    @classmethod
    def from_generator(
        cls, generator, output_types=None, output_shapes=None, args=None, output_signature=None, name=None
    ) -> Dataset:
        """What generator(*args) yields, each time anew.

        Parameters
            output_signature : TensorSpecs in the structure of an element; elements are cast and checked
            output_types, output_shapes : the older form of it
        """
        if not callable(generator):
            raise TypeError(
                f"[Dataset.from_generator] generator is a {type(generator).__name__}, expected a function "
                "that starts one"
            )
        spec = output_signature
        if spec is None and output_types is not None:
            shapes = _shapes_like(output_types, output_shapes)
            spec = pack(
                output_types,
                [TensorSpec(s, dtype_of(t)) for t, s in zip(flatten(output_types), shapes, strict=True)],
            )

        def start():
            for element in generator(*(args or ())):
                yield (
                    to_host(element) if spec is None else map_structure(_fitted, spec, _tupled(element, spec))
                )

        return cls(start, spec=spec)

    @classmethod
    def range(cls, *limits, output_type="int64", name=None) -> Dataset:
        """range(stop), range(start, stop) or range(start, stop, step), int64."""
        numbers = range(*(int(n) for n in limits))
        dtype = dtype_of(output_type)
        return cls(
            lambda: (np.array(n, dtype) for n in numbers), count=len(numbers), spec=TensorSpec((), dtype)
        )

    @staticmethod
    def zip(*datasets, name=None) -> Dataset:
        """Elements of several data sets (arguments, or a tuple or dict of them) side by side."""
        structure = datasets[0] if len(datasets) == 1 else datasets
        parts = flatten(structure)

        def start():
            for elements in zip(*(part._elements() for part in parts), strict=False):
                yield pack(structure, list(elements))

        counts = [part._count for part in parts]
        finite = [n for n in counts if n >= 0]
        count = UNKNOWN if UNKNOWN in counts else min(finite) if finite else INFINITE
        spec = (lambda: pack(structure, [part.element_spec for part in parts])) if parts else None
        return Dataset(start, count=count, spec=spec, parents=parts)

    # ---- running through

    def _element(self, item):
        """The element behind a raw item."""
        return item if self._rows is None else map_structure(lambda a: np.asarray(a[item]), self._rows)

    def _elements(self) -> Iterator:
        return self._start() if self._rows is None else map(self._element, self._start())

    def __iter__(self):
        return iterators.Elements(map(to_tensors, self._elements()))

    def as_numpy_iterator(self) -> Iterator:
        """The elements as arrays, numbers of no dimension as NumPy scalars."""
        return iterators.Elements(
            map(lambda e: map_structure(lambda a: a if a.ndim else a[()], e), self._elements())
        )

    def cardinality(self, name=None) -> Tensor:
        """How many elements: a number, -1 for no end, -2 where only running through tells."""
        return Tensor(np.array(self._count))

    def __len__(self):
        if self._count < 0:
            kind = "is infinite" if self._count == INFINITE else "is unknown"
            raise TypeError(f"[Dataset] the length {kind}, expected a known number of elements")
        return self._count

    def __bool__(self):
        return True

    @property
    def element_spec(self):
        """TensorSpecs in the structure of an element; after `map` and the like one is made to find out."""
        if callable(self._spec):
            self._spec = self._spec()
        if self._spec is None:
            first = next(self._elements(), None)
            if first is None:
                raise ValueError("[Dataset] element_spec is unknown, expected at least one element")
            self._spec = spec_of(first)
        return self._spec

    def describe(self, spec=None, count: int | None = None) -> Dataset:
        """Says what the elements are like, so that none has to be made to find out; and how many."""
        self._spec = self._spec if spec is None else spec
        self._count = self._count if count is None else count
        return self

    def __repr__(self):
        return f"<Dataset element_spec={self.element_spec}>"

    def _same_items(self, start, count) -> Dataset:
        return Dataset(start, rows=self._rows, count=count, spec=lambda: self.element_spec, parents=(self,))

    # ---- elements made from elements

    def prefetch(self, buffer_size, name=None) -> Dataset:
        """Elements made by a thread, up to buffer_size in advance (2 with AUTOTUNE)."""
        ahead = 2 if buffer_size in (AUTOTUNE, None) else at_least(0, "prefetch", "buffer_size", buffer_size)
        if ahead == 0:
            return self
        return Dataset(
            lambda: threads_module.in_background(self._elements(), ahead),
            count=self._count,
            spec=lambda: self.element_spec,
            parents=(self,),
        )

    def concatenate(self, dataset, name=None) -> Dataset:
        """These elements, then those of another data set."""
        counts = (self._count, dataset._count)
        total = INFINITE if INFINITE in counts else UNKNOWN if UNKNOWN in counts else sum(counts)
        return Dataset(
            lambda: itertools.chain(self._elements(), dataset._elements()),
            count=total,
            spec=lambda: self.element_spec,
            parents=(self, dataset),
        )

    def map(self, map_func, num_parallel_calls=None, deterministic=None, name=None) -> Dataset:
        """map_func(*element) of each element, called with Tensors.

        Parameters
            num_parallel_calls : threads that call it ahead of use; AUTOTUNE for as many as there are cores
            deterministic : the order is kept in any case
        """

        def element_of(item):
            return to_host(call_on(map_func, self._element(item)))

        workers = threads_module.usable_cores() if num_parallel_calls == AUTOTUNE else num_parallel_calls
        if workers is not None and workers > 1:
            return Dataset(
                lambda: threads_module.ordered_map(element_of, self._start(), workers),
                count=self._count,
                parents=(self,),
            )
        return Dataset(lambda: map(element_of, self._start()), count=self._count, parents=(self,))

    def batch(
        self, batch_size, drop_remainder=False, num_parallel_calls=None, deterministic=None, name=None
    ) -> Dataset:
        """batch_size elements stacked to one; the last may hold fewer unless drop_remainder."""
        batch_size = at_least(1, "batch", "batch_size", batch_size)
        rows = self._rows

        def start():
            for chunk in iterators.chunks(self._start(), batch_size, drop_remainder):
                yield stack(chunk) if rows is None else gather(rows, chunk)

        return Dataset(
            start,
            count=self._batches(batch_size, drop_remainder),
            spec=lambda: map_structure(
                lambda s: TensorSpec((batch_size if drop_remainder else None, *s.shape), s.dtype),
                self.element_spec,
            ),
            parents=(self,),
        )

    def padded_batch(
        self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False, name=None
    ) -> Dataset:
        """`batch` of different shapes: grown at their ends to the largest, or to padded_shapes."""
        batch_size = at_least(1, "padded_batch", "batch_size", batch_size)

        def start():
            for chunk in iterators.chunks(self._elements(), batch_size, drop_remainder):
                yield pad_and_stack(chunk, padded_shapes, padding_values)

        return Dataset(start, count=self._batches(batch_size, drop_remainder), parents=(self,))

    def _batches(self, size, drop_remainder) -> int:
        return self._count if self._count < 0 else (self._count + (0 if drop_remainder else size - 1)) // size

    def unbatch(self, name=None) -> Dataset:
        """The rows of each element."""

        def start():
            for element in self._elements():
                for row in iterators.rows_of(flatten(element)):
                    yield pack(element, [np.asarray(part) for part in row])

        return Dataset(start, parents=(self,))

    def window(self, size, shift=None, stride=1, drop_remainder=False, name=None) -> Dataset:
        """Data sets of `size` elements each, `shift` apart (size where None), every stride-th element."""
        size = at_least(1, "window", "size", size)
        shift = size if shift is None else at_least(1, "window", "shift", shift)
        stride = at_least(1, "window", "stride", stride)

        def start():
            for items in iterators.windows(self._elements(), size, shift, stride, drop_remainder):
                parts = zip(*(flatten(item) for item in items), strict=True)
                yield pack(items[0], [_of_elements(part) for part in parts])

        return Dataset(start, parents=(self,))

    def flat_map(self, map_func, name=None) -> Dataset:
        """The elements of the data sets map_func(*element), one after another."""
        return Dataset(lambda: itertools.chain.from_iterable(self._inner(map_func)), parents=(self,))

    def interleave(
        self,
        map_func,
        cycle_length=None,
        block_length=1,
        num_parallel_calls=None,
        deterministic=None,
        name=None,
    ) -> Dataset:
        """Elements of the data sets map_func(*element), block_length from each of cycle_length in turn."""
        cycle = threads_module.usable_cores() if cycle_length in (None, AUTOTUNE) else cycle_length
        return Dataset(
            lambda: iterators.interleaved(self._inner(map_func), cycle, block_length), parents=(self,)
        )

    def _inner(self, map_func) -> Iterator[Iterator]:
        for element in self._elements():
            inner = call_on(map_func, element)
            if not isinstance(inner, Dataset):
                raise TypeError(f"[Dataset] map_func gave a {type(inner).__name__}, expected a Dataset")
            yield inner._elements()

    def enumerate(self, start=0, name=None) -> Dataset:
        """Pairs of a running number, int64, and the element."""
        return Dataset(
            lambda: ((np.array(i), e) for i, e in enumerate(self._elements(), start)),
            count=self._count,
            spec=lambda: (TensorSpec((), np.int64), self.element_spec),
            parents=(self,),
        )

    def reduce(self, initial_state, reduce_func, name=None):
        """reduce_func(state, element) over all elements."""
        state = to_tensors(to_host(initial_state))
        for element in self:
            state = to_tensors(to_host(reduce_func(state, element)))
        return state

    def apply(self, transformation_func) -> Dataset:
        """transformation_func of this data set."""
        return transformation_func(self)

    def get_single_element(self, name=None):
        """The only element."""
        elements = list(itertools.islice(iter(self), 2))
        if len(elements) != 1:
            raise ValueError(f"[Dataset.get_single_element] got {len(elements)} or more, expected 1 element")
        return elements[0]


def _of_elements(items) -> Dataset:
    return Dataset(lambda: iter(items), count=len(items))


def _shapes_like(types, shapes) -> list:
    n = len(flatten(types))
    if shapes is None:
        return [None] * n
    if n == 1 and not isinstance(types, (tuple, dict)):
        return [shapes]
    return list(shapes.values()) if isinstance(shapes, dict) else list(shapes)


def _tupled(element, spec):
    return tuple(element) if isinstance(spec, tuple) and isinstance(element, list) else element


def _fitted(spec, value):
    """A generated component in the dtype of its spec. Raises ValueError for another shape."""
    array = np.asarray(value)
    wanted = dtype_of(spec.dtype)
    if array.dtype != wanted and array.dtype.kind in "fiub" and wanted.kind in "fiub":
        array = array.astype(wanted)
    if spec.shape is not None and (
        len(spec.shape) != array.ndim
        or any(n not in (None, m) for n, m in zip(spec.shape, array.shape, strict=True))
    ):
        raise ValueError(
            f"[Dataset.from_generator] an element has shape {array.shape}, expected {spec.shape}"
        )
    return array
