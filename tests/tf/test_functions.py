# SPDX-License-Identifier: Apache-2.0
"""The functions at the root, in tf.math and in tf.linalg: values and gradients against PyTorch."""

import numpy as np
import pytest

import tilewright as tf
from tf.judge import Case, check, floats, whole

torch = pytest.importorskip("torch", reason="PyTorch is the judge of values and gradients")

X, Y, ROW, COLUMN = floats(3, 4), floats(3, 4, seed=1), floats(4, seed=2), floats(3, 1, seed=3)
POSITIVE, OTHER = floats(3, 4, low=0.2, high=3.0), floats(3, 4, low=0.2, high=3.0, seed=1)
INSIDE = floats(3, 4, low=-0.9, high=0.9)
CUBE, WIDE = floats(2, 3, 4), floats(2, 5, 3, 4)
IDS, MASK = whole(5, high=3), floats(3, 4) > 0


def unary(name, judge, x=X, **options):
    return Case(f"math.{name}", getattr(tf.math, name), judge, (x,), **options)


def binary(name, judge, x=X, y=ROW, **options):
    return Case(f"math.{name}", getattr(tf.math, name), judge, (x, y), **options)


def call(name, ours, judge, *inputs, **options):
    return Case(name, ours, judge, inputs, **options)


ELEMENTWISE = [
    unary("abs", torch.abs),
    unary("negative", torch.neg),
    unary("sign", torch.sign),
    unary("square", torch.square),
    unary("cube", lambda x: x**3),
    unary("exp", torch.exp),
    unary("expm1", torch.expm1),
    unary("log", torch.log, POSITIVE),
    unary("log1p", torch.log1p, POSITIVE),
    unary("sqrt", torch.sqrt, POSITIVE),
    unary("rsqrt", torch.rsqrt, POSITIVE),
    unary("reciprocal", torch.reciprocal),
    unary("sin", torch.sin),
    unary("cos", torch.cos),
    unary("tan", torch.tan, INSIDE),
    unary("sinh", torch.sinh),
    unary("cosh", torch.cosh),
    unary("tanh", torch.tanh),
    unary("asinh", torch.asinh),
    unary("acosh", torch.acosh, floats(3, 4, low=1.1, high=9)),
    unary("atanh", torch.atanh, INSIDE),
    unary("acos", torch.acos, INSIDE),
    unary("asin", torch.asin, INSIDE),
    unary("atan", torch.atan, floats(3, 4, low=-5, high=5)),
    unary("erf", torch.erf),
    unary("erfc", torch.erfc),
    unary("erfinv", torch.erfinv, INSIDE),
    unary("sigmoid", torch.sigmoid),
    unary("log_sigmoid", torch.nn.functional.logsigmoid, floats(3, 4, low=-30, high=30)),
    unary("softplus", torch.nn.functional.softplus),
    unary("softsign", torch.nn.functional.softsign),
    unary("floor", torch.floor),
    unary("ceil", torch.ceil),
    unary("round", torch.round),
    unary("is_nan", torch.isnan, np.array([1, np.nan, np.inf], np.float32), gradient=False),
    unary("is_inf", torch.isinf, np.array([1, np.nan, np.inf], np.float32), gradient=False),
    unary("is_finite", torch.isfinite, np.array([1, np.nan, np.inf], np.float32), gradient=False),
    unary("logical_not", torch.logical_not, MASK, gradient=False),
    binary("add", torch.add),
    binary("atan2", torch.atan2),
    binary("subtract", torch.subtract),
    binary("multiply", torch.multiply, X, COLUMN),
    binary("divide", torch.divide),
    binary("floordiv", torch.floor_divide, gradient=False),
    binary("floormod", torch.remainder),
    binary("maximum", torch.maximum, X, Y),
    binary("minimum", torch.minimum, X, Y),
    binary("pow", torch.pow, POSITIVE, Y),
    binary("squared_difference", lambda x, y: (x - y) ** 2),
    binary("xlogy", torch.xlogy, X, OTHER),
    binary("divide_no_nan", lambda x, y: x / y),
    binary("equal", torch.eq, whole(3, 4), whole(4), gradient=False),
    binary("not_equal", torch.ne, whole(3, 4), whole(4), gradient=False),
    binary("less", torch.lt, gradient=False),
    binary("less_equal", torch.le, gradient=False),
    binary("greater", torch.gt, gradient=False),
    binary("greater_equal", torch.ge, gradient=False),
    binary("logical_and", torch.logical_and, MASK, ~MASK[0], gradient=False),
    binary("logical_or", torch.logical_or, MASK, ~MASK[0], gradient=False),
    binary("logical_xor", torch.logical_xor, MASK, ~MASK[0], gradient=False),
    binary("floordiv", torch.floor_divide, whole(9, high=50) - 25, whole(9, high=4) + 1, gradient=False),
    binary("floormod", torch.remainder, whole(9, high=50) - 25, whole(9, high=4) + 1, gradient=False),
    call("clip_by_value", lambda x: tf.clip_by_value(x, -0.7, 0.9), lambda x: x.clamp(-0.7, 0.9), X),
    call("clip_by_value ints", lambda x: tf.clip_by_value(x, 1, 3), lambda x: x.clamp(1, 3), whole(7)),
    call("add_n", lambda x, y: tf.add_n([x, y, x]), lambda x, y: x + y + x, X, Y),
    call("clip_by_norm", lambda x: tf.clip_by_norm(x, 1.5), lambda x: x * 1.5 / x.norm(), X),
    call(
        "clip_by_global_norm",
        lambda x, y: tf.clip_by_global_norm([x, y], 1.5),
        lambda x, y: [
            x * 1.5 / torch.cat([x, y]).norm(),
            y * 1.5 / torch.cat([x, y]).norm(),
            torch.cat([x, y]).norm(),
        ],
        X,
        Y,
    ),
    call("where", lambda x, y: tf.where(x > y, x, y), lambda x, y: torch.where(x > y, x, y), X, Y),
    call("where number", lambda x: tf.where(x > 0, x, 0.0), lambda x: torch.where(x > 0, x, 0.0), X),
]


