# SPDX-License-Identifier: Apache-2.0
"""Regularizers, constraints and initializers against Keras's: values, gradients, names, configurations."""

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras

RNG = np.random.default_rng(6)
MATRIX = RNG.standard_normal((5, 7)).astype(np.float32)
KERNEL = RNG.standard_normal((3, 3, 2, 4)).astype(np.float32)

REGULARIZERS = {
    "L1": {},
    "L1 given": {"l1": 0.3},
    "L2": {"l2": 0.2},
    "L1L2": {"l1": 0.1, "l2": 0.4},
    "OrthogonalRegularizer": {},
    "OrthogonalRegularizer columns": {"factor": 0.5, "mode": "columns"},
}
CONSTRAINTS = {
    "MaxNorm": {},
    "MaxNorm axes": {"max_value": 0.5, "axis": [0, 1, 2]},
    "NonNeg": {},
    "UnitNorm": {"axis": 0},
    "MinMaxNorm": {"min_value": 0.5, "max_value": 1.0, "rate": 0.6, "axis": 0},
}


@pytest.mark.parametrize("name", REGULARIZERS)
def test_regularizers_are_keras_s(name, judge):
    cls, options = name.split()[0], REGULARIZERS[name]
    theirs, ours = (getattr(k.regularizers, cls)(**options) for k in (judge.keras, keras))
    t = judge.tensor(MATRIX).requires_grad_(True)
    want = theirs(t)
    want.backward()
    x = tw.Tensor(MATRIX)
    with tw.GradientTape() as tape:
        tape.watch(x)
        got = ours(x)
    close(got.numpy(), judge.array(want), name)
    close(tape.gradient(got, x).numpy(), judge.array(t.grad), f"{name}, gradient")
    assert ours.get_config().keys() == theirs.get_config().keys()
    for key, value in theirs.get_config().items():  # Keras holds some factors in float32
        expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-6)
        assert ours.get_config()[key] == expected, key
    again = keras.regularizers.deserialize(keras.regularizers.serialize(ours))
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_are_keras_s(name, judge):
    cls, options = name.split()[0], CONSTRAINTS[name]
    theirs, ours = (getattr(k.constraints, cls)(**options) for k in (judge.keras, keras))
    value = KERNEL if "axes" in name else MATRIX
    close(ours(tw.Tensor(value)).numpy(), judge.array(theirs(judge.tensor(value))), name)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("regularizers", ["l1", "l2", "L1L2", "orthogonal_regularizer"]),
        ("constraints", ["max_norm", "NonNeg", "non_neg", "unit_norm", "min_max_norm"]),
        (
            "initializers",
            [
                "zeros",
                "ones",
                "identity",
                "orthogonal",
                "glorot_uniform",
                "glorot_normal",
                "he_normal",
            ]
            + ["he_uniform", "lecun_normal", "lecun_uniform", "random_normal", "random_uniform"]
            + ["truncated_normal", "variance_scaling", "uniform", "normal", "HeNormal"],
        ),
    ],
)
def test_names_are_keras_s(module, names, judge):
    for name in names:
        ours, theirs = (getattr(k, module).get(name) for k in (keras, judge.keras))
        assert type(ours).__name__ == type(theirs).__name__
        want = theirs.get_config()
        got = ours.get_config()
        assert set(want) <= set(got)
    with pytest.raises(ValueError, match="is unknown; did you mean"):
        getattr(keras, module).get(names[0] + "x")


def test_short_names_stand_for_classes():
    assert keras.initializers.he_normal is keras.initializers.HeNormal
    assert keras.regularizers.l2(0.1).get_config() == {"l2": 0.1}
    assert isinstance(keras.constraints.max_norm(3), keras.constraints.MaxNorm)


SPREADS = {
    "glorot_uniform": {},
    "glorot_normal": {},
    "he_normal": {},
    "he_uniform": {},
    "lecun_normal": {},
    "lecun_uniform": {},
    "random_normal": {"mean": 0.5, "stddev": 0.2},
    "random_uniform": {"minval": -1.0, "maxval": 3.0},
    "truncated_normal": {"mean": -0.5, "stddev": 0.3},
    "variance_scaling": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}


@pytest.mark.parametrize("name", SPREADS)
def test_distributions_are_keras_s(name, judge):
    shape = (3, 3, 40, 60)
    ours, theirs = (
        getattr(k.initializers, name)(seed=3, **SPREADS[name])(shape) for k in (keras, judge.keras)
    )
    ours, theirs = ours.numpy().ravel(), judge.array(theirs).ravel()
    spread = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 0.03 * spread
    assert abs(ours.std() / spread - 1) < 0.02
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        assert abs(np.quantile(ours, share) - np.quantile(theirs, share)) < 0.08 * spread


def test_identity_and_orthogonal():
    np.testing.assert_array_equal(keras.initializers.Identity(2.0)((3, 4)).numpy(), 2 * np.eye(3, 4))
    q = keras.initializers.Orthogonal(gain=0.5, seed=1)((4, 3, 5)).numpy().reshape(12, 5)
    np.testing.assert_allclose(q.T @ q, 0.25 * np.eye(5), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keras.regularizers.L2(-1.0), "l2 is -1.0, expected a finite number of at least 0"),
        (lambda: keras.regularizers.OrthogonalRegularizer(mode="x"), "mode is 'x'"),
        (lambda: keras.regularizers.OrthogonalRegularizer()(tw.Tensor(KERNEL)), "expected 2 dimensions"),
        (lambda: keras.initializers.Identity()((3,)), "expected 2 dimensions"),
        (lambda: keras.initializers.VarianceScaling(scale=0.0), "scale is 0.0, expected more than 0"),
        (lambda: keras.initializers.VarianceScaling(mode="fan"), "mode is 'fan'"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
