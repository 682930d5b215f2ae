# SPDX-License-Identifier: Apache-2.0
"""attention and attention_backward: cases for the catalogue, sweeps over shapes, masks, strides, NaN, Inf."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from ops.harness import Bad, Case, check_second_order, compare, f32, gradients
from tilewright import _cpu, ops
from tilewright.reference import attention as reference


def arrays(rng, batch=2, queries=9, keys=13, heads=4, key_heads=2, depth=5):
    return (
        rng.standard_normal((batch, queries, heads, depth)),
        rng.standard_normal((batch, keys, key_heads, depth)),
        rng.standard_normal((batch, keys, key_heads, depth)),
    )


def saved(rng, **options):
    """What the backward operation takes, from the reference's forward."""
    q, k, v = arrays(rng)
    y, lse = reference.attention(q, k, v, return_lse=True, **options)
    return rng.standard_normal(q.shape), q, k, v, y, lse


def bad(message, error=ValueError, q=(1, 2, 2, 4), k=(1, 3, 2, 4), v=(1, 3, 2, 4), **kwargs):
    return Bad(lambda: (f32(*q), f32(*k), f32(*v)), error, message, kwargs)


MASKS = {
    "none": lambda rng, b, h, tq, tk: None,
    "bool": lambda rng, b, h, tq, tk: rng.random((b, h, tq, tk)) > 0.3,
    "added": lambda rng, b, h, tq, tk: rng.standard_normal((h, tq, tk)),
    "keys": lambda rng, b, h, tq, tk: rng.random((b, 1, 1, tk)) > 0.3,
    "queries": lambda rng, b, h, tq, tk: rng.standard_normal((tq, 1)),
    "heads": lambda rng, b, h, tq, tk: np.where(rng.random((1, h, 1, tk)) > 0.5, 0.5, -np.inf),
}

BAD = [
    Bad(lambda: ([1.0], f32(1, 1, 1, 1), f32(1, 1, 1, 1)), TypeError, "q is a list, expected an array"),
    Bad(lambda: (np.ones((1, 1, 1, 1), ">f4"),) * 3, TypeError, "byte-swapped"),
    Bad(lambda: (np.ones((1, 2, 1, 4), np.int32),) * 3, TypeError, "int32"),
    Bad(
        lambda: (f32(1, 2, 1, 4), np.ones((1, 2, 1, 4)), np.ones((1, 2, 1, 4))),
        TypeError,
        "k has dtype float64",
    ),
    bad("q has shape (2, 2, 4), expected 4 dimensions (B, Tq, Hq, D)", q=(2, 2, 4)),
    bad("k has shape (1, 3, 2, 5), expected (1, any, any, 4)", k=(1, 3, 2, 5)),
    bad("k has shape (2, 3, 2, 4), expected (1, any, any, 4)", k=(2, 3, 2, 4)),
    bad("v has shape (1, 4, 2, 4), expected (1, 3, 2, 4)", v=(1, 4, 2, 4)),
    bad("k has 2 heads, expected a divisor of the 3 heads of q", q=(1, 2, 3, 4)),
    bad("k has 0 heads", k=(1, 3, 0, 4), v=(1, 3, 0, 4)),
    bad("mask has shape (1, 1, 2, 2), expected (1, 2, 2, 3) or 1 along an axis", mask=f32(2, 2)),
    bad("mask has shape (1, 1, 1, 1, 1), expected at most 4 dimensions", mask=f32(1, 1, 1, 1, 1)),
    bad("mask has dtype float64", TypeError, mask=np.ones((2, 3))),
    bad("mask has dtype int64", TypeError, mask=np.ones((2, 3), np.int64)),
    bad("scale is not finite", scale=float("nan")),
    bad("out has shape (1, 2, 2, 3), expected (1, 2, 2, 4)", out=f32(1, 2, 2, 3)),
    bad("out has dtype float64", TypeError, out=np.ones((1, 2, 2, 4))),
]
BAD_BACKWARD = [
    Bad(
        lambda: (f32(1, 2, 1, 3), *(f32(1, 2, 1, 4),) * 4, f32(1, 1, 2)),
        ValueError,
        "dy has shape (1, 2, 1, 3)",
    ),
    Bad(
        lambda: (*(f32(1, 2, 1, 4),) * 4, f32(1, 2, 2, 4), f32(1, 1, 2)),
        ValueError,
        "y has shape (1, 2, 2, 4)",
    ),
    Bad(
        lambda: (*(f32(1, 2, 1, 4),) * 5, f32(1, 2, 1)),
        ValueError,
        "lse has shape (1, 2, 1), expected (1, 1, 2)",
    ),
    Bad(lambda: (*(f32(1, 2, 1, 4),) * 5, f32(1, 1, 2)), ValueError, "dlse has shape (2,)", {"dlse": f32(2)}),
    Bad(
        lambda: (*(f32(1, 2, 1, 4),) * 5, f32(1, 1, 2)),
        ValueError,
        "expected a tuple of three arrays",
        {"out": f32(1, 2, 1, 4)},
    ),
]

