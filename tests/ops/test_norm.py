# SPDX-License-Identifier: Apache-2.0
"""layer_norm, rms_norm, batch_norm: cases for the catalogue; sweeps and judges: test_norm_values.py."""

import numpy as np

from ops.harness import Bad, Case, f32
from tilewright import ops
from tilewright.reference import norm as reference


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def arrays(*makers):
    return lambda rng: tuple(make(rng) for make in makers)


def positive(*shape):
    return lambda rng: rng.random(shape) + 0.5


def backward_inputs(axis, rows, cols, extra=()):
    """dy, x, the true mean of x (backward relies on it), any rstd, gamma, and more."""

    def make(rng):
        dy, x = rng.standard_normal((rows, cols)), rng.standard_normal((rows, cols))
        mean = x.mean(axis=axis)
        return (
            dy,
            x,
            mean,
            rng.random(mean.shape) + 0.5,
            rng.standard_normal(cols),
            *(m(rng) for m in extra),
        )

    return make


def with_residual(module):
    """The module's functions with residual and dsum by position, so that cases can differentiate by them."""

    def layer_norm(x, residual, gamma, beta):
        return module.layer_norm(x, gamma, beta, residual=residual)

    def rms_norm(x, residual, gamma):
        return module.rms_norm(x, gamma, residual=residual)

    def layer_norm_backward(dy, x, mean, rstd, gamma, dsum):
        return module.layer_norm_backward(dy, x, mean, rstd, gamma, dsum=dsum)

    def rms_norm_backward(dy, x, rstd, gamma, dsum):
        return module.rms_norm_backward(dy, x, rstd, gamma, dsum=dsum)

    made = (layer_norm, rms_norm, layer_norm_backward, rms_norm_backward)
    for function in made:
        function.__doc__ = getattr(module, function.__name__).__doc__
    return made


LAYER, RMS, LAYER_BACKWARD, RMS_BACKWARD = with_residual(ops)
LAYER_REF, RMS_REF, LAYER_BACKWARD_REF, RMS_BACKWARD_REF = with_residual(reference)
STATISTICS = "mean and rstd are constants for the tape; the same case without them is differentiated"

BAD_ROWS = [
    Bad(lambda: ([1.0, 2.0],), TypeError, "x is a list, expected an array"),
    Bad(lambda: (np.ones((2, 3), np.int32),), TypeError, "int32"),
    Bad(lambda: (np.float32(1.0),), ValueError, "x has shape (), expected at least 1 dimension"),
    Bad(lambda: (f32(2, 3), f32(2)), ValueError, "gamma has shape (2,), expected (3,)"),
    Bad(lambda: (f32(2, 3), np.ones(3)), TypeError, "gamma has dtype float64"),
    Bad(lambda: (f32(2, 3),), ValueError, "axis is 2, expected -2 to 1", {"axis": 2}),
    Bad(
        lambda: (f32(2, 3),),
        ValueError,
        "residual has shape (3, 2), expected (2, 3)",
        {"residual": f32(3, 2)},
    ),
    Bad(lambda: (f32(2, 3),), TypeError, "residual has dtype float64", {"residual": np.ones((2, 3))}),
    Bad(lambda: (f32(2, 3),), ValueError, "out has shape (3, 2), expected (2, 3)", {"out": f32(3, 2)}),
    Bad(lambda: (f32(2, 3),), ValueError, "epsilon is -1", {"epsilon": -1.0}),
    Bad(lambda: (f32(2, 3),), ValueError, "epsilon is nan", {"epsilon": np.nan}),
]
BAD_LAYER = BAD_ROWS + [
    Bad(lambda: (f32(2, 3), None, f32(4)), ValueError, "beta has shape (4,), expected (3,)")
]
BAD_BATCH = [
    Bad(lambda: ("x",), TypeError, "x is a str, expected an array"),
    Bad(lambda: (np.float32(1.0),), ValueError, "x has shape ()"),
    Bad(lambda: (np.ones((2, 3), np.int64), None, None, f32(3), f32(3)), TypeError, "int64"),
    Bad(lambda: (f32(2, 3), f32(2)), ValueError, "gamma has shape (2,), expected (3,)"),
    Bad(lambda: (f32(2, 3), None, np.ones(3), f32(3), f32(3)), TypeError, "beta has dtype float64"),
    Bad(
        lambda: (f32(2, 3), None, None, f32(2), f32(3)),
        ValueError,
        "moving_mean has shape (2,), expected (3,)",
    ),
    Bad(lambda: (f32(2, 3), None, None, f32(3), np.ones(3)), TypeError, "moving_variance has dtype float64"),
    Bad(lambda: (f32(2, 3), None, None, f32(3), f32(3)), ValueError, "epsilon is -1", {"epsilon": -1.0}),
]
BAD_TRAINING = BAD_BATCH + [
    Bad(lambda: (f32(0, 3),), ValueError, "x has 0 values per channel, expected at least 1"),
    Bad(
        lambda: (f32(1, 3),),
        ValueError,
        "x has 1 values per channel, expected at least 2",
        {"unbiased": True},
    ),
    Bad(lambda: (f32(2, 3),), ValueError, "momentum is 1.5", {"momentum": 1.5}),
]
BAD_INFERENCE = BAD_BATCH + [
    Bad(lambda: (f32(2, 3),), ValueError, "moving_mean is None, expected an array in inference"),
    Bad(lambda: (f32(2, 3), None, None, f32(3)), ValueError, "moving_variance is None"),
    Bad(
        lambda: (f32(2, 3), None, None, f32(3), f32(3)),
        ValueError,
        "return_statistics is True in inference",
        {"return_statistics": True},
    ),
]
BAD_ROW_BACKWARD = [
    Bad(lambda: (f32(3, 2), f32(2, 3), f32(2), f32(2)), ValueError, "dy has shape (3, 2), expected (2, 3)"),
    Bad(lambda: (f32(2, 3), f32(2, 3), f32(3), f32(3)), ValueError, "mean has shape (3,), expected (2,)"),
]
BAD_RMS_BACKWARD = [
    Bad(lambda: (f32(2, 3), f32(2, 3), f32(3)), ValueError, "rstd has shape (3,), expected (2,)")
]
BAD_BATCH_BACKWARD = [
    Bad(lambda: (f32(3, 2), f32(2, 3), f32(3), f32(3)), ValueError, "dy has shape (3, 2)"),
    Bad(lambda: (f32(2, 3), f32(2, 3), f32(2), f32(3)), ValueError, "mean has shape (2,), expected (3,)"),
]

