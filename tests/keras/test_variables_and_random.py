# SPDX-License-Identifier: Apache-2.0
"""Variables, seeds, distributions of initializers, constraints."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras, random


def test_assignments_write_into_the_same_array():
    v = tw.Variable([1.0, 2.0], name="v")
    array = v.array
    v.assign([3.0, 4.0])
    v.assign_add(np.ones(2))
    v.assign_sub(tw.Tensor(np.full(2, 0.5, np.float32)))
    assert v.array is array and v.dtype == np.float32
    np.testing.assert_array_equal(array, [3.5, 4.5])
    source = np.zeros(2, np.float32)
    w = tw.Variable(source)
    w.assign_add(np.ones(2))
    np.testing.assert_array_equal(source, [0, 0])


def test_tapes_watch_trainable_variables():
    v, frozen = tw.Variable(3.0), tw.Variable(2.0, trainable=False)
    with tw.GradientTape() as tape:
        y = v * v * frozen
    dv, df = tape.gradient(y, [v, frozen])
    assert float(dv) == 12.0 and df is None
    v.trainable = False
    with tw.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None


def test_a_tape_may_leave_variables_alone():
    v, x = tw.Variable(3.0), tw.Variable(2.0)
    with tw.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = v * x
    dv, dx = tape.gradient(y, [v, x])
    assert dv is None and float(dx) == 3.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: tw.Variable([1.0]).assign([1.0, 2.0]),
            ValueError,
            "value has shape (2,), expected (1,) as variable has",
        ),
        (lambda: tw.Variable(lambda shape, dtype: None), ValueError, "shape is None"),
        (lambda: tw.Variable("text"), TypeError, "expected an array"),
        (lambda: tw.Variable(["text"]), TypeError, "expected numbers"),
        (lambda: tw.Variable([1.0], dtype="float12"), TypeError, "'float12' is no dtype"),
        (lambda: random.set_seed(-1), ValueError, "seed is -1"),
        (lambda: random.SeedGenerator("x"), TypeError, "expected an int or None"),
        (lambda: keras.initializers.get("glorot"), ValueError, "did you mean 'glorot"),
        (lambda: keras.initializers.VarianceScaling(mode="fan"), ValueError, "mode is 'fan'"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_seeds_repeat_and_draws_differ():
    random.set_seed(5)
    a, b = random.normal((100,)).numpy(), random.normal((100,)).numpy()
    random.set_seed(5)
    np.testing.assert_array_equal(random.normal((100,)).numpy(), a)
    assert (a != b).any()
    np.testing.assert_array_equal(random.uniform((5,), seed=3).numpy(), random.uniform((5,), seed=3).numpy())
    one, other = random.SeedGenerator(1), random.SeedGenerator(1)
    np.testing.assert_array_equal(
        random.uniform((9,), seed=one).numpy(), random.uniform((9,), seed=other).numpy()
    )
    assert (one.next_key(4) != other.next_key(1000)).sum() == 0 and (
        one.next_key(4) != other.next_key(4)
    ).any()


def test_permutations_hold_every_number():
    random.set_seed(1)
    first, second = random.permutation(1000), random.permutation(1000)
    assert sorted(first) == list(range(1000)) and (first != second).any()


SCALES = {
    "glorot_uniform": (np.sqrt(2 / (300 + 200)), np.sqrt(6 / 500)),
    "glorot_normal": (np.sqrt(2 / 500), None),
    "he_uniform": (np.sqrt(2 / 300), np.sqrt(6 / 300)),
    "he_normal": (np.sqrt(2 / 300), None),
    "lecun_uniform": (np.sqrt(1 / 300), np.sqrt(3 / 300)),
    "lecun_normal": (np.sqrt(1 / 300), None),
    "random_normal": (0.05, None),
    "random_uniform": (0.05 / np.sqrt(3), 0.05),
    "truncated_normal": (0.05 * 0.87962566, 0.1),
}


@pytest.mark.parametrize("name", SCALES)
def test_initializers_have_keras_s_scales(name):
    deviation, limit = SCALES[name]
    values = keras.initializers.get(name)((300, 200)).numpy()
    assert values.dtype == np.float32 and abs(values.mean()) < 0.02 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.02)
    if limit is not None:
        assert 0.98 * limit < np.abs(values).max() <= limit * (1 + 1e-6)


def test_fans_of_filters_and_fixed_initializers():
    assert keras.initializers.compute_fans((3, 3, 8, 16)) == (72, 144)
    assert keras.initializers.compute_fans((5,)) == (5, 5) and keras.initializers.compute_fans(()) == (1, 1)
    np.testing.assert_array_equal(keras.initializers.Identity(2.0)((3, 2)).numpy(), 2 * np.eye(3, 2))
    np.testing.assert_array_equal(keras.initializers.Constant(3)((2,)).numpy(), [3, 3])
    for shape in ((20, 8), (8, 20), (3, 3, 2, 8)):
        q = keras.initializers.Orthogonal(gain=2.0)(shape).numpy().reshape(-1, shape[-1])
        product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(product, 4 * np.eye(min(q.shape)), atol=1e-5)
    start = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(keras.initializers.get(start)((2, 3)).numpy(), start)


def test_an_initializer_repeats_itself_and_two_differ():
    one, other = keras.initializers.GlorotUniform(), keras.initializers.GlorotUniform()
    np.testing.assert_array_equal(one((3, 3)).numpy(), one((3, 3)).numpy())
    assert (one((3, 3)).numpy() != other((3, 3)).numpy()).any()
    a, b = keras.layers.Dense(4), keras.layers.Dense(4)
    x = np.ones((1, 3), np.float32)
    assert (a(x).numpy() != b(x).numpy()).any()


@pytest.mark.parametrize("name", ["MaxNorm", "UnitNorm", "NonNeg", "MinMaxNorm"])
def test_constraints_are_keras_s(name, judge):
    w = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32) * 2
    got, want = (
        getattr(keras.constraints, name)()(tw.Tensor(w)),
        getattr(judge.keras.constraints, name)()(judge.tensor(w)),
    )
    np.testing.assert_allclose(got.numpy(), judge.array(want), rtol=1e-5, atol=1e-6)


def test_one_hot_labels():
    np.testing.assert_array_equal(keras.utils.to_categorical([0, 2, 1], 4), np.eye(4)[[0, 2, 1]])
    assert keras.utils.to_categorical(np.array([[1], [0]])).shape == (2, 2)
    with pytest.raises(ValueError, match="x holds 5, expected 0 to 2"):
        keras.utils.to_categorical([1, 5], 3)


def test_parts_of_a_variable_are_assigned():
    want = np.arange(6, dtype=np.float32).reshape(2, 3)
    v = tw.Variable(want)
    array = v.array
    assert v[0, 1].assign(42) is v
    v[:, 2].assign([0.0, 1.0])
    v[1, ...].assign_add(tw.ones(3))
    v[0, ::2].assign_sub(np.array([1.0, 2.0]))
    want[0, 1], want[:, 2] = 42, [0, 1]
    want[1] += 1
    want[0, ::2] -= [1, 2]
    assert v.array is array
    np.testing.assert_array_equal(v.numpy(), want)
    with pytest.raises(TypeError, match=r"\[Variable.assign\] the part was chosen by an array"):
        v[[0, 1]].assign(0.0)
    with pytest.raises(ValueError, match="shape"):
        v[0].assign([1.0, 2.0])
    with tw.GradientTape() as tape:
        y = tw.reduce_sum(v[1] ** 2)
    np.testing.assert_array_equal(tape.gradient(y, v).numpy(), [[0, 0, 0], *(2 * want[1:])])


def test_rows_and_positions_of_a_variable_are_written():
    want = np.zeros((3, 2), np.float32)
    v = tw.Variable(want)
    v.scatter_nd_update([[0, 0], [2, 1]], [100.0, 200.0])
    v.scatter_nd_add([[0]], [[1.0, 2.0]])
    v.scatter_nd_sub(indices=[[2, 1]], updates=tw.constant([50.0]))
    want[0, 0], want[2, 1] = 100, 200
    want[0] += [1, 2]
    want[2, 1] -= 50
    np.testing.assert_array_equal(v.numpy(), want)
    v.scatter_update(tw.IndexedSlices(values=[[4.0, 5.0], [6.0, 7.0]], indices=[2, 1]))
    v.scatter_sub(tw.IndexedSlices([[1.0, 1.0]], [0]))
    v.scatter_add(tw.IndexedSlices([[0.5, 0.5]], [0]))
    want[[2, 1]] = [[4, 5], [6, 7]]
    want[0] -= 0.5
    np.testing.assert_array_equal(v.numpy(), want)
    with pytest.raises(ValueError, match="updates has shape"):
        v.scatter_nd_update([[0]], [1.0])


def test_a_part_is_assigned_in_a_recorded_step():
    v = tw.Variable(np.zeros(3, np.float32))

    @tw.record
    def step(x):
        v[1].assign_add(x)
        v[2:].assign(tw.reshape(x, [1]))
        return v[0] + x

    for i in range(6):
        step(tw.constant(float(i)))
    np.testing.assert_array_equal(v.numpy(), [0, 15, 5])
    assert any(row.replayed == 3 and "recorded_step" in row.name for row in tw.record.stats())
