# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow programs rely on beyond values: dtypes, shapes, reading, errors, wrong names."""

import subprocess
import sys

import numpy as np
import pytest

import tilewright as tf
from tilewright import names


def test_every_name_resolves_and_modules_list_what_they_have():
    assert [name for name in names.NAMES if not hasattr(tf, name)] == []
    for module in (tf.math, tf.nn, tf.linalg, tf.image, tf.debugging, tf.config, tf.nest):
        assert len(set(module.__all__)) == len(module.__all__)
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
    for name, module in names.FUNCTIONS.items():
        listed = getattr(sys.modules[module], "__all__", None)
        assert listed is None or name in listed, f"{module}.__all__ lacks {name}"


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("reduce_men", "reduce_mean"),
        ("Variabel", "Variable"),
        ("nn.rleu", "relu"),
        ("linalg.matmull", "matmul"),
        ("math.reduce_sums", "reduce_sum"),
        ("random.nomal", "normal"),
        ("image.resise", "resize"),
        ("GradientTap", "GradientTape"),
    ],
)
def test_a_wrong_name_suggests_the_near_one(path, near):
    owner = tf
    *modules, name = path.split(".")
    for module in modules:
        owner = getattr(owner, module)
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; did you mean '{near}'"):
        getattr(owner, name)


def test_what_needs_complex_numbers_says_so():
    with pytest.raises(AttributeError, match="no complex numbers"):
        _ = tf.linalg.eig


def test_importing_the_package_imports_little_more_than_numpy():
    code = (
        "import sys; import numpy, tilewright; print([m for m in sys.modules if "
        "m.startswith('tilewright.') and m.split('.')[1] in ('keras', 'tf', 'nn', 'math', 'linalg', "
        "'image', 'random', 'names', 'variable')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (2**40, "int64"),
        (1.5, "float32"),
        (True, "bool"),
        ([1, 2], "int32"),
        ([[1, 2.5]], "float32"),
        (np.float64(1), "float64"),
        (np.arange(3), "int64"),
        (np.ones(2), "float64"),
        (range(3), "int32"),
        ([], "float32"),
    ],
)
def test_dtypes_of_constants(value, dtype):
    assert tf.constant(value).dtype == dtype
    assert tf.convert_to_tensor(value).dtype == dtype


def test_constant_copies_and_convert_to_tensor_views():
    array = np.ones(3, np.float32)
    copied, viewed = tf.constant(array), tf.convert_to_tensor(array)
    array[0] = 5
    assert copied.numpy()[0] == 1 and viewed.numpy()[0] == 5
    assert tf.constant(2.0, shape=[2, 3]).shape == (2, 3)
    assert tf.constant([1, 2, 3, 4], shape=[2, 2]).numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.constant([1, 2], dtype=tf.float32).dtype == tf.float32
    x = tf.constant(3.0)
    np.testing.assert_array_equal(tf.convert_to_tensor([x, 2 * x, 1.0]).numpy(), [3, 6, 1])


