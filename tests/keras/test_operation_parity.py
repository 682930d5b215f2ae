# SPDX-License-Identifier: Apache-2.0
"""`keras.ops` and `keras.activations` against Keras's: values, gradients, as nodes of models, in files."""

import importlib
import inspect

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras
from tilewright.keras.layers import operation_functions as functions

X = np.random.default_rng(0).standard_normal((3, 4, 6)).astype(np.float32)
P = np.abs(X) + 0.5
INDICES = np.array([2, 0, 1], np.int32)

# A function's name, then its arguments; several entries where an argument changes what is done.
CASES = [
    ("arccosh", (P + 1,), {}), ("arcsinh", (X,), {}), ("arctanh", (X / 4,), {}),
    ("argmax", (X,), {}), ("argmax", (X, -1), {}), ("argmin", (X,), {"axis": 1, "keepdims": True}),
    ("argsort", (X,), {}), ("argsort", (X,), {"axis": None}),
    ("broadcast_to", (X[:1], (3, 4, 6)), {}), ("ceil", (X,), {}), ("celu", (X,), {"alpha": 1.5}),
    ("copy", (X,), {}), ("cos", (X,), {}), ("cosh", (X,), {}),
    ("cumprod", (X,), {"axis": 1}), ("cumsum", (X,), {}), ("cumsum", (X, 2), {}),
    ("dot", (X, X[0].T.copy()), {}), ("dot", (X[0], X[0, 0]), {}), ("elu", (X, 0.7), {}), ("erf", (X,), {}),
    ("expm1", (X,), {}), ("flip", (X,), {}), ("flip", (X, 1), {}), ("floor", (X,), {}),
    ("floor_divide", (X, P), {}), ("full_like", (X, 2.5), {}), ("glu", (X,), {}), ("glu", (X, 1), {}),
    ("hard_shrink", (X,), {}), ("hard_sigmoid", (X,), {}), ("hard_silu", (X,), {}), ("hard_tanh", (X,), {}),
    ("isfinite", (np.where(X > 1, np.inf, X),), {}), ("isinf", (X,), {}), ("isnan", (X,), {}),
    ("leaky_relu", (X, 0.3), {}), ("log10", (P,), {}), ("log1p", (P,), {}), ("log2", (P,), {}),
    ("log_sigmoid", (X,), {}), ("logical_xor", (X > 0, X > 0.5), {}), ("logsumexp", (X,), {}),
    ("logsumexp", (X, 1), {"keepdims": True}), ("mod", (X, P), {}), ("moveaxis", (X, 0, 2), {}),
    ("norm", (X[0],), {}), ("norm", (X,), {"axis": -1, "keepdims": True}),
    ("norm", (X,), {"ord": 1, "axis": 1}),
    ("normalize", (X,), {}), ("normalize", (X,), {"axis": 1, "order": 1}),
    ("one_hot", (INDICES, 4), {}), ("one_hot", (INDICES, 4), {"axis": 0, "dtype": "int32"}),
    ("ones_like", (X,), {}), ("outer", (X[0, 0], X[0, 1]), {}), ("pad", (X, ((1, 0), (0, 2), (1, 1))), {}),
    ("pad", (X, ((0, 0), (2, 0), (0, 3))), {"mode": "reflect"}),
    ("prod", (X, 1), {}), ("ravel", (X,), {}), ("reciprocal", (P,), {}),
    ("relu6", (X * 5,), {}), ("repeat", (X, 2), {"axis": 1}), ("repeat", (X, 3), {}),
    ("roll", (X, 2), {"axis": 1}), ("roll", (X, 5), {}), ("round", (X,), {}), ("round", (X, 2), {}),
    ("rsqrt", (P,), {}), ("selu", (X,), {}), ("sign", (X,), {}), ("sin", (X,), {}), ("sinh", (X,), {}),
    ("soft_shrink", (X,), {}), ("softsign", (X,), {}), ("sort", (X,), {}), ("sort", (X, 0), {}),
    ("sparse_plus", (X * 2,), {}), ("sparse_sigmoid", (X * 2,), {}),
    ("split", (X, 2), {"axis": 1}), ("split", (X, [1, 4]), {"axis": 2}),
    ("squareplus", (X,), {}), ("squareplus", (X, 2), {}), ("std", (X,), {}),
    ("std", (X, 1), {"keepdims": True}),
    ("stop_gradient", (X,), {}), ("swapaxes", (X, 0, 2), {}), ("take", (X, INDICES, 1), {}),
    ("take", (X, INDICES), {}), ("take_along_axis", (X, np.argsort(X, 1), 1), {}), ("tan", (X,), {}),
    ("tanh_shrink", (X,), {}), ("tensordot", (X, X[0].T.copy()), {"axes": 1}),
    ("threshold", (X, 0.2, -1.0), {}),
    ("tile", (X, (2, 1, 2)), {}), ("tile", (X, 2), {}), ("top_k", (X, 3), {}), ("tril", (X,), {}),
    ("triu", (X,), {"k": 1}), ("unstack", (X,), {"axis": 1}), ("var", (X,), {}), ("var", (X, (0, 2)), {}),
    ("zeros_like", (X,), {}), ("einsum", ("ijk,ljk->il", X, X), {}), ("einsum", ("bij->bji", X), {}),
]  # fmt: skip
STEPS = {"ceil", "floor", "round", "sign", "floor_divide", "mod"}  # no gradient, or not one to compare