def reduction(name, judge, x=CUBE, **options):
    kinds = [(None, False), (1, False), ((0, 2), True), (-1, True)]

    def ours(x):
        return [getattr(tf.math, f"reduce_{name}")(x, axis, keepdims) for axis, keepdims in kinds]

    def theirs(x):
        return [
            judge(x, tuple(range(x.ndim)) if axis is None else axis, keepdims) for axis, keepdims in kinds
        ]

    return Case(f"reduce_{name}", ours, theirs, (x,), **options)


def product(x, axes, keep):
    for axis in sorted((a % x.ndim for a in (axes if isinstance(axes, tuple) else (axes,))), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCTIONS = [
    reduction("sum", lambda x, a, k: x.sum(a, k)),
    reduction("mean", lambda x, a, k: x.mean(a, k)),
    reduction("max", lambda x, a, k: x.amax(a, k)),
    reduction("min", lambda x, a, k: x.amin(a, k)),
    reduction("prod", product),
    reduction("logsumexp", lambda x, a, k: x.logsumexp(a, k)),
    reduction("std", lambda x, a, k: x.std(a, correction=0, keepdim=k)),
    reduction("variance", lambda x, a, k: x.var(a, correction=0, keepdim=k)),
    reduction("euclidean_norm", lambda x, a, k: (x**2).sum(a, k).sqrt()),
    reduction(
        "any",
        lambda x, a, k: x.any(a, k) if not isinstance(a, tuple) else (x.sum(a, keepdim=k) > 0),
        whole(2, 3, 4, high=2) > 0,
        gradient=False,
    ),
    reduction(
        "all",
        lambda x, a, k: x.all(a, k) if not isinstance(a, tuple) else ((~x).sum(a, keepdim=k) == 0),
        whole(2, 3, 4, high=2) > 0,
        gradient=False,
    ),
    call(
        "argmax",
        lambda x: [tf.argmax(x), tf.argmax(x, 1)],
        lambda x: [x.argmax(0), x.argmax(1)],
        X,
        gradient=False,
    ),
    call(
        "argmin",
        lambda x: [tf.argmin(x), tf.argmin(x, 1)],
        lambda x: [x.argmin(0), x.argmin(1)],
        X,
        gradient=False,
    ),
    call("cumsum", lambda x: tf.cumsum(x, 1), lambda x: x.cumsum(1), CUBE),
    call("cumsum exclusive", lambda x: tf.cumsum(x, 1, exclusive=True), lambda x: x.cumsum(1) - x, CUBE),
    call(
        "cumsum reverse", lambda x: tf.cumsum(x, 2, reverse=True), lambda x: x.flip(2).cumsum(2).flip(2), CUBE
    ),
    call("cumprod", lambda x: tf.math.cumprod(x, 2), lambda x: x.cumprod(2), CUBE),
    call(
        "cumprod reverse",
        lambda x: tf.math.cumprod(x, 0, reverse=True),
        lambda x: x.flip(0).cumprod(0).flip(0),
        X,
    ),
    call(
        "cumprod exclusive",
        lambda x: tf.math.cumprod(x, 0, exclusive=True),
        lambda x: torch.cat([torch.ones(1, 4), x.cumprod(0)[:-1]]),
        X,
    ),
    call(
        "cumulative_logsumexp", lambda x: tf.math.cumulative_logsumexp(x, 1), lambda x: x.logcumsumexp(1), X
    ),
    call(
        "count_nonzero", lambda x: tf.math.count_nonzero(x, 0), lambda x: (x != 0).sum(0), whole(4, 3, high=2)
    ),
    call(
        "segment_sum",
        lambda x: tf.math.segment_sum(x, [0, 0, 2]),
        lambda x: torch.stack([x[0] + x[1], 0 * x[0], x[2]]),
        X,
    ),
    call(
        "segment_mean",
        lambda x: tf.math.unsorted_segment_mean(x, [2, 0, 2], 3),
        lambda x: torch.stack([x[1], 0 * x[0], (x[0] + x[2]) / 2]),
        X,
    ),
    call(
        "segment_max",
        lambda x: tf.math.segment_max(x, [0, 1, 1]),
        lambda x: torch.stack([x[0], torch.maximum(x[1], x[2])]),
        X,
    ),
    call(
        "bincount", lambda x: tf.math.bincount(x, minlength=6), lambda x: torch.bincount(x, minlength=6), IDS
    ),
    call(
        "sort",
        lambda x: [tf.sort(x), tf.sort(x, 0, "DESCENDING")],
        lambda x: [x.sort()[0], x.sort(0, descending=True)[0]],
        X,
    ),
    call(
        "argsort",
        lambda x: [tf.argsort(x), tf.argsort(x, 0, "DESCENDING")],
        lambda x: [x.argsort(), x.argsort(0, descending=True)],
        X,
        gradient=False,
    ),
    call(
        "argsort of equal ints",
        lambda x: tf.argsort(x, stable=True),
        lambda x: x.argsort(stable=True),
        whole(40),
    ),
]

SHAPES = [
    call("reshape", lambda x: tf.reshape(x, [2, -1]), lambda x: x.reshape(2, -1), X),
    call(
        "transpose",
        lambda x: [tf.transpose(x), tf.transpose(x, [1, 2, 0])],
        lambda x: [x.permute(2, 1, 0), x.permute(1, 2, 0)],
        CUBE,
    ),
    call("expand_dims", lambda x: tf.expand_dims(x, -2), lambda x: x.unsqueeze(-2), X),
    call("squeeze", lambda x: tf.squeeze(x, 1), lambda x: x.squeeze(1), COLUMN),
    call("concat", lambda x, y: tf.concat([x, y, x], 1), lambda x, y: torch.cat([x, y, x], 1), X, Y),
    call("stack", lambda x, y: tf.stack([x, y], axis=1), lambda x, y: torch.stack([x, y], 1), X, Y),
    call("unstack", lambda x: tf.unstack(x, axis=1), lambda x: list(x.unbind(1)), CUBE),
    call("split", lambda x: tf.split(x, 2, axis=-1), lambda x: list(x.split(2, -1)), CUBE),
    call("split by sizes", lambda x: tf.split(x, [1, -1, 1], 2), lambda x: list(x.split([1, 2, 1], 2)), CUBE),
    call("tile", lambda x: tf.tile(x, [2, 3]), lambda x: x.tile(2, 3), X),
    call("repeat", lambda x: tf.repeat(x, 2, axis=1), lambda x: x.repeat_interleave(2, 1), X),
    call(
        "repeat by counts",
        lambda x: tf.repeat(x, [2, 0, 1], axis=0),
        lambda x: x.repeat_interleave(torch.tensor([2, 0, 1]), 0),
        X,
    ),
    call(
        "pad",
        lambda x: tf.pad(x, [[1, 0], [2, 3]], constant_values=1.5),
        lambda x: torch.nn.functional.pad(x, (2, 3, 1, 0), value=1.5),
        X,
    ),
    call(
        "pad reflect",
        lambda x: tf.pad(x, [[0, 0], [2, 1]], "REFLECT"),
        lambda x: torch.nn.functional.pad(x[None], (2, 1), mode="reflect")[0],
        X,
    ),
    call("slice", lambda x: tf.slice(x, [0, 1, 2], [-1, 2, 1]), lambda x: x[:, 1:3, 2:3], CUBE),
    call("reverse", lambda x: tf.reverse(x, [0, 1]), lambda x: x.flip(0, 1), X),
    call("roll", lambda x: tf.roll(x, [1, -2], [0, 1]), lambda x: x.roll((1, -2), (0, 1)), X),
    call("broadcast_to", lambda x: tf.broadcast_to(x, [2, 3, 4]), lambda x: x.expand(2, 3, 4), X),
    call("gather", lambda x, i: tf.gather(x, i, axis=1), lambda x, i: x[:, i.long()], CUBE, IDS),
    call(
        "gather matrix of ids", lambda x, i: tf.gather(x, i), lambda x, i: x[i.long()], X, whole(2, 3, high=3)
    ),
    call(
        "gather batch",
        lambda x, i: tf.gather(x, i, batch_dims=1),
        lambda x, i: torch.stack([a[b] for a, b in zip(x, i.long(), strict=True)]),
        CUBE,
        whole(2, 5, high=3),
    ),
    call(
        "gather batch, axis",
        lambda x, i: tf.gather(x, i, axis=2, batch_dims=1),
        lambda x, i: torch.stack([a[:, b] for a, b in zip(x, i.long(), strict=True)]),
        WIDE,
        whole(2, 6, high=3),
    ),
    call(
        "gather_nd",
        lambda x: tf.gather_nd(x, [[0, 1], [1, 2], [0, 1]]),
        lambda x: x[[0, 1, 0], [1, 2, 1]],
        CUBE,
    ),
    call(
        "gather_nd batch",
        lambda x: tf.gather_nd(x, [[[1, 0]], [[2, 3]]], batch_dims=1),
        lambda x: torch.stack([x[0, 1, 0], x[1, 2, 3]])[:, None],
        CUBE,
    ),
    call(
        "scatter_nd",
        lambda x: tf.scatter_nd([[1], [3], [1]], x, [5, 4]),
        lambda x: torch.zeros(5, 4, dtype=torch.float64).index_add(0, torch.tensor([1, 3, 1]), x),
        X,
    ),
    call(
        "tensor_scatter_nd_update",
        lambda x, y: tf.tensor_scatter_nd_update(x, [[0], [2]], y[:2]),
        lambda x, y: torch.stack([y[0], x[1], y[1]]),
        X,
        Y,
    ),
    call(
        "boolean_mask",
        lambda x: [tf.boolean_mask(x, X > 0), tf.boolean_mask(x, [True, False, True])],
        lambda x: [x[torch.tensor(X > 0)], x[[0, 2]]],
        X,
    ),
    call(
        "mask as index",
        lambda x: [x[x > 0], x[tf.constant([False, True, True])]],
        lambda x: [x[x > 0], x[1:]],
        X,
    ),
    call(
        "index",
        lambda x: [x[0], x[..., 1], x[:, tf.newaxis, 1:], x[1, ::-2]],
        lambda x: [x[0], x[..., 1], x[:, None, 1:], x[1, [2, 0]]],
        CUBE,
    ),
    call("one_hot", lambda i: tf.one_hot(i, 4), lambda i: torch.nn.functional.one_hot(i.long(), 4), IDS),
    call(
        "meshgrid",
        lambda x, y: tf.meshgrid(x, y),
        lambda x, y: list(torch.meshgrid(x, y, indexing="xy")),
        ROW,
        IDS.astype(np.float32),
    ),
]

A, B, SQUARE = floats(4, 5), floats(5, 3), floats(2, 4, 4)


def einsum(equation, *inputs):
    return call(
        f"einsum {equation}",
        lambda *x: tf.einsum(equation, *x),
        lambda *x: torch.einsum(equation if "->" in equation or "..." not in equation else equation, *x),
        *inputs,
    )


PRODUCTS = [
    call("matmul", tf.matmul, torch.matmul, A, B),
    call(
        "matmul transposed",
        lambda a, b: tf.matmul(a, b, transpose_a=True, transpose_b=True),
        lambda a, b: a.mT @ b.mT,
        A,
        floats(3, 4),
    ),
    call("matmul batch", tf.matmul, torch.matmul, CUBE, floats(4, 2)),
    call("matvec", tf.linalg.matvec, lambda a, x: a @ x, A, floats(5)),
    call(
        "tensordot",
        lambda a, b: tf.tensordot(a, b, 2),
        lambda a, b: torch.tensordot(a, b, 2),
        CUBE,
        floats(3, 4, 5),
    ),
    call(
        "tensordot axes",
        lambda a, b: tf.tensordot(a, b, [[0, 2], [2, 0]]),
        lambda a, b: torch.tensordot(a, b, ([0, 2], [2, 0])),
        CUBE,
        floats(4, 5, 2),
    ),
    call(
        "tensordot outer",
        lambda a, b: tf.tensordot(a, b, 0),
        lambda a, b: torch.tensordot(a, b, 0),
        ROW,
        floats(3),
    ),
    einsum("ij,jk->ik", A, B),
    einsum("ij,jk", A, B),
    einsum("ij->ji", A),
    einsum("ij->", A),
    einsum("ii->i", floats(4, 4)),
    einsum("bii->b", SQUARE),
    einsum("i,j->ij", floats(3), floats(4)),
    einsum("i,i->", floats(4), ROW),
    einsum("bij,bjk->bik", CUBE, floats(2, 4, 3)),
    einsum("bthd,bshd->bhts", WIDE, floats(2, 6, 3, 4)),
    einsum("bhts,bshd->bthd", floats(2, 3, 5, 6), floats(2, 6, 3, 4)),
    einsum("abc,cd,de->abe", CUBE, floats(4, 5), B),
    einsum("...ij,...jk->...ik", CUBE, floats(4, 2)),
    einsum("i...,i->...", CUBE, floats(2)),
    einsum("ij,ij->ij", X, Y),
    einsum("abc,cb->ab", CUBE, floats(4, 3)),
    call(
        "norm",
        lambda x: [
            tf.norm(x),
            tf.norm(x, axis=1),
            tf.norm(x, 1, axis=0),
            tf.norm(x, np.inf),
            tf.norm(x, 3, 1),
        ],
        lambda x: [x.norm(), x.norm(dim=1), x.norm(1, 0), x.abs().max(), x.norm(3, 1)],
        X,
    ),
    call(
        "band_part",
        lambda x: [
            tf.linalg.band_part(x, -1, 0),
            tf.linalg.band_part(x, 1, 2),
            tf.linalg.band_part(x, 0, -1),
        ],
        lambda x: [x.tril(), x.tril(2).triu(-1), x.triu()],
        SQUARE,
    ),
    call(
        "diag",
        lambda x: [tf.linalg.diag(x), tf.linalg.diag(x, k=1)],
        lambda x: [torch.diag_embed(x), torch.diag_embed(x, 1)],
        X,
    ),
    call(
        "diag_part",
        lambda x: [tf.linalg.diag_part(x), tf.linalg.diag_part(x, k=-1), tf.linalg.diag_part(x, k=2)],
        lambda x: [x.diagonal(0, 1, 2), x.diagonal(-1, 1, 2), x.diagonal(2, 1, 2)],
        CUBE,
    ),
    call(
        "set_diag",
        lambda x, y: tf.linalg.set_diag(x, y[:2]),
        lambda x, y: x - torch.diag_embed(x.diagonal(0, 1, 2)) + torch.diag_embed(y[:2]),
        SQUARE,
        X,
    ),
    call("trace", tf.linalg.trace, lambda x: x.diagonal(0, 1, 2).sum(-1), SQUARE),
    call("cross", tf.linalg.cross, lambda a, b: torch.linalg.cross(a, b), floats(4, 3), floats(4, 3, seed=1)),
    call(
        "l2_normalize",
        lambda x: tf.linalg.l2_normalize(x, 1),
        lambda x: torch.nn.functional.normalize(x, dim=1),
        X,
    ),
]


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in (*ELEMENTWISE, *REDUCTIONS, *SHAPES, *PRODUCTS)]
)
def test_value_and_gradients(case):
    check(case)
