# SPDX-License-Identifier: Apache-2.0
"""Dtype policies and loss scaling, judged by Keras with the same policies.

bfloat16 rounds to 2^-8 relative, float16 to 2^-11: results of a few layers may lie some roundings of the
largest value apart, since the two sum in different orders before they round.
"""

import ml_dtypes
import numpy as np
import pytest

import tilewright as tw
from tilewright import keras

ROUNDING = {"mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}
COMPUTE = {"mixed_bfloat16": ml_dtypes.bfloat16, "mixed_float16": np.float16}
policies = pytest.mark.parametrize("policy", ROUNDING)


@pytest.fixture(autouse=True)
def _policy_put_back():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def theirs(judge):
    """Keras itself."""
    yield judge.keras
    judge.keras.config.set_dtype_policy("float32")


def network(k, policy):
    layers = k.layers
    k.config.set_dtype_policy(policy)
    return k.Sequential(
        [
            layers.Input((9, 9, 2)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(12, activation="tanh"),
            layers.LayerNormalization(),
            layers.Dense(4, activation="softmax", dtype="float32"),
        ]
    )


def pair(module, policy):
    ours, theirs = network(keras, policy), network(module, policy)
    rng = np.random.default_rng(2)
    weights = [(rng.standard_normal(w.shape) * 0.3).astype(np.float32) for w in theirs.get_weights()]
    weights = [
        np.abs(w) + 0.5 if v.path.endswith("variance") else w
        for w, v in zip(weights, theirs.weights, strict=True)
    ]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def close(got, want, policy, roundings):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    bound = roundings * ROUNDING[policy] * np.abs(want).max()
    assert np.abs(got - want).max() <= bound, (
        f"{np.abs(got - want).max() / bound * roundings:.1f} roundings apart"
    )


def data(samples=16):
    rng = np.random.default_rng(4)
    return rng.standard_normal((samples, 9, 9, 2)).astype(np.float32), rng.integers(0, 4, samples)


@policies
def test_layers_have_the_dtypes_of_keras(policy, theirs):
    module = theirs
    ours, theirs = pair(module, policy)
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        assert (a.compute_dtype, a.variable_dtype, a.dtype_policy.name) == (
            b.compute_dtype,
            b.variable_dtype,
            b.dtype_policy.name,
        )
        assert [str(v.dtype) for v in a.weights] == [str(v.dtype) for v in b.weights]
    hidden = keras.Model(ours.inputs, [layer.output for layer in ours.layers])
    x, _ = data()
    assert [str(y.dtype) for y in hidden(x)] == [layer.compute_dtype for layer in theirs.layers]


@policies
def test_forward_agrees(policy, theirs):
    module = theirs
    ours, theirs = pair(module, policy)
    x, _ = data()
    close(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), policy, 6)


@policies
def test_gradients_reach_float32_variables_and_agree(policy, theirs):
    import torch

    module = theirs
    ours, theirs = pair(module, policy)
    x, y = data()
    loss = keras.losses.SparseCategoricalCrossentropy()
    with tw.GradientTape() as tape:
        value = loss(y, ours(x, training=False))
    got = tape.gradient(value, ours.trainable_variables)
    assert value.dtype == np.float32
    assert all(g.dtype == np.float32 for g in got)
    theirs.zero_grad()
    wanted = module.losses.SparseCategoricalCrossentropy()(torch.tensor(y), theirs(x, training=False))
    wanted.backward()
    assert float(value) == pytest.approx(float(wanted.detach()), rel=4 * ROUNDING[policy])
    for g, v in zip(got, theirs.trainable_variables, strict=True):
        close(g.numpy(), v.value.grad.numpy(), policy, 10)


@policies
@pytest.mark.parametrize("record", [True, False])
def test_training_lowers_the_loss_and_replays(policy, record):
    keras.utils.set_random_seed(1)
    model = network(keras, policy)
    x, y = data(32)
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=not record)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    history = model.fit(x, y, batch_size=8, epochs=12, verbose=0, shuffle=False).history["loss"]
    assert history[-1] < 0.7 * history[0]
    if record:
        assert max(row.replayed for row in model._steps.stats()) >= 40
        keras.utils.set_random_seed(1)
        again = network(keras, policy)
        again.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
        assert again.fit(x, y, batch_size=8, epochs=12, verbose=0, shuffle=False).history["loss"] == history


GRADIENTS = [1.0, 2.0, np.inf, 0.5, 1.0, 1.0, -1.0, np.nan, 3.0, 1.0]


@pytest.mark.parametrize("inner", ["Adam", "SGD", "RMSprop"])
def test_loss_scale_steps_as_in_keras(inner, theirs):
    import torch

    start = np.array([1.0, -2.0, 3.0], np.float32)
    module = theirs
    ours, theirs = tw.Variable(start), module.Variable(start)
    a = keras.optimizers.LossScaleOptimizer(getattr(keras.optimizers, inner)(0.1), 64.0, 3)
    b = module.optimizers.LossScaleOptimizer(getattr(module.optimizers, inner)(0.1), 64.0, 3)
    for g in GRADIENTS:
        gradient = np.array([g, 1.0, -4.0], np.float32)
        a.apply([tw.Tensor(gradient)], [ours])
        b.apply([torch.tensor(gradient)], [theirs])
        bound = 1e-5 * np.abs(theirs.numpy()).max()  # as tolerances.py has it for optimizers
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=bound)
        assert float(a.dynamic_scale) == float(b.dynamic_scale.numpy())
        assert int(a.step_counter) == int(b.step_counter.numpy())
        assert int(a.iterations) == int(b.iterations.numpy())


def test_a_skipped_step_changes_no_bit():
    v = tw.Variable(np.array([1.0, 2.0], np.float32))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
    optimizer.apply([tw.Tensor(np.ones(2, np.float32))], [v])
    before = [w.numpy().copy() for w in (v, *optimizer.inner_optimizer.variables)]
    optimizer.apply([tw.Tensor(np.array([np.nan, 1], np.float32))], [v])
    for w, old in zip((v, *optimizer.inner_optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(w.numpy(), old)


def test_configurations_travel_both_ways(theirs):
    ours = network(keras, "mixed_bfloat16")
    assert ours.layers[0].get_config()["dtype"] == "mixed_bfloat16"
    again = keras.Sequential.from_config(ours.get_config())
    assert [layer.compute_dtype for layer in again.layers] == [layer.compute_dtype for layer in ours.layers]
    config = theirs.layers.serialize(theirs.layers.Dense(3, dtype="mixed_float16"))
    policy = keras.saving.deserialize_keras_object(config).dtype_policy
    assert (policy.compute_dtype, policy.variable_dtype) == ("float16", "float32")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), 8.0, 5)
    made = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert made.get_config() == optimizer.get_config()


def test_the_global_policy():
    assert keras.config.dtype_policy() == keras.DTypePolicy("float32")
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert keras.layers.Dense(2).dtype_policy == keras.DTypePolicy("mixed_bfloat16")
    assert keras.layers.Dense(2, dtype="float64").compute_dtype == "float64"
    with pytest.raises(ValueError, match=r"\[DTypePolicy\] name is 'mixed_float8', expected mixed_float16"):
        keras.config.set_dtype_policy("mixed_float8")
    with pytest.raises(TypeError, match=r"\[DTypePolicy\] name is a int"):
        keras.DTypePolicy(8)
    with pytest.raises(
        ValueError, match=r"\[LossScaleOptimizer\] clipnorm is given, expected it on the inner"
    ):
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), clipnorm=1.0)
