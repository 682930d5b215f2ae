# SPDX-License-Identifier: Apache-2.0
"""The one way every operation is checked: against a float64 reference, by finite differences, on bad input.

A family's test file lists its `CASES`; test_catalogue.py runs them all, on every instruction set and with 1,
2 and 3 threads, and fails for a line of the table that no case covers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tolerances import tolerance

import tilewright as tw

# Sizes at which vector code goes wrong: nothing, one, primes, and around powers of two.
SIZES = (0, 1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 61, 63, 64, 65, 127, 128, 129)

# What the epilogues of matmul and conv2d apply.
ACTIVATIONS = (
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
)


def f32(*shape):
    """Ones in float32: arguments whose shape alone matters."""
    return np.ones(shape, np.float32)


@dataclass
class Bad:
    """A call that must fail: arguments, exception, and a part of its message."""

    args: Callable[[], tuple]
    error: type[Exception]
    message: str
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass
class Case:
    """One operation of tilewright.ops and how to judge it.

    operations : lines of the table (csrc/core/ops.h) this case runs
    function : the public function;  reference : its counterpart in tilewright.reference, same arguments
    inputs : inputs(rng) gives positional arguments in float64; float arrays are cast to each dtype tested
    kwargs : keyword arguments of both
    differentiable : indices of the positional arguments to differentiate by, or the reason why none is
    second_order : the gradient is differentiated again
    """

    name: str
    family: str
    operations: Sequence[str]
    function: Callable
    reference: Callable
    inputs: Callable[[np.random.Generator], tuple]
    kwargs: dict[str, Any] = field(default_factory=dict)
    differentiable: Sequence[int] | str = ()
    second_order: bool = False
    bad: Sequence[Bad] = ()
    dtypes: Sequence[type] = (np.float32, np.float64)

    def arguments(self, dtype, seed=0):
        return tuple(_cast(a, dtype) for a in self.inputs(np.random.default_rng(seed)))


def _cast(a, dtype):
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], np.ndarray):
        return type(a)(_cast(b, dtype) for b in a)
    return a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a


def outputs_of(result) -> tuple:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def compare(got, want, family: str, dtype=None, what: str = "", scale: float = 0.0) -> None:
    """Fails with the first bad coordinate, what came, what was expected and the bound.

    `scale` raises the size that errors are relative to above the largest |want|: for sums whose terms may
    cancel in every element, the root of the sum of squared terms."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what} shape {got.shape}, expected {want.shape}"
    if got.size == 0:
        return
    if got.dtype.kind in "biu":
        bad = got != want
        bound = np.zeros(got.shape)
    else:
        limit = tolerance(family, dtype or got.dtype)
        finite = np.isfinite(want)
        scale = max(scale, np.abs(want[finite]).max() if finite.any() else 1.0)
        bound = limit.relative * np.abs(want) + limit.absolute * scale
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(got.astype(np.float64) - want) <= bound)
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        bad &= ~same
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        pytest.fail(
            f"{what} differs at {at} ({int(bad.sum())} of {bad.size}): got {got[at]!r}, expected "
            f"{want[at]!r}, bound {bound[at]:.3g}"
        )


def check_result(case: Case, dtype) -> tuple:
    """Runs the case; returns the outputs after comparing them with the float64 reference."""
    arguments = case.arguments(dtype)
    exact = tuple(_cast64(a) for a in arguments)
    got = outputs_of(case.function(*arguments, **case.kwargs))
    want = outputs_of(case.reference(*exact, **case.kwargs))
    assert len(got) == len(want)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        compare(g, w, case.family, dtype, f"{case.name}, output {i}")
    return got


def _cast64(a):
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], np.ndarray):
        return type(a)(_cast64(b) for b in a)
    return a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def gradients(function, arguments, wanted, seeds=None, **kwargs):
    """Value and gradients of sum(function * seeds) by the arguments `wanted`, in float64."""
    tensors = [tw.Tensor(a) if i in wanted else a for i, a in enumerate(arguments)]
    with tw.GradientTape() as tape:
        for i in wanted:
            tape.watch(tensors[i])
        ys = [y for y in outputs_of(function(*tensors, **kwargs)) if y.dtype.kind == "f"]
        seeds = seeds or [np.random.default_rng(7).standard_normal(y.shape) for y in ys]
        dys = [tw.Tensor(s.astype(y.dtype)) for s, y in zip(seeds, ys, strict=True)]
    value = sum(float((y.numpy() * s).sum()) for y, s in zip(ys, seeds, strict=True))
    return value, tape.gradient(ys, [tensors[i] for i in wanted], output_gradients=dys), seeds


def check_gradient(case: Case, step: float = 1e-6, limit: float = 1e-6) -> None:
    """Gradients in float64 against central differences along random directions."""
    arguments = list(case.arguments(np.float64))
    _finite_difference(
        case.name,
        lambda *a: gradients(case.function, a, case.differentiable, **case.kwargs),
        arguments,
        case.differentiable,
        step,
        limit,
    )


def check_second_order(case: Case, step: float = 1e-6, limit: float = 1e-5) -> None:
    """Gradients of a gradient penalty, sum of weighted first gradients, against central differences."""
    arguments = list(case.arguments(np.float64))
    wanted = case.differentiable
    rng = np.random.default_rng(11)
    weights = [rng.standard_normal(arguments[i].shape) for i in wanted]
    seeds = gradients(case.function, arguments, wanted, **case.kwargs)[2]

    def penalty(*a):
        tensors = [tw.Tensor(x) if i in wanted else x for i, x in enumerate(a)]
        with tw.GradientTape() as outer:
            for i in wanted:
                outer.watch(tensors[i])
            with tw.GradientTape() as inner:
                ys = [y for y in outputs_of(case.function(*tensors, **case.kwargs)) if y.dtype.kind == "f"]
            firsts = inner.gradient(
                ys,
                [tensors[i] for i in wanted],
                output_gradients=[tw.Tensor(s) for s in seeds],
                unconnected_gradients="zero",
            )
        value = sum(float((g.numpy() * w).sum()) for g, w in zip(firsts, weights, strict=True))
        second = outer.gradient(
            firsts,
            [tensors[i] for i in wanted],
            output_gradients=[tw.Tensor(w) for w in weights],
            unconnected_gradients="zero",
        )
        return value, second, None

    _finite_difference(case.name + ", second order", penalty, arguments, wanted, step, limit)


def _finite_difference(name, function, arguments, wanted, step, limit):
    _, found, _ = function(*arguments)
    rng = np.random.default_rng(3)
    for position, index in enumerate(wanted):
        for _ in range(3):
            direction = rng.standard_normal(arguments[index].shape)
            moved = list(arguments)
            moved[index] = arguments[index] + step * direction
            up = function(*moved)[0]
            moved[index] = arguments[index] - step * direction
            down = function(*moved)[0]
            want = (up - down) / (2 * step)
            assert found[position] is not None, f"{name}: no gradient by argument {index}"
            assert found[position].shape == arguments[index].shape
            got = float((found[position].numpy() * direction).sum())
            scale = max(1.0, abs(want), float(np.abs(found[position].numpy()).max(initial=0)))
            assert abs(got - want) <= limit * scale, (
                f"{name}: gradient by argument {index} is {got}, expected {want}"
            )


def check_bad(case: Case, bad: Bad) -> None:
    """The call raises the named error, and its message holds the named part."""
    with pytest.raises(bad.error, match=re.escape(bad.message)):
        case.function(*bad.args(), **{**case.kwargs, **bad.kwargs})
