# SPDX-License-Identifier: Apache-2.0
"""From arrays to back ends: which module computes, where memory comes from, how foreign arrays enter and leave.

The engine owns no array type. NumPy arrays are the CPU's, CuPy arrays the GPU's; anything else that speaks
DLPack (a CPU torch tensor, a JAX array) is viewed without a copy and results go back as its own kind.
"""

from __future__ import annotations

import math
import os
import sys

import numpy as np

from tilewright import _cpu

ndarray = np.ndarray
_DEVICES = ("cpu", "simt", "cuda")
_modules = {"cpu": _cpu}


def load(device: str):
    """The extension module of a device; raises RuntimeError with the reason when it cannot be had."""
    if device not in _DEVICES:
        raise ValueError(f"[set_device] device is {device!r}, expected one of {', '.join(_DEVICES)}")
    if device not in _modules:
        try:
            module = __import__(f"tilewright._{device}", fromlist=["_"])
        except ImportError as error:
            raise RuntimeError(f"[set_device] the {device} back end is not in this build: {error}") from error
        _modules[device] = module
    return _modules[device]


# What computes on NumPy arrays: the CPU, or the CUDA kernels run by the emulator.
_host = _cpu
_device = "cpu"


def set_device(device: str) -> None:
    """Chooses where new arrays live and who computes: "cpu", "simt" (CUDA kernels, emulated) or "cuda"."""
    global _host, _device
    module = load(device)
    _host = module if device != "cuda" else _cpu
    _device = device


def device() -> str:
    """The device chosen by `set_device` or TILEWRIGHT_DEVICE."""
    return _device


def device_of(array) -> str:
    """Where an array lies, by TensorFlow's name of the place."""
    return "/device:CPU:0" if type(array) is ndarray else f"/device:GPU:{array.device.id}"


def module_of(array):
    """The extension module that computes on `array`."""
    if type(array) is ndarray:
        return _host
    return load("cuda")


def empty(shape: tuple[int, ...], dtype=np.float32, like=None):
    """An uninitialised C-ordered array beside `like` (a NumPy array without one), from the reused memory pool."""
    if like is None or type(like) is ndarray:
        return _cpu.empty(shape, dtype if type(dtype) is np.dtype else np.dtype(dtype))
    return sys.modules["cupy"].empty(shape, dtype)


def array(operation: str, argument: str, x):
    """`x` as a NumPy or CuPy array, never copied. Raises TypeError for what is no array."""
    if type(x) is ndarray:
        return x
    if isinstance(x, ndarray) and not isinstance(x, np.ma.MaskedArray):
        return np.asarray(x)
    if isinstance(x, np.generic):
        return np.asarray(x)
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return x
    if hasattr(x, "__dlpack__") and not isinstance(x, np.ma.MaskedArray):
        try:
            return np.from_dlpack(x)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TypeError(
                f"[{operation}] {argument} is a {type(x).__name__} that cannot be viewed as a NumPy array: {error}"
            ) from error
    raise TypeError(
        f"[{operation}] {argument} is a {type(x).__name__}, expected an array "
        "(numpy.ndarray, tilewright.Tensor or anything with __dlpack__)"
    )


def as_kind_of(x, y):
    """`y` (a NumPy or CuPy array) as the kind of array `x` is, sharing memory."""
    if isinstance(x, (ndarray, np.generic)):
        return y
    root = type(x).__module__.partition(".")[0]
    if root in ("jaxlib", "jax"):
        return sys.modules["jax"].numpy.from_dlpack(y)
    module = sys.modules.get(root)
    if module is not None and hasattr(module, "from_dlpack"):
        return module.from_dlpack(y)
    return y


def namespace(array):
    """numpy or cupy, by the array: for views and shapes only."""
    return np if type(array) is ndarray else sys.modules["cupy"]


def size_of(shape: tuple[int, ...]) -> int:
    """Number of elements of an array of this shape."""
    return math.prod(shape)


if os.environ.get("TILEWRIGHT_DEVICE"):
    set_device(os.environ["TILEWRIGHT_DEVICE"])
