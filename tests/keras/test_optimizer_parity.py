# SPDX-License-Identifier: Apache-2.0
"""Optimizers over 20 steps, and learning rate schedules, against Keras's."""

import warnings

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras

SHAPES = {"kernel": (7, 5), "bias": (5,), "scalar": ()}

OPTIMIZERS = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9, "learning_rate": 0.1},
    "SGD nesterov": {"momentum": 0.8, "nesterov": True},
    "RMSprop": {},
    "RMSprop momentum centered": {"momentum": 0.7, "centered": True, "learning_rate": 0.01, "rho": 0.8},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "learning_rate": 0.05},
    "AdamW": {"learning_rate": 0.01},
    "Adagrad": {"learning_rate": 0.05, "initial_accumulator_value": 0.2},
    "Adadelta": {"learning_rate": 1.0, "rho": 0.8},
    "Adamax": {"learning_rate": 0.01},
    "Nadam": {"learning_rate": 0.01},
    "Lion": {"learning_rate": 0.01},
    "Ftrl": {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02},
    "Ftrl power": {"learning_rate_power": -0.7, "beta": 0.1, "l2_shrinkage_regularization_strength": 0.1},
}
OPTIONS = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.3, "weight_decay": 0.1},
    "weight_decay": {"weight_decay": 0.1},
    "ema": {"use_ema": True, "ema_momentum": 0.8},
    "ema overwrites": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3, "clipnorm": 0.4, "weight_decay": 0.1},
    "accumulation ema": {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
    },
    "loss scale": {"loss_scale_factor": 8.0, "global_clipnorm": 0.3},
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_keras_s(name, option, judge):
    cls, options = name.split()[0], {**OPTIMIZERS[name], **OPTIONS[option]}
    rng = np.random.default_rng(0)
    start = {n: rng.standard_normal(s).astype(np.float32) for n, s in SHAPES.items()}
    theirs, ours = getattr(judge.keras.optimizers, cls)(**options), getattr(keras.optimizers, cls)(**options)
    their_vars = [judge.keras.Variable(v, name=n) for n, v in start.items()]
    our_vars = [tw.Variable(v, name=n) for n, v in start.items()]
    if "decay" in option:
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
    assert int(ours.iterations) == int(theirs.iterations)
    assert len(ours.variables) == len(theirs.variables)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        assert cls == "Nadam" or _state(a) == _state(b)
        close(a.numpy(), judge.array(b.value), f"{name}, {a.path}")


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in OPTIMIZERS}))
def test_arguments_and_defaults_are_keras_s(name, judge):
    theirs, ours = getattr(judge.keras.optimizers, name)(), getattr(keras.optimizers, name)()
    want, got = theirs.get_config(), ours.get_config()
    assert set(got) == set(want)
    for field in set(want) - {"name", "learning_rate"}:
        assert got[field] == want[field], field
    assert got["learning_rate"] == pytest.approx(want["learning_rate"])
    assert got["name"].split("_")[0] == want["name"].split("_")[0]
    assert type(keras.optimizers.get(name.lower())) is type(ours)
    again = type(ours).from_config(got)
    assert again.get_config() == got
    written = keras.optimizers.serialize(ours)
    assert keras.optimizers.deserialize(written).get_config() == got


def _state(variable):
    """A state's path without the optimizer's own name."""
    return variable.path.split("/", 1)[1]


SCHEDULES = {
    "ExponentialDecay smooth": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
    "InverseTimeDecay staircase": {
        "initial_learning_rate": 0.1,
        "decay_steps": 7,
        "decay_rate": 0.5,
        "staircase": True,
    },
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 0.5},
    "CosineDecay plain": {"initial_learning_rate": 0.3, "decay_steps": 12},
    "CosineDecayRestarts even": {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0},
    "ExponentialDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 7,
        "decay_rate": 0.5,
        "staircase": True,
    },
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [5, 11], "values": [1.0, 0.5, 0.1]},
    "PolynomialDecay cycle": {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "cycle": True},
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
    cls = name.split()[0]
    theirs = getattr(judge.keras.optimizers.schedules, cls)(**SCHEDULES[name])
    ours = getattr(keras.optimizers.schedules, cls)(**SCHEDULES[name])
    got = [float(ours(step)) for step in range(25)]
    np.testing.assert_array_equal(ours(tw.Tensor(np.arange(25))).numpy(), np.float32(got))
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


def test_a_schedule_of_ones_own_and_a_callable():
    class Halving(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 / (step + 1)

    rates = iter([0.5, 0.25])
    for given, want in ((Halving(), [-1.0, -1.5]), (lambda: next(rates), [-0.5, -0.75])):
        v, optimizer = tw.Variable(np.zeros(1, np.float32)), keras.optimizers.SGD(given)
        for value in want:
            optimizer.apply([tw.Tensor(np.ones(1, np.float32))], [v])
            assert v.numpy()[0] == value
        assert all("learning_rate" not in s.path for s in optimizer.variables)


def test_kinds_of_steps():
    alike = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10), use_ema=True)
    assert alike.step_kind is None
    optimizer = keras.optimizers.SGD(
        1.0, gradient_accumulation_steps=2, use_ema=True, ema_overwrite_frequency=2
    )
    v, kinds = tw.Variable(np.zeros(1, np.float32)), []
    for _ in range(6):
        kinds.append(optimizer.step_kind)
        optimizer.apply([tw.Tensor(np.ones(1, np.float32))], [v])
    assert [k.updates for k in kinds] == [False, True] * 3
    assert [k.overwrites for k in kinds] == [False, False, True, True, False, False]


