# SPDX-License-Identifier: Apache-2.0
"""Losses: cases for the catalogue, labels of both kinds, ignored rows, special values, PyTorch and Keras."""

import numpy as np
import pytest

import tilewright as tw
from ops.harness import SIZES, Bad, Case, compare, f32
from tilewright import ops
from tilewright.reference import loss as reference


def ids(*values):
    return np.array(values, np.int64)


def distribution(rng, *shape):
    weights = rng.random(shape) + 0.1
    return weights / weights.sum(axis=-1, keepdims=True)


def sparse(rng):
    return rng.standard_normal((4, 3, 37)) * 4, rng.integers(0, 37, (4, 3))


def dense(rng):
    return rng.standard_normal((5, 37)) * 4, distribution(rng, 5, 37) * 2


def binary(rng):
    return rng.standard_normal((5, 37)) * 4, rng.random((5, 37))


def pair(rng):
    return rng.standard_normal((2, 5, 37)), rng.standard_normal((2, 5, 37))


BAD_SOFTMAX = [
    Bad(lambda: ([1.0], ids(0)), TypeError, "logits is a list, expected an array"),
    Bad(lambda: (np.float32(1), ids(0)), ValueError, "logits has shape ()"),
    Bad(lambda: (np.ones((2, 3), np.int32), ids(0, 1)), TypeError, "logits has dtype int32"),
    Bad(lambda: (f32(2, 3), ids(0)), ValueError, "labels has shape (1,), expected (2,) for ids"),
    Bad(lambda: (f32(2, 3), f32(2)), ValueError, "labels has shape (2,), expected (2, 3) for probabilities"),
    Bad(lambda: (f32(2, 3), np.ones((2, 3))), TypeError, "labels has dtype float64"),
    Bad(lambda: (f32(2, 3), ids(0, 3)), ValueError, "labels has 3 at index 1, expected 0 to 2"),
    Bad(lambda: (f32(2, 3), ids(-1, 3)), ValueError, "labels has -1 at index 0, expected 0 to 2"),
    Bad(
        lambda: (f32(2, 3), ids(0, -100)),
        ValueError,
        "expected 0 to 2 or ignore_index -1",
        {"ignore_index": -1},
    ),
    Bad(lambda: (f32(2, 0), ids(0, 0)), ValueError, "expected at least 1 class"),
    Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "ignore_index is 1, expected None", {"ignore_index": 1}),
    Bad(lambda: (f32(2, 3), ids(0, 1)), TypeError, "ignore_index is a str", {"ignore_index": "x"}),
    Bad(lambda: (f32(2, 3), ids(0, 1)), ValueError, "label_smoothing is 1.5", {"label_smoothing": 1.5}),
    Bad(lambda: (f32(2, 3), ids(0, 1)), ValueError, "reduction is 'max'", {"reduction": "max"}),
    Bad(lambda: (f32(2, 3), ids(0, 1)), ValueError, "out has shape (3,), expected (2,)", {"out": f32(3)}),
    Bad(lambda: (f32(2, 3), np.array(["a", "b"])), TypeError, "labels has dtype <U1, expected ids"),
    Bad(lambda: (f32(2, 3), np.ones((2, 3), bool)), TypeError, "labels has dtype bool"),
]
BAD_SIGMOID = [
    Bad(lambda: ("x", f32(2)), TypeError, "logits is a str, expected an array"),
    Bad(lambda: (f32(2, 3), f32(2)), ValueError, "labels has shape (2,), expected (2, 3)"),
    Bad(lambda: (f32(2), np.ones(2)), TypeError, "labels has dtype float64"),
    Bad(lambda: (np.ones(2, np.int32), f32(2)), TypeError, "int32"),
    Bad(lambda: (f32(2), f32(2)), ValueError, "label_smoothing is -1", {"label_smoothing": -1.0}),
    Bad(lambda: (f32(2), f32(2)), ValueError, "reduction is None", {"reduction": None}),
    Bad(lambda: (f32(2), f32(2)), TypeError, "out has dtype float64", {"out": np.ones(2)}),
]
BAD_SQUARE = [
    Bad(lambda: (f32(2, 3), [1.0]), TypeError, "target is a list, expected an array"),
    Bad(lambda: (f32(2, 3), f32(3, 2)), ValueError, "target has shape (3, 2), expected (2, 3)"),
    Bad(lambda: (f32(2, 3), np.ones((2, 3))), TypeError, "target has dtype float64"),
    Bad(lambda: (np.float32(1), np.float32(1)), ValueError, "prediction has shape ()"),
    Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "reduction is 'mse'", {"reduction": "mse"}),
]


