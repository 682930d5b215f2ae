# SPDX-License-Identifier: Apache-2.0
"""Reductions: cases for the catalogue, any axes and strides, empty arrays, NaN, accuracy, PyTorch."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from ops.harness import SIZES, Bad, Case, compare, f32
from tilewright import _cpu, ops
from tilewright.reference import reduce as reference

FOLDS = ("sum", "mean", "max", "min", "prod", "logsumexp", "sum_squares")


def block(rng):
    return (rng.standard_normal((4, 5, 7)),)


def with_zeros(rng):
    x = rng.standard_normal((3, 6))
    x[0, 2] = x[1, 1] = x[1, 4] = 0
    return (x,)


def pair(rng):
    return rng.standard_normal((3, 4)), rng.standard_normal(5)


@functools.wraps(ops.global_norm)
def global_norm_of(*arrays):
    return ops.global_norm(list(arrays))


@functools.wraps(ops.sum)
def of_integers(x, **kwargs):
    return ops.sum(x, **kwargs)


BAD = [
    Bad(lambda: ([1.0],), TypeError, "x is a list, expected an array"),
    Bad(lambda: (np.ones(3, np.complex64),), TypeError, "complex64"),
    Bad(lambda: (np.ones((2, 3), ">f4"),), TypeError, "byte-swapped"),
    Bad(lambda: (f32(2, 3),), ValueError, "axis is 2, expected -2 to 1", {"axis": 2}),
    Bad(lambda: (f32(2, 3),), ValueError, "expected each axis once", {"axis": (0, -2)}),
    Bad(lambda: (f32(2, 3),), TypeError, "axis is a str", {"axis": "x"}),
    Bad(lambda: (f32(2, 3),), ValueError, "out has shape (3,), expected (2,)", {"axis": 1, "out": f32(3)}),
    Bad(lambda: (f32(2, 3),), TypeError, "out has dtype float64", {"axis": 1, "out": np.ones(2)}),
]
EMPTY = [
    Bad(lambda: (f32(2, 0),), ValueError, "expected at least 1 element along the reduced axes", {"axis": 1})
]
NO_LIST = [Bad(lambda: (f32(2), np.ones(2, np.int32)), TypeError, "arrays[1] has dtype int32")]

CASES = [
    *(
        Case(
            f"{name}-{axis}",
            "reduce",
            ["reduce"],
            getattr(ops, name),
            getattr(reference, name),
            block,
            {"axis": axis, "keepdims": keepdims},
            differentiable=[0],
            second_order=True,
            bad=[Bad(b.args, b.error, b.message, {"axis": 0, "keepdims": False, **b.kwargs}) for b in BAD]
            if axis == 1
            else (),
        )
        for name in (*FOLDS, "l2_norm")
        for axis, keepdims in ((None, False), (1, True), ((0, 2), False))
    ),
    Case("max-empty", "reduce", ["reduce"], ops.max, reference.max, block, differentiable=[0], bad=EMPTY),
    Case(
        "prod-zeros",
        "reduce",
        ["reduce"],
        ops.prod,
        reference.prod,
        with_zeros,
        {"axis": 1},
        differentiable=[0],
        second_order=True,
    ),
    Case(
        "any",
        "reduce",
        ["reduce"],
        ops.any,
        reference.any,
        lambda rng: (rng.random((4, 3, 5)) > 0.8,),
        {"axis": 2},
        differentiable="a truth value has no gradient",
    ),
    Case(
        "all",
        "reduce",
        ["reduce"],
        ops.all,
        reference.all,
        lambda rng: (rng.random((4, 3, 5)) > 0.2,),
        {"axis": (0, 2)},
        differentiable="a truth value has no gradient",
    ),
    Case(
        "sum-integers",
        "reduce",
        ["reduce"],
        of_integers,
        reference.sum,
        lambda rng: (rng.integers(-99, 99, (4, 6)).astype(np.int32),),
        {"axis": 0},
        differentiable="integers",
    ),
    Case(
        "moments",
        "reduce",
        ["moments"],
        ops.moments,
        reference.moments,
        block,
        {"axis": (0, 2), "ddof": 1},
        differentiable=[0],
        second_order=True,
        bad=[Bad(lambda: ([1.0],), TypeError, "x is a list")],
    ),
    Case(
        "var",
        "reduce",
        ["moments"],
        ops.var,
        reference.var,
        block,
        {"axis": 1, "keepdims": True},
        differentiable=[0],
        second_order=True,
    ),
    Case(
        "std",
        "reduce",
        ["moments"],
        ops.std,
        reference.std,
        block,
        {"axis": None},
        differentiable=[0],
        second_order=True,
    ),
    *(
        Case(
            f"{name}-{axis}",
            "reduce",
            ["argmax"],
            getattr(ops, name),
            getattr(reference, name),
            block,
            {"axis": axis},
            differentiable="a position has no gradient",
            bad=[
                Bad(lambda: (f32(2, 0),), ValueError, "at least 1 element", {"axis": 1}),
                Bad(lambda: (f32(2, 3),), ValueError, "axis is 5", {"axis": 5}),
            ],
        )
        for name in ("argmax", "argmin")
        for axis in (None, 0, 1, 2)
    ),
    *(
        Case(
            f"cumsum-{axis}-{exclusive}-{reverse}",
            "reduce",
            ["cumsum"],
            ops.cumsum,
            reference.cumsum,
            block,
            {"axis": axis, "exclusive": exclusive, "reverse": reverse},
            differentiable=[0],
            second_order=True,
            bad=[Bad(lambda: (f32(2, 3),), ValueError, "axis is 5", {"axis": 5})],
        )
        for axis, (exclusive, reverse) in itertools.product(
            (None, 0, 2), ((False, False), (True, False), (True, True))
        )
    ),
    *(
        Case(
            f"top_k-{axis}",
            "reduce",
            ["top_k"],
            ops.top_k,
            reference.top_k,
            lambda rng: (*block(rng), 3),
            {"axis": axis},
            differentiable=[0],
            second_order=True,
            bad=[
                Bad(lambda: (f32(2, 3), 4), ValueError, "k is 4, expected 0 to", {"axis": 0}),
                Bad(lambda: (f32(2, 3), 1.5), TypeError, "k is a float"),
            ],
        )
        for axis in (-1, 1)
    ),
    Case(
        "global_norm",
        "reduce",
        ["global_norm"],
        global_norm_of,
        lambda *a: reference.global_norm(a),
        pair,
        differentiable=[0, 1],
        second_order=True,
        bad=NO_LIST,
    ),
]


@pytest.mark.parametrize("name", FOLDS)
def test_every_size_by_rows_and_by_columns(name, isa):
    rng = np.random.default_rng(1)
    for n, dtype in itertools.product(SIZES, (np.float32, np.float64)):
        x = (rng.standard_normal((3, n)) + 1.5).astype(dtype)
        wide = x.astype(np.float64)
        if n == 0 and name in ("max", "min"):
            continue
        with np.errstate(invalid="ignore"):
            if n:
                want = getattr(reference, name)(wide, axis=1)
            else:
                want = {"mean": np.full(3, np.nan), "logsumexp": np.full(3, -np.inf)}.get(
                    name, np.full(3, float(name == "prod"))
                )
        compare(getattr(ops, name)(x, axis=1), want, "reduce", dtype, f"rows of {n}")
        compare(getattr(ops, name)(np.asfortranarray(x), axis=1), want, "reduce", dtype, f"columns of {n}")
        compare(getattr(ops, name)(np.ascontiguousarray(x.T), axis=0), want, "reduce", dtype, f"{n} rows")


def strided(rng, shape, dtype, choices):
    """An array of `shape` with gaps, reversed axes or axes of stride 0, as the choices say."""
    wide = np.asarray(rng.standard_normal([2 * n + 1 for n in shape]) * 3).astype(dtype)
    keys = {0: slice(0, None, 2), 1: slice(None, 0, -2), 2: slice(1, None, 2)}
    x = wide[(*(keys.get(c, slice(0, -1, 2)) for c in choices), Ellipsis)]
    x = x[(*(slice(0, n) for n in shape), Ellipsis)]
    for axis, c in enumerate(choices):
        if c == 3 and shape[axis]:
            x = np.broadcast_to(x[(slice(None),) * axis + (slice(0, 1),)], shape)
    return x


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_axes_of_any_strides(data):
    shape = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 8, 17]), max_size=4))
    choices = [data.draw(st.integers(0, 3)) for _ in shape]
    order = data.draw(st.permutations(range(len(shape))))
    axes = tuple(i for i in range(len(shape)) if data.draw(st.booleans()))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int32, np.int64]))
    x = strided(np.random.default_rng(5), shape, dtype, choices).transpose(order)
    exact = x.astype(np.float64) if dtype in (np.float32, np.float64) else x
    for name in ("sum", "prod", "sum_squares", "any", "all", "max", "min"):
        if name in ("max", "min") and any(x.shape[i] == 0 for i in axes):
            continue
        got = getattr(ops, name)(x, axis=axes, keepdims=True)
        with np.errstate(over="ignore"):  # a product may pass float64
            want = np.asarray(getattr(reference, name)(exact, axis=axes, keepdims=True))
        assert got.dtype == (
            np.bool_ if name in ("any", "all") else want.dtype if got.dtype.kind == "i" else dtype
        )
        assert got.shape == want.shape
        if got.dtype.kind in "bi":
            assert (got == want).all(), name
            continue
        terms = np.abs(exact).sum(axis=axes, keepdims=True) if name == "sum" else np.abs(want)
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.abs(got - want) <= (1e-5 if dtype == np.float32 else 1e-12) * np.maximum(terms, 1)
            assert (near | (got == want.astype(dtype))).all(), (
                name
            )  # the second: beyond float32 both are infinite


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_scans_of_any_strides(data):
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 9, 33]), min_size=1, max_size=3))
    choices = [data.draw(st.integers(0, 3)) for _ in shape]
    axis = data.draw(st.integers(0, len(shape) - 1))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int32, np.int64]))
    x = strided(np.random.default_rng(6), shape, dtype, choices).transpose(
        data.draw(st.permutations(range(len(shape))))
    )
    assert (ops.argmax(x, axis=axis) == x.argmax(axis)).all()
    assert (ops.argmin(x, axis=axis) == x.argmin(axis)).all()
    for exclusive, reverse in itertools.product((False, True), repeat=2):
        got = ops.cumsum(x, axis=axis, exclusive=exclusive, reverse=reverse)
        want = reference.cumsum(x.astype(np.float64), axis=axis, exclusive=exclusive, reverse=reverse)
        assert np.allclose(got, want, rtol=1e-5, atol=1e-5)
    k = data.draw(st.integers(0, x.shape[axis]))
    for got, want in zip(ops.top_k(x, k, axis=axis), reference.top_k(x, k, axis=axis), strict=True):
        assert (got == want).all()


def test_long_float32_sums_stay_accurate(isa):
    x = np.random.default_rng(2).random(10_000_000).astype(np.float32)
    want = x.sum(dtype=np.float64)
    assert abs(float(ops.sum(x)) - want) <= 1e-7 * want
    assert abs(float(ops.sum(x.reshape(-1, 4), axis=0).sum(dtype=np.float64)) - want) <= 2e-7 * want
    assert abs(float(ops.mean(x)) - want / x.size) <= 1e-7
    tail = ops.cumsum(x[:1_000_000])[-1]
    assert abs(float(tail) - x[:1_000_000].sum(dtype=np.float64)) <= 1e-7 * float(tail)


def test_large_reductions_have_the_same_bits_for_any_thread_count(isa):
    x = np.random.default_rng(3).standard_normal((500, 3, 401)).astype(np.float32)
    for axis in (None, 0, (0, 2), (0, 1), 2):
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append([np.asarray(f(x, axis=axis)).tobytes() for f in (ops.sum, ops.logsumexp, ops.var)])
        assert bits[0] == bits[1] == bits[2]


def test_float32_squares_and_products_have_the_range_of_float64(isa):
    assert np.isclose(ops.prod(np.array([1e30, 1e30, 1e30, 1e-30, 1e-30, 1e-30], np.float32)), 1.0)
    assert np.isclose(ops.l2_norm(np.full(16, 1e30, np.float32)), 4e30)
    assert np.isclose(ops.global_norm([np.full(16, 1e-30, np.float32)]), 4e-30)


@pytest.mark.parametrize("position", [0, 1, 15, 16, 63, 200])
def test_nan_reaches_every_reduction(position, isa):
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(4).standard_normal((3, 201)).astype(dtype)
        x[1, position] = np.nan
        for name in FOLDS:
            for arranged, axis in ((x, 1), (np.ascontiguousarray(x.T), 0)):
                y = getattr(ops, name)(arranged, axis=axis)
                assert np.isnan(y[1]) and not np.isnan(y[[0, 2]]).any(), (name, axis)
        for arranged, axis in ((x, 1), (np.ascontiguousarray(x.T), 0)):
            assert ops.argmax(arranged, axis=axis)[1] == ops.argmin(arranged, axis=axis)[1] == position
        assert ops.top_k(x, 2)[1][1, 0] == position
        assert ops.any(np.full(3, np.nan, dtype))


def test_infinities_in_logsumexp(isa):
    x = np.array([[-np.inf, -np.inf], [np.inf, 0], [np.inf, -np.inf], [-np.inf, 1.0]], np.float32)
    compare(ops.logsumexp(x, axis=1), np.array([-np.inf, np.inf, np.inf, 1.0]), "reduce")


def test_nothing_reduces_to_the_identity():
    x = np.ones((0, 3), np.float32)
    assert ops.sum(x) == 0 and ops.prod(x) == 1 and np.isnan(ops.mean(x)) and ops.logsumexp(x) == -np.inf
    assert not ops.any(x) and ops.all(x) and ops.l2_norm(x) == 0 and ops.global_norm([]) == 0
    assert ops.sum(x, axis=1).shape == (0,) and ops.max(x, axis=1).shape == (0,)
    assert ops.cumsum(x, axis=0).shape == (0, 3) and ops.top_k(np.ones((2, 0), np.float32), 0)[0].shape == (
        2,
        0,
    )
    with pytest.raises(ValueError, match="argmin"):
        ops.argmin(x, axis=0)


def test_integers_and_bool_as_numpy():
    x = np.random.default_rng(5).integers(-9, 9, (5, 6))
    for dtype in (np.int32, np.int64, np.int8, np.uint8, np.bool_):
        a = (np.abs(x) if dtype == np.uint8 else x).astype(dtype)
        for name in ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "cumsum"):
            got, want = getattr(ops, name)(a, axis=1), getattr(np, name)(a, axis=1)
            assert (got == want.astype(got.dtype)).all(), (name, dtype)
            assert got.dtype == (np.int64 if want.dtype == np.uint64 else want.dtype), (name, dtype)
        assert ops.mean(a).dtype == np.float64 and np.isclose(ops.mean(a), a.mean())


def test_half_floats_pass_through_float32():
    x = np.arange(12, dtype=np.float16).reshape(3, 4)
    for name in ("sum", "mean", "max", "logsumexp"):
        got = getattr(ops, name)(x, axis=0)
        assert got.dtype == np.float16
        assert np.allclose(got, getattr(reference, name)(x.astype(np.float64), axis=0), rtol=1e-3)


def test_out_is_written_and_must_not_overlap():
    x = np.random.default_rng(6).standard_normal((4, 6)).astype(np.float32)
    wide = np.zeros((4, 2), np.float32)
    assert ops.sum(x, axis=1, out=wide[:, 1]) is not None
    compare(wide[:, 1], x.astype(np.float64).sum(1), "reduce")
    assert not wide[:, 0].any()
    with pytest.raises(ValueError, match="out overlaps x|shares memory"):
        ops.sum(x, axis=1, out=x[:, 0])
    y = x.copy()
    assert ops.cumsum(y, axis=1, out=y) is y
    compare(y, x.astype(np.float64).cumsum(1), "reduce")
    x.flags.writeable = False
    ops.max(x)


def test_ties_share_the_gradient():
    x = tw.Tensor(np.array([[2.0, 1.0, 2.0], [5.0, 5.0, 5.0]]))
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = ops.max(x, axis=1)
    compare(tape.gradient(y, x).numpy(), np.array([[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]]), "reduce")


def test_gradient_of_a_zero_vectors_length_is_zero():
    x = tw.Tensor(np.zeros(3))
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = ops.l2_norm(x)
    assert not tape.gradient(y, x).numpy().any()


def test_sum_to_undoes_broadcasting():
    x = np.random.default_rng(7).standard_normal((2, 3, 4)).astype(np.float32)
    for shape in ((2, 3, 4), (3, 4), (1, 4), (4,), (2, 1, 1), (1,), ()):
        compare(ops.sum_to(x, shape), reference.sum_to(x.astype(np.float64), shape), "reduce")
    with pytest.raises(
        ValueError, match=r"\[sum_to\] x has shape \(2, 3, 4\), expected one that \(2,\) broadcasts to"
    ):
        ops.sum_to(x, (2,))


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    x = np.random.default_rng(8).standard_normal((6, 7)).astype(np.float32)
    x[0, 3] = 0
    t, v = torch.from_numpy(x.astype(np.float64)).requires_grad_(), tw.Tensor(x.astype(np.float64))
    pairs = [
        (lambda a: ops.prod(a, axis=1), lambda a: a.prod(1)),
        (lambda a: ops.max(a, axis=0), lambda a: a.amax(0)),
        (lambda a: ops.logsumexp(a, axis=1), lambda a: a.logsumexp(1)),
        (lambda a: ops.var(a, ddof=1), lambda a: a.var()),
        (lambda a: ops.top_k(a, 3)[0], lambda a: a.topk(3)[0]),
        (lambda a: ops.cumsum(a, axis=0), lambda a: a.cumsum(0)),
        (lambda a: ops.l2_norm(a, axis=1), lambda a: a.norm(dim=1)),
    ]
    for ours, theirs in pairs:
        with tw.GradientTape() as tape:
            tape.watch(v)
            y = ours(v)
        z = theirs(t)
        compare(y.numpy(), z.detach().numpy(), "reduce", np.float64)
        compare(tape.gradient(y, v).numpy(), torch.autograd.grad(z.sum(), t)[0].numpy(), "reduce", np.float64)
    assert isinstance(ops.sum(torch.from_numpy(x)), torch.Tensor)
