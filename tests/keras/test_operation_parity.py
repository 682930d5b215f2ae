# SPDX-License-Identifier: Apache-2.0
"""`keras.ops` and `keras.activations` against Keras's: signatures, values, dtypes, gradients, nodes."""

import importlib
import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from keras_judge import close, seeds_for
from operation_cases import CASES, X

import tilewright as tw
from tilewright import keras, nest
from tilewright.keras.operations import NODES

CASE = pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c[0]}{[a for a in c[1] if not hasattr(a, 'shape')]}{list(c[2])}"
)


def parts(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def is_array(x):
    return isinstance(x, np.ndarray)


def called(judge, case):
    """Inputs and results of a case here and there, under a tape here: (ours, theirs, tape)."""
    name, *arguments = case
    ours = nest.map_leaves(lambda a: tw.Tensor(a.copy()) if is_array(a) else a, arguments)
    theirs = nest.map_leaves(lambda a: judge.tensor(a) if is_array(a) else a, arguments)
    inputs = [a for a in nest.leaves(ours) if isinstance(a, tw.Tensor) and a.dtype.kind == "f"]
    judges = [a for a in nest.leaves(theirs) if hasattr(a, "requires_grad_") and a.is_floating_point()]
    for a in judges:
        a.requires_grad_(True)
    with tw.GradientTape() as tape:
        tape.watch(inputs)
        got = parts(getattr(keras.ops, name)(*ours[0], **ours[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of what Keras calls there
        want = parts(getattr(judge.keras.ops, name)(*theirs[0], **theirs[1]))
    assert len(got) == len(want)
    return (inputs, got), (judges, want), tape


@CASE
def test_values_and_dtypes_are_keras_s(case, judge):
    (_, got), (_, want), _ = called(judge, case)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        w = judge.array(w)
        assert isinstance(g, tw.Tensor) and g.shape == w.shape
        # On TensorFlow and JAX the positions of top_k are int32, too.
        assert g.dtype == ("int32" if case[0] == "top_k" and i == 1 else w.dtype)
        finite = np.isfinite(w)
        np.testing.assert_array_equal(g.numpy()[~finite], w[~finite])
        close(np.where(finite, g.numpy(), 0), np.where(finite, w, 0), case[0])


# What PyTorch has no gradient for, or one that is not the function's: of ldexp it is 0 where the exponent is
# negative, of cholesky_inverse it is not 0 above the diagonal, of nextafter it is 1, and nanmean's of an
# empty row is NaN.
NO_GRADIENT = {
    "bincount", "cholesky_inverse", "floor_divide", "heaviside", "histogram", "ldexp", "nanmean", "nextafter",
    "vander",
}  # fmt: skip


@CASE
def test_gradients_are_keras_s(case, judge):
    name, args, _ = case
    reduction = name == "scatter_update" and isinstance(args[-1], str) and args[-1] != "add"
    if name in NO_GRADIENT or reduction:
        pytest.skip("PyTorch has no gradient for it; see test_operation_details.py")
    (inputs, got), (judges, want), tape = called(judge, case)
    flows = [i for i, w in enumerate(want) if getattr(w, "requires_grad", False)]
    if not flows:
        pytest.skip("nothing to differentiate")
    seeds = [np.where(np.isfinite(judge.array(want[i])), seeds_for(tuple(want[i].shape)), 0) for i in flows]
    total = sum(
        (judge.torch.nan_to_num(want[i]) * judge.tensor(s)).sum() for i, s in zip(flows, seeds, strict=True)
    )
    total.backward()
    seeds = [tw.Tensor(s.astype(got[i].dtype)) for i, s in zip(flows, seeds, strict=True)]
    found = tape.gradient([got[i] for i in flows], inputs, output_gradients=seeds)
    for i, (g, a) in enumerate(zip(found, judges, strict=True)):
        assert (g is None) <= (a.grad is None or not a.grad.any()), f"{name}, no gradient by input {i}"
        if g is not None and a.grad is not None:
            close(g.numpy(), judge.array(a.grad), f"{name}, gradient by input {i}")


# ---- signatures and classes


def signature_of(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", keras.ops.__all__)
def test_signatures_are_keras_s(name, judge):
    assert signature_of(getattr(keras.ops, name)) == signature_of(getattr(judge.keras.ops, name))


LEFT_OUT = {
    "angle", "conj", "conjugate", "ctc_decode", "ctc_loss", "eig", "fft", "fft2", "i0", "ifft2", "imag",
    "irfft", "istft", "jvp", "polar", "real", "rfft", "stft", "vectorize", "view_as_complex", "view_as_real",
}  # fmt: skip


def test_what_is_left_out_says_why(judge):
    theirs = {n for n in dir(judge.keras.ops) if callable(getattr(judge.keras.ops, n)) and n[0] != "_"}
    assert theirs - set(keras.ops.__all__) == LEFT_OUT
    for name in LEFT_OUT:
        with pytest.raises(AttributeError, match=f"has no attribute '{name}': "):
            getattr(keras.ops, name)


@pytest.mark.parametrize("name", NODES)
def test_nodes_have_keras_s_classes_and_arguments(name, judge):
    node = NODES[name]
    theirs = getattr(importlib.import_module(node.module), node.class_name)
    known = [p for p in inspect.signature(theirs.__init__).parameters if p not in ("self", "name", "kwargs")]
    assert list(node.options) == known


def test_every_function_is_compared():
    """What is in no case is below or in the tests of details."""
    details = (Path(__file__).parent / "test_operation_details.py").read_text()
    rest = set(keras.ops.__all__) - {name for name, *_ in CASES} - MADE.keys()
    there = set(re.findall(r"\b(?:k|ops)\.(\w+)", details)) | set(re.findall(r'"(\w+)"', details))
    assert rest - there == {"hard_swish", "sparsemax"}  # an alias, and what is tested as an activation


# ---- nodes of models

NODE_CASES = [c for c in CASES if c[0] in NODES and any(is_array(a) for a in c[1])]


@pytest.mark.parametrize(
    "case", NODE_CASES, ids=lambda c: f"{c[0]}{[a for a in c[1] if not hasattr(a, 'shape')]}{list(c[2])}"
)
def test_operations_stand_in_models(case):
    """The first array enters as an Input; the model gives what the function gives, also when read back."""
    name, args, options = case
    at = next(i for i, a in enumerate(args) if is_array(a))
    x = args[at]
    given = keras.Input(batch_shape=x.shape, dtype=str(x.dtype))
    outputs = getattr(keras.ops, name)(*args[:at], given, *args[at + 1 :], **options)
    model = keras.Model(given, outputs)
    want = parts(getattr(keras.ops, name)(*args, **options))
    again = type(model).from_config(model.get_config())
    for m in (model, again):
        got = parts(m(x))
        assert [tuple(s.shape) for s in parts(outputs)] == [g.shape for g in got]
        assert [s.dtype for s in parts(outputs)] == [str(g.dtype) for g in got]
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g.numpy(), w.numpy())


# ---- what makes arrays

MADE = {
    "arange": lambda k: [
        k.arange(5), k.arange(1, 7, 2), k.arange(0.0, 1.0, 0.25), k.arange(3, dtype="float32"),
    ],
    "array": lambda k: [k.array([1.0, 2.0])],
    "bartlett": lambda k: [k.bartlett(7)],
    "blackman": lambda k: [k.blackman(7)],
    "eye": lambda k: [k.eye(3), k.eye(3, 4, k=1), k.eye(4, 3, -2, "int32")],
    "full": lambda k: [k.full((2, 2), 1.5), k.full((2, 3), [1.0, 2.0, 3.0]), k.full((2,), 3, "int32")],
    "geomspace": lambda k: [k.geomspace(1.0, 1000.0, 4), k.geomspace(-2.0, -32.0, 4, endpoint=False)],
    "hamming": lambda k: [k.hamming(7)],
    "hanning": lambda k: [k.hanning(7)],
    "identity": lambda k: [k.identity(3), k.identity(2, "int32")],
    "kaiser": lambda k: [k.kaiser(7, 5.0)],
    "linspace": lambda k: [
        k.linspace(0.0, 1.0, 5), k.linspace(0.0, 1.0, 5, endpoint=False),
        k.linspace(2.0, 3.0, 5, retstep=True)[0],
        k.linspace(X[0], X[1], 4), k.linspace(0.0, 1.0, 1),
    ],
    "logspace": lambda k: [k.logspace(0.0, 2.0, 5), k.logspace(0.0, 2.0, 5, endpoint=False, base=2.0)],
    "meshgrid": lambda k: [
        *k.meshgrid(X[0, 0], X[0, 1]), *k.meshgrid(X[0, 0], X[1, 1], X[2, 1], indexing="ij")
    ],
    "ones": lambda k: [k.ones((2,)), k.ones((2, 3), "int32")],
    "tri": lambda k: [k.tri(3), k.tri(3, 4, 1), k.tri(3, 2, -1, "int32")],
    "zeros": lambda k: [k.zeros((2, 3)), k.zeros(3, dtype="bool")],
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_makes_arrays(name, judge):
    for g, w in zip(MADE[name](keras.ops), MADE[name](judge.keras.ops), strict=True):
        w = judge.array(w)
        assert g.shape == w.shape and g.dtype == w.dtype
        close(g.numpy(), w, name)


# ---- recording

# Their values, or how many there are, are read on the host.
ON_HOST = {
    "bincount", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cholesky", "cholesky_inverse", "det", "gcd", "inv", "lcm",
    "left_shift", "logdet", "lstsq", "lu_factor", "matrix_rank", "nextafter", "pinv", "right_shift",
    "slogdet", "solve", "solve_triangular", "svd", "unique",
}  # fmt: skip


@CASE
def test_operations_are_recorded(case):
    """Run over and over they become a replay that gives the same bits, unless they read values."""
    name, *arguments = case
    leaves = nest.leaves(arguments)
    at = [i for i, a in enumerate(leaves) if is_array(a)]

    def step(*inputs):
        filled = dict(zip(at, inputs, strict=True))
        args, options = nest.pack(arguments, (filled.get(i, a) for i, a in enumerate(leaves)))
        return getattr(keras.ops, name)(*args, **options)

    recorded = tw.record(step)
    inputs = [tw.Tensor(leaves[i].copy()) for i in at]
    want = parts(step(*inputs))
    for _ in range(5):
        got = parts(recorded(*inputs))
    reads = name in ON_HOST or (name.startswith("segment_") and len(arguments[0]) == 2)
    reads = reads or (name == "norm" and arguments[0][1:2] in ((2,), ("nuc",)))
    assert sum(s.replayed for s in recorded.stats()) == (0 if reads else 2)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.numpy(), w.numpy())


# ---- activations

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