CASES = [
    Case(
        "attention",
        "attention",
        ["attention_forward", "attention_backward"],
        ops.attention,
        reference.attention,
        arrays,
        differentiable=[0, 1, 2],
        second_order=True,
        bad=BAD,
    ),
    Case(
        "attention, causal, lse",
        "attention",
        ["attention_forward", "attention_backward"],
        ops.attention,
        reference.attention,
        arrays,
        {"causal": True, "return_lse": True, "scale": 0.7},
        differentiable=[0, 1, 2],
        second_order=True,
    ),
    Case(
        "attention_backward",
        "attention",
        ["attention_backward"],
        ops.attention_backward,
        reference.attention_backward,
        saved,
        differentiable="y and lse depend on q, k and v: second_order of the cases above",
        bad=BAD_BACKWARD,
    ),
]


def judge(rng, dtype, shape, causal=False, mask="none", scale=None):
    """Forward with lse and backward on one shape against the reference; returns everything computed."""
    batch, queries, keys, heads, key_heads, depth = shape
    exact = arrays(rng, batch, queries, keys, heads, key_heads, depth)
    exact_mask = MASKS[mask](rng, batch, heads, queries, keys)
    q, k, v = (a.astype(dtype) for a in exact)
    m = exact_mask if exact_mask is None or exact_mask.dtype == bool else exact_mask.astype(dtype)
    options = {"causal": causal, "scale": scale}
    y, lse = ops.attention(q, k, v, mask=m, return_lse=True, **options)
    q64, k64, v64 = (a.astype(np.float64) for a in (q, k, v))
    m64 = m if m is None or m.dtype == bool else m.astype(np.float64)
    want, want_lse = reference.attention(q64, k64, v64, mask=m64, return_lse=True, **options)
    what = f"{shape} causal {causal} mask {mask}: "
    compare(y, want, "attention", dtype, what + "y")
    compare(lse, want_lse, "attention", dtype, what + "lse")
    dy, dlse = rng.standard_normal(q.shape).astype(dtype), rng.standard_normal(lse.shape).astype(dtype)
    got = ops.attention_backward(dy, q, k, v, y, lse, dlse=dlse, mask=m, **options)
    wants = reference.attention_backward(
        dy.astype(np.float64),
        q64,
        k64,
        v64,
        want,
        want_lse,
        dlse=dlse.astype(np.float64),
        mask=m64,
        **options,
    )
    for name, g, w in zip(("dq", "dk", "dv"), got, wants, strict=True):
        compare(g, w, "attention", dtype, what + name)
    return (y, lse, *got)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes(dtype, causal, isa):
    rng = np.random.default_rng(1)
    for depth in (1, 3, 8, 16, 17, 64):
        judge(rng, dtype, (1, 33, 47, 2, 1, depth), causal)
    for queries, keys in ((1, 1), (1, 300), (2, 129), (7, 64), (16, 17), (31, 33), (65, 1), (130, 257)):
        judge(rng, dtype, (2, queries, keys, 2, 2, 8), causal)
    judge(rng, dtype, (1, 20, 21, 3, 1, 256), causal)


def test_a_large_head_size(isa):
    judge(np.random.default_rng(1), np.float32, (1, 5, 6, 2, 2, 1025), True)
    judge(np.random.default_rng(1), np.float64, (1, 5, 6, 2, 2, 1025))


@pytest.mark.parametrize("depth", [16, 20])
def test_rows_far_apart_give_the_bits_of_rows_close_together(depth, isa):
    """Keys whose span is large are copied, others read in place; rows of q and dy too."""
    rng = np.random.default_rng(7)
    close = [a.astype(np.float32) for a in arrays(rng, 1, 70, 150, 2, 2, depth)]
    far = [np.full((1, a.shape[1], 2, 1100), np.nan, np.float32)[..., :depth] for a in close]
    for wide, a in zip(far, close, strict=True):
        wide[...] = a
    dy = rng.standard_normal(close[0].shape).astype(np.float32)
    results = []
    for q, k, v in (close, far):
        y, lse = ops.attention(q, k, v, causal=True, return_lse=True)
        results.append((y, lse, *ops.attention_backward(dy, q, k, v, y, lse, causal=True)))
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)
    compare(
        results[0][0], reference.attention(*(a.astype(np.float64) for a in close), causal=True), "attention"
    )