SCHEDULED = {"learning_rate": keras.optimizers.schedules.CosineDecayRestarts(0.05, 7)}


@pytest.mark.parametrize("option", [*OPTIONS, "schedule"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam", "Lion", "Ftrl"])
def test_replayed_steps_are_the_same_bits(name, option):
    options = {**OPTIMIZERS[name], **(SCHEDULED if option == "schedule" else OPTIONS[option])}
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((96, 5)).astype(np.float32), rng.standard_normal((96, 1)).astype(np.float32)
    weights = {}
    for eagerly in (True, False):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
        model.compile(getattr(keras.optimizers, name)(**options), "mse", run_eagerly=eagerly)
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        weights[eagerly] = [*model.get_weights(), *model.optimizer.get_weights()]
    assert sum(row.replayed for row in model._steps.stats()) >= 30
    for a, b in zip(weights[True], weights[False], strict=True):
        np.testing.assert_array_equal(a, b)


def test_averages_take_the_variables_place_at_the_end_of_fit():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.ones((8, 1)), np.ones((8, 1)), batch_size=4, epochs=2, verbose=0)
    average = next(v for v in model.optimizer.variables if v.name.endswith("average"))
    np.testing.assert_array_equal(model.weights[0].numpy(), average.numpy())


def test_an_optimizer_of_ones_own(judge):
    def made(base, ops):
        class Momentum(base):
            def __init__(self, learning_rate=0.1, **kwargs):
                super().__init__(learning_rate, **kwargs)

            def build(self, variables):
                super().build(variables)
                self.moments = [self.add_variable_from_reference(v, name="moment") for v in variables]

            def update_step(self, gradient, variable, learning_rate):
                m = self.moments[self._get_variable_index(variable)]
                self.assign(m, ops.add(ops.multiply(m, 0.9), gradient))
                self.assign_sub(variable, ops.multiply(m, learning_rate))

        return Momentum(clipnorm=0.5, weight_decay=0.1)

    theirs = made(judge.keras.optimizers.Optimizer, judge.keras.ops)
    ours = made(keras.optimizers.Optimizer, tw.ops)
    start = np.arange(6, dtype=np.float32).reshape(2, 3)
    a, b = tw.Variable(start), judge.keras.Variable(start)
    for step in range(5):
        gradient = np.cos(start + step)
        ours.apply([tw.Tensor(gradient)], [a])
        theirs.apply([judge.tensor(gradient)], [b])
    close(a.numpy(), judge.array(b.value), "momentum of one's own")
    assert len(ours.variables) == len(theirs.variables) == 3


def test_state_goes_out_and_back():
    def stepped(optimizer, n, v):
        for _ in range(n):
            optimizer.apply([tw.Tensor(np.full(3, 0.5, np.float32))], [v])

    v, w = tw.Variable(np.ones(3, np.float32)), tw.Variable(np.ones(3, np.float32))
    one, other = keras.optimizers.Nadam(use_ema=True), keras.optimizers.Nadam(use_ema=True)
    stepped(one, 4, v)
    other.build([w])
    other.set_weights(one.get_weights())
    w.assign(v)
    stepped(one, 3, v)
    stepped(other, 3, w)
    np.testing.assert_array_equal(v.numpy(), w.numpy())
    store = {}
    one.save_own_variables(store)
    other.load_own_variables(store)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(ValueError, match=r"variable_average got shape \(2,\), expected \(3,\)"):
        other.set_weights([x[:2] if x.ndim else x for x in one.get_weights()])


def test_learning_rate_can_be_set_and_is_an_alias():
    optimizer = keras.optimizers.Adam(lr=0.25)
    assert float(optimizer.learning_rate) == 0.25 and float(optimizer.lr) == 0.25
    optimizer.learning_rate = 0.5
    assert float(optimizer.lr) == 0.5
    with pytest.raises(TypeError, match="learning_rate is 'fast', expected a number"):
        optimizer.learning_rate = "fast"
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
        (
            lambda: keras.optimizers.Adam(gradient_accumulation_steps=1),
            ValueError,
            "gradient_accumulation_steps is 1, expected an int of at least 2",
        ),
        (lambda: keras.optimizers.Adam(use_ema=True, ema_momentum=2), ValueError, "ema_momentum is 2"),
        (lambda: keras.optimizers.Adam(clipnorm=-1.0), ValueError, "clipnorm is -1.0"),
        (lambda: keras.optimizers.Lion(beta_1=0.0), ValueError, "beta_1 is 0.0"),
        (lambda: keras.optimizers.Ftrl(learning_rate_power=1.0), ValueError, "learning_rate_power is 1.0"),
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
