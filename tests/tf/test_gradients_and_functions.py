# SPDX-License-Identifier: Apache-2.0
"""Jacobians, custom_gradient, tf.function, control flow, Module, random, config, debugging, print."""

import numpy as np
import pytest

import tilewright as tf


def test_jacobian_is_every_derivative():
    x, w = tf.constant([1.0, 2.0, 3.0]), tf.Variable([[1.0, -1.0, 0.5], [2.0, 0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.linalg.matvec(w, x * x)
    by_x, by_w = tape.jacobian(y, [x, w])
    np.testing.assert_allclose(by_x.numpy(), w.numpy() * 2 * x.numpy())
    assert by_w.shape == (2, 2, 3)
    np.testing.assert_allclose(by_w.numpy()[0, 0], [1, 4, 9])
    assert not by_w.numpy()[0, 1].any()
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)


def test_a_jacobian_of_a_gradient_is_the_hessian():
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x[0] ** 3 * x[1] ** 2
        g = inner.gradient(y, x)
    np.testing.assert_allclose(outer.jacobian(g, x).numpy(), [[24, 12], [12, 2]], rtol=1e-6)


def test_batch_jacobian_keeps_rows_apart():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2, x[:, 1]], axis=1)
    want = [[[2, 1], [2, 0], [0, 1]], [[4, 3], [6, 0], [0, 1]]]
    np.testing.assert_allclose(tape.batch_jacobian(y, x).numpy(), want)


def test_unconnected_gradients_by_tensorflows_words():
    x, other = tf.Variable(1.0), tf.Variable([2.0])
    with tf.GradientTape() as tape:
        y = x * x
    zeros = tape.gradient(y, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros.numpy().tolist() == [0]


def test_custom_gradient_replaces_the_derivative_and_differentiates_again():
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)

        def grad(upstream):
            return upstream * (1 - 1 / (1 + e))

        return tf.math.log(1 + e), grad

    x = tf.constant(100.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = log1pexp(x)
    assert float(tape.gradient(y, x)) == 1.0  # exp(100) overflows: without the gradient by hand this is NaN
    x = tf.constant(0.3)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = log1pexp(x)
        g = inner.gradient(y, x)
    s = 1 / (1 + np.exp(-0.3))
    np.testing.assert_allclose(float(outer.gradient(g, x)), s * (1 - s), rtol=1e-5)


def test_custom_gradient_of_several_inputs_and_outputs():
    @tf.custom_gradient
    def swapped(a, b):
        return [b * 1.0, a * 1.0], lambda da, db: (da * 10.0, db * 100.0)

    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        first, second = swapped(a, b)
    assert (float(first), float(second)) == (3.0, 2.0)
    assert [float(g) for g in tape.gradient([first, second], [a, b])] == [10.0, 100.0]
    assert [float(g) for g in tape.gradient(first, [a, b])] == [10.0, 0.0]
    with pytest.raises(TypeError, match="expected \\(y, grad\\)"):
        tf.custom_gradient(lambda x: x)(a)
    with pytest.raises(ValueError, match="gave 1 gradients, expected 2"), tf.GradientTape() as tape:
        tape.gradient(tf.custom_gradient(lambda a, b: (a + b, lambda dy: dy))(a, b), a)


def test_gradients_pass_straight_through():
    @tf.grad_pass_through
    def rounded(x):
        return tf.round(x)

    x = tf.Variable(1.4)
    with tf.GradientTape() as tape:
        y = rounded(x) * 3.0
    assert float(y) == 3.0 and float(tape.gradient(y, x)) == 3.0


def test_functions_are_replayed_and_give_the_same():
    w = tf.Variable([1.0, 2.0])
    optimizer = tf.keras.optimizers.SGD(0.1)
    ran = []

    @tf.function
    def step(x):
        ran.append(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.reduce_sum(w * x, axis=1) - 1.0) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        return loss

    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    losses = [float(step(x)) for _ in range(8)]
    assert len(ran) < 8, "later calls run without Python"
    w.assign([1.0, 2.0])
    optimizer = tf.keras.optimizers.SGD(0.1)
    again = [float(step.python_function(tf.constant(x))) for _ in range(8)]
    assert losses == again and losses[-1] < losses[0]


def test_functions_as_methods_and_with_arguments():
    class Scale(tf.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = tf.Variable(factor)

        @tf.function(jit_compile=True)
        def __call__(self, x, twice=False):
            return self.factor * x * (2.0 if twice else 1.0)

    one, two = Scale(1.0), Scale(10.0)
    for _ in range(5):
        assert float(one(tf.constant(3.0))) == 3.0 and float(two(tf.constant(3.0))) == 30.0
        assert float(two(tf.constant(3.0), twice=True)) == 60.0
    assert len(one.trainable_variables) == 1

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def rows(x):
        return tf.shape(x)[0] * tf.reduce_sum(x)

    assert float(rows(np.ones((3, 2), np.float32))) == 18
    with pytest.raises(TypeError, match=r"argument 0 of rows has shape \(3,\)"):
        rows(np.ones(3, np.float32))


def test_functions_may_run_eagerly():
    ran = []
    f = tf.function(lambda x: ran.append(1) or x + 1)
    tf.config.run_functions_eagerly(True)
    try:
        for _ in range(6):
            f(np.float32(1))
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(ran) == 6


def test_random_draws_in_functions_are_new_each_time():
    tf.random.set_seed(1)
    draw = tf.function(lambda: tf.random.normal([4]))
    drawn = [draw().numpy().tolist() for _ in range(6)]
    assert len({tuple(d) for d in drawn}) == 6


def test_control_flow():
    assert int(tf.cond(tf.constant(2) > 1, lambda: 5, lambda: 6)) == 5
    i, total = tf.while_loop(
        lambda i, t: i < 5, lambda i, t: (i + 1, t + i), (tf.constant(0), tf.constant(0))
    )
    assert (int(i), int(total)) == (5, 10)
    assert tf.map_fn(lambda x: x * x, tf.constant([1.0, 3.0])).numpy().tolist() == [1, 9]
    pair = tf.map_fn(lambda ab: ab[0] + ab[1], (tf.constant([1, 2]), tf.constant([10, 20])))
    assert pair.numpy().tolist() == [11, 22]
    assert tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3])).numpy().tolist() == [1, 3, 6]
    assert int(tf.foldl(lambda a, x: a * 2 + x, tf.constant([1, 0, 1]))) == 5
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for t in range(3):
        array = array.write(t, [float(t)])
    assert array.stack().numpy().tolist() == [[0], [1], [2]]
    assert tf.nest.map_structure(lambda x: x + 1, {"a": 1, "b": [2, 3]}) == {"a": 2, "b": [3, 4]}