@pytest.mark.parametrize("causal_keys", [64, 60, 91])
def test_a_border_inside_a_tile(causal_keys, isa):
    """Early rows of a tile skip the keys that only late rows see, at any offset of the border."""
    rng = np.random.default_rng(8)
    for queries in (16, 33, 64, 100):
        judge(rng, np.float32, (2, queries, causal_keys, 4, 4, 32), True)


@pytest.mark.parametrize("mask", MASKS)
def test_masks_and_grouped_heads(mask, isa):
    rng = np.random.default_rng(2)
    for causal in (False, True):
        for heads, key_heads in ((1, 1), (4, 4), (6, 2), (4, 1)):
            judge(rng, np.float32, (2, 37, 70, heads, key_heads, 12), causal, mask, 0.3)
    judge(rng, np.float64, (2, 19, 150, 2, 1, 7), True, mask)


@pytest.mark.parametrize(
    "shape",
    [
        (0, 3, 3, 2, 2, 4),
        (1, 0, 3, 2, 2, 4),
        (1, 3, 0, 2, 1, 4),
        (1, 3, 3, 0, 0, 4),
        (1, 3, 5, 2, 2, 0),
        (1, 0, 0, 0, 0, 0),
    ],
)
def test_empty(shape, isa):
    for causal in (False, True):
        y, lse, *_ = judge(np.random.default_rng(3), np.float32, shape, causal)
        if shape[2] == 0:
            assert not y.any() and np.isneginf(lse).all()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_shape_and_strides(data):
    size = st.integers(1, 40)
    key_heads = data.draw(st.integers(1, 3))
    batch, queries, keys = data.draw(st.integers(1, 2)), data.draw(size), data.draw(size)
    heads, depth = key_heads * data.draw(st.integers(1, 3)), data.draw(size)
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    exact = arrays(rng, batch, queries, keys, heads, key_heads, depth)

    def strided(a):
        """The same values with other strides: axes in another order in memory, reversed, with gaps."""
        order = data.draw(st.permutations(range(4)))
        gaps = [data.draw(st.sampled_from([1, 2, -1])) for _ in range(4)]
        moved = a.transpose(order)
        wide = np.zeros([n * abs(g) for n, g in zip(moved.shape, gaps, strict=True)], np.float32)
        view = wide[tuple(slice(None, None, g) for g in gaps)]
        view[...] = moved
        return view.transpose(np.argsort(order))

    q, k, v = (a.astype(np.float32) for a in exact)
    causal = data.draw(st.booleans())
    plain = ops.attention(q, k, v, causal=causal, return_lse=True)
    compare(
        plain[0], reference.attention(*(a.astype(np.float64) for a in (q, k, v)), causal=causal), "attention"
    )
    views = [strided(a) for a in (q, k, v)]
    out = strided(np.zeros_like(q))
    y, lse = ops.attention(*views, causal=causal, return_lse=True, out=out)
    assert y is out and np.array_equal(y, plain[0]) and np.array_equal(lse, plain[1])
    dy = rng.standard_normal(q.shape).astype(np.float32)
    want = ops.attention_backward(dy, q, k, v, *plain, causal=causal)
    outs = tuple(strided(np.zeros_like(a)) for a in (q, k, v))
    got = ops.attention_backward(strided(dy), *views, out, lse, causal=causal, out=outs)
    for g, o, w in zip(got, outs, want, strict=True):
        assert g is o and np.array_equal(g, w)


def test_broadcast_and_read_only_inputs():
    rng = np.random.default_rng(4)
    q, k, v = (a.astype(np.float32) for a in arrays(rng, batch=1))
    wide = [np.broadcast_to(a, (3, *a.shape[1:])) for a in (q, k, v)]
    compare(
        ops.attention(*wide),
        np.broadcast_to(ops.attention(q, k, v), wide[0].shape).astype(np.float64),
        "attention",
    )
    frozen = q.copy()
    frozen.flags.writeable = False
    assert np.array_equal(ops.attention(frozen, k, v), ops.attention(q, k, v))
    with pytest.raises(ValueError, match="read-only"):
        ops.attention(q, k, v, out=frozen)


