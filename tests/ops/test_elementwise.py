# SPDX-License-Identifier: Apache-2.0
"""The elementwise family: its cases for the catalogue (test_catalogue.py runs them)."""

import numpy as np

from ops.harness import Bad, Case, f32
from tilewright import ops
from tilewright.reference import elementwise as reference


def away_from_corners(rng):
    x = rng.uniform(-4, 8, (6, 23))
    return (np.where(np.abs(x - np.rint(x)) < 0.01, x + 0.05, x),)


def positive(rng):
    return (rng.uniform(0.3, 4, (6, 23)),)


BAD_UNARY = [
    Bad(lambda: ([1.0],), TypeError, "x is a list, expected an array"),
    Bad(lambda: (np.ones(3, np.complex64),), TypeError, "complex64"),
    Bad(lambda: (np.ones(3, ">f4"),), TypeError, "byte-swapped"),
    Bad(lambda: (f32(2, 3),), ValueError, "out has shape (3, 2), expected (2, 3)", {"out": f32(3, 2)}),
    Bad(lambda: (f32(2, 3),), TypeError, "out has dtype float64", {"out": np.ones((2, 3))}),
    Bad(
        lambda: (f32(3),), ValueError, "address", {"out": np.lib.stride_tricks.as_strided(f32(4), (3,), (0,))}
    ),
]
POSITIVE = ("sqrt", "rsqrt", "log", "log1p", "reciprocal")
STRAIGHT = ("negative", "abs", "sign", "clip", "floor", "ceil", "round", "relu", "relu6", "leaky_relu")
CONSTANTS = {"leaky_relu": (0.3,), "elu": (1.7,), "clip": (-0.9, 2.3)}


def unary_case(name):
    constants = CONSTANTS.get(name, ())
    function = getattr(ops, name)

    def call(x, **kwargs):
        return function(x, *constants, **kwargs)

    call.__doc__, call.__name__ = function.__doc__, name
    p, q = (*constants, 0.0, 0.0)[:2]
    return Case(
        name,
        "elementwise",
        ["unary"],
        call,
        lambda x: reference.unary(x, name, p, q),
        positive if name in POSITIVE else away_from_corners,
        differentiable=[0],
        second_order=True,
        bad=BAD_UNARY,
    )


def derivative_case(name, order):
    function = getattr(ops, "unary_backward" if order == 1 else "unary_backward2")
    p, q = (*CONSTANTS.get(name, ()), 0.0, 0.0)[:2]

    def inputs(rng):
        x = (positive if name in POSITIVE else away_from_corners)(rng)[0]
        return rng.standard_normal(x.shape), x, name

    bad = [
        Bad(lambda: (f32(2), f32(3), name), ValueError, "dy has shape (2,), expected (3,) like x"),
        Bad(lambda: (f32(3), f32(3), "nonsense"), ValueError, 'function is "nonsense"'),
        Bad(lambda: (f32(3), f32(3), "isnan"), ValueError, "no derivative"),
        Bad(lambda: (np.ones(3), f32(3), name), TypeError, "dy has dtype float64, expected float32"),
    ]
    constant = name in STRAIGHT  # the first derivative, wherever there is one
    return Case(
        f"{function.__name__}-{name}",
        "elementwise",
        [function.__name__],
        function,
        getattr(reference, function.__name__),
        inputs,
        {"p": p, "q": q},
        differentiable=[0] if constant or order == 2 else [0, 1],
        second_order=order == 1 and constant,
        bad=bad,
    )


def pair(rng):
    return rng.standard_normal((5, 1, 7)) * 3, rng.standard_normal((6, 7)) * 3


def positive_pair(rng):
    return rng.uniform(0.2, 3, (5, 1, 7)), rng.uniform(-2, 2, (6, 7))


BAD_BINARY = [
    Bad(lambda: ("a", f32(3)), TypeError, "a is a str, expected an array"),
    Bad(lambda: (f32(3), f32(4)), ValueError, "shapes (3,) and (4,) do not broadcast"),
    Bad(lambda: (np.ones(3, np.uint8), 300), ValueError, "b is 300, which uint8 cannot hold"),
    Bad(lambda: (f32(3), f32(3)), ValueError, "out has shape (4,), expected (3,)", {"out": f32(4)}),
    Bad(lambda: (np.ones(3, np.complex64), 1), TypeError, "complex64"),
]


def binary_case(name, truth=False):
    function = getattr(ops, name)
    return Case(
        name,
        "elementwise",
        ["binary"],
        function,
        lambda a, b: reference.binary(a, b, name),
        positive_pair if name == "power" else pair,
        differentiable="bool result" if truth else [0, 1],
        second_order=not truth,
        bad=BAD_BINARY,
    )


UNARY = [n for n in reference.FUNCTIONS]
ARITHMETIC = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "power"]
TRUTH = [
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]


def rows(rng):
    return (rng.standard_normal((9, 37)) * 2,)