def test_integers_stay_integers_in_reductions():
    x = tf.constant([1, 2, 4])
    assert tf.reduce_sum(x).dtype == tf.int32 and int(tf.reduce_sum(x)) == 7
    assert tf.reduce_mean(x).dtype == tf.int32 and int(tf.reduce_mean(x)) == 2
    assert tf.reduce_prod(x).dtype == tf.int32 and tf.cumsum(x).dtype == tf.int32
    assert (x / 2).dtype == tf.float32 and (x // 2).dtype == tf.int32


def test_arrays_and_lists_take_the_dtype_of_the_tensor_they_meet():
    x = tf.constant([1.0, 2.0])
    wide = np.array([0.5, 0.5])
    for y in (
        x + wide,
        wide + x,
        x * np.float64(2),
        np.float64(2) * x,
        x - [1, 2],
        [3, 4] / x,
        tf.add(wide, x),
    ):
        assert y.dtype == tf.float32
    assert (tf.constant([1, 2]) + np.int64(1)).dtype == tf.int32
    np.testing.assert_array_equal((x < [2, 1]).numpy(), [True, False])


def test_operators():
    x = tf.constant([7.0, -7.0])
    np.testing.assert_array_equal((x % 4).numpy(), [3, 1])
    np.testing.assert_array_equal((x // 2).numpy(), [3, -4])
    np.testing.assert_array_equal((9 // tf.constant([2, 4])).numpy(), [4, 2])
    np.testing.assert_array_equal((-x).numpy(), [-7, 7])
    np.testing.assert_array_equal(abs(x).numpy(), [7, 7])
    np.testing.assert_array_equal((~(x > 0)).numpy(), [False, True])
    np.testing.assert_array_equal((tf.eye(2) @ tf.constant([[1.0], [2.0]])).numpy(), [[1], [2]])


def test_shapes_answer_to_tensorflows_names():
    x = tf.zeros([2, 3])
    assert x.shape == (2, 3) and x.shape.as_list() == [2, 3] and x.shape.rank == 2 and x.get_shape() == (2, 3)
    assert x.shape.num_elements() == 6 and tf.TensorShape([None, 3]).num_elements() is None
    sizes = tf.shape(x)
    assert sizes.dtype == tf.int32 and sizes.numpy().tolist() == [2, 3]
    rows = sizes[0]
    assert rows == 2 and rows.numpy() == 2 and (tf.ones(3) * rows).numpy().tolist() == [2, 2, 2]
    rows, columns = tf.shape(x)
    assert (rows, columns) == (2, 3)
    assert tf.reshape(x, [rows * columns]).shape == (6,)
    assert tf.zeros(tf.shape(x)).shape == (2, 3) and tf.zeros(sizes[1:]).shape == (3,)
    assert int(tf.rank(x)) == 2 and int(tf.size(x)) == 6
    assert x.device == "/device:CPU:0"


def test_formatting_and_reading():
    x = tf.constant(1.23456)
    assert f"{x:.2f}" == "1.23" and f"{x.numpy():.3f}" == "1.235" and str(round(float(x), 1)) == "1.2"
    assert "dtype=float32" in repr(x) and len(tf.zeros([4, 2])) == 4
    assert [int(v) for v in tf.range(3)] == [0, 1, 2]
    assert isinstance(x.numpy(), (np.ndarray, np.generic))


def test_ranges():
    np.testing.assert_array_equal(tf.range(4).numpy(), [0, 1, 2, 3])
    np.testing.assert_array_equal(tf.range(1, 7, 2).numpy(), [1, 3, 5])
    assert tf.range(3).dtype == tf.int32 and tf.range(0.0, 1.0, 0.25).dtype == tf.float32
    np.testing.assert_allclose(tf.linspace(0.0, 1.0, 5).numpy(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(tf.eye(2, 3, batch_shape=[2]).numpy(), np.eye(2, 3)[None].repeat(2, 0))
    np.testing.assert_array_equal(tf.fill([2], 7).numpy(), [7, 7])
    assert (
        tf.zeros_like([1, 2]).dtype == tf.int32
        and tf.ones_like(tf.zeros(2), dtype=tf.int64).dtype == tf.int64
    )


def test_dtypes_are_numpys():
    assert (
        np.zeros(2, tf.float32).dtype == tf.float32
        and tf.int64.name == "int64"
        and tf.bfloat16.name == "bfloat16"
    )
    assert tf.as_dtype("bfloat16") == tf.bfloat16 and tf.cast(1.7, tf.int32).numpy() == 1
    assert tf.cast(tf.constant([0.0, 2.0]), tf.bool).numpy().tolist() == [False, True]
    assert tf.saturate_cast(tf.constant([300.0, -5.0]), tf.uint8).numpy().tolist() == [255, 0]


def test_variables():
    v = tf.Variable([1.0, 2.0], name="v", dtype=tf.float32)
    before, snapshot, identical = v.numpy(), v.value(), tf.identity(v)
    v.assign_add([1.0, 1.0])
    assert before.tolist() == snapshot.numpy().tolist() == identical.numpy().tolist() == [1, 2]
    assert v.value.numpy().tolist() == v.read_value().numpy().tolist() == [2, 3]
    assert tf.convert_to_tensor(v).shape.as_list() == [2] and v[0].numpy() == 2 and isinstance(v, tf.Tensor)
    assert tf.Variable(0).dtype == tf.int32 and tf.Variable(2**40).dtype == tf.int64
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(v.value() ** 2)
    np.testing.assert_array_equal(tape.gradient(loss, v).numpy(), [4, 6])


def test_second_positions_of_names_are_accepted_everywhere():
    x = tf.constant([1.0, 2.0])
    assert tf.add(x, x, name="sum").shape == (2,) and tf.reduce_mean(x, keepdims=True, name="mean").shape == (
        1,
    )
    assert tf.nn.relu(x, name="r").shape == (2,) and tf.random.normal([2], name="z").shape == (2,)


def test_unique_and_positions():
    y, idx, count = tf.unique_with_counts([4, 1, 4, 7, 1])
    assert y.numpy().tolist() == [4, 1, 7] and idx.numpy().tolist() == [0, 1, 0, 2, 1]
    assert count.numpy().tolist() == [2, 2, 1] and idx.dtype == tf.int32
    assert tf.where([[True, False], [False, True]]).numpy().tolist() == [[0, 0], [1, 1]]
    assert tf.sort([3.0, np.nan, 1.0]).numpy()[:2].tolist() == [1, 3]
    assert tf.argsort([3.0, np.nan, 1.0]).numpy().tolist() == [2, 0, 1]
    assert tf.math.confusion_matrix([0, 1, 1], [1, 1, 0]).numpy().tolist() == [[0, 1], [1, 1]]


EMPTY = np.zeros((0, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda: tf.reduce_sum(EMPTY, 0), (3,)),
        (lambda: tf.concat([EMPTY, np.ones((1, 3), np.float32)], 0), (1, 3)),
        (lambda: tf.matmul(EMPTY, tf.ones([3, 2])), (0, 2)),
        (lambda: tf.einsum("ij,jk->ik", EMPTY, tf.ones([3, 2])), (0, 2)),
        (lambda: tf.sort(EMPTY, 0), (0, 3)),
        (lambda: tf.boolean_mask(EMPTY, np.zeros(0, bool)), (0, 3)),
        (lambda: tf.gather(tf.ones([4, 3]), np.zeros(0, np.int32)), (0, 3)),
        (lambda: tf.math.cumprod(EMPTY), (0, 3)),
        (lambda: tf.random.normal([0, 2]), (0, 2)),
        (lambda: tf.one_hot(np.zeros(0, np.int32), 4), (0, 4)),
    ],
)
def test_nothing_is_fine(call, shape):
    assert call().shape == shape


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tf.square("text"), TypeError, "expected a Tensor, an array or numbers"),
        (lambda: tf.square(["a"]), TypeError, "expected numbers"),
        (lambda: tf.constant([[1, 2], [3]]), ValueError, "rows of different lengths"),
        (lambda: tf.matmul([1.0], [[1.0]]), ValueError, "a has shape (1,), expected at least 2 dimensions"),
        (lambda: tf.einsum("ij,jk->ik", tf.ones([2, 3])), ValueError, "names 2 operands"),
        (lambda: tf.einsum("ij,jk->ik", tf.ones([2, 3]), tf.ones([2, 3])), ValueError, "has sizes 3 and 2"),
        (lambda: tf.einsum("ij->k", tf.ones([2, 3])), ValueError, "letters of the operands"),
        (lambda: tf.einsum("ijk->k", tf.ones([2, 3])), ValueError, "does not fit an operand of shape (2, 3)"),
        (lambda: tf.tensordot(tf.ones([2]), tf.ones([3]), 1), ValueError, "expected equal sizes"),
        (lambda: tf.split(tf.ones([5]), [2, 2]), ValueError, "add up to 5"),
        (lambda: tf.gather(tf.ones([5]), [7]), ValueError, "7"),
        (lambda: tf.gather(tf.ones([2, 5]), [[0], [7]], batch_dims=1), ValueError, "7"),
        (lambda: tf.where([True], 1.0), ValueError, "one of x and y is None"),
        (lambda: tf.range(1, 5, 0), ValueError, "delta is 0"),
        (lambda: tf.pad(tf.ones([2]), [[1, 1], [0, 0]]), ValueError, "for each of 1 axes"),
        (lambda: tf.slice(tf.ones([3]), [1], [5]), ValueError, "expected a part of shape (3,)"),
        (lambda: tf.boolean_mask(tf.ones([3]), [True]), ValueError, "mask has shape (1,)"),
        (lambda: tf.cast(1, "float12"), TypeError, "'float12' is no dtype"),
        (lambda: tf.sort([1], direction="UP"), ValueError, "direction is 'UP'"),
        (lambda: tf.ensure_shape(tf.ones([3]), [None, 3]), ValueError, "expected (None, 3)"),
        (lambda: tf.norm(tf.ones([3]), ord=-1), ValueError, "expected 'euclidean' or a positive number"),
        (lambda: tf.random.uniform([2], 0, dtype=tf.int32), ValueError, "maxval is None"),
        (lambda: tf.device("/TPU:0"), ValueError, "device_name is '/TPU:0'"),
        (lambda: tf.reduce_mean(tf.keras.Input((3,))), TypeError, "Lambda"),
        (lambda: tf.constant([1, 2])[np.zeros((2, 2), bool)], ValueError, "mask has shape (2, 2)"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_single_values_are_numpy_s_scalars():
    loss = tf.reduce_mean(tf.constant([1.0, 2.0]))
    assert type(loss.numpy()) is np.float32 and {loss.numpy(): "key"}[np.float32(1.5)] == "key"
    assert type(tf.Variable(3).numpy()) is np.int32 and tf.constant([1]).numpy().shape == (1,)
    assert repr(tf.constant(0.8)) == "Tensor(shape=(), dtype=float32, values=0.8)"
    assert {loss.ref(): 1}[loss.ref()] == 1 and loss.ref().deref() is loss


def test_shapes_are_said_and_checked():
    x = tf.ones((2, 3))
    x.set_shape([None, 3])
    with pytest.raises(ValueError, match=r"\[Tensor.set_shape\] shape is \(None, 4\), expected \(2, 3\)"):
        x.set_shape([None, 4])
    assert x.shape.is_compatible_with((2, None)) and not x.shape.is_compatible_with((2,))


def test_shapes_put_together_are_known_while_a_step_is_recorded():
    def step(x):
        shape = tf.shape(x)
        batch, width = shape[0], shape[-1]
        parts = tf.reshape(x, tf.concat([shape[:-1], [2, width // 2]], axis=0))
        noise = tf.zeros(tf.shape(parts)) + tf.ones(tf.stack([batch, 2, width // 2]))
        rows = tf.concat([tf.expand_dims(batch, -1), tf.constant([1, 1])], axis=0)
        return parts + noise + tf.tile(tf.ones((1, 2, 1)), rows)

    recorded = tf.record(step)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for i in range(5):
        got = recorded(tf.constant(x + i))
    np.testing.assert_array_equal(got.numpy(), (x + 4).reshape(3, 2, 2) + 2)
    row = next(row for row in tf.record.stats() if "known_while" in row.name)
    assert row.replayed == 2, row


def test_products_of_whole_numbers():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-99, 99, (2, 3, 4)).astype(np.int32), rng.integers(-99, 99, (4, 5)).astype(np.int32)
    got = tf.matmul(tf.constant(a), tf.constant(b))
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got.numpy(), a @ b)
    np.testing.assert_array_equal((tf.constant(a) @ b).numpy(), a @ b)
    np.testing.assert_array_equal(tf.matmul(a, b.T.copy(), transpose_b=True).numpy(), a @ b)
    with pytest.raises(ValueError, match=r"\[matmul\] a has shape \(2, 3, 4\) and b \(5, 4\)"):
        tf.matmul(a, b.T)
    np.testing.assert_array_equal(([[1.0, 2.0]] @ tf.Variable([[3.0], [4.0]])).numpy(), [[11]])


def test_lengths_become_masks():
    got = tf.sequence_mask([[1, 0], [3, 2]], 4)
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got.numpy(), np.arange(4) < np.array([[1, 0], [3, 2]])[..., None])
    np.testing.assert_array_equal(tf.sequence_mask([1, 2], dtype=tf.float32).numpy(), [[1, 0], [1, 1]])


def test_candidates_are_drawn_by_a_logarithmic_law():
    true = tf.constant([[3]], tf.int64)
    got = tf.random.log_uniform_candidate_sampler(true, 1, 4, True, 9, seed=1)
    drawn = got.sampled_candidates.numpy()
    assert drawn.dtype == np.int64 and len(set(drawn.tolist())) == 4 and drawn.max() < 9
    assert got.true_expected_count.shape == (1, 1) and got.sampled_expected_count.shape == (4,)
    many = tf.random.log_uniform_candidate_sampler(true, 1, 20000, False, 5, seed=2)
    law = np.log((np.arange(5) + 2) / (np.arange(5) + 1)) / np.log(6)
    shares = np.bincount(many.sampled_candidates.numpy(), minlength=5) / 20000
    np.testing.assert_allclose(shares, law, atol=4 * np.sqrt(0.25 / 20000))
    np.testing.assert_allclose(many.true_expected_count.numpy(), [[20000 * law[3]]], rtol=1e-5)
    with pytest.raises(ValueError, match="expected at most 9 unique ones"):
        tf.random.log_uniform_candidate_sampler(true, 1, 10, True, 9)