def case(name, function, inputs, **options):
    return Case(
        name, "loss", [function], getattr(ops, function), getattr(reference, function), inputs, **options
    )


CASES = [
    case(
        "softmax_cross_entropy",
        "softmax_cross_entropy",
        sparse,
        differentiable=[0],
        second_order=True,
        bad=BAD_SOFTMAX,
    ),
    case(
        "softmax_cross_entropy, smoothed, ignored",
        "softmax_cross_entropy",
        sparse,
        differentiable=[0],
        second_order=True,
        kwargs={"label_smoothing": 0.2, "ignore_index": 5, "reduction": "mean"},
    ),
    case(
        "softmax_cross_entropy, probabilities",
        "softmax_cross_entropy",
        dense,
        differentiable=[0, 1],
        second_order=True,
    ),
    case(
        "softmax_cross_entropy, probabilities, smoothed",
        "softmax_cross_entropy",
        dense,
        differentiable=[0, 1],
        second_order=True,
        kwargs={"label_smoothing": 0.1, "reduction": "sum"},
    ),
    case(
        "sigmoid_cross_entropy",
        "sigmoid_cross_entropy",
        binary,
        differentiable=[0, 1],
        second_order=True,
        bad=BAD_SIGMOID,
    ),
    case(
        "sigmoid_cross_entropy, smoothed",
        "sigmoid_cross_entropy",
        binary,
        differentiable=[0, 1],
        second_order=True,
        kwargs={"label_smoothing": 0.2, "reduction": "mean"},
    ),
    case(
        "mean_squared_error",
        "mean_squared_error",
        pair,
        differentiable=[0, 1],
        second_order=True,
        bad=BAD_SQUARE,
    ),
    case(
        "mean_squared_error, mean",
        "mean_squared_error",
        pair,
        differentiable=[0, 1],
        second_order=True,
        kwargs={"reduction": "mean"},
    ),
]


def gradient(function, x, *args, **kwargs):
    """Value and gradient by the first argument of the sum of a loss."""
    x = tw.Tensor(x)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = function(x, *args, **kwargs)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_classes(dtype, isa):
    rng = np.random.default_rng(1)
    for cols in (*SIZES[1:], 1000, 10007):
        x = (rng.standard_normal((3, cols)) * 5).astype(dtype)
        p = distribution(rng, 3, cols).astype(dtype)
        exact, probabilities = x.astype(np.float64), p.astype(np.float64)
        label = rng.integers(0, cols, 3)
        soft = np.exp(exact - exact.max(axis=-1, keepdims=True))
        soft /= soft.sum(axis=-1, keepdims=True)
        one_hot = np.arange(cols) == label[:, None]
        for labels, want_labels, target in ((label, label, one_hot), (p, probabilities, probabilities)):
            for smoothing in (0.0, 0.1):
                loss, slope = gradient(ops.softmax_cross_entropy, x, labels, label_smoothing=smoothing)
                want = reference.softmax_cross_entropy(exact, want_labels, label_smoothing=smoothing)
                compare(loss, want, "loss", dtype, f"{cols} classes")
                q = target * (1 - smoothing) + smoothing / cols
                compare(
                    slope,
                    soft * q.sum(axis=-1, keepdims=True) - q,
                    "loss",
                    dtype,
                    f"gradient, {cols} classes",
                )
                assert np.array_equal(loss, ops.softmax_cross_entropy(x, labels, label_smoothing=smoothing))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size_elementwise_and_squared(dtype, isa):
    rng = np.random.default_rng(2)
    for n in (*SIZES, 1000):
        x, z, t = (rng.standard_normal((3, n)).astype(dtype) for _ in range(3))
        z = (z > 0).astype(dtype)
        ex, ez, et = (a.astype(np.float64) for a in (x, z, t))
        loss, slope = gradient(ops.sigmoid_cross_entropy, x, z)
        compare(loss, reference.sigmoid_cross_entropy(ex, ez), "loss", dtype)
        compare(slope, 1 / (1 + np.exp(-ex)) - ez, "loss", dtype)
        if n:
            loss, slope = gradient(ops.mean_squared_error, x, t)
            compare(loss, reference.mean_squared_error(ex, et), "loss", dtype)
            compare(slope, 2 * (ex - et) / n, "loss", dtype)