def activation_case(name):
    def inputs(rng):
        return (rng.standard_normal((40, 21)) * 3, rng.standard_normal(21), rng.standard_normal((40, 21)))

    def call(x, bias, residual, **kwargs):
        return ops.bias_activation(x, bias=bias, residual=residual, **kwargs)

    call.__doc__, call.__name__ = ops.bias_activation.__doc__, "bias_activation"
    bad = [
        Bad(lambda: (f32(2, 3), f32(2), None), ValueError, "bias has shape (2,), expected (3,)"),
        Bad(lambda: (f32(2, 3), np.ones(3), None), TypeError, "bias has dtype float64, expected float32"),
        Bad(lambda: (f32(2, 3), f32(3), f32(3, 2)), ValueError, "residual has shape (3, 2), expected (2, 3)"),
        Bad(
            lambda: (f32(2, 3), f32(3), None),
            ValueError,
            "activation is 'nonsense'",
            {"activation": "nonsense"},
        ),
        Bad(lambda: (f32(2, 3), f32(3), None), ValueError, "slope is -1", {"activation": "elu", "slope": -1}),
        Bad(
            lambda: (f32(2, 3), f32(3), None),
            TypeError,
            "slope is a str",
            {"activation": "elu", "slope": "x"},
        ),
    ]
    return Case(
        f"bias_activation-{name}",
        "elementwise",
        ["bias_activation_forward"],
        call,
        lambda x, bias, residual, **kw: reference.bias_activation(x, bias=bias, residual=residual, **kw),
        inputs,
        {"activation": name},
        differentiable=[0, 1, 2],
        second_order=True,
        bad=bad,
    )


def activation_backward_case(name):
    def inputs(rng):
        z = rng.standard_normal((40, 21)) * 3
        saved = z if name in ("gelu", "gelu_tanh", "silu") else reference.bias_activation(z, activation=name)
        return rng.standard_normal((40, 21)), saved

    def call(dy, saved, **kwargs):
        return ops.bias_activation_backward(dy, saved, name, bias_gradient=True, **kwargs)

    call.__doc__, call.__name__ = ops.bias_activation_backward.__doc__, "bias_activation_backward"
    bad = [Bad(lambda: (f32(2, 3), f32(3, 2)), ValueError, "saved has shape (3, 2), expected (2, 3)")]
    return Case(
        f"bias_activation_backward-{name}",
        "elementwise-sum",
        ["bias_activation_backward"],
        call,
        lambda dy, saved: reference.bias_activation_backward(dy, saved, name, bias_gradient=True),
        inputs,
        differentiable=[0] if name in STRAIGHT else [0, 1],
        bad=bad,
    )


ACTIVATIONS = [
    None,
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "gelu",
    "gelu_tanh",
    "silu",
    "softplus",
]
KEY = np.array([12345, 7])

CASES = [
    *(unary_case(name) for name in UNARY),
    *(derivative_case(name, order) for name in UNARY for order in (1, 2)),
    *(binary_case(name) for name in ARITHMETIC),
    *(binary_case(name, truth=True) for name in TRUTH),
    *(activation_case(name) for name in ACTIVATIONS),
    *(activation_backward_case(name) for name in ACTIVATIONS[1:]),
    Case(
        "where",
        "exact",
        ["where"],
        lambda a, b, **kw: (
            ops.where(a > 0, a, b, **kw)
            if isinstance(a, np.ndarray)
            else ops.where(ops.greater(a, 0.0), a, b, **kw)
        ),
        lambda a, b: np.where(a > 0, a, b),
        pair,
        differentiable=[0, 1],
        second_order=True,
    ),
    Case(
        "copy",
        "exact",
        ["copy"],
        ops.copy,
        reference.copy,
        lambda rng: (rng.standard_normal((70, 90)).T,),
        differentiable=[0],
        second_order=True,
        bad=[Bad(lambda: ({},), TypeError, "x is a dict, expected an array")],
    ),
    Case(
        "full",
        "exact",
        ["fill"],
        ops.full,
        lambda shape, value: np.full(shape, value),
        lambda rng: ((3, 5), 2.5),
        differentiable="no array goes in",
        bad=[
            Bad(lambda: ((2, -1), 0.0), ValueError, "shape is (2, -1)"),
            Bad(lambda: ((2,), "x"), TypeError, "value is a str, expected a number"),
        ],
    ),
    Case(
        "dropout",
        "elementwise",
        ["dropout"],
        ops.dropout,
        reference.dropout,
        lambda rng: (*rows(rng), 0.3),
        {"key": KEY},
        differentiable=[0],
        second_order=True,
        bad=[
            Bad(lambda: (f32(3), 1.5), ValueError, "rate is 1.5", {"key": KEY}),
            Bad(lambda: (f32(3), "x"), TypeError, "rate is a str", {"key": KEY}),
            Bad(
                lambda: (f32(3), 0.5), ValueError, "key has shape (3,), expected (2,)", {"key": np.arange(3)}
            ),
            Bad(lambda: (f32(3), 0.5), TypeError, "key has dtype float64", {"key": np.ones(2)}),
            Bad(lambda: (np.ones(3, np.int32), 0.5), TypeError, "int32", {"key": KEY}),
        ],
    ),
]
CASES[-4].function.__doc__ = ops.where.__doc__
CASES[-4].bad = [
    Bad(lambda: (np.ones((2, 3)), np.ones((4, 3))), ValueError, "do not broadcast"),
]
