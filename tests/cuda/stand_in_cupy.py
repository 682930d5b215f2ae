# SPDX-License-Identifier: Apache-2.0
"""CuPy's stand-in: the part of its interface that the engine uses, over memory of the host.

Arrays are no NumPy arrays and cannot be mixed with them; what a GPU would make wait (reading a value) is
counted; memory comes from the current allocator and is filled with NaN bytes; streams note what was queued on
them, and one that captures runs nothing. Where CuPy has no such function, neither has this.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
import types

import numpy as np

_GUARD = 0xFF  # a NaN in every float dtype


class _Flags:
    """CuPy's flags: no `writeable`."""

    def __init__(self, a):
        self.c_contiguous, self.f_contiguous = a.flags.c_contiguous, a.flags.f_contiguous
        self.owndata = False


class ndarray:
    """An array on "the GPU": NumPy's views and shapes, none of its arithmetic."""

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = np.dtype(dtype)
        self._memory = memptr if memptr is not None else _current.allocator(_bytes(shape, dtype))
        block = (ctypes.c_char * max(_bytes(shape, dtype), 1)).from_address(self._memory.ptr)
        self._a = np.ndarray(shape, dtype, block)
        self.readonly = False

    @classmethod
    def _view(cls, a, memory):
        y = cls.__new__(cls)
        y._a, y._memory, y.readonly = a, memory, False
        return y

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    strides = property(lambda self: self._a.strides)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    itemsize = property(lambda self: self._a.itemsize)
    nbytes = property(lambda self: self._a.nbytes)
    flags = property(lambda self: _Flags(self._a))
    T = property(lambda self: ndarray._view(self._a.T, self._memory))
    device = property(lambda self: types.SimpleNamespace(id=0))
    data = property(lambda self: types.SimpleNamespace(ptr=self._a.ctypes.data))

    @property
    def __cuda_array_interface__(self):
        a = self._a
        return {
            "shape": a.shape,
            "typestr": a.dtype.str,
            "descr": [("", a.dtype.str)],
            "data": (a.ctypes.data if a.size else 0, self.readonly),
            "strides": None if a.flags.c_contiguous else a.strides,
            "version": 3,
            "stream": cuda.get_current_stream().ptr or 1,
        }

    def __dlpack__(self, stream=None, max_version=None, dl_device=None, copy=None):
        if dl_device is None or int(dl_device[0]) == 2:
            raise BufferError("memory of a GPU cannot be given to the host")
        return self.get().__dlpack__()

    def __dlpack_device__(self):
        return 2, 0

    # ---- views

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        a = self._a.reshape(shape)
        if np.shares_memory(a, self._a) or a.size == 0:
            return ndarray._view(a, self._memory)
        return _filled(a)  # CuPy copies here as NumPy does

    def transpose(self, *axes):
        return ndarray._view(self._a.transpose(*axes), self._memory)

    def swapaxes(self, i, j):
        return ndarray._view(self._a.swapaxes(i, j), self._memory)

    def squeeze(self, axis=None):
        return ndarray._view(self._a.squeeze(axis), self._memory)

    def __getitem__(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        assert not any(isinstance(part, (list, np.ndarray, ndarray)) for part in parts), "a copy, not a view"
        a = self._a[key if isinstance(key, tuple) and Ellipsis in key else (*parts, Ellipsis)]
        return ndarray._view(a, self._memory)

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # ---- what makes the host wait

    def get(self, stream=None, order="C", out=None, blocking=True):
        counts.reads += 1
        return self._a.copy()

    def item(self, *where):
        counts.reads += 1
        return self._a.item(*where)

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy "
            "array"
        )

    # ---- what does not

    def set(self, values, stream=None):
        assert type(values) is np.ndarray and values.shape == self.shape and values.dtype == self.dtype
        counts.uploads += 1
        self._a[...] = values

    def __setitem__(self, key, values):
        if isinstance(values, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        self._a[key] = values._a if isinstance(values, ndarray) else values

    def copy(self, order="C"):
        return _filled(self._a)

    def __repr__(self):
        counts.reads += 1
        return repr(self._a)

    __hash__ = object.__hash__

    def _refused(self, *_):
        raise AssertionError("arithmetic on the array itself: the engine has operations for that")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refused
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __matmul__ = __pow__ = _refused


ndarray.__module__ = "cupy"


def _bytes(shape, dtype) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _filled(values) -> ndarray:
    y = ndarray(values.shape, values.dtype)
    y._a[...] = values
    return y


def empty(shape, dtype=float, order="C"):
    return ndarray(shape, dtype)


def asarray(a, dtype=None):
    if isinstance(a, ndarray):
        return a
    counts.uploads += 1
    return _filled(np.asarray(a, dtype))


def asnumpy(a):
    return a.get()


def from_dlpack(a):
    assert int(a.__dlpack_device__()[0]) == 2, "CuPy takes GPU memory only"
    return ndarray._view(a._a, a._memory)


def broadcast_to(a, shape):
    return ndarray._view(np.broadcast_to(a._a, shape), a._memory)


def flatnonzero(a):
    counts.reads += 1  # the size of the result is not known before
    return _filled(np.flatnonzero(a._a))


def shares_memory(a, b):
    return np.shares_memory(a._a, b._a)


def may_share_memory(a, b):
    return np.may_share_memory(a._a, b._a)


class Counts:
    """What a test asks about: values read by the host, arrays copied to the GPU."""

    reads = 0
    uploads = 0


counts = Counts()


# ---- cupy.cuda


class MemoryPointer:
    def __init__(self, mem, offset):
        self.mem, self.ptr = mem, mem.ptr + offset


class UnownedMemory:
    def __init__(self, ptr, size, owner, device_id=-1):
        self.ptr, self.size, self._owner = ptr, size, owner


class _Memory:
    def __init__(self, size):
        raw = np.full(size + 512, _GUARD, np.uint8)
        self._raw, self.size = raw, size
        self.ptr = (raw.ctypes.data + 511) // 512 * 512


class MemoryPool:
    def malloc(self, size):
        return MemoryPointer(_Memory(size), 0)


class _Current(threading.local):
    def __init__(self):
        self.allocator = MemoryPool().malloc
        self.streams = [Stream.null]


def get_allocator():
    return _current.allocator


@contextlib.contextmanager
def using_allocator(allocator=None):
    before, _current.allocator = _current.allocator, allocator or MemoryPool().malloc
    try:
        yield
    finally:
        _current.allocator = before


class Stream:
    """A stream; while it captures, what `queue` is given is kept for the graph and not run."""

    _numbers = itertools.count(0x5000, 0x10)

    def __init__(self, null=False, non_blocking=False, ptr=None):
        self.ptr = 0 if null else next(self._numbers) if ptr is None else ptr
        self._graph = None

    def __enter__(self):
        _current.streams.append(self)
        return self

    def __exit__(self, *_):
        _current.streams.pop()

    def begin_capture(self, mode=None):
        assert self.ptr != 0, "the default stream cannot be captured"
        self._graph = Graph()

    def end_capture(self):
        graph, self._graph = self._graph, None
        return graph

    def is_capturing(self):
        return self._graph is not None

    def queue(self, work):
        if self._graph is None:
            work()
        else:
            self._graph.work.append(work)

    def wait_event(self, event):
        assert event.recorded_on is not None

    def synchronize(self):
        counts.reads += 1


class ExternalStream(Stream):
    def __init__(self, ptr, device_id=-1):
        super().__init__(ptr=ptr)


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.recorded_on = None

    def record(self, stream=None):
        self.recorded_on = stream or get_current_stream()


class Graph:
    def __init__(self):
        self.work, self.launches = [], 0

    def launch(self, stream=None):
        self.launches += 1
        for work in self.work:
            work()


def get_current_stream():
    return _current.streams[-1]


Stream.null = Stream(null=True)
_current = _Current()
cuda = types.SimpleNamespace(
    Event=Event,
    ExternalStream=ExternalStream,
    MemoryPointer=MemoryPointer,
    MemoryPool=MemoryPool,
    Stream=Stream,
    UnownedMemory=UnownedMemory,
    get_allocator=get_allocator,
    get_current_stream=get_current_stream,
    using_allocator=using_allocator,
)