def test_distributions():
    tf.random.set_seed(7)
    whole = tf.random.uniform([20000], 3, 8, dtype=tf.int32)
    assert whole.dtype == tf.int32
    counts = np.bincount(whole.numpy(), minlength=8)
    assert not counts[:3].any() and abs(counts[3:] / 20000 - 0.2).max() < 0.015
    drawn = tf.random.categorical(np.log([[0.1, 0.2, 0.7], [1.0, 1e-30, 1e-30]]), 20000).numpy()
    np.testing.assert_allclose(np.bincount(drawn[0], minlength=3) / 20000, [0.1, 0.2, 0.7], atol=0.015)
    assert not drawn[1].any()
    order = tf.random.shuffle(tf.range(1000)).numpy()
    assert sorted(order) == list(range(1000)) and (order != np.arange(1000)).mean() > 0.9
    shifted = tf.random.normal([20000], mean=tf.constant(5.0), stddev=tf.constant(0.1)).numpy()
    assert abs(shifted.mean() - 5) < 0.01 and abs(shifted.std() - 0.1) < 0.01
    limits = np.array([[0.0], [10.0]], np.float32)
    spread = tf.random.uniform([2, 9], minval=tf.constant(limits), maxval=tf.constant(limits + 1)).numpy()
    assert (spread[0] < 1).all() and (spread[1] >= 10).all()


def test_seeds_and_generators_repeat():
    tf.random.set_seed(3)
    a = tf.random.normal([5]).numpy()
    tf.random.set_seed(3)
    np.testing.assert_array_equal(tf.random.normal([5]).numpy(), a)
    first, second = tf.random.Generator.from_seed(2), tf.random.Generator.from_seed(2)
    np.testing.assert_array_equal(first.normal([3]).numpy(), second.normal([3]).numpy())
    assert (first.normal([3]).numpy() != second.uniform([3]).numpy()).any()
    same = [tf.random.stateless_normal([4], seed=[1, 2]).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert (tf.random.stateless_normal([4], seed=[1, 3]).numpy() != same[0]).any()
    assert tf.random.stateless_uniform([100], [1, 2], 0, 3, tf.int32).numpy().max() == 2


def test_devices_and_threads():
    assert [d.device_type for d in tf.config.list_physical_devices("CPU")] == ["CPU"]
    tf.config.experimental.set_memory_growth(tf.config.list_physical_devices()[0], True)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    assert tf.config.threading.get_intra_op_parallelism_threads() == tf.num_threads() == 1
    with tf.device("/CPU:0"):
        assert tf.device() == "cpu"
    assert tf.executing_eagerly() and tf.__version__


def test_assertions_name_the_place():
    tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    tf.debugging.assert_near(tf.constant(1.0), 1.0 + 1e-7)
    tf.debugging.assert_shapes([(tf.ones([2, 3]), ("N", 3)), (tf.ones([2]), ("N",))])
    with pytest.raises(AssertionError, match=r"x == y fails for 1 of 2 entries, first at \(1,\)"):
        tf.debugging.assert_equal(tf.constant([1, 2]), [1, 3])
    with pytest.raises(AssertionError, match="loss: .*being finite"):
        tf.debugging.check_numerics(tf.constant([1.0, np.nan]), "loss")
    with pytest.raises(ValueError, match="expected 2"):
        tf.debugging.assert_rank(tf.ones([2]), 2)
    with pytest.raises(ValueError, match="'N': 2"):
        tf.debugging.assert_shapes([(tf.ones([2, 3]), ("N", 3)), (tf.ones([3]), ("N",))])


def test_print(capsys, tmp_path):
    tf.print("loss", tf.constant(0.5), tf.range(10), [tf.constant(1)])
    assert capsys.readouterr().err == "loss 0.5 [0 1 2 ... 7 8 9] [1]\n"
    tf.print(tf.range(5), summarize=-1, output_stream=f"file://{tmp_path / 'log'}")
    assert (tmp_path / "log").read_text() == "[0 1 2 3 4]\n"


def test_modules_find_variables_in_their_parts():
    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.layers = [tf.keras.layers.Dense(2), tf.Module()]
            self.layers[1].w = tf.Variable(1.0)
            self.table = {"a": tf.Variable(2.0, trainable=False)}

    net = Net()
    net.layers[0](tf.ones([1, 3]))
    assert len(net.variables) == 4 and len(net.trainable_variables) == 3 and len(net.submodules) == 1


def test_targets_may_be_a_dict():
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        targets = {"square": x**2, "inverse": [1 / x]}
    assert float(tape.gradient(targets, x)) == 3.75