def test_label_dtypes_strides_and_dimensions():
    rng = np.random.default_rng(3)
    wide = rng.standard_normal((6, 4, 2, 7)).astype(np.float32)
    labels = rng.integers(0, 7, (6, 8))
    x = wide.transpose(0, 2, 1, 3)[::-1, :, ::2]
    chosen = labels[:, ::2].reshape(6, 2, 2)
    want = reference.softmax_cross_entropy(x.astype(np.float64), chosen)
    for dtype in (np.int64, np.int32, np.uint8, np.int8):
        compare(ops.softmax_cross_entropy(x, chosen.astype(dtype)), want, "loss")
    compare(
        ops.softmax_cross_entropy(x[0, 0, 0], np.array(2)),
        reference.softmax_cross_entropy(x[0, 0, 0].astype(np.float64), np.array(2)),
        "loss",
    )
    compare(
        ops.sigmoid_cross_entropy(x, x > 0),
        reference.sigmoid_cross_entropy(x.astype(np.float64), x > 0),
        "loss",
    )
    compare(
        ops.mean_squared_error(x, x[::-1]),
        reference.mean_squared_error(*(a.astype(np.float64) for a in (x, x[::-1]))),
        "loss",
    )


def test_out_and_read_only():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, 9)).astype(np.float32)
    x.flags.writeable = False
    labels = rng.integers(0, 9, 4)
    want = ops.softmax_cross_entropy(x, labels)
    wide = np.zeros(8, np.float32)
    ops.softmax_cross_entropy(x, labels, out=wide[::2])
    assert np.array_equal(wide[::2], want) and not wide[1::2].any()
    mean = np.zeros((), np.float32)
    assert ops.softmax_cross_entropy(x, labels, reduction="mean", out=mean) is mean
    assert mean == ops.softmax_cross_entropy(x, labels, reduction="mean")
    assert ops.softmax_cross_entropy(x, labels, ignore_index=0, reduction="mean", out=mean) is mean
    with pytest.raises(ValueError, match="out .* logits"):
        full = np.ones(40, np.float32)
        ops.softmax_cross_entropy(full[:36].reshape(4, 9), labels, out=full[3:7])


def test_nothing_is_written_for_a_label_out_of_range():
    out = np.full(2, 7.0, np.float32)
    with pytest.raises(ValueError, match="labels has 9 at index 1"):
        ops.softmax_cross_entropy(f32(2, 3), ids(0, 9), out=out)
    assert (out == 7).all()


def test_ignored_rows_have_no_loss_and_no_gradient(isa):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((5, 11)).astype(np.float32)
    x[1] = np.nan
    labels = ids(3, -100, 4, -100, 0)
    loss, slope = gradient(ops.softmax_cross_entropy, x, labels, ignore_index=-100)
    assert not loss[[1, 3]].any() and not slope[[1, 3]].any()
    kept = [0, 2, 4]
    assert np.array_equal(loss[kept], ops.softmax_cross_entropy(x[kept], labels[kept]))
    compare(
        ops.softmax_cross_entropy(x, labels, ignore_index=-100, reduction="mean"),
        loss[kept].mean(dtype=np.float64),
        "loss",
    )
    assert np.isnan(ops.softmax_cross_entropy(x[[3]], labels[[3]], ignore_index=-100, reduction="mean"))