def test_out_may_not_overlap():
    q, k, v = (a.astype(np.float32) for a in arrays(np.random.default_rng(5), keys=9, key_heads=4))
    for x, name in ((q, "q"), (k, "k"), (v, "v")):
        with pytest.raises(ValueError, match=f"out .*{name}"):
            ops.attention(q, k, v, out=x)
    y, lse = ops.attention(q, k, v, return_lse=True)
    buffer = np.zeros_like(q)
    with pytest.raises(ValueError, match="dk"):
        ops.attention_backward(y, q, k, v, y, lse, out=(buffer, buffer, np.zeros_like(q)))


@pytest.mark.parametrize("queries", [1, 40])
def test_rows_that_see_nothing_are_zero(queries, isa):
    rng = np.random.default_rng(6)
    q, k, v = (a.astype(np.float32) for a in arrays(rng, 1, queries, 150, 2, 2, 16))
    for mask in (np.zeros((1, 2, queries, 150), bool), np.full((1, 2, queries, 150), -np.inf, np.float32)):
        mask[:, 1] = 1 if mask.dtype == bool else 0
        y, lse = ops.attention(q, k, v, mask=mask, return_lse=True)
        assert not y[:, :, 0].any() and np.isneginf(lse[:, 0]).all()
        compare(y[:, :, 1:], ops.attention(q, k, v)[:, :, 1:].astype(np.float64), "attention")
        grads = ops.attention_backward(y, q, k, v, y, lse, mask=mask)
        assert all(np.isfinite(g).all() and not g[:, :, 0].any() for g in grads)
    # Fewer keys than queries: the first queries see none.
    y, lse = ops.attention(q, k[:, :1], v[:, :1], causal=True, return_lse=True)
    assert not y[:, :-1].any() and np.isneginf(lse[:, :, :-1]).all() and y[:, -1].all()


