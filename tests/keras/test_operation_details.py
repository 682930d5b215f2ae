# SPDX-License-Identifier: Apache-2.0
"""`keras.ops` beyond tables: functions of functions, factorizations, edges, dtypes, refusals, exchange."""

import warnings

import numpy as np
import pytest
from keras_judge import close, seeds_for
from operation_cases import BITS, INDICES, SQUARE, TALL, WHOLE, K, P, Q, V, X, Y, normal

import tilewright as tw
from tilewright import keras
from tilewright.keras import ops


def gradients(function, *arrays):
    """What a function of Tensors gives, and the gradients of its sum."""
    inputs = [tw.Tensor(a.copy()) for a in arrays]
    with tw.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    return y, [None if g is None else g.numpy() for g in tape.gradient(y, inputs)]


def judged(judge, function, *arrays):
    """The same in PyTorch."""
    inputs = [judge.tensor(a).requires_grad_(True) for a in arrays]
    y = function(*inputs)
    y.sum().backward()
    return y.detach(), [judge.array(a.grad) for a in inputs]


# ---- functions of functions


def test_scans_are_keras_s(judge):
    for k in (ops, judge.keras.ops):
        carry, ys = k.scan(
            lambda c, x: (c + x["a"], c * x["b"]), k.array(X[0, 0]), {"a": X[:, 0], "b": Y[:, 1]}
        )
        backwards = k.scan(lambda c, x: (c * 0.5 + x, c), k.array(X[0, 0]), X[:, 0], reverse=True)
        counted = k.scan(lambda c, _: (c * 2.0, c), k.array(1.0), length=4)
        pairs = k.associative_scan(
            lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (k.array(P), k.array(Y)), axis=1
        )
        turned = k.associative_scan(lambda a, b: a + b, k.array(X), reverse=True, axis=2)
        found = [carry, ys, *backwards, *counted, *pairs, turned]
        if k is ops:
            ours = [f.numpy() for f in found]
    for g, w in zip(ours, found, strict=True):
        close(g, judge.array(w), "scan")


def test_associative_scan_is_the_scan_for_every_length():
    for n in range(1, 10):
        x = normal(n, 3)
        got = ops.associative_scan(lambda a, b: ops.add(a, b), x)
        np.testing.assert_allclose(got.numpy(), np.cumsum(x, axis=0), rtol=1e-5, atol=1e-6)


def test_loops_and_branches():
    assert float(ops.fori_loop(1, 5, lambda i, total: total + i, ops.array(0.5)).numpy()) == 10.5
    assert int(ops.while_loop(lambda i: i < 5, lambda i: (i + 2,), (ops.array(0),))[0].numpy()) == 6
    assert (
        int(ops.while_loop(lambda i: i < 5, lambda i: i + 2, ops.array(0), maximum_iterations=1).numpy()) == 2
    )
    branches = [lambda x: x, lambda x: x * 2, lambda x: x * 3]
    for index, factor in ((0, 1), (1, 2), (2, 3), (7, 3), (-2, 1)):
        assert float(ops.switch(index, branches, ops.array(2.0)).numpy()) == 2 * factor
    assert ops.cond(ops.array(True), lambda: 1, lambda: 2) == 1
    for mapped in (ops.map, ops.vectorized_map):
        np.testing.assert_array_equal(mapped(lambda row: row * 2, X).numpy(), X * 2)

    @ops.custom_gradient
    def thrice(x):
        return ops.multiply(
            x, 1.0
        ), lambda *args, upstream=None: (args[0] if upstream is None else upstream) * 3.0

    np.testing.assert_array_equal(gradients(thrice, X)[1][0], np.full_like(X, 3.0))


def test_a_recorded_step_runs_a_scan_and_a_loop():
    @tw.record
    def step(x):
        _, ys = ops.scan(lambda c, row: (c * 0.5 + row, c), ops.zeros_like(x[0]), x)
        return ops.fori_loop(0, 3, lambda i, y: ops.arctan(y + i), ops.sum(ys))

    for i in range(5):
        got = step(tw.Tensor(X[i % 3]))
    assert sum(s.replayed for s in step.stats()) == 2
    want = step.function(tw.Tensor(X[1]))
    assert got.numpy() == want.numpy()


# ---- factorizations: signs are the factorization's own choice, so only what they leave alone is compared