def test_reductions_of_nothing():
    empty = np.zeros((0, 3), np.float32)
    assert ops.softmax_cross_entropy(empty, ids()).shape == (0,)
    assert ops.softmax_cross_entropy(empty, ids(), reduction="sum") == 0
    assert np.isnan(ops.softmax_cross_entropy(empty, ids(), reduction="mean"))
    assert np.isnan(ops.mean_squared_error(np.zeros((2, 0), np.float32), np.zeros((2, 0), np.float32))).all()
    assert ops.sigmoid_cross_entropy(empty, empty).shape == (0, 3)


def test_extreme_logits(isa):
    inf = np.inf
    x = np.array(
        [[1e38, -1e38, 0], [-inf, 0, 1], [-inf, 0, 1], [inf, 0, 1], [np.nan, 0, 1], [88, 90, -90]], np.float32
    )
    labels = ids(1, 0, 1, 1, 1, 1)
    with np.errstate(all="ignore"):
        want = reference.softmax_cross_entropy(x.astype(np.float64), labels)
        compare(ops.softmax_cross_entropy(x, labels), want, "loss")
        one_hot = (np.arange(3) == labels[:, None]).astype(np.float32)
        compare(ops.softmax_cross_entropy(x, one_hot), want, "loss")
    z = np.array([1e4, -1e4, np.nan, 0, 100, -100], np.float32)
    with np.errstate(all="ignore"):
        for label in (0, 1, 0.25):
            q = np.full(6, label, np.float32)
            compare(
                ops.sigmoid_cross_entropy(z, q),
                reference.sigmoid_cross_entropy(z.astype(np.float64), q),
                "loss",
            )


torch_missing = "torch is a judge, not a dependency"


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_agrees_with_pytorch(reduction, smoothing):
    torch = pytest.importorskip("torch", reason=torch_missing)
    F = torch.nn.functional
    rng = np.random.default_rng(6)
    x, t = (rng.standard_normal((40, 13)).astype(np.float32) for _ in range(2))
    labels, p = rng.integers(0, 13, 40), distribution(rng, 40, 13).astype(np.float32)
    labels[::7] = -100
    tx = torch.from_numpy(x).double().requires_grad_()
    pairs = [
        (
            F.cross_entropy(tx, torch.from_numpy(labels), reduction=reduction, label_smoothing=smoothing),
            ops.softmax_cross_entropy,
            labels,
            {"label_smoothing": smoothing, "ignore_index": -100},
        ),
        (
            F.cross_entropy(tx, torch.from_numpy(p).double(), reduction=reduction, label_smoothing=smoothing),
            ops.softmax_cross_entropy,
            p,
            {"label_smoothing": smoothing},
        ),
        (
            F.binary_cross_entropy_with_logits(tx, torch.from_numpy(p).double(), reduction=reduction),
            ops.sigmoid_cross_entropy,
            p,
            {},
        ),
    ]
    if reduction != "none":
        pairs.append(
            (
                F.mse_loss(tx, torch.from_numpy(t).double(), reduction=reduction)
                / (13 if reduction == "sum" else 1),
                ops.mean_squared_error,
                t,
                {},
            )
        )
    for theirs, function, labels_, options in pairs:
        (want,) = torch.autograd.grad(theirs.sum(), [tx], retain_graph=True)
        loss, slope = gradient(function, x, labels_, reduction=reduction, **options)
        compare(loss, theirs.detach().numpy(), "loss")
        compare(slope, want.numpy(), "loss")


def test_torch_tensors_come_back_as_torch():
    torch = pytest.importorskip("torch", reason=torch_missing)
    loss = ops.softmax_cross_entropy(torch.zeros(2, 4), torch.tensor([1, 3]), reduction="mean")
    assert isinstance(loss, torch.Tensor) and loss.item() == pytest.approx(np.log(4))


