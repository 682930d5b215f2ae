# SPDX-License-Identifier: Apache-2.0
"""From arrays to back ends: who computes, where memory comes from, how foreign arrays enter and leave.

The engine owns no array type. NumPy arrays are the CPU's, CuPy arrays the GPU's; anything else that speaks
DLPack (a torch tensor, a JAX array) is viewed without a copy and results go back as its own kind. CuPy is
imported when the first GPU array appears, and nowhere else.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from importlib import import_module

import numpy as np

from tilewright import _cpu
from tilewright.narrow import Widening

ndarray = np.ndarray
_DEVICES = ("cpu", "simt", "cuda")
_modules = {"cpu": _cpu}
_DLPACK_CUDA = 2


def load(device: str):
    """The extension module of a device; raises RuntimeError with the reason when it cannot be had."""
    if device not in _DEVICES:
        raise ValueError(f"[set_device] device is {device!r}, expected one of {', '.join(_DEVICES)}")
    if device not in _modules:
        try:
            module = import_module(f"tilewright._{device}")
        except ImportError as error:
            raise RuntimeError(f"[set_device] the {device} back end is not in this build: {error}") from error
        if device == "cuda":
            reason = module.unavailable_reason()
            if reason:
                raise RuntimeError(f"[set_device] no GPU can be used: {reason}")
            module.set_stream_source(_current_stream)
        _modules[device] = module
    return _modules[device]


def cupy():
    """CuPy. Raises RuntimeError where it is not installed."""
    module = sys.modules.get("cupy")
    if module is None:
        try:
            module = import_module("cupy")
        except ImportError as error:
            raise RuntimeError(
                f"[set_device] arrays on the GPU are CuPy's, expected it to be installed: {error}"
            ) from error
    return module


def _current_stream() -> int:
    """The one place that decides on which stream a call runs."""
    return cupy().cuda.get_current_stream().ptr


# What computes on NumPy arrays: the CPU, or the CUDA kernels run by the emulator.
_host = _cpu
_device = "cpu"
# The host's functions of NumPy arrays alone, of one shape and dtype: the result, or None for all others.
unary_plain, binary_plain, copy_plain = _cpu.unary_plain, _cpu.binary_plain, _cpu.copy_plain


def set_host(module):
    """Lets `module`, or what stands before one and passes calls on, compute on NumPy arrays. Returns the one
    it replaces."""
    global _host, unary_plain, binary_plain, copy_plain
    before, _host = _host, module
    unary_plain, binary_plain, copy_plain = module.unary_plain, module.binary_plain, module.copy_plain
    return before


def set_device(device: str) -> None:
    """Chooses where new arrays live and who computes: "cpu", "simt" (CUDA kernels, emulated) or "cuda"."""
    global _device
    module = load(device)
    if device == "cuda":
        cupy()
    set_host(module if device != "cuda" else _cpu)
    _device = device


def device() -> str:
    """The device chosen by `set_device` or TILEWRIGHT_DEVICE."""
    return _device


def device_of(array) -> str:
    """Where an array lies, by TensorFlow's name of the place."""
    return "/device:CPU:0" if type(array) is ndarray else f"/device:GPU:{array.device.id}"


_widening: dict = {}


def module_of(array):
    """What computes on `array`: the extension module of its device, or for 16-bit floats that module with
    their operations done in float32 where its table lacks them."""
    module = _host if type(array) is ndarray else load("cuda")
    if array.itemsize != 2:
        return module
    if module not in _widening:
        _widening[module] = Widening(module, empty)
    return _widening[module]


# ---- memory


# `empty` beside plain arrays, for callers who know that they are and have an np.dtype.
host_empty = _cpu.empty


def empty(shape: tuple[int, ...], dtype=np.float32, like=None):
    """An uninitialised C-ordered array beside `like` (else on the chosen device), from reused memory."""
    if type(like) is ndarray or (like is None and _device != "cuda"):
        return _cpu.empty(shape, dtype if type(dtype) is np.dtype else np.dtype(dtype))
    try:
        return cupy().empty(shape, dtype)
    except MemoryError as error:
        raise MemoryError(
            f"[empty] an array of shape {shape}, {np.dtype(dtype)} does not fit on the GPU: {error}"
        ) from error


def number(value, dtype, like=None):
    """A number as an array without axes beside `like`. On the GPU a kernel writes it, so nothing waits.

    Raises OverflowError where the dtype cannot hold it."""
    host = np.array(value, dtype)
    if type(like) is ndarray or (like is None and _device != "cuda"):
        return host
    if host.dtype.kind in "iu" and abs(int(host)) > 2**53:  # more digits than `fill` takes
        return to_gpu(host)
    y = empty((), host.dtype, like)
    module_of(y).fill(y, float(host))
    return y


_thread = threading.local()


@contextlib.contextmanager
def uploads(upload):
    """Within, this thread's NumPy arrays go to the GPU by `upload` (by CuPy where None)."""
    before, _thread.upload = getattr(_thread, "upload", None), upload
    try:
        yield
    finally:
        _thread.upload = before


