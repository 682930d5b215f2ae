# SPDX-License-Identifier: Apache-2.0
"""lstm, gru, simple_rnn and their gradients: cases, sweeps over sizes, masks and strides; PyTorch, Keras."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from ops.harness import Bad, Case, compare, f32
from tilewright import _cpu, ops
from tilewright.reference import rnn as reference

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
STATES = {"lstm": ("h0", "c0"), "gru": ("h0",), "simple_rnn": ("h0",)}
# Every form of every cell: name of the operation, options.
FORMS = {
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru reset before": ("gru", {"reset_after": False}),
    "simple_rnn": ("simple_rnn", {}),
    "simple_rnn relu": ("simple_rnn", {"activation": "relu"}),
}


def arrays(rng, cell="lstm", batch=3, steps=5, inputs=4, units=6, paired=False):
    """x, w, u, b, scaled so that gates are neither all open nor all shut."""
    width = GATES[cell] * units
    return (
        rng.standard_normal((batch, steps, inputs)),
        rng.standard_normal((inputs, width)) / np.sqrt(inputs or 1),
        rng.standard_normal((units, width)) / np.sqrt(units or 1),
        rng.standard_normal((2, width) if paired else width),
    )


def states(rng, cell="lstm", batch=3, units=6):
    return tuple(rng.standard_normal((batch, units)) for _ in STATES[cell])


def with_states(module, cell):
    """The operation with its initial states as positional arguments: they are cast and differentiated too."""

    @functools.wraps(getattr(module, cell))
    def function(x, w, u, b, *initial, **options):
        return getattr(module, cell)(x, w, u, b, **dict(zip(STATES[cell], initial, strict=True)), **options)

    return function


def backward(module, cell):
    """The backward operation with all gradients that flow in, and the states, as positional arguments."""

    @functools.wraps(getattr(module, cell + "_backward"))
    def function(dy, x, w, u, b, *rest, **options):
        count = len(STATES[cell])
        saved, last, initial = rest[: -2 * count], rest[-2 * count : -count], rest[-count:]
        named = dict(
            zip([f"d{s[0]}_last" for s in STATES[cell]] + list(STATES[cell]), last + initial, strict=True)
        )
        return getattr(module, cell + "_backward")(dy, x, w, u, b, *saved, **named, **options)

    return function


def saved(rng, cell, paired=False, **options):
    """What `backward` takes, with the forward pass by the reference."""
    x, w, u, b = arrays(rng, cell, paired=paired)
    initial = states(rng, cell)
    keep = {} if cell == "simple_rnn" else {"return_gates": True}
    results = with_states(reference, cell)(x, w, u, b, *initial, **options, **keep)
    kept = (results[0], *results[1 + len(initial) :])
    return (rng.standard_normal(results[0].shape), x, w, u, b, *kept, *states(rng, cell), *initial)


def bad(cell, message, error=ValueError, x=(2, 3, 4), w=None, u=None, b=None, **kwargs):
    width = GATES[cell] * 5
    shapes = x, w or (4, width), u or (5, width), b or (width,)
    return Bad(lambda: tuple(f32(*shape) for shape in shapes), error, message, kwargs)


def bad_inputs(cell):
    width = GATES[cell] * 5
    return [
        Bad(lambda: ([1.0], f32(1, 4), f32(1, 4)), TypeError, "x is a list, expected an array"),
        Bad(lambda: (np.ones((1, 1, 1), ">f4"), f32(1, 4), f32(1, 4)), TypeError, "byte-swapped"),
        Bad(
            lambda: tuple(np.ones(s, np.int32) for s in ((2, 3, 4), (4, width), (5, width))),
            TypeError,
            "int32",
        ),
        Bad(lambda: (np.ones((2, 3, 4)), f32(4, width), f32(5, width)), TypeError, "u has dtype float32"),
        bad(cell, "x has shape (3, 4), expected 3 dimensions (B, T, I)", x=(3, 4)),
        bad(cell, f"w has shape (3, {width}), expected (4, {width})", w=(3, width)),
        bad(cell, f"u has shape (6, {width}), expected (6, {GATES[cell] * 6})", u=(6, width)),
        bad(cell, f"u has shape ({width},), expected 2 dimensions", u=(width,)),
        bad(cell, f"b has shape ({width + 1},), expected ({width},)", b=(width + 1,)),
        bad(cell, "h0 has shape (5, 2), expected (2, 5)", h0=f32(5, 2)),
        bad(cell, "h0 has dtype float64", TypeError, h0=np.ones((2, 5))),
        bad(cell, "mask has shape (3, 2), expected (2, 3)", mask=np.ones((3, 2), bool)),
        bad(cell, "mask has dtype float32, expected bool", TypeError, mask=f32(2, 3)),
        bad(cell, "out has shape (2, 3, 4), expected (2, 3, 5)", out=f32(2, 3, 4)),
        bad(cell, "out has dtype float64", TypeError, out=np.ones((2, 3, 5))),
    ]


BAD = {
    "lstm": [*bad_inputs("lstm"), bad("lstm", "c0 has shape (5, 2), expected (2, 5)", c0=f32(5, 2))],
    "gru": [
        *bad_inputs("gru"),
        bad("gru", "b has shape (3, 15), expected (2, 15)", b=(3, 15)),
        bad("gru", "b has shape (2, 15), expected 1 dimension", b=(2, 15), reset_after=False),
    ],
    "simple_rnn": [
        *bad_inputs("simple_rnn"),
        bad("simple_rnn", 'activation is \'gelu\', expected "tanh" or "relu"', activation="gelu"),
    ],
}


def bad_backward(cell):
    width = GATES[cell] * 5
    more = {"lstm": (f32(2, 3, 20), f32(2, 3, 5)), "gru": (f32(2, 3, 20),), "simple_rnn": ()}[cell]
    state = (f32(2, 5),) * (2 * len(STATES[cell]))

    def call(dy=(2, 3, 5), y=(2, 3, 5), saved=more):
        return lambda: (
            f32(*dy),
            f32(2, 3, 4),
            f32(4, width),
            f32(5, width),
            f32(width),
            f32(*y),
            *saved,
            *state,
        )

    found = [
        Bad(call(dy=(2, 3, 4)), ValueError, "dy has shape (2, 3, 4), expected (2, 3, 5)", {"mask": None}),
        Bad(call(y=(2, 4, 5)), ValueError, "y has shape (2, 4, 5), expected (2, 3, 5)", {"mask": None}),
        Bad(call(), ValueError, "needs has 2 entries", {"needs": (True, False)}),
        Bad(call(), ValueError, "expected a tuple of", {"out": f32(2, 3, 4)}),
        Bad(call(), ValueError, "out has shape (2,)", {"out": (f32(2), *(None,) * (3 + len(STATES[cell])))}),
    ]
    if more:
        found.append(
            Bad(
                call(saved=(f32(2, 3, 5), *more[1:])),
                ValueError,
                "gates has shape (2, 3, 5), expected (2, 3, 20)",
                {"mask": None},
            )
        )
    return found


MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


def cases_of(name, cell, options, first):
    lines = [f"{cell}_forward", f"{cell}_backward"]
    initial = len(STATES[cell])

    def everything(rng):
        return (*arrays(rng, cell, paired=options.get("reset_after", cell == "gru")), *states(rng, cell))

    return [
        Case(
            name,
            "rnn",
            lines,
            getattr(ops, cell),
            getattr(reference, cell),
            lambda rng: arrays(rng, cell),
            options,
            differentiable=[0, 1, 2, 3],
            bad=BAD[cell] if first else (),
        ),
        Case(
            f"{name}, states, reverse, mask",
            "rnn",
            lines,
            with_states(ops, cell),
            with_states(reference, cell),
            everything,
            {**options, "reverse": True, "mask": MASK},
            differentiable=range(4 + initial),
        ),
        Case(
            f"{name} backward",
            "rnn",
            lines[1:],
            backward(ops, cell),
            backward(reference, cell),
            lambda rng: saved(rng, cell, options.get("reset_after", cell == "gru"), mask=MASK, **options),
            {**options, "mask": MASK},
            differentiable="recurrent layers differentiate once",
            bad=bad_backward(cell) if first else (),
        ),
    ]


CASES = [
    case for name, (cell, options) in FORMS.items() for case in cases_of(name, cell, options, name == cell)
]


def judge(form, rng, dtype, batch, steps, inputs, units, given=True, **options):
    """Forward and backward against the reference; returns all results."""
    cell, own = FORMS[form]
    options = {**own, **options}
    paired = given and options.get("reset_after", cell == "gru")
    x, w, u, b = (a.astype(dtype) for a in arrays(rng, cell, batch, steps, inputs, units, paired))
    initial = [s.astype(dtype) if given else None for s in states(rng, cell, batch, units)]
    keep = {} if cell == "simple_rnn" else {"return_gates": True}
    exact = [None if a is None else a.astype(np.float64) for a in (x, w, u, b if given else None, *initial)]
    got = with_states(ops, cell)(x, w, u, b if given else None, *initial, **options, **keep)
    want = with_states(reference, cell)(*exact, **options, **keep)
    what = f"{form} {batch, steps, inputs, units}"
    for i, (g, v) in enumerate(zip(got, want, strict=True)):
        compare(g, v, "rnn", dtype, f"{what}, output {i}")
    count = len(initial)
    last = [rng.standard_normal((batch, units)).astype(dtype) if given else None for _ in initial]
    dy = rng.standard_normal((batch, steps, units)).astype(dtype)
    kept = (got[0], *got[1 + count :])
    gradients = backward(ops, cell)(dy, x, w, u, b if given else None, *kept, *last, *initial, **options)
    wanted = backward(reference, cell)(
        *(
            None if a is None else a.astype(np.float64)
            for a in (dy, x, w, u, b if given else None, *kept, *last, *initial)
        ),
        **options,
    )
    for i, (g, v) in enumerate(zip(gradients, wanted, strict=True)):
        assert (g is None) == (v is None)
        if g is not None:
            compare(g, v, "rnn", dtype, f"{what}, gradient {i}")
    return [a for a in (*got, *gradients) if a is not None]


@pytest.mark.parametrize("form", FORMS)
def test_every_size(form, isa):
    rng = np.random.default_rng(1)
    for units in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65):
        judge(form, rng, np.float32, 3, 4, 5, units)
    for batch in (1, 2, 7, 8, 9, 17, 33):
        judge(form, rng, np.float64, batch, 3, 2, 5, given=False)
    for steps, inputs in ((1, 1), (2, 17), (31, 3), (9, 64)):
        judge(form, rng, np.float32, 2, steps, inputs, 12, reverse=steps == 2)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(0, 3, 2, 4), (2, 0, 2, 4), (2, 3, 0, 4), (2, 3, 2, 0), (0, 0, 0, 0)])
def test_empty(form, shape, isa):
    rng = np.random.default_rng(2)
    judge(form, rng, np.float32, *shape, given=False)
    results = judge(form, rng, np.float32, *shape)
    assert results[1].shape == (shape[0], shape[3])


@pytest.mark.parametrize("form", FORMS)
def test_large_weights_and_long_sums(form):
    """More than one block of k, weights that no cache holds, rows of several groups."""
    rng = np.random.default_rng(3)
    judge(form, rng, np.float32, 20, 3, 8, 530)
    judge(form, rng, np.float64, 1, 2, 8, 530)
    judge(form, rng, np.float32, 40, 60, 7, 19)


def test_same_bits_for_any_number_of_threads():
    for form, shape in (
        ("lstm", (20, 3, 8, 300)),
        ("gru", (30, 40, 5, 21)),
        ("gru reset before", (9, 5, 8, 300)),
    ):
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append([a.tobytes() for a in judge(form, np.random.default_rng(4), np.float32, *shape)])
        assert bits[0] == bits[1] == bits[2]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_shape_strides_and_mask(data):
    size = st.integers(1, 20)
    form = data.draw(st.sampled_from(list(FORMS)))
    cell, options = FORMS[form]
    batch, steps, inputs, units = (data.draw(size) for _ in range(4))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    options = {**options, "reverse": data.draw(st.booleans())}
    mask = rng.random((batch, steps)) > 0.3 if data.draw(st.booleans()) else None
    judge(form, rng, np.float32, batch, steps, inputs, units, mask=mask, **options)

    def strided(a):
        """The same values with other strides: axes in another order in memory, reversed, with gaps."""
        order = data.draw(st.permutations(range(a.ndim)))
        gaps = [data.draw(st.sampled_from([1, 2, -1])) for _ in range(a.ndim)]
        moved = a.transpose(order)
        wide = np.zeros([n * abs(g) for n, g in zip(moved.shape, gaps, strict=True)], a.dtype)
        view = wide[tuple(slice(None, None, g) for g in gaps)]
        view[...] = moved
        return view.transpose(np.argsort(order))

    function = with_states(ops, cell)
    exact = (*arrays(rng, cell, batch, steps, inputs, units), *states(rng, cell, batch, units))
    exact = [a.astype(np.float32) for a in exact]
    plain = function(*exact, mask=mask, **options)
    out = strided(np.zeros_like(plain[0]))
    got = function(
        *(strided(a) for a in exact), mask=None if mask is None else strided(mask), out=out, **options
    )
    assert got[0] is out and all(np.array_equal(g, p) for g, p in zip(got, plain, strict=True))


def test_broadcast_and_read_only_inputs():
    x, w, u, b = (a.astype(np.float32) for a in arrays(np.random.default_rng(5), batch=1))
    wide = np.broadcast_to(x, (3, *x.shape[1:]))
    for a in (x, w, u, b):
        a.flags.writeable = False
    for got, one in zip(ops.lstm(wide, w, u, b), ops.lstm(x, w, u, b), strict=True):
        assert np.array_equal(got, np.broadcast_to(one, got.shape))
    with pytest.raises(ValueError, match="read-only"):
        ops.simple_rnn(x, w[:, :6], u[:, :6], out=np.broadcast_to(f32(1, 5, 6), (1, 5, 6)))


def test_out_may_not_overlap():
    x, w, u, b = (a.astype(np.float32) for a in arrays(np.random.default_rng(6), inputs=6))
    with pytest.raises(ValueError, match="out .*x"):
        ops.lstm(x, w, u, b, out=x)
    y, _, _, gates, cells = ops.lstm(x, w, u, b, return_gates=True)
    with pytest.raises(ValueError, match="dx .*y|y .*dx"):
        ops.lstm_backward(np.ones_like(y), x, w, u, b, y, gates, cells, out=(y, *(None,) * 5))


@pytest.mark.parametrize("form", FORMS)
def test_a_masked_step_keeps_the_state(form, isa):
    cell, options = FORMS[form]
    rng = np.random.default_rng(7)
    x, w, u, b = (a.astype(np.float32) for a in arrays(rng, cell))
    initial = [s.astype(np.float32) for s in states(rng, cell)]
    function = with_states(ops, cell)
    mask = np.ones((3, 5), bool)
    mask[:, 3:] = False
    x[:, 3:] = np.nan
    results = function(x, w, u, b, *initial, mask=mask, **options)
    shorter = function(x[:, :3], w, u, b, *initial, **options)
    assert np.array_equal(results[0][:, :3], shorter[0])
    assert all(np.array_equal(r, s) for r, s in zip(results[1:], shorter[1:], strict=True))
    assert np.array_equal(results[0][:, 3], shorter[1]) and np.array_equal(results[0][:, 4], shorter[1])
    none = function(x, w, u, b, *initial, mask=np.zeros((3, 5), bool), **options)
    assert all(np.array_equal(n, i) for n, i in zip(none[1:], initial, strict=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_sequence(form, value, isa):
    cell, options = FORMS[form]
    x, w, u, b = (a.astype(np.float32) for a in arrays(np.random.default_rng(8), cell))
    clean = getattr(ops, cell)(x, w, u, b, **options)
    x[1, 2, 0] = value
    got = getattr(ops, cell)(x, w, u, b, **options)
    with np.errstate(invalid="ignore"):
        want = getattr(reference, cell)(*(a.astype(np.float64) for a in (x, w, u, b)), **options)
    for g, c, v in zip(got, clean, want, strict=True):
        assert np.array_equal(g[[0, 2]], c[[0, 2]]) and np.array_equal(np.isnan(g), np.isnan(v))
    assert np.array_equal(got[0][1, :2], clean[0][1, :2])


def test_shut_gates_keep_a_state_for_ever():
    """A GRU whose z is 1, an LSTM whose f is 1 and i is 0: no rounding creeps in over many steps."""
    state = np.random.default_rng(9).standard_normal((2, 3)).astype(np.float32)
    x = np.random.default_rng(10).standard_normal((2, 200, 4)).astype(np.float32)
    b = np.repeat(np.array([200, 0, 0], np.float32), 3)
    _, h = ops.gru(x, f32(4, 9) * 0.1, f32(3, 9) * 0.1, b, h0=state)
    assert np.array_equal(h, state)
    b = np.repeat(np.array([-200, 200, 0, 0], np.float32), 3)
    assert np.array_equal(ops.lstm(x, f32(4, 12) * 0.1, f32(3, 12) * 0.1, b, c0=state)[2], state)


def test_gradients_are_computed_only_where_needed():
    arguments = saved(np.random.default_rng(11), "lstm")
    every = backward(ops, "lstm")(*arguments)
    for i in range(6):
        needs = tuple(j == i for j in range(6))
        got = backward(ops, "lstm")(*arguments, needs=needs)
        assert [g is not None for g in got] == list(needs) and np.array_equal(got[i], every[i])
    outs = [np.zeros_like(g) for g in every]
    assert all(
        g is o and np.array_equal(g, e)
        for g, o, e in zip(backward(ops, "lstm")(*arguments, out=tuple(outs)), outs, every, strict=True)
    )


def test_second_gradient_is_refused_by_name():
    x, w, u, b = (tw.Tensor(a) for a in arrays(np.random.default_rng(12)))
    with tw.GradientTape() as outer:
        outer.watch(x)
        with tw.GradientTape() as inner:
            inner.watch(x)
            y = ops.lstm(x, w, u, b)[0]
        dx = inner.gradient(y, x)
    with pytest.raises(NotImplementedError, match=r"\[lstm_backward\] has no gradient of its own"):
        outer.gradient(dx, x)


def test_nothing_is_kept_without_a_tape():
    x, w, u, b = (tw.Tensor(a) for a in arrays(np.random.default_rng(13)))
    assert all(r.node is None for r in ops.lstm(x, w, u, b))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", GATES)
def test_agrees_with_pytorch(cell, reverse):
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rng = np.random.default_rng(14)
    x, w, u, b = arrays(rng, cell, 3, 7, 4, 6, paired=True)
    initial = states(rng, cell)
    judge_of = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "simple_rnn": torch.nn.RNN}[cell]
    # PyTorch's GRU has its gates in the order r, z, n.
    order = np.arange(GATES[cell] * 6).reshape(-1, 6)[[1, 0, 2] if cell == "gru" else slice(None)].ravel()
    layer = judge_of(4, 6, batch_first=True, dtype=torch.float64)
    for name, value in (
        ("weight_ih_l0", w.T),
        ("weight_hh_l0", u.T),
        ("bias_ih_l0", b[0]),
        ("bias_hh_l0", b[1]),
    ):
        getattr(layer, name).data = torch.from_numpy(value[order].copy())
    flip = (lambda a: a.flip(1)) if reverse else (lambda a: a)
    tx = torch.from_numpy(x).requires_grad_()
    first = tuple(torch.from_numpy(s)[None].requires_grad_() for s in initial)
    ty, last = layer(flip(tx), first if cell == "lstm" else first[0])
    ty, last = flip(ty), last if cell == "lstm" else (last,)
    bias = b if cell == "gru" else b[0] + b[1]
    inputs = [tw.Tensor(a) for a in (x, w, u, bias, *initial)]
    with tw.GradientTape() as tape:
        tape.watch(inputs)
        got = with_states(ops, cell)(*inputs, reverse=reverse)
    seeds = [rng.standard_normal(g.shape) for g in got]
    for g, t in zip(got, (ty, *(s[0] for s in last)), strict=True):
        compare(g, t.detach().numpy(), "rnn")
    found = tape.gradient(list(got), inputs, output_gradients=seeds)
    tseeds = [torch.from_numpy(s if i == 0 else s[None]) for i, s in enumerate(seeds)]
    wanted = torch.autograd.grad(
        (ty, *last),
        (tx, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0, *first),
        tseeds,
    )
    back = np.argsort(order)
    wants = [wanted[0], wanted[1][back].T, wanted[2][back].T, wanted[3][back], *(s[0] for s in wanted[5:])]
    if cell == "gru":
        wants[3] = torch.stack([wanted[3][back], wanted[4][back]])
    for g, t in zip(found, wants, strict=True):
        compare(g, t.numpy(), "rnn", np.float64)


@pytest.mark.parametrize("form", ["lstm", "gru", "gru reset before", "simple_rnn"])
def test_agrees_with_keras(form):
    pytest.importorskip("torch", reason="keras on torch is a judge, not a dependency")
    # Not "keras" alone: where Keras is absent that name finds the folder tests/keras.
    pytest.importorskip("keras.layers", reason="keras is a judge, not a dependency")
    import keras

    cell, options = FORMS[form]
    x, w, u, b = (
        a.astype(np.float32)
        for a in arrays(np.random.default_rng(15), cell, 3, 5, 4, 6, paired=form == "gru")
    )
    layers = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}
    for reverse in (False, True):
        layer = layers[cell](6, return_sequences=True, return_state=True, go_backwards=reverse, **options)
        layer.build(x.shape)
        layer.set_weights([w, u, b])
        wants = [keras.ops.convert_to_numpy(a) for a in layer(x, mask=MASK)]
        gots = getattr(ops, cell)(x, w, u, b, mask=MASK, reverse=reverse, **options)
        wants[0] = wants[0][:, ::-1] if reverse else wants[0]
        for got, want in zip(gots, wants, strict=True):
            compare(got, want.astype(np.float64), "rnn")