def test_losses_of_probabilities():
    rng = np.random.default_rng(7)
    p, labels = distribution(rng, 6, 5, 9), rng.integers(0, 9, (6, 5))
    p[0, 0] = 0
    p[0, 0, 3] = 1
    target = distribution(rng, 6, 5, 9)
    for dtype in (np.float32, np.float64):
        x, t = p.astype(dtype), target.astype(dtype)
        ex, et = x.astype(np.float64), t.astype(np.float64)
        epsilon = 1e-3  # 1 - 1e-7 is not a float32, so that the default's ends differ between the dtypes
        for reduction in ("none", "sum", "mean"):
            options = {"label_smoothing": 0.1, "reduction": reduction, "epsilon": epsilon}
            for function, got_labels, want_labels in (
                (("categorical_cross_entropy"), labels, labels),
                ("categorical_cross_entropy", t, et),
                ("binary_cross_entropy", t, et),
            ):
                got = getattr(ops, function)(x, got_labels, **options)
                compare(
                    got, getattr(reference, function)(ex, want_labels, **options), "loss", dtype, function
                )
    inside = distribution(rng, 3, 4)
    for function in (ops.binary_cross_entropy, ops.categorical_cross_entropy):
        _, slope = gradient(function, inside, target[0, :3, :4])
        step = 1e-6 * rng.standard_normal(inside.shape)
        change = function(inside + step, target[0, :3, :4]) - function(inside - step, target[0, :3, :4])
        assert (slope * step).sum() * 2 == pytest.approx(change.sum(), rel=1e-6)
    out = np.zeros((6, 5), np.float64)
    assert ops.categorical_cross_entropy(p, labels, out=out) is out and out.any()


@pytest.mark.parametrize("function", [ops.binary_cross_entropy, ops.categorical_cross_entropy])
def test_bad_input_of_losses_of_probabilities(function):
    for bad in (
        Bad(lambda: ([1.0], f32(1)), TypeError, "probabilities is a list"),
        Bad(lambda: (np.ones((2, 3), np.int64), f32(2, 3)), TypeError, "probabilities has dtype int64"),
        Bad(lambda: (f32(2, 3), f32(3, 2)), ValueError, "labels has shape (3, 2), expected (2, 3)"),
        Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "epsilon is 0.5, expected", {"epsilon": 0.5}),
        Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "label_smoothing is 2", {"label_smoothing": 2}),
        Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "reduction is 'all'", {"reduction": "all"}),
    ):
        with pytest.raises(bad.error) as raised:
            function(*bad.args(), **bad.kwargs)
        assert bad.message in str(raised.value)


def test_agrees_with_keras():
    # Not "keras" alone: where Keras is absent that name finds the folder tests/keras.
    pytest.importorskip("keras.layers", reason="keras is a judge, not a dependency")
    import keras

    pytest.importorskip("torch", reason=torch_missing)
    rng = np.random.default_rng(8)
    x, p = rng.standard_normal((12, 7)).astype(np.float32), distribution(rng, 12, 7).astype(np.float32)
    q, labels = distribution(rng, 12, 7).astype(np.float32), rng.integers(0, 7, 12)
    labels[3] = 6
    pairs = [
        (
            keras.losses.categorical_crossentropy(q, x, from_logits=True, label_smoothing=0.1),
            ops.softmax_cross_entropy(x, q, label_smoothing=0.1),
        ),
        (
            keras.losses.sparse_categorical_crossentropy(labels, x, from_logits=True, ignore_class=6),
            ops.softmax_cross_entropy(x, labels, ignore_index=6),
        ),
        (
            keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=6)(labels, x),
            ops.softmax_cross_entropy(x, labels, ignore_index=6, reduction="mean"),
        ),
        (
            keras.losses.binary_crossentropy(q, x, from_logits=True, label_smoothing=0.2),
            ops.mean(ops.sigmoid_cross_entropy(x, q, label_smoothing=0.2), axis=-1),
        ),
        (keras.losses.categorical_crossentropy(q, p), ops.categorical_cross_entropy(p, q)),
        (keras.losses.sparse_categorical_crossentropy(labels, p), ops.categorical_cross_entropy(p, labels)),
        (keras.losses.BinaryCrossentropy()(q, p), ops.binary_cross_entropy(p, q, reduction="mean")),
        (keras.losses.mean_squared_error(q, p), ops.mean_squared_error(p, q)),
    ]
    for theirs, ours in pairs:
        np.testing.assert_allclose(ours, keras.ops.convert_to_numpy(theirs), rtol=1e-5, atol=1e-6)
