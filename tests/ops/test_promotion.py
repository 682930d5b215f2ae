# SPDX-License-Identifier: Apache-2.0
"""Dtypes of results: NumPy's for plain arrays; for Tensors PyTorch's, beside whole numbers Keras's."""

import itertools

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras, ops
from tilewright.dtype_names import dtype_of

DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
PAIRS = list(itertools.combinations(DTYPES, 2))


def tensor(dtype):
    return tw.Tensor(np.array([[1, 0], [3, 4]]).astype(dtype_of(dtype)))


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_tensors_of_two_dtypes_meet_in_pytorch_s_common_one(first, second):
    torch = pytest.importorskip("torch")
    want = str(torch.promote_types(getattr(torch, first), getattr(torch, second))).removeprefix("torch.")
    want = "int32" if want == "int16" else want  # which the engine does not have
    a, b = tensor(first), tensor(second)
    truth = tw.Tensor(np.array([[True, False], [False, True]]))
    for y in (a + b, b * a, ops.maximum(a, b), ops.where(truth, a, b), ops.concat([b, a])):
        assert y.dtype.name == want
    sums = np.add(*(ops.cast(x, "float64").numpy() for x in (a, b)))
    np.testing.assert_array_equal(ops.cast(a + b, "float64").numpy(), sums)


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_tensors_make_pytorch_s_floats_of_integers(dtype):
    torch = pytest.importorskip("torch")
    x, theirs = tensor(dtype), torch.tensor([1, 2]).to(getattr(torch, dtype))
    want = str(torch.exp(theirs).dtype).removeprefix("torch.")
    for y in (ops.exp(x), ops.sqrt(x), ops.tanh(x), ops.mean(x), ops.var(x), x / x, x / 2, x * 0.5, 2.5 - x):
        assert y.dtype.name == want


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if "64" not in dtype])
def test_whole_numbers_beside_tensors_are_keras_s(dtype):
    keras_judge = pytest.importorskip("keras")
    assert (tensor(dtype) + 2).dtype.name == keras_judge.backend.result_type(dtype, int)


def test_plain_arrays_promote_as_in_numpy():
    whole, part = np.array([1, 2], np.int32), np.array([0.5, 2], np.float32)
    for got, want in (
        (ops.add(whole, part), whole + part),
        (ops.divide(whole, whole), whole / whole),
        (ops.exp(whole), np.exp(whole)),
        (ops.mean(whole), whole.mean()),
        (ops.multiply(whole, 0.5), whole * 0.5),
    ):
        assert got.dtype == want.dtype == np.float64
        np.testing.assert_allclose(got, want, rtol=1e-15)


def test_sums_of_tensors_keep_32_bits_and_are_exact_inside():
    x = tensor("int32")
    assert ops.sum(x).dtype == ops.prod(x).dtype == ops.cumsum(x, axis=0).dtype == np.int32
    assert ops.sum(tensor("int64")).dtype == np.int64
    many = np.full(200, 2**24 + 1, np.int32)
    assert float(ops.mean(tw.Tensor(many))) == np.float32(2**24 + 1)


def test_whole_division_of_tensors_is_exact_beyond_24_bits():
    x = tw.Tensor(np.array([2**31 - 1, -(2**31) + 1], np.int32))
    np.testing.assert_array_equal((x // 3).numpy(), np.array([2**31 - 1, -(2**31) + 1]) // 3)
    np.testing.assert_array_equal((x % 10).numpy(), np.array([2**31 - 1, -(2**31) + 1]) % 10)


def test_positions_do_not_widen_a_model():
    inputs = keras.Input((4,))
    y = inputs * keras.ops.arange(4) / keras.ops.arange(1, 5)
    model = keras.Model(inputs, y)
    assert y.dtype == "float32"
    assert model.predict(np.ones((2, 4)), verbose=0).dtype == np.float32