def parts(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def numbers_of(value):
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c[0]}{[a for a in c[1] if not hasattr(a, 'shape')]}{c[2]}"
)
def test_operations_are_keras_s(case, judge):
    name, args, options = case
    got = parts(getattr(keras.ops, name)(*args, **options))
    given = [judge.keras.ops.convert_to_tensor(a) if hasattr(a, "shape") else a for a in args]
    want = parts(getattr(judge.keras.ops, name)(*given, **options))
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        w = judge.array(w)
        assert isinstance(g, tw.Tensor) and g.shape == w.shape
        assert g.dtype.kind == w.dtype.kind, name
        close(g.numpy(), w, name)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c[0]}{[a for a in c[1] if not hasattr(a, 'shape')]}{c[2]}"
)
def test_operations_stand_in_models(case, tmp_path):
    """The first array enters as an Input; the model gives what the function gives, also when read back."""
    name, args, options = case
    if name in ("one_hot", "full_like", "dot", "ravel", "copy", "einsum") or options.get("axis", 0) is None:
        pytest.skip("the batch is no axis of its own there, or there is no one Input")
    at = next(i for i, a in enumerate(args) if hasattr(a, "shape"))
    x = args[at]
    given = keras.Input(batch_shape=x.shape, dtype=str(x.dtype))
    outputs = getattr(keras.ops, name)(*args[:at], given, *args[at + 1 :], **options)
    model = keras.Model(given, outputs)
    want = parts(getattr(keras.ops, name)(*args, **options))
    again = type(model).from_config(model.get_config())
    for m in (model, again):
        got = parts(m(x))
        assert [tuple(s.shape) for s in parts(outputs)] == [g.shape for g in got]
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(numbers_of(g), w.numpy())


@pytest.mark.parametrize("table", [functions.ONE, functions.TWO, functions.ANY_NUMBER])
def test_nodes_have_keras_s_classes_and_arguments(table, judge):
    for name, (cls, module, _, options) in table.items():
        theirs = getattr(importlib.import_module(module), cls)
        known = [
            p for p in inspect.signature(theirs.__init__).parameters if p not in ("self", "name", "kwargs")
        ]
        assert list(options) == known, name