BATCH = (normal(3, 5, 4, 37), normal(37), normal(37), normal(37), positive(37))


def case(name, operations, function, want, inputs, **options):
    return Case(
        name, "norm", operations, function, want, inputs if callable(inputs) else arrays(*inputs), **options
    )


CASES = [
    case(
        "layer_norm",
        ["layer_norm_forward"],
        ops.layer_norm,
        reference.layer_norm,
        (normal(5, 37), normal(37), normal(37)),
        differentiable=[0, 1, 2],
        second_order=True,
        bad=BAD_LAYER,
    ),
    case(
        "layer_norm, two axes",
        ["layer_norm_forward"],
        ops.layer_norm,
        reference.layer_norm,
        (normal(3, 4, 5, 6), normal(4, 6), normal(4, 6)),
        kwargs={"axis": (1, 3)},
        differentiable=[0, 1, 2],
        second_order=True,
    ),
    case(
        "layer_norm, statistics",
        ["layer_norm_forward"],
        ops.layer_norm,
        reference.layer_norm,
        (normal(5, 4, 37),),
        kwargs={"return_statistics": True, "axis": 1},
        differentiable=STATISTICS,
    ),
    case(
        "layer_norm, residual",
        ["layer_norm_forward"],
        LAYER,
        LAYER_REF,
        (normal(5, 37), normal(5, 37), normal(37), normal(37)),
        differentiable=[0, 1, 2, 3],
        second_order=True,
    ),
    case(
        "layer_norm_backward",
        ["layer_norm_backward"],
        ops.layer_norm_backward,
        reference.layer_norm_backward,
        backward_inputs(1, 300, 37),
        differentiable=[0, 4],
        bad=BAD_ROW_BACKWARD,
    ),
    case(
        "layer_norm_backward, dsum",
        ["layer_norm_backward"],
        LAYER_BACKWARD,
        LAYER_BACKWARD_REF,
        backward_inputs(1, 5, 7, [normal(5, 7)]),
        differentiable=[0, 4, 5],
    ),
    case(
        "rms_norm",
        ["rms_norm_forward"],
        ops.rms_norm,
        reference.rms_norm,
        (normal(5, 37), normal(37)),
        differentiable=[0, 1],
        second_order=True,
        bad=BAD_ROWS,
    ),
    case(
        "rms_norm, residual",
        ["rms_norm_forward"],
        RMS,
        RMS_REF,
        (normal(5, 37), normal(5, 37), normal(37)),
        differentiable=[0, 1, 2],
        second_order=True,
    ),
    case(
        "rms_norm_backward",
        ["rms_norm_backward"],
        ops.rms_norm_backward,
        reference.rms_norm_backward,
        (normal(5, 37), normal(5, 37), positive(5), normal(37)),
        differentiable=[0, 3],
        bad=BAD_RMS_BACKWARD,
    ),
    case(
        "rms_norm_backward, dsum",
        ["rms_norm_backward"],
        RMS_BACKWARD,
        RMS_BACKWARD_REF,
        (normal(5, 7), normal(5, 7), positive(5), normal(7), normal(5, 7)),
        differentiable=[0, 3, 4],
    ),
    case(
        "batch_norm, training",
        ["batch_norm_training"],
        ops.batch_norm,
        reference.batch_norm,
        BATCH,
        kwargs={"training": True},
        differentiable=[0, 1, 2],
        second_order=True,
        bad=BAD_TRAINING,
    ),
    case(
        "batch_norm, channels first",
        ["batch_norm_training"],
        ops.batch_norm,
        reference.batch_norm,
        (normal(3, 5, 4, 7), normal(5), normal(5)),
        kwargs={"training": True, "axis": 1},
        differentiable=[0, 1, 2],
        second_order=True,
    ),
    case(
        "batch_norm, statistics",
        ["batch_norm_training"],
        ops.batch_norm,
        reference.batch_norm,
        BATCH,
        kwargs={"training": True, "return_statistics": True},
        differentiable=STATISTICS,
    ),
    case(
        "batch_norm, inference",
        ["batch_norm_inference"],
        ops.batch_norm,
        reference.batch_norm,
        BATCH,
        kwargs={"training": False},
        differentiable=[0, 1, 2],
        second_order=True,
        bad=BAD_INFERENCE,
    ),
    case(
        "batch_norm_backward",
        ["batch_norm_backward"],
        ops.batch_norm_backward,
        reference.batch_norm_backward,
        backward_inputs(0, 600, 37),
        differentiable=[0, 4],
        bad=BAD_BATCH_BACKWARD,
    ),
]
