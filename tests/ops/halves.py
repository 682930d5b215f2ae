# SPDX-License-Identifier: Apache-2.0
"""A case of tests/ops in 16-bit floats: storage is rounded, the arithmetic is float32's."""

import ml_dtypes
import numpy as np
import pytest

import tilewright as tw
from ops.harness import outputs_of
from ops.test_catalogue import ALL
from tilewright import backend

HALVES = {np.float16: 2.0**-10, ml_dtypes.bfloat16: 2.0**-7}  # a rounding, relative


def nested(function, a):
    if isinstance(a, (list, tuple)) and any(isinstance(part, np.ndarray) for part in a):
        return type(a)(None if part is None else function(part) for part in a)
    return function(a) if isinstance(a, np.ndarray) else a


def is_float(a) -> bool:
    return getattr(getattr(a, "dtype", None), "kind", "") in ("f", "V")


def has_arrays(case) -> bool:
    found = []
    for a in (*case.arguments(np.float32), *case.kwargs.values()):
        nested(found.append, a)
    return bool(found)


WITH_ARRAYS = [case for case in ALL if has_arrays(case)]


def named(cases):
    return [pytest.param(case, id=case.name) for case in cases]


def with_gradients(case, arguments, move=lambda a: a):
    """The outputs as host arrays, and the gradients by the differentiable arguments."""
    wanted = () if isinstance(case.differentiable, str) else case.differentiable
    tensors = [tw.Tensor(a) if i in wanted else a for i, a in enumerate(arguments)]
    with tw.GradientTape() as tape:
        for i in wanted:
            tape.watch(tensors[i])
        ys = outputs_of(case.function(*tensors, **{k: nested(move, v) for k, v in case.kwargs.items()}))
    gradients = []
    if wanted:
        targets = [y for y in ys if isinstance(y, tw.Tensor) and is_float(y)]
        seeds = [_seed(y) for y in targets]
        gradients = tape.gradient(targets, [tensors[i] for i in wanted], output_gradients=seeds)
    return ys, gradients


def _seed(y):
    """What flows back into y: the same numbers for each dtype and device, all of them short."""
    values = np.random.default_rng(5).integers(-8, 9, y.shape) / 8
    return tw.Tensor(backend.beside(np.asarray(values, y.dtype), y.array))


def raw(y):
    return y.array if isinstance(y, tw.Tensor) else y


# What 16 bits would round away decides a gradient, so it stays float32.
KEPT_WIDE = {("output", "attention, causal, lse", 1)}


def check_half(case, dtype):
    """Outputs and gradients of `case` on 16-bit arguments against those on the same values in float32."""
    arguments = [
        nested(lambda a: a.astype(dtype) if is_float(a) else a, a) for a in case.arguments(np.float32)
    ]
    wide = [nested(lambda a: a.astype(np.float32) if is_float(a) else a, a) for a in arguments]
    if not any(is_float(part) for a in arguments for part in (a if isinstance(a, (list, tuple)) else (a,))):
        pytest.skip("no float argument")
    kwargs_dtype = case.kwargs.get("dtype")
    want, want_gradients = with_gradients(case, wide)
    got, got_gradients = with_gradients(case, arguments)
    epsilon = HALVES[dtype]
    for kind, gots, wants in (("output", got, want), ("gradient", got_gradients, want_gradients)):
        for position, (g, w) in enumerate(zip(gots, wants, strict=True)):
            if w is None or not isinstance(raw(w), np.ndarray):
                continue
            g, w = raw(g), raw(w)
            if (kind, case.name, position) in KEPT_WIDE:
                assert g.dtype == np.float32
                continue
            if not is_float(w):
                assert g.dtype == w.dtype
                continue
            assert g.dtype == (kwargs_dtype or dtype), f"{kind} has dtype {g.dtype}"
            # Each output and each saved array is rounded once; what is computed from them adds up a few.
            finite = np.isfinite(w)
            scale = np.abs(w[finite]).max(initial=0)
            limit = 16 * epsilon * (np.abs(w) + scale) + float(ml_dtypes.finfo(dtype).smallest_subnormal)
            with np.errstate(invalid="ignore", over="ignore"):
                error = np.abs(g.astype(np.float64) - w)
                close = (error <= limit) | (g.astype(np.float32) == w)
            beyond = np.abs(w) > float(ml_dtypes.finfo(dtype).max)
            right = close | beyond | (np.isnan(w) & np.isnan(g.astype(np.float32)))
            if not right.all():
                share = np.nanmax(error[~right]) / max(scale, 1e-30) / epsilon
                pytest.fail(
                    f"{kind} of {case.name}: {int((~right).sum())} of {w.size} off, by up to {share:.3g} "
                    "roundings"
                )