FACTORIZATIONS = [
    ("eigh", SQUARE + SQUARE.swapaxes(1, 2), lambda w, v: (w, v**2), {}),
    ("qr", TALL, lambda q, r: (q**2, r**2), {}),
    ("qr", SQUARE, lambda q, r: (q**2, r**2), {"mode": "complete"}),
    ("svd", TALL, lambda u, s, v: (u**2, s, v**2), {"full_matrices": False}),
    ("svd", TALL.swapaxes(1, 2).copy(), lambda u, s, v: (u**2, s, v**2), {"full_matrices": False}),
    ("svd", SQUARE, lambda u, s, v: (u**2, s, v**2), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", FACTORIZATIONS, ids=lambda c: f"{c[0]}{c[1].shape}{c[3]}")
def test_factorizations_and_their_gradients_are_keras_s(case, judge):
    name, x, unsigned, options = case
    x = x.astype(np.float64)  # near singular values cost float32 digits in both

    def weighted_sum(k):
        def total(a):
            found = unsigned(*getattr(k, name)(a, **options))
            weights = [k.convert_to_tensor(seeds_for(tuple(part.shape)).astype(np.float64)) for part in found]
            return sum(k.sum(part * w) for part, w in zip(found, weights, strict=True))

        return total

    got, (dx,) = gradients(weighted_sum(ops), x)
    want, (dw,) = judged(judge, weighted_sum(judge.keras.ops), x)
    close(got.numpy(), judge.array(want), name, 1e-9)
    if name == "eigh":  # of a symmetric matrix only the symmetric part of a gradient counts
        dw = (dw + dw.swapaxes(1, 2)) / 2
    close(dx, dw, f"{name}, gradient", 1e-6)


def test_factorizations_give_the_matrix_back():
    q, r = ops.qr(TALL, mode="complete")
    close(ops.matmul(q, r).numpy(), TALL, "qr")
    u, s, v = (part.numpy() for part in ops.svd(TALL))
    assert u.shape == (2, 5, 5) and v.shape == (2, 3, 3)
    close((u[..., :3] * s[:, None]) @ v, TALL, "svd")
    x = ops.lstsq(TALL[0], TALL[1, :, 0]).numpy()
    close(x, np.linalg.lstsq(TALL[0], TALL[1, :, 0], rcond=None)[0], "lstsq")
    for none in (ops.lu_factor(SQUARE[:0])[0], ops.inv(SQUARE[:0]), ops.cholesky(SQUARE[:0])):
        assert none.shape == (0, 4, 4)
    w, v = (part.numpy() for part in ops.eigh(SQUARE + SQUARE.swapaxes(1, 2)))
    close((v * w[:, None]) @ v.swapaxes(1, 2), SQUARE + SQUARE.swapaxes(1, 2), "eigh")


def test_gradients_that_pytorch_has_not(judge):
    root = np.linalg.cholesky(SQUARE @ SQUARE.swapaxes(1, 2))
    dx = gradients(lambda x: ops.cholesky_inverse(x), root)[1][0]
    want = judged(judge, judge.torch.cholesky_inverse, root)[1][0]
    close(dx, np.tril(want), "cholesky_inverse")
    np.testing.assert_array_equal(gradients(lambda x: ops.ldexp(x, WHOLE), X[:, :, 0])[1][0], 2.0**WHOLE)
    powers = np.arange(5, -1, -1)
    want = (powers * X[0, 0, :, None].astype(np.float64) ** np.maximum(powers - 1, 0)).sum(1)
    close(gradients(ops.vander, X[0, 0])[1][0], want, "vander")
    rows = np.where(P > 1.0, np.nan, X)
    want = judged(judge, lambda x: judge.torch.nanmean(x, 2), rows)[1][0]
    close(gradients(lambda x: ops.nanmean(x, 2), rows)[1][0], want, "nanmean")
    ids = np.array([3, 0, 5])
    for name, function in (("max", "maximum"), ("min", "minimum"), ("mul", "multiply")):
        got = gradients(lambda x, y, r=name: ops.scatter_update(x, ids[:, None], y, r), X[0, 0], Y[0, 0, :3])
        whole = np.full(6, {"max": -99.0, "min": 99.0, "mul": 1.0}[name], np.float32)
        whole[ids] = Y[0, 0, :3]
        want = judged(judge, getattr(judge.torch, function), X[0, 0], whole)
        close(got[0].numpy(), judge.array(want[0]), name)
        close(got[1][0], want[1][0], name)
        close(got[1][1], want[1][1][ids], name)


# ---- edges


def test_what_the_host_finds():
    for got, want in zip(ops.nonzero(X > 1), np.nonzero(X > 1), strict=True):
        np.testing.assert_array_equal(got.numpy(), want)
    for got, want in zip(ops.where(X > 1), np.nonzero(X > 1), strict=True):
        np.testing.assert_array_equal(got.numpy(), want)
    x = np.array([[3, 1, 3], [1, 7, 1], [3, 1, 3]])
    for options in ({}, {"axis": 0}, {"axis": 1}):
        got = ops.unique(x, return_index=True, return_inverse=True, return_counts=True, **options)
        for g, w in zip(got, np.unique(x, True, True, True, **options), strict=True):
            np.testing.assert_array_equal(g.numpy(), w)
    np.testing.assert_array_equal(ops.unique(x, size=5, fill_value=-1).numpy(), [1, 3, 7, -1, -1])
    values, counts = ops.unique(x, return_counts=True, size=2)
    np.testing.assert_array_equal(values.numpy(), [1, 3])
    np.testing.assert_array_equal(counts.numpy(), [4, 4])


def test_parts_that_begin_at_a_tensor_are_moved_inside():
    """As on JAX, where such a start is clipped."""
    for start, inside in (((1, 2), (1, 2)), ((9, -3), (2, 0))):
        begin = tw.Tensor(np.array(start))
        key = tuple(slice(s, s + n) for s, n in zip(inside, (2, 3), strict=True))
        np.testing.assert_array_equal(ops.slice(X[0], begin, (2, 3)).numpy(), X[0][key])
        want = X[0].copy()
        want[key] = 9.0
        got = ops.slice_update(X[0], begin, np.full((2, 3), 9.0, np.float32))
        np.testing.assert_array_equal(got.numpy(), want)
        each = [begin[0], start[1]] if start == inside else [begin[0], begin[1]]
        np.testing.assert_array_equal(ops.slice(X[0], each, (2, 3)).numpy(), X[0][key])


def test_the_last_of_several_updates_stays():
    got = ops.scatter_update(np.zeros(4, np.float32), [[2], [0], [2], [2]], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(got.numpy(), [2, 0, 4, 0])


@pytest.mark.parametrize("n", [0, 1, 2, 7, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
def test_segments_of_every_length(n, dtype):
    rng = np.random.default_rng(n)
    data, ids = rng.integers(-3, 4, (n, 2)).astype(dtype), rng.integers(-1, 6, n).astype(np.int32)
    low, high = (np.iinfo if dtype == "int32" else lambda d: np.array([-np.inf, np.inf]))(dtype), None
    low, high = (low.min, low.max) if dtype == "int32" else (-np.inf, np.inf)
    for name, function, empty in (
        ("max", np.max, low),
        ("min", np.min, high),
        ("prod", np.prod, 1),
        ("sum", np.sum, 0),
    ):
        want = np.stack(
            [function(data[ids == i], 0) if (ids == i).any() else np.full(2, empty) for i in range(5)]
        )
        got = getattr(ops, f"segment_{name}")(data, ids, 5)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got.numpy(), want.astype(dtype))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 31])
def test_searches_are_numpy_s(n):
    row = np.sort(np.random.default_rng(n).integers(0, 6, n)).astype(np.float32)
    values = np.arange(-1, 8, 0.5, dtype=np.float32)
    for side in ("left", "right"):
        np.testing.assert_array_equal(
            ops.searchsorted(row, values, side).numpy(), np.searchsorted(row, values, side)
        )
    np.testing.assert_array_equal(ops.isin(values, row).numpy(), np.isin(values, row))
    np.testing.assert_array_equal(ops.digitize(values, row).numpy(), np.digitize(values, row))


def test_what_numpy_judges():
    order = ops.argpartition(X, 2).numpy()
    lowest = np.sort(X, -1)[..., :3]
    np.testing.assert_array_equal(np.sort(np.take_along_axis(X, order, -1)[..., :3], -1), lowest)
    got = ops.average(X, weights=P).numpy()
    np.testing.assert_allclose(got, np.average(X, weights=P), rtol=1e-5)
    np.testing.assert_allclose(ops.average(X, 1, P).numpy(), np.average(X, 1, P), rtol=1e-5)
    np.testing.assert_array_equal(ops.histogram(X, 7)[0].numpy(), np.histogram(X, 7)[0])
    np.testing.assert_array_equal(
        ops.histogram(np.ones(3, np.float32), 4)[0].numpy(), np.histogram(np.ones(3), 4)[0]
    )
    np.testing.assert_allclose(ops.vdot(X, Y).numpy(), np.vdot(X, Y), rtol=1e-4)
    np.testing.assert_allclose(
        ops.linspace(X[0], X[1], 3, axis=-1).numpy(), np.linspace(X[0], X[1], 3, axis=-1), rtol=1e-6
    )
    assert float(ops.linspace(2.0, 3.0, 5, retstep=True)[1].numpy()) == 0.25
    np.testing.assert_array_equal(ops.pad(X, 1).numpy(), np.pad(X, 1))
    np.testing.assert_array_equal(ops.moveaxis(X, (0, 1), (-1, 0)).numpy(), np.moveaxis(X, (0, 1), (-1, 0)))
    for a, b in ((2, 3), (3, 2), (2, 2)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of vectors of 2
            want = np.cross(X[..., :a], Y[..., :b])
        np.testing.assert_allclose(ops.cross(X[..., :a], Y[..., :b]).numpy(), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ops.empty_like(X).shape, X.shape)
    assert ops.empty((2, 3), "int32").dtype == "int32" and bool(ops.allclose(X, X + 1e-9).numpy())
    assert ops.size(X) == 72 and ops.ndim(X) == 3 and ops.dtype(X) == "float32" and ops.shape(X) == (3, 4, 6)
    assert ops.is_tensor(ops.array(1.0)) and not ops.is_tensor(X) and ops.swish is ops.silu
    for made, dtype in (([1, 2], "int32"), ([1.0, 2], "float32"), (True, "bool"), (np.ones(2), "float64")):
        assert ops.convert_to_tensor(made).dtype == dtype
        assert ops.convert_to_tensor(made, "float16").dtype == "float16"
    assert type(ops.convert_to_numpy(tw.Tensor(X))) is np.ndarray


# ---- dtypes

# Of 64 bits Keras on PyTorch makes 32 now and then.
MEETING = [
    ("bool", "int32"), ("uint8", "int32"), ("int8", "int32"), ("int32", "float32"),
    ("int64", "float32"), ("bool", "float16"), ("int64", "float16"), ("float16", "float32"),
    ("int32", 2.5), ("float16", 2.5), ("uint8", 2), ("bool", 2), ("float32", 2), ("bool", "bool"),
    ("int32", True),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), MEETING)
def test_dtypes_meet_as_in_keras(a, b, judge):
    x = np.ones(3, a)
    y = np.ones(3, b) if isinstance(b, str) else b
    for name in ("add", "divide", "maximum", "where", "matmul", "less", "arctan2"):
        if (name == "add" and a == b == "bool") or (name == "matmul" and not isinstance(b, str)):
            continue
        if name in ("maximum", "arctan2") and (a, b) in (
            ("int32", "int64"),
            ("float32", "float64"),
            ("float16", 2.5),
        ):
            continue  # Keras on PyTorch gives the first one's dtype there, and float32
        args = (x, y) if name != "where" else (np.array([True, False, True]), x, y)
        got = getattr(ops, name)(*args)
        want = getattr(judge.keras.ops, name)(
            *(judge.tensor(v) if isinstance(v, np.ndarray) else v for v in args)
        )
        assert str(got.dtype) == judge.keras.backend.standardize_dtype(want.dtype), name


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "float32"])
def test_functions_of_one_array_keep_or_change_dtypes_as_keras(dtype, judge):
    x = np.array([[0, 1, 1], [1, 1, 0]]).astype(dtype)
    for name in (
        "sum", "prod", "mean", "std", "max", "argmax", "cumsum", "any", "exp", "sqrt", "floor", "square",
        "abs",
        "sign", "median", "logsumexp", "trace", "sigmoid", "softmax", "isnan", "ptp",
    ):  # fmt: skip
        if dtype == "bool" and name in ("abs", "sign", "ptp", "trace", "floor", "square", "cumsum"):
            continue
        if name in ("softmax", "sigmoid", "logsumexp", "median") and dtype in (
            "bool",
            "uint8",
            "int32",
            "int64",
        ):
            assert getattr(ops, name)(x).dtype == "float32"
            continue
        want = getattr(judge.keras.ops, name)(judge.tensor(x))
        got = getattr(ops, name)(x)
        assert str(got.dtype) == judge.keras.backend.standardize_dtype(want.dtype), name


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_sixty_four_bits_stay(dtype):
    x = np.array([[0, 1, 1], [1, 1, 0]]).astype(dtype)
    for name in (
        "sum",
        "prod",
        "max",
        "cumsum",
        "cumprod",
        "square",
        "abs",
        "sign",
        "ptp",
        "trace",
        "negative",
    ):
        assert getattr(ops, name)(x).dtype == dtype, name
    for name in ("add", "maximum", "matmul", "mod", "power"):
        assert getattr(ops, name)(x[:, :2], x[:, :2].astype(dtype.replace("64", "32"))).dtype == dtype, name
    wide = np.float64(1) + 1e-12
    assert ops.arctan(np.array(wide)).numpy() == np.arctan(wide)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_computed_in_more(dtype):
    half = ops.cast(X / 4, dtype)
    wide = ops.cast(half, "float32")
    for name in (
        "arctan",
        "arcsin",
        "erfc",
        "erfinv",
        "layer_normalization",
        "rms_normalization",
        "quantile",
        "inv",
    ):
        args = (0.3,) if name == "quantile" else ()
        x, w = (v[:, :, :4] if name == "inv" else v for v in (half, wide))
        got = getattr(ops, name)(x, *args)
        assert str(got.dtype) == dtype, name
        want = ops.cast(getattr(ops, name)(w, *args), dtype)
        close(ops.cast(got, "float32").numpy(), ops.cast(want, "float32").numpy(), name, 1e-2)