@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_rows(value, queries, isa):
    q, k, v = (abs(a).astype(np.float32) for a in arrays(np.random.default_rng(7), 1, queries, 70, 1, 1, 8))
    want = ops.attention(q, k, v)
    q[0, queries // 2, 0, 3] = value
    with np.errstate(invalid="ignore"):
        exact = reference.attention(*(a.astype(np.float64) for a in (q, k, v)))
    y = ops.attention(q, k, v)
    others = np.arange(queries) != queries // 2
    assert np.array_equal(y[:, others], want[:, others])
    assert np.array_equal(np.isnan(y), np.isnan(exact))
    # Large scores: no overflow, all weight on the largest.
    y = ops.attention(want * 0 + 1e4, k * 1e4, v)
    assert np.isfinite(y).all()


def test_hidden_keys_leave_no_trace(isa):
    """Keys beyond the causal border or under the mask may hold anything, even in the same tile."""
    rng = np.random.default_rng(8)
    q, k, v = (a.astype(np.float32) for a in arrays(rng, 1, 50, 50, 2, 2, 16))
    want = ops.attention(q, k, v, causal=True)
    k2 = k.copy()
    k2[:, 25:] = 1e30
    assert np.array_equal(ops.attention(q, k2, v, causal=True)[:, :25], want[:, :25])
    mask = np.ones((50, 50), bool)
    mask[:, 30:] = False
    assert np.array_equal(ops.attention(q, k, v, mask=mask), ops.attention(q, k[:, :30], v[:, :30]))


def test_same_bits_for_any_number_of_threads(isa):
    rng = np.random.default_rng(9)
    for shape, causal in (((1, 150, 700, 2, 1, 16), True), ((3, 1, 1500, 4, 2, 24), False)):
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append([a.tobytes() for a in judge(np.random.default_rng(9), np.float32, shape, causal)])
        assert bits[0] == bits[1] == bits[2]
    del rng


def test_an_element_has_the_same_bits_wherever_it_stands(isa):
    q, k, v = (a.astype(np.float32) for a in arrays(np.random.default_rng(10), 1, 90, 100, 1, 1, 16))
    whole = ops.attention(q, k, v)
    for begin, end in ((0, 20), (13, 45), (60, 90)):
        assert np.array_equal(ops.attention(q[:, begin:end], k, v), whole[:, begin:end])


def test_gradient_through_views_and_lse():
    rng = np.random.default_rng(11)
    q, k, v = arrays(rng)
    bias = rng.standard_normal((9, 13))
    _, found, seeds = gradients(lambda *a: ops.attention(*a, mask=bias, return_lse=True), (q, k, v), [0, 2])
    y, lse = reference.attention(q, k, v, mask=bias, return_lse=True)
    want = reference.attention_backward(seeds[0], q, k, v, y, lse, dlse=seeds[1], mask=bias)
    compare(found[0], want[0], "attention")
    compare(found[1], want[2], "attention")


@pytest.mark.parametrize("name", ["added", "queries", "heads"])
def test_gradient_of_an_added_mask(name):
    rng = np.random.default_rng(13)
    exact = arrays(rng)
    mask = MASKS[name](rng, 2, 4, 9, 13)
    finite = np.isfinite(mask)

    def run(q, k, v, m):
        return ops.attention(q, k, v, mask=m, causal=True, return_lse=True)

    direction = np.where(finite, rng.standard_normal(mask.shape), 0)
    seeds = [rng.standard_normal(exact[0].shape), rng.standard_normal((2, 4, 9))]
    found = gradients(run, (*exact, mask), [0, 3], seeds)[1]

    def value(m):
        y, lse = run(*exact, m)
        return float((y * seeds[0]).sum() + (lse * seeds[1]).sum())

    step = 1e-6
    want = (
        value(np.where(finite, mask + step * direction, mask))
        - value(np.where(finite, mask - step * direction, mask))
    ) / (2 * step)
    assert found[1].shape == mask.shape and np.isfinite(found[1].numpy()).all()
    assert abs(float((found[1].numpy() * direction).sum()) - want) < 1e-6 * max(1, abs(want))


def test_gradient_of_a_mask_that_hides_whole_rows_is_zero_there():
    rng = np.random.default_rng(15)
    mask = np.zeros((9, 13))
    mask[3] = -np.inf

    def run(m):
        return ops.attention(*arrays(np.random.default_rng(15)), mask=m)

    found = gradients(run, (mask,), [0], [rng.standard_normal((2, 9, 4, 5))])[1][0].numpy()
    assert not found[3].any() and np.isfinite(found).all() and found[2].any()


@pytest.mark.parametrize("mask", ["bool", "added"])
def test_second_gradient_under_a_mask(mask):
    rng = np.random.default_rng(14)
    hidden = MASKS[mask](rng, 2, 4, 9, 13)
    case = Case(
        "attention, masked",
        "attention",
        [],
        ops.attention,
        reference.attention,
        arrays,
        {"mask": hidden, "causal": True},
        differentiable=[0, 1, 2],
    )
    check_second_order(case)


def test_nothing_is_kept_without_a_tape():
    q = tw.Tensor(f32(1, 2, 1, 4))
    assert ops.attention(q, q, q).node is None


@pytest.mark.parametrize("causal", [False, True])
def test_agrees_with_pytorch(causal):
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rng = np.random.default_rng(12)
    q, k, v = (torch.from_numpy(a.astype(np.float32)) for a in arrays(rng, 2, 50, 50, 4, 2, 32))
    heads_first = [x.transpose(1, 2).double().requires_grad_() for x in (q, k, v)]
    want = torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=causal, enable_gqa=True)
    y, lse = ops.attention(q, k, v, causal=causal, return_lse=True)
    assert isinstance(y, torch.Tensor)
    compare(y, want.transpose(1, 2).detach().numpy(), "attention", np.float32)
    dy = torch.from_numpy(rng.standard_normal(q.shape).astype(np.float32))
    wants = torch.autograd.grad(want, heads_first, dy.transpose(1, 2).double())
    for g, w in zip(ops.attention_backward(dy, q, k, v, y, lse, causal=causal), wants, strict=True):
        compare(g, w.transpose(1, 2).numpy(), "attention", np.float32)


def test_second_gradient_when_one_tensor_is_query_key_and_value():
    rng = np.random.default_rng(21)
    x = rng.standard_normal((1, 5, 2, 4))
    dy, weight, direction = (rng.standard_normal(x.shape) for _ in range(3))

    def penalty(values):
        t = tw.Tensor(values)
        with tw.GradientTape() as outer:
            outer.watch(t)
            with tw.GradientTape() as inner:
                inner.watch(t)
                y = ops.attention(t, t, t)
            first = inner.gradient(y, t, output_gradients=tw.Tensor(dy))
        return (first.numpy() * weight).sum(), outer.gradient(first, t, output_gradients=tw.Tensor(weight))

    step = 1e-6
    want = (penalty(x + step * direction)[0] - penalty(x - step * direction)[0]) / (2 * step)
    got = (penalty(x)[1].numpy() * direction).sum()
    assert abs(got - want) < 1e-5 * max(1.0, abs(want))
