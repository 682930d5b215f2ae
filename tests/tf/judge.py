# SPDX-License-Identifier: Apache-2.0
"""One check for every function of the `tf` names: value, dtype and gradients against PyTorch in float64."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import tilewright as tf


@dataclass(frozen=True)
class Case:
    """A function, the same thing in PyTorch, and arrays to call both with."""

    name: str
    ours: Callable
    judge: Callable
    inputs: tuple
    gradient: bool = True
    tolerance: float = 2e-5
    id: str = field(default="", compare=False)


def floats(*shape, low=-2.0, high=2.0, seed=0):
    """Numbers that no two of are close, so that nothing stands at a corner."""
    rng = np.random.default_rng([seed, *shape])
    n = int(np.prod(shape))
    steps = (np.arange(n) + 0.5 + rng.uniform(-0.2, 0.2, n)) / max(n, 1)
    return (low + (high - low) * rng.permutation(steps)).astype(np.float32).reshape(shape)


def whole(*shape, high=5, seed=0):
    return np.random.default_rng([seed, *shape]).integers(0, high, shape).astype(np.int32)


def leaves(value) -> list:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def near(got, want, tolerance, what):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what} has shape {got.shape}, expected {want.shape}"
    scale = (
        max(float(np.abs(want[np.isfinite(want)]).max(initial=0.0)), 1e-6) if want.dtype.kind == "f" else 1.0
    )
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64), rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def check(case: Case) -> None:
    import torch

    tensors = [tf.constant(x) for x in case.inputs]
    theirs = [
        torch.tensor(x, dtype=torch.float64, requires_grad=case.gradient)
        if x.dtype.kind == "f"
        else torch.tensor(x)
        for x in case.inputs
    ]
    with tf.GradientTape() as tape:
        for t in tensors:
            if t.dtype.kind == "f":
                tape.watch(t)
        ys = leaves(case.ours(*tensors))
    wants = leaves(case.judge(*theirs))
    assert len(ys) == len(wants)
    for i, (y, want) in enumerate(zip(ys, wants, strict=True)):
        assert isinstance(y, tf.Tensor), f"{case.name} gave a {type(y).__name__}"
        assert y.dtype != np.float64 or any(x.dtype == np.float64 for x in case.inputs), (
            f"{case.name} widened to float64"
        )
        near(
            y.numpy(),
            want.detach().numpy() if hasattr(want, "detach") else want,
            case.tolerance,
            f"{case.name}[{i}]",
        )
    sources = [i for i, x in enumerate(case.inputs) if x.dtype.kind == "f"]
    if not case.gradient or not sources:
        return
    parts = [i for i, y in enumerate(ys) if y.dtype.kind == "f"]
    weights = [floats(*ys[i].shape, low=0.5, high=1.5, seed=9) for i in parts]
    got = tape.gradient(
        [ys[i] for i in parts],
        [tensors[i] for i in sources],
        output_gradients=[tf.constant(w) for w in weights],
    )
    total = sum(
        (wants[i] * torch.tensor(w, dtype=torch.float64)).sum() for i, w in zip(parts, weights, strict=True)
    )
    expected = torch.autograd.grad(total, [theirs[i] for i in sources], allow_unused=True)
    for i, g, e in zip(sources, got, expected, strict=True):
        if g is None:
            assert e is None or not e.any(), f"{case.name} gave no gradient by input {i}"
            continue
        e = torch.zeros(case.inputs[i].shape) if e is None else e
        near(g.numpy(), e.numpy(), case.tolerance, f"gradient of {case.name} by input {i}")