# ---- refusals

REFUSED = [
    (ValueError, "segment_ids has shape", lambda: ops.segment_sum(X, INDICES[:2], 3)),
    (ValueError, "updates has shape", lambda: ops.scatter_update(X, [[0]], X)),
    (ValueError, "reduction is 'sum'", lambda: ops.scatter_update(X, [[0]], X[:1], "sum")),
    (ValueError, "lies outside", lambda: ops.slice(X, (2, 0, 0), (2, 4, 6))),
    (ValueError, "start_indices has 2 entries", lambda: ops.slice_update(X, (0, 0), X)),
    (ValueError, "method is 'median'", lambda: ops.quantile(X, 0.5, method="median")),
    (ValueError, "side is 'middle'", lambda: ops.searchsorted(X[0, 0], X, "middle")),
    (ValueError, "expected 1 dimension", lambda: ops.searchsorted(X, X)),
    (ValueError, "not positive definite", lambda: ops.cholesky(-np.eye(3, dtype=np.float32))),
    (ValueError, "is singular", lambda: ops.inv(np.zeros((2, 2), np.float32))),
    (ValueError, "is singular", lambda: ops.solve(np.zeros((2, 2), np.float32), np.ones(2, np.float32))),
    (ValueError, "expected square matrices", lambda: ops.det(TALL)),
    (ValueError, "expected 4 rows", lambda: ops.solve(SQUARE, np.ones((2, 3, 1), np.float32))),
    (ValueError, "soft_cap is 2.0", lambda: ops.dot_product_attention(Q, K, V, attn_logits_soft_cap=2.0)),
    (ValueError, "query has shape", lambda: ops.dot_product_attention(X, X, X)),
    (ValueError, "expected steps", lambda: ops.conv(X[0], X[0])),
    (ValueError, "strides is", lambda: ops.conv(X, normal(2, 6, 3), strides=(1, 2))),
    (ValueError, "data_format", lambda: ops.depth_to_space(normal(1, 2, 2, 4), 2, "NHWC")),
    (ValueError, "expected a multiple of 4", lambda: ops.depth_to_space(normal(1, 2, 2, 3), 2)),
    (ValueError, "expected smaller", lambda: ops.unfold(normal(1, 1, 2, 2), 3)),
    (ValueError, r"expected \(N", lambda: ops.fold(normal(1, 4, 3), 3, 2)),
    (ValueError, "num_classes is None", lambda: ops.multi_hot(BITS)),
    (ValueError, "sparse is True", lambda: ops.one_hot(INDICES, 3, sparse=True)),
    (ValueError, "as many axes", lambda: ops.rearrange(X, "a b -> b a")),
    (ValueError, "all but one", lambda: ops.rearrange(X, "a b (c d) -> a b c d")),
    (ValueError, "two sides", lambda: ops.rearrange(X, "a b c")),
    (ValueError, "weights has shape", lambda: ops.average(X, 1, np.ones(5, np.float32))),
    (ValueError, "expected 2 or 3", lambda: ops.cross(X, Y)),
    (ValueError, "condlist has 1", lambda: ops.select([X > 0], [X, Y])),
    (ValueError, "both or neither", lambda: ops.where(X > 0, X)),
    (ValueError, "constant_values", lambda: ops.pad(X, 1, "reflect", 2.0)),
    (ValueError, "rms_scaling", lambda: ops.layer_normalization(X, rms_scaling=True)),
    (ValueError, "ord is 3 for matrices", lambda: ops.norm(X, 3, (0, 1))),
    (TypeError, "expected whole numbers", lambda: ops.bitwise_and(X, Y)),
    (TypeError, "expected whole numbers", lambda: ops.ldexp(X, Y)),
    (TypeError, "being described", lambda: ops.inv(keras.Input((3, 3)))),
    (TypeError, "did you mean 'axis'", lambda: ops.sum(X, axes=1)),
    (TypeError, "did you mean 'axis'", lambda: ops.mean(keras.Input((3,)), axes=1)),
    (TypeError, "did you mean 'compute_uv'", lambda: ops.svd(X, compute_uvs=False)),
    (ValueError, "sparse or ragged", lambda: ops.convert_to_tensor(X, sparse=True)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "words", "call"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_bad_arguments_are_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_gradients_that_are_not_there_say_so():
    for function, x in (
        (lambda x: ops.svd(x)[0], TALL), (lambda x: ops.qr(x)[0], TALL.swapaxes(1, 2).copy()),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError, match="expected"):
            gradients(function, x)


# ---- models


def test_open_axes_stay_open(judge):
    for make in (
        lambda o, x: o.max_pool(x, 2), lambda o, x: o.conv(x, normal(5, 5, 3, 4), 3),
        lambda o, x: x[:, ::7, 3:],
        lambda o, x: o.average_pool(x, (3, 1), 2, "same"), lambda o, x: o.mean(x, axis=(1, 2)),
        lambda o, x: o.reshape(x, (-1, 6)),
        lambda o, x: o.top_k(o.moveaxis(x, 1, -1), 5)[0], lambda o, x: o.sort(x, axis=1),
        lambda o, x: o.concatenate([x, x], axis=2), lambda o, x: o.transpose(x, (0, 2, 1, 3)),
    ):  # fmt: skip
        ours, theirs = (make(k.ops, k.Input((None, None, 3))) for k in (keras, judge.keras))
        assert ours.shape == tuple(theirs.shape)


def test_a_table_of_few_positions_takes_open_steps():
    class Positions(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(5, 4)

        def call(self, x):
            return x + self.table(ops.arange(ops.shape(x)[1]))

    steps = keras.Input((None, 4))
    model = keras.Model(steps, Positions()(steps))
    assert model.output.shape == (None, None, 4) and model(normal(2, 5, 4)).shape == (2, 5, 4)


# ---- models that are exchanged with Keras


def test_nodes_with_several_values_are_exchanged(judge):
    def make(k):
        a, b = k.Input((4, 6), name="a"), k.Input((4, 6), name="b")
        o = k.ops
        heads = [o.reshape(x, (-1, 4, 2, 3)) for x in (a, b)]
        y = [
            o.einsum("bij,bkj->bik", a, b), o.average(a, axis=-1, weights=o.exp(b)), o.arctan2(a, b),
            o.where(o.greater(a, b), a, o.logaddexp(a, b)),
            o.dot_product_attention(heads[0], heads[1], heads[1]),
            o.dot_product_attention(heads[0], heads[1], heads[0], is_causal=True), o.append(a, b, axis=-1),
            o.layer_normalization(a, epsilon=0.01), o.rms_normalization(b, epsilon=0.01), o.hypot(a, b),
            o.dstack([a, b]), o.median(a, axis=-1), o.quantile(b, 0.3, axis=1), o.cumsum(a, axis=1),
            o.gelu(a, approximate=False), o.sort(b, axis=1), o.diff(a, axis=1), o.trace(a, axis1=1, axis2=2),
            o.nan_to_num(a, nan=1.0), o.pad(b, ((0, 0), (1, 1), (0, 2))),
        ]  # fmt: skip
        return k.Model([a, b], y)

    x = [normal(2, 4, 6), normal(2, 4, 6, seed=8)]
    theirs, ours = make(judge.keras), make(keras)
    want = [judge.array(y) for y in theirs([judge.tensor(v) for v in x])]
    read = keras.models.model_from_json(theirs.to_json())
    there = judge.keras.models.model_from_json(ours.to_json())
    for model in (ours, read):
        for i, (g, w) in enumerate(zip(model(x), want, strict=True)):
            close(g.numpy(), w, f"output {i}")
    for i, (g, w) in enumerate(zip(there([judge.tensor(v) for v in x]), want, strict=True)):
        close(judge.array(g), w, f"output {i} in Keras")
