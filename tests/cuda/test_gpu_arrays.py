# SPDX-License-Identifier: Apache-2.0
"""Arrays of a GPU as the bindings see them: `__cuda_array_interface__`, homes, streams, messages."""

import ml_dtypes
import numpy as np
import pytest
import stand_in_cupy
from stand_in_cupy import asarray

import tilewright as tw
from tilewright import _cpu, _simt


@pytest.fixture
def simt():
    """The emulator's module, taking GPU arrays only."""
    _simt.stand_in_for_gpu(True)
    yield _simt
    _simt.stand_in_for_gpu(False)


class Foreign:
    """An object that has the interface and nothing else."""

    def __init__(self, a, **changes):
        self._a, self._changes = a, changes

    @property
    def __cuda_array_interface__(self):
        a = self._a
        return {
            "shape": a.shape,
            "typestr": a.dtype.str,
            "data": (a.ctypes.data, False),
            "strides": a.strides,
            "version": 3,
            **self._changes,
        }


def softmax64(x):
    e = np.exp(x.astype(np.float64) - x.astype(np.float64).max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_an_object_with_the_interface_alone_is_taken(simt):
    x = np.random.default_rng(1).standard_normal((3, 40)).astype(np.float32)
    y = np.full_like(x, np.nan)
    simt.softmax_forward(Foreign(y), Foreign(x))
    np.testing.assert_allclose(y, softmax64(x), rtol=4e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_floats_are_known_by_the_arrays_dtype(simt, dtype):
    x = np.random.default_rng(1).standard_normal((3, 40)).astype(dtype)
    y = stand_in_cupy.empty(x.shape, dtype)
    simt.softmax_forward(y, asarray(x))
    np.testing.assert_allclose(y.get().astype(np.float64), softmax64(x), rtol=1e-2)


def test_two_opaque_bytes_are_no_bfloat16_by_themselves(simt):
    x = np.zeros((2, 4), np.int16).view("V2")
    with pytest.raises(TypeError, match=r"\[softmax\] x has dtype .V2, expected bool"):
        simt.softmax_forward(Foreign(x), Foreign(x))


def test_strides_are_honoured(simt):
    wide = np.random.default_rng(1).standard_normal((6, 80)).astype(np.float32)
    y = np.zeros((3, 80), np.float32)
    simt.softmax_forward(Foreign(y), Foreign(wide[::2]))
    np.testing.assert_allclose(y, softmax64(wide[::2]), rtol=4e-6)


@pytest.mark.parametrize(
    "changes, error, text",
    [
        ({"data": (8 + 1, False)}, ValueError, "x is misaligned in memory for dtype float32"),
        (
            {"strides": (160, 6)},
            ValueError,
            "x has a stride of 6 bytes, expected a multiple of the item size 4",
        ),
        ({"typestr": ">f4"}, TypeError, "x has byte-swapped dtype >f4"),
        ({"typestr": "<c8"}, TypeError, "x has dtype <c8, expected bool"),
        ({"shape": (1,) * 9}, ValueError, "x has 9 dimensions, at most 8"),
        ({"shape": (40,), "strides": None}, ValueError, "expected 2 dimensions (rows, cols)"),
    ],
)
def test_bad_interfaces_are_refused(simt, changes, error, text):
    x = np.zeros((3, 40), np.float32)
    with pytest.raises(error) as caught:
        simt.softmax_forward(Foreign(x.copy()), Foreign(x, **changes))
    assert text in str(caught.value)
    assert str(caught.value).startswith("[softmax] x")


def test_a_read_only_array_is_not_written(simt):
    x = np.zeros((3, 40), np.float32)
    with pytest.raises(ValueError, match=r"\[softmax\] out is read-only"):
        simt.softmax_forward(Foreign(x.copy(), data=(x.ctypes.data, True)), Foreign(x))


def test_an_array_of_another_gpu_is_named():
    x = np.zeros((3, 40), np.float32)
    try:
        _simt.stand_in_for_gpu(
            True,
            address_fault=lambda p: (
                "is on GPU 1, expected GPU 0, the current one" if p == x.ctypes.data else ""
            ),
        )
        with pytest.raises(ValueError, match=r"\[softmax\] x is on GPU 1, expected GPU 0"):
            _simt.softmax_forward(Foreign(x.copy()), Foreign(x))
    finally:
        _simt.stand_in_for_gpu(False)


@pytest.mark.parametrize("module", [_cpu, _simt])
def test_modules_of_the_host_refuse_gpu_arrays(module):
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(TypeError, match=r"\[softmax\] x \(.*Foreign\) is on the GPU, expected a CPU array"):
        module.softmax_forward(x, Foreign(x))
    with pytest.raises(TypeError, match=r"\[softmax\] out \(.*Foreign\) is on the GPU, .* like x"):
        module.softmax_forward(Foreign(x), x)


def test_the_gpu_refuses_arrays_of_the_host_and_what_is_none(simt):
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(
        TypeError, match=r"\[softmax\] out \(numpy.ndarray\) is on the CPU, expected a GPU array .* like x"
    ):
        simt.softmax_forward(x, Foreign(x))
    with pytest.raises(TypeError, match=r"\[softmax\] x is a builtins.str, expected an array"):
        simt.softmax_forward(Foreign(x), "x")


def test_mixed_arguments_of_an_operation_name_both(cupy):
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    with pytest.raises(
        TypeError, match=r"\[matmul\] b \(numpy.ndarray\) is on the CPU, expected a GPU array .* like a"
    ):
        tw.ops.matmul(asarray(a), b)
    with pytest.raises(
        TypeError, match=r"\[matmul\] b \(cupy.ndarray\) is on the GPU, expected a CPU array .* like a"
    ):
        tw.ops.matmul(a, asarray(b))
    with pytest.raises(TypeError, match=r"is on the CPU, expected a GPU array"):
        tw.ops.matmul(asarray(a), asarray(b), out=np.empty((2, 4), np.float32))


class CudaStream:
    def __cuda_stream__(self):
        return 0, 0x77


class TorchStream:
    cuda_stream = 0x88


@pytest.mark.parametrize(
    "stream, handle", [(None, 0x5550), (1, 0), (0x66, 0x66), (CudaStream(), 0x77), (TorchStream(), 0x88)]
)
def test_a_call_runs_on_the_stream_it_names_or_the_current_one(stream, handle):
    x = np.zeros((3, 4), np.float32)
    try:
        _simt.stand_in_for_gpu(True, lambda: 0x5550)
        _simt.softmax_forward(Foreign(x.copy()), Foreign(x), stream)
        assert _simt.stream_of_last_call() == handle
    finally:
        _simt.stand_in_for_gpu(False)


def test_what_is_no_stream_is_refused(simt):
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(TypeError, match=r"\[stream\] stream is a builtins.str"):
        simt.softmax_forward(Foreign(x.copy()), Foreign(x), "fast")


def test_a_call_waits_for_the_streams_its_arrays_were_made_on():
    x, waits = np.zeros((3, 4), np.float32), []
    try:
        _simt.stand_in_for_gpu(True, lambda: 0x10, order_streams=lambda p, c: waits.append((p, c)))
        _simt.softmax_forward(Foreign(x.copy(), stream=0x10), Foreign(x, stream=0x20))
        assert waits == [(0x20, 0x10)]
        waits.clear()
        _simt.softmax_forward(
            Foreign(x.copy(), stream=1), Foreign(x), 1
        )  # 1 names the default stream, as 0 does
        assert waits == []
        with pytest.raises(ValueError):
            _simt.softmax_forward(Foreign(x[:2].copy(), stream=0x20), Foreign(x, stream=0x30))
        _simt.log_softmax_forward(Foreign(x.copy()), Foreign(x))  # a failed call leaves nothing to wait for
        assert waits == []
    finally:
        _simt.stand_in_for_gpu(False)


def test_cupys_current_stream_reaches_the_table(emulated_cupy):
    x = asarray(np.ones((2, 3), np.float32))
    stream = emulated_cupy.cuda.Stream()
    with stream:
        tw.ops.softmax(x)
        assert _simt.stream_of_last_call() == stream.ptr
    with tw.cuda.stream(TorchStream()):
        tw.ops.softmax(x)
        assert _simt.stream_of_last_call() == 0x88
    tw.ops.softmax(x)
    assert _simt.stream_of_last_call() == 0
    with pytest.raises(TypeError, match=r"\[cuda.stream\] stream is a str"), tw.cuda.stream("fast"):
        pass


def test_an_array_that_does_not_fit(gpu, monkeypatch):
    def full(shape, dtype=float, order="C"):
        raise MemoryError("Out of memory allocating 4,000 bytes")

    x = asarray(np.ones((10, 100), np.float32))
    monkeypatch.setattr(stand_in_cupy, "empty", full)
    with pytest.raises(
        MemoryError,
        match=r"\[empty\] an array of shape \(10, 100\), float32 does not fit on the GPU: Out of memory",
    ):
        tw.ops.exp(x)
    monkeypatch.undo()


@pytest.mark.parametrize("dtype, said", [(np.complex64, "<c8"), (np.uint16, "<u2")])
def test_an_unsupported_dtype_is_named(cupy, dtype, said):
    x = asarray(np.ones((2, 3), np.float32))
    with pytest.raises(TypeError, match=rf"\[matmul\] b has dtype {said}, expected"):
        tw.ops.matmul(x, asarray(np.ones((3, 2), dtype)))
