# SPDX-License-Identifier: Apache-2.0
"""matmul: cases for the catalogue, sweeps over sizes and strides, the epilogue, special values, PyTorch."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from ops.harness import ACTIVATIONS, SIZES, Bad, Case, check_gradient, check_second_order, compare, f32
from tilewright import _cpu, ops
from tilewright.reference import matmul as reference


def normal(*shape):
    return lambda rng: tuple(rng.standard_normal(s) for s in shape)


BAD = [
    Bad(lambda: ([1.0], f32(1, 1)), TypeError, "a is a list, expected an array"),
    Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "b has 2 rows, expected 3"),
    Bad(lambda: (f32(2, 3), f32(3)[0]), ValueError, "b has shape ()"),
    Bad(lambda: (f32(2, 3), np.ones((3, 2))), TypeError, "float64"),
    Bad(lambda: (np.ones((2, 2), np.int32), np.ones((2, 2), np.int32)), TypeError, "int32"),
    Bad(lambda: (np.ones((2, 2), ">f4"), f32(2, 2)), TypeError, "dtype"),
    Bad(
        lambda: (f32(2, 1, 3), f32(2, 3, 2)),
        ValueError,
        "out has shape (2, 2, 2), expected (2, 1, 2)",
        {"out": f32(2, 2, 2)},
    ),
    Bad(lambda: (f32(2, 1, 3), f32(4, 3, 2)), ValueError, "batch axes that broadcast"),
    Bad(
        lambda: (f32(2, 3), f32(3, 4)),
        ValueError,
        "out has shape (2, 3), expected (2, 4)",
        {"out": f32(2, 3)},
    ),
    Bad(lambda: (f32(2, 3), f32(3, 4)), TypeError, "out has dtype float64", {"out": np.ones((2, 4))}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), ValueError, "bias has shape (3,), expected (4,)", {"bias": f32(3)}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), TypeError, "bias has dtype float64", {"bias": np.ones(4)}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), ValueError, "residual has shape (4,)", {"residual": f32(4)}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), ValueError, 'activation is "cube"', {"activation": "cube"}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), TypeError, "activation is a int", {"activation": 3}),
    Bad(lambda: (f32(2, 3), f32(3, 4)), ValueError, "beta is not 0 but out is missing", {"beta": 1.0}),
]

CASES = [
    Case(
        "matmul",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((13, 37), (37, 50)),
        differentiable=[0, 1],
        second_order=True,
        bad=BAD,
    ),
    Case(
        "matmul_transposed",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((37, 13), (50, 37)),
        {"transpose_a": True, "transpose_b": True, "alpha": -0.5},
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_transposed_a",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((2, 7, 5), (7, 6)),
        {"transpose_a": True},
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_transposed_b",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((2, 7, 5), (6, 5)),
        {"transpose_b": True},
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_batched",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((3, 1, 9, 17), (4, 17, 20)),
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_shared_b",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((3, 4, 9, 17), (17, 20)),
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_vector",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((33,), (33, 20)),
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matrix_vector",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((3, 20, 33), (33,)),
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "vector_vector",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((33,), (33,)),
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "matmul_large",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((260, 1100), (1100, 333)),
        differentiable="the small cases run the same gradient",
    ),
    Case(
        "matmul_tall",
        "matmul",
        ["matmul"],
        ops.matmul,
        reference.matmul,
        normal((20, 9000), (9000, 30)),
        differentiable="the small cases run the same gradient",
    ),
]


def fused(activation, slope=None):
    def run(module):
        def function(a, b, bias, residual):
            """Parameters, Returns, Raises: those of matmul."""
            return module.matmul(
                a, b, bias=bias, residual=residual, alpha=0.3, activation=activation, slope=slope
            )

        return function

    return Case(
        f"matmul_{activation}",
        "matmul",
        ["matmul"],
        run(ops),
        run(reference),
        normal((9, 12), (12, 21), (21,), (9, 21)),
        differentiable=[0, 1, 2, 3],
        second_order=True,
    )


FUSED = [fused(name) for name in ACTIVATIONS] + [fused("leaky_relu", 0.05), fused("elu", 1.7)]


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.name}-{i}") for i, c in enumerate(FUSED)])
def test_epilogue(case, isa):
    for dtype in case.dtypes:
        arguments = case.arguments(dtype)
        compare(
            case.function(*arguments),
            case.reference(*(a.astype(np.float64) for a in arguments)),
            "matmul",
            dtype,
        )


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.name}-{i}") for i, c in enumerate(FUSED)])
def test_gradient_of_epilogue(case):
    check_gradient(case)
    check_second_order(case)


def laid_out(rng, shape, dtype, layout):
    """A matrix of this shape in C order, transposed, with gaps, backwards, or one row repeated."""
    rows, cols = shape
    if layout == "C":
        return rng.standard_normal((rows, cols)).astype(dtype)
    if layout == "F":
        return rng.standard_normal((cols, rows)).astype(dtype).T
    if layout == "gaps":
        return rng.standard_normal((2 * rows, 3 * cols)).astype(dtype)[::2, ::3]
    if layout == "backwards":
        return rng.standard_normal((rows, cols)).astype(dtype)[::-1, ::-1]
    return np.broadcast_to(rng.standard_normal(cols).astype(dtype), (rows, cols))


LAYOUTS = ("C", "F", "gaps", "backwards", "repeated")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size(dtype, isa):
    """Each size of the list on each axis, with the other two taken from it in another order."""
    rng = np.random.default_rng(1)
    for shift in (0, 5, 11):
        for i, m in enumerate(SIZES):
            n, k = SIZES[(i + shift) % len(SIZES)], SIZES[(i + 2 * shift + 1) % len(SIZES)]
            for m_, n_, k_ in ((m, n, k), (n, k, m)):
                a, b = (
                    rng.standard_normal((m_, k_)).astype(dtype),
                    rng.standard_normal((k_, n_)).astype(dtype),
                )
                out = np.full((m_, n_), np.nan, dtype)
                assert ops.matmul(a, b, out=out) is out
                compare(out, a.astype(np.float64) @ b, "matmul", dtype, f"{(m_, n_, k_)}")


# One shape for each way through the driver: direct, unpacked, packed, thin by rows and by columns, sliced,
# few terms.
WAYS = [
    (5, 7, 3),
    (64, 96, 40),
    (260, 200, 600),
    (130, 530, 700),
    (3, 1500, 90),
    (1500, 3, 90),
    (8, 300, 300),
    (1, 70, 5000),
    (40, 50, 4000),
    (300, 1, 64),
    (150, 70, 4),
    (20, 90, 1),
]


@pytest.mark.parametrize("layouts", list(itertools.product(LAYOUTS, LAYOUTS)), ids="-".join)
def test_any_strides(layouts, isa):
    rng = np.random.default_rng(2)
    for m, n, k in WAYS:
        a, b = laid_out(rng, (m, k), np.float32, layouts[0]), laid_out(rng, (k, n), np.float32, layouts[1])
        wide = np.full((m + 2, n + 3), np.nan, np.float32)
        ops.matmul(a, b, out=wide[1:-1, 2:-1])
        compare(wide[1:-1, 2:-1], a.astype(np.float64) @ b, "matmul", what=f"{(m, n, k)}")
        wide[1:-1, 2:-1] = np.nan
        assert np.isnan(wide).all(), "written outside out"


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_and_epilogue_on_every_way(way, dtype, isa):
    m, n, k = way
    rng = np.random.default_rng(3)
    a, b, bias, residual, out = (
        rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), n, (m, n), (m, n))
    )
    options = {"alpha": 0.7, "beta": -1.5, "bias": bias, "residual": residual, "activation": "leaky_relu"}
    exact = {key: v.astype(np.float64) if isinstance(v, np.ndarray) else v for key, v in options.items()}
    want = reference.matmul(a.astype(np.float64), b.astype(np.float64), out=out.astype(np.float64), **exact)
    compare(ops.matmul(a, b, out=out, **options), want, "matmul", dtype)


def test_same_bits_on_every_way_for_any_thread_count(isa):
    rng = np.random.default_rng(4)
    for m, n, k in WAYS:
        a, b = rng.standard_normal((m, k)).astype(np.float32), rng.standard_normal((n, k)).astype(np.float32)
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append(
                [ops.matmul(a, b, transpose_b=True).tobytes(), ops.matmul(b, a, transpose_b=True).tobytes()]
            )
        assert bits[0] == bits[1] == bits[2]


def test_nothing_outside_the_inputs_is_read(isa):
    """NaN all around the inputs: any lane read past an edge would show."""
    rng = np.random.default_rng(5)
    for m, n, k in [*WAYS, (9, 17, 33), (1, 1, 1)]:
        wide_a, wide_b = (
            np.full((m + 2, k + 32), np.nan, np.float32),
            np.full((k + 2, n + 32), np.nan, np.float32),
        )
        a, b = wide_a[1:-1, 16:-16], wide_b[1:-1, 16:-16]
        a[...], b[...] = rng.standard_normal((m, k)), rng.standard_normal((k, n))
        compare(ops.matmul(a, b), a.astype(np.float64) @ b, "matmul", what=f"{(m, n, k)}")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 2, 3]), max_size=3),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.tuples(*[st.integers(0, 20)] * 3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_any_batch(batch, ones, sizes, drop_a, drop_b):
    m, n, k = sizes
    rng = np.random.default_rng(6)
    a_batch = [1 if one else size for size, one in zip(batch, ones[:3], strict=False)][
        min(drop_a, len(batch)) :
    ]
    b_batch = [1 if one else size for size, one in zip(batch, ones[3:], strict=False)][
        min(drop_b, len(batch)) :
    ]
    a = rng.standard_normal((*a_batch, k, m)).astype(np.float32).swapaxes(-1, -2)
    b = rng.standard_normal((*b_batch, k, n)).astype(np.float32)
    compare(ops.matmul(a, b), np.matmul(a.astype(np.float64), b.astype(np.float64)), "matmul")


@pytest.mark.parametrize("shape", [(96, 64, 64, 64), (3, 300, 80, 120), (2, 1, 700, 300)], ids=str)
def test_batches_that_threads_share(shape, isa):
    batch, m, n, k = shape
    rng = np.random.default_rng(7)
    a, b = (
        rng.standard_normal((batch, m, k)).astype(np.float32),
        rng.standard_normal((batch, k, n)).astype(np.float32),
    )
    compare(ops.matmul(a, b), a.astype(np.float64) @ b, "matmul")
    compare(ops.matmul(a, b[0]), a.astype(np.float64) @ b[0], "matmul")


@pytest.mark.parametrize("sizes", [(5, 9, 3), (16, 16, 16), (33, 50, 70)], ids=str)
def test_epilogue_of_a_batch_of_small_products(sizes, isa):
    """Each product of the batch has its own residual, sums and kept argument; factors broadcast."""
    m, n, k = sizes
    rng = np.random.default_rng(9)
    a, b, residual, dy = (
        rng.standard_normal(s).astype(np.float32)
        for s in ((3, 1, m, k), (2, k, n), (3, 2, m, n), (3, 2, m, n))
    )
    bias = rng.standard_normal(n).astype(np.float32)
    with tw.GradientTape() as tape:
        x = tw.Tensor(a)
        tape.watch(x)
        y = ops.matmul(x, b, bias=bias, residual=residual, activation="gelu")
        loss = ops.sum(ops.multiply(y, dy))
    exact = [v.astype(np.float64) for v in (a, b, bias, residual)]
    want = reference.matmul(exact[0], exact[1], bias=exact[2], residual=exact[3], activation="gelu")
    compare(y.numpy(), want, "matmul")
    step = 1e-6
    direction = rng.standard_normal(a.shape)
    ends = [
        reference.matmul(
            exact[0] + s * direction, exact[1], bias=exact[2], residual=exact[3], activation="gelu"
        )
        for s in (step, -step)
    ]
    slope = ((ends[0] - ends[1]) * dy).sum() / (2 * step)
    got = (np.asarray(tape.gradient(loss, x)) * direction).sum()
    np.testing.assert_allclose(got, slope, rtol=1e-4, atol=1e-4 * np.sqrt(a.size))


def test_out_of_any_layout():
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal((6, 5)).astype(np.float32), rng.standard_normal((5, 4)).astype(np.float32)
    want = a.astype(np.float64) @ b
    for out in (
        np.zeros((4, 6), np.float32).T,
        np.zeros((6, 8), np.float32)[:, ::2],
        np.zeros((6, 4), np.float32)[::-1],
    ):
        assert ops.matmul(a, b, out=out) is out
        compare(out, want, "matmul")
        ops.matmul(a, b, out=out, beta=2.0)
        compare(out, 3 * want, "matmul")


def test_beta_zero_does_not_read_out(isa):
    for m, n, k in WAYS:
        out = np.full((m, n), np.nan, np.float32)
        assert not np.isnan(ops.matmul(f32(m, k), f32(k, n), out=out, beta=0.0)).any()


def test_overlap_and_read_only():
    a = np.random.default_rng(9).standard_normal((8, 8)).astype(np.float32)
    for arguments in ((a, f32(8, 8)), (f32(8, 8), a.T)):
        with pytest.raises(ValueError, match="out"):
            ops.matmul(*arguments, out=a)
    with pytest.raises(ValueError, match="residual"):
        ops.matmul(f32(8, 8), f32(8, 8), residual=a, out=a)
    a.flags.writeable = False
    compare(ops.matmul(a, a), a.astype(np.float64) @ a, "matmul")
    with pytest.raises(ValueError, match="read-only"):
        ops.matmul(f32(8, 8), f32(8, 8), out=a)


def test_nan_and_infinity_reach_their_row_and_column_only(isa):
    rng = np.random.default_rng(10)
    for m, n, k in WAYS:
        a, b = rng.standard_normal((m, k)).astype(np.float32), rng.standard_normal((k, n)).astype(np.float32)
        a[m // 2, k // 2], b[k // 3, n // 2] = np.nan, np.inf
        with np.errstate(invalid="ignore"):
            compare(
                ops.matmul(a, b), a.astype(np.float64) @ b.astype(np.float64), "matmul", what=f"{(m, n, k)}"
            )


def test_empty_sum_is_zero_and_the_epilogue_still_runs():
    bias = np.array([1, -2, 3], np.float32)
    want = np.array([[1, 0, 3], [1, 0, 3]], np.float32)
    compare(ops.matmul(f32(2, 0), f32(0, 3), bias=bias, activation="relu"), want, "matmul")
    out = f32(2, 3)
    ops.matmul(f32(2, 0), f32(0, 3), out=out, beta=0.5)
    compare(out, np.full((2, 3), 0.5), "matmul")


def test_gradient_by_the_accumulated_array():
    a, b, c = (tw.Tensor(np.random.default_rng(11).standard_normal((3, 3))) for _ in range(3))
    with tw.GradientTape() as tape:
        tape.watch([a, c])
        y = ops.matmul(a, b, beta=2.0, out=c)
    da, dc = tape.gradient(y, [a, c])
    compare(dc.numpy(), np.full((3, 3), 2.0), "matmul")
    compare(da.numpy(), np.ones((3, 3)) @ b.numpy().T, "matmul")


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rng = np.random.default_rng(12)
    x, w, bias = (rng.standard_normal(s).astype(np.float32) for s in ((4, 33, 70), (50, 70), 50))
    tensors = [torch.from_numpy(v).double().requires_grad_() for v in (x, w, bias)]
    theirs = torch.nn.functional.gelu(torch.nn.functional.linear(*tensors))
    theirs.sum().backward()
    ours = [tw.Tensor(v) for v in (x, w, bias)]
    with tw.GradientTape() as tape:
        tape.watch(ours)
        y = ops.matmul(ours[0], ours[1], transpose_b=True, bias=ours[2], activation="gelu")
    compare(y.numpy(), theirs.detach().numpy(), "matmul")
    for got, want in zip(tape.gradient(y, ours), tensors, strict=True):
        compare(got.numpy(), want.grad.numpy(), "matmul")
    assert isinstance(ops.matmul(torch.from_numpy(x), torch.from_numpy(w.T)), torch.Tensor)
