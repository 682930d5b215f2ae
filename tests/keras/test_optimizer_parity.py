# SPDX-License-Identifier: Apache-2.0
"""Optimizers over 20 steps, and learning rate schedules, against Keras's."""

import warnings

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras

SHAPES = {"kernel": (7, 5), "bias": (5,), "scalar": ()}

CASES = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9, "learning_rate": 0.1},
    "SGD nesterov": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "learning_rate": 0.05},
    "Adam clipnorm": {"clipnorm": 0.5},
    "Adam clipvalue": {"clipvalue": 0.1},
    "Adam global_clipnorm": {"global_clipnorm": 0.3},
    "AdamW": {"weight_decay": 0.1, "learning_rate": 0.01},
    "AdamW global_clipnorm": {"weight_decay": 0.1, "global_clipnorm": 0.3},
    "RMSprop": {},
    "RMSprop momentum centered": {"momentum": 0.7, "centered": True, "learning_rate": 0.01},
    "RMSprop clipnorm": {"clipnorm": 0.2, "rho": 0.8},
}


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps_are_keras_s(name, judge):
    cls, options = name.split()[0], CASES[name]
    rng = np.random.default_rng(0)
    start = {n: rng.standard_normal(s).astype(np.float32) for n, s in SHAPES.items()}
    theirs, ours = getattr(judge.keras.optimizers, cls)(**options), getattr(keras.optimizers, cls)(**options)
    their_vars = [judge.keras.Variable(v, name=n) for n, v in start.items()]
    our_vars = [tw.Variable(v, name=n) for n, v in start.items()]
    if cls == "AdamW":
        for optimizer in (theirs, ours):
            optimizer.exclude_from_weight_decay(var_names=["bias"])
    for step in range(20):
        grads = [(rng.standard_normal(s) * (1 + step % 3)).astype(np.float32) for s in SHAPES.values()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.apply_gradients([(judge.tensor(g), v) for g, v in zip(grads, their_vars, strict=True)])
        ours.apply_gradients([(tw.Tensor(g), v) for g, v in zip(grads, our_vars, strict=True)])
    for a, b in zip(our_vars, their_vars, strict=True):
        close(a.numpy(), judge.array(b.value), f"{name}, {a.name}")
    assert int(ours.iterations) == 20
    assert len(ours.variables) == len(theirs.variables)
    assert [_state(v) for v in ours.variables] == [_state(v) for v in theirs.variables]


def _state(variable):
    """A state's path without the optimizer's own name."""
    return variable.path.split("/", 1)[1]


SCHEDULES = {
    "ExponentialDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 7,
        "decay_rate": 0.5,
        "staircase": True,
    },
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [5, 11], "values": [1.0, 0.5, 0.1]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "cycle": True},
    "CosineDecay": {
        "initial_learning_rate": 0.0,
        "decay_steps": 12,
        "alpha": 0.1,
        "warmup_target": 0.2,
        "warmup_steps": 6,
    },
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 5, "m_mul": 0.9},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_keras_s(name, judge):
    theirs = getattr(judge.keras.optimizers.schedules, name)(**SCHEDULES[name])
    ours = getattr(keras.optimizers.schedules, name)(**SCHEDULES[name])
    got = [ours(step) for step in range(25)]
    want = [float(theirs(step)) for step in range(25)]
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-7)
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


def test_a_schedule_sets_the_rate_of_each_step():
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.5]))
    v = tw.Variable(np.zeros(1, np.float32))
    one = tw.Tensor(np.ones(1, np.float32))
    optimizer.apply([one], [v])
    assert v.numpy()[0] == -1.0
    optimizer.apply([one], [v])
    assert v.numpy()[0] == -1.5
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1


def test_learning_rate_can_be_set_and_is_an_alias():
    optimizer = keras.optimizers.Adam(lr=0.25)
    assert float(optimizer.learning_rate) == 0.25 and float(optimizer.lr) == 0.25
    optimizer.learning_rate = 0.5
    assert float(optimizer.lr) == 0.5
    optimizer.learning_rate.assign(0.125)
    assert optimizer.get_config()["learning_rate"] == 0.125
    again = keras.optimizers.Adam.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


def test_weights_without_gradient_are_left_and_named():
    optimizer = keras.optimizers.SGD(1.0)
    a, b = tw.Variable(np.ones(2, np.float32), name="a"), tw.Variable(np.ones(2, np.float32), name="b")
    with pytest.warns(UserWarning, match=r"\['b'\]"):
        optimizer.apply([tw.Tensor(np.ones(2, np.float32)), None], [a, b])
    np.testing.assert_array_equal(a.numpy(), [0, 0])
    np.testing.assert_array_equal(b.numpy(), [1, 1])


def test_constraints_hold_after_steps():
    v = tw.Variable(np.array([0.5, -0.5], np.float32), constraint=keras.constraints.NonNeg())
    keras.optimizers.SGD(1.0).apply([tw.Tensor(np.ones(2, np.float32))], [v])
    np.testing.assert_array_equal(v.numpy(), [0, 0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: keras.optimizers.get("adm"), ValueError, "did you mean 'adam'"),
        (lambda: keras.optimizers.Adam(learning_rte=1.0), ValueError, "did you mean 'learning_rate'"),
        (lambda: keras.optimizers.Adam(clipnorm=1.0, clipvalue=1.0), ValueError, "expected at most one"),
        (lambda: keras.optimizers.SGD(momentum=2.0), ValueError, "momentum is 2.0, expected 0 to 1"),
        (
            lambda: keras.optimizers.SGD().apply([None], [tw.Variable(np.ones(1))]),
            ValueError,
            "no variable has a gradient",
        ),
        (
            lambda: keras.optimizers.SGD().apply([tw.Tensor(np.ones(1))], [tw.Variable(np.ones(1))] * 2),
            ValueError,
            "got 1 gradients, expected 2",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_foreign_variables_are_refused():
    optimizer = keras.optimizers.SGD()
    g = tw.Tensor(np.ones(1, np.float32))
    optimizer.apply([g], [tw.Variable(np.ones(1, np.float32), name="a")])
    with pytest.raises(ValueError, match="b is unknown"):
        optimizer.apply([g], [tw.Variable(np.ones(1, np.float32), name="b")])