ACTIVATIONS = [
    ("celu", {}), ("celu", {"alpha": 0.5}), ("glu", {}), ("hard_shrink", {}), ("hard_tanh", {}),
    ("soft_shrink", {}),
    ("tanh_shrink", {}), ("threshold", {"threshold": 0.1, "default_value": 2.0}), ("squareplus", {}),
    ("sparse_plus", {}), ("sparse_sigmoid", {}), ("swish", {}), ("hard_swish", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
def test_activations_and_their_gradients_are_keras_s(name, options, judge):
    make = lambda k: k.layers.Lambda(lambda x: getattr(k.activations, name)(x, **options))  # noqa: E731
    from layer_checks import check_against_keras

    check_against_keras(judge, name, make, [X * 1.5])


@pytest.mark.parametrize("axis", [-1, 1])
def test_sparsemax_is_the_nearest_point_of_the_simplex(axis):
    """Keras 3.15 adds up running sums where the paper adds up values: its rows do not sum to 1."""
    got = keras.activations.sparsemax(tw.Tensor(X), axis).numpy()
    for row, z in zip(
        np.moveaxis(got, axis, -1).reshape(-1, X.shape[axis]),
        np.moveaxis(X, axis, -1).reshape(-1, X.shape[axis]).astype(np.float64),
        strict=True,
    ):
        falling = np.sort(z)[::-1]
        inside = 1 + np.arange(1, len(z) + 1) * falling > falling.cumsum()
        threshold = (falling[inside].sum() - 1) / inside.sum()
        np.testing.assert_allclose(row, np.maximum(z - threshold, 0), atol=1e-6)
        assert abs(row.sum() - 1) < 1e-6


def test_names_stand_for_them():
    for name, _ in ACTIVATIONS:
        if name != "threshold":
            assert keras.layers.Activation(name)(X).shape[0] == 3
            assert keras.activations.get(name) is getattr(keras.activations, name)


def test_what_makes_arrays(judge):
    ours, theirs = keras.ops, judge.keras.ops
    for call in (
        lambda k: k.zeros((2, 3)), lambda k: k.ones((2,), dtype="int32"), lambda k: k.full((2, 2), 1.5),
        lambda k: k.eye(3), lambda k: k.eye(3, 4, k=1), lambda k: k.identity(2), lambda k: k.arange(5),
        lambda k: k.arange(1, 7, 2), lambda k: k.arange(0.0, 1.0, 0.25), lambda k: k.linspace(0, 1, 5),
        lambda k: k.linspace(0, 1, 5, endpoint=False), lambda k: k.array([1.0, 2.0]),
        lambda k: k.isclose(X, X + 1e-7), lambda k: k.allclose(X, X + 1.0), lambda k: k.hstack([X[0], X[1]]),
        lambda k: k.vstack([X[0, 0], X[0, 1]]), lambda k: k.slice(X, (0, 1, 2), (2, 2, 3)),
        lambda k: k.moments(X, [0, 2])[1],
        lambda k: k.nan_to_num(np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)),
        lambda k: k.max_pool(X[..., None], 2, padding="same"), lambda k: k.average_pool(X, 2, 1),
        lambda k: k.conv(X, np.ones((2, 6, 3), np.float32), padding="same"),
        lambda k: k.binary_crossentropy((X > 0) * np.float32(1), P / 4),
        lambda k: k.categorical_crossentropy(P, X, True),
        lambda k: k.sparse_categorical_crossentropy(np.array([1, 2, 0, 3]), X[0], True),
        lambda k: k.map(lambda row: row * 2, X), lambda k: k.cond(True, lambda: X, lambda: P),
        lambda k: k.while_loop(lambda i: i < 5, lambda i: (i + 2,), (k.array(0),))[0],
        lambda k: k.meshgrid(X[0, 0], X[0, 1])[1],
    ):  # fmt: skip
        got, want = numbers_of(call(ours)), judge.array(call(theirs))
        assert got.shape == want.shape and got.dtype.kind == want.dtype.kind
        close(got, want, "")
    np.testing.assert_array_equal(ours.count_nonzero(X > 0, axis=1).numpy(), (X > 0).sum(1))
    assert ours.size(X) == 72 and ours.ndim(X) == 3 and ours.dtype(X) == "float32"


def test_operations_are_recorded():
    @tw.record
    def step(x):
        y = keras.ops.top_k(keras.ops.sparsemax(x), 2)[0]
        return keras.ops.sum(keras.ops.std(y, axis=-1)) + keras.ops.logsumexp(keras.ops.roll(x, 1, axis=0))

    values = [float(step(tw.Tensor(X[i % 3])).numpy()) for i in range(8)]
    assert values[:3] == values[3:6]
    assert any(s.replayed for s in tw.record.stats() if "step" in s.name)


def test_unknown_names_suggest_the_near_one():
    for module, wrong, near in (
        (keras.ops, "arg_max", "argmax"), (keras.activations, "sigmod", "sigmoid"),
        (keras, "optimizer", "optimizers"),
        (keras.optimizers, "Adm", "Adam"), (keras.losses, "MeanSquareError", "MeanSquaredError"),
        (keras.metrics, "F1Scores", "F1Score"), (keras.callbacks, "EarlyStoping", "EarlyStopping"),
        (keras.utils, "to_categorial", "to_categorical"), (keras.random, "norml", "normal"),
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=f"did you mean '{near}'"):
            getattr(module, wrong)
