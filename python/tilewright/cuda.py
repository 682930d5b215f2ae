# SPDX-License-Identifier: Apache-2.0
"""The GPU: whether there is one, what it is, and the stream on which calls are queued."""

from __future__ import annotations

import contextlib
import importlib.util

from tilewright import backend
from tilewright.suggestion import missing


def unavailable_reason() -> str:
    """Why no GPU can be used, or "" where one can."""
    if "cuda" not in backend._modules:
        if importlib.util.find_spec("tilewright._cuda") is None:
            return "this build has no GPU module: it was built without nvcc"
        try:
            backend.load("cuda")
        except RuntimeError as error:
            return str(error).removeprefix("[set_device] ")
    try:
        backend.cupy()
    except RuntimeError as error:
        return str(error).removeprefix("[set_device] ")
    return ""


def is_available() -> bool:
    """Whether `tilewright.set_device("cuda")` works here."""
    return not unavailable_reason()


def device_info() -> list[dict]:
    """One dict a GPU: name, compute_capability, multiprocessors, memory_bytes, shared_bytes_per_block,
    l2_bytes, driver_version, runtime_version.

    Raises RuntimeError with the reason where there is none."""
    reason = unavailable_reason()
    if reason:
        raise RuntimeError(f"[cuda] no GPU can be used: {reason}")
    return backend.load("cuda").device_info()


@contextlib.contextmanager
def stream(stream):
    """Queues the calls inside on `stream`: a stream of CuPy, PyTorch or cuda.core, or its handle as an int.

    It is made CuPy's current stream, so that memory follows the same order. Without this, calls run on the
    stream that is CuPy's current one.
    """
    cuda = backend.cupy().cuda
    if not isinstance(stream, cuda.Stream):
        stream = cuda.ExternalStream(_handle(stream))
    with stream:
        yield stream


def _handle(stream) -> int:
    if isinstance(stream, int):
        return stream
    if hasattr(stream, "__cuda_stream__"):
        protocol = stream.__cuda_stream__
        return int((protocol() if callable(protocol) else protocol)[1])
    for name in ("ptr", "cuda_stream"):
        if hasattr(stream, name):
            return int(getattr(stream, name))
    raise TypeError(
        f"[cuda.stream] stream is a {type(stream).__name__}, expected an int or a stream of CuPy, PyTorch or "
        "cuda.core"
    )


def synchronize() -> None:
    """Waits until everything queued on the current stream is done.

    Raises ValueError for ids, labels and indices that kernels have found out of range by then."""
    backend.cupy().cuda.get_current_stream().synchronize()
    backend.load("cuda").raise_value_errors()


__getattr__ = missing(__name__)