def to_gpu(x):
    """A NumPy array as a CuPy array; GPU arrays as they are."""
    if type(x) is not ndarray:
        return x
    upload = getattr(_thread, "upload", None)
    return cupy().asarray(x) if upload is None else upload(x)


def to_host(x) -> np.ndarray:
    """The values of an array as a NumPy array: itself, or a copy from the GPU, which is waited for.

    Raises what kernels on the GPU have found wrong with values (ids, labels) by then."""
    if type(x) is ndarray:
        return x
    values = x.get()
    load("cuda").raise_value_errors()
    return values


def flatnonzero(mask):
    """Where a mask holds, along all its elements. On the GPU their number has to be waited for."""
    places = namespace(mask).flatnonzero(mask)
    if type(mask) is not ndarray:
        load("cuda").raise_value_errors()
    return places


def exported(array, **options):
    """The DLPack capsule of an array. To another user of the GPU it goes as it is, without waiting; a copy
    for the host is a read as `to_host` is."""
    capsule = array.__dlpack__(**options)
    where = options.get("dl_device")
    if type(array) is not ndarray and where is not None and int(where[0]) != _DLPACK_CUDA:
        load("cuda").raise_value_errors()
    return capsule


def on_device(x):
    """A NumPy array moved to the chosen device; anything else, and everything but on "cuda", as it is."""
    return to_gpu(x) if _device == "cuda" and type(x) is ndarray else x


def beside(x, like):
    """An array that Python made moved to where `like` lives."""
    return to_gpu(x) if type(like) is not ndarray else x


def copy_values(y, x) -> None:
    """Writes the values of x into y, of one shape and dtype, wherever either lives; no call of the table."""
    if type(y) is ndarray:
        np.copyto(y, to_host(x))
    elif type(x) is ndarray:
        y.set(np.ascontiguousarray(x).reshape(x.shape))
    else:
        y[...] = x


def shares_memory(a, b) -> bool:
    """Whether an element of one array lies in the other; never of arrays on two devices."""
    if type(a) is ndarray:
        return type(b) is ndarray and np.shares_memory(a, b)
    return type(b) is not ndarray and bool(cupy().shares_memory(a, b))


def may_share_memory(a, b) -> bool:
    """As `shares_memory` by the arrays' bounds alone."""
    if type(a) is ndarray:
        return type(b) is ndarray and np.may_share_memory(a, b)
    return type(b) is not ndarray and bool(cupy().may_share_memory(a, b))


def writable(array) -> bool:
    """Whether kernels may write into `array`; CuPy knows no read-only arrays."""
    return getattr(array.flags, "writeable", True)


# ---- arrays of others


def array(operation: str, argument: str, x):
    """`x` as a NumPy or CuPy array, never copied. Raises TypeError for what is no array."""
    if type(x) is ndarray:
        return x
    if isinstance(x, ndarray) and not isinstance(x, np.ma.MaskedArray):
        return np.asarray(x)
    if isinstance(x, np.generic):
        return np.asarray(x)
    loaded = sys.modules.get("cupy")
    if loaded is not None and isinstance(x, loaded.ndarray):
        return x
    if hasattr(x, "__dlpack__") and not isinstance(x, np.ma.MaskedArray):
        kind = "CuPy" if _on_gpu(x) else "NumPy"
        try:
            return cupy().from_dlpack(x) if kind == "CuPy" else np.from_dlpack(x)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TypeError(
                f"[{operation}] {argument} is a {type(x).__name__} that cannot be viewed as a {kind} array: "
                f"{error}"
            ) from error
    if hasattr(x, "__cuda_array_interface__"):
        return cupy().asarray(x)
    raise TypeError(
        f"[{operation}] {argument} is a {type(x).__name__}, expected an array "
        "(numpy.ndarray, tilewright.Tensor or anything with __dlpack__)"
    )


def _on_gpu(x) -> bool:
    """Whether what speaks DLPack lies on a GPU."""
    where = getattr(x, "__dlpack_device__", None)
    return where is not None and int(where()[0]) == _DLPACK_CUDA


def as_kind_of(x, y):
    """`y` (a NumPy or CuPy array) as the kind of array `x` is, sharing memory."""
    if isinstance(x, (ndarray, np.generic)):
        return y
    root = type(x).__module__.partition(".")[0]
    if root in ("jaxlib", "jax"):
        return sys.modules["jax"].numpy.from_dlpack(y)
    if root == "cupy":
        return y
    module = sys.modules.get(root)
    if module is not None and hasattr(module, "from_dlpack"):
        return module.from_dlpack(y)
    return y


def namespace(array):
    """numpy or cupy, by the array: for views and shapes only."""
    return np if type(array) is ndarray else cupy()


def size_of(shape: tuple[int, ...]) -> int:
    """Number of elements of an array of this shape."""
    return math.prod(shape)


if os.environ.get("TILEWRIGHT_DEVICE"):
    set_device(os.environ["TILEWRIGHT_DEVICE"])
