# SPDX-License-Identifier: Apache-2.0
"""Comparing with Keras: calls and gradients of its layers and of ours, on the same arrays."""

import warnings

import numpy as np

import tilewright as tw


class Judge:
    """Keras, and what it takes to compare with it: arrays in, arrays out, gradients, copied weights."""

    def __init__(self, module, torch):
        self.keras, self.torch = module, torch

    def tensor(self, x):
        return self.torch.tensor(np.array(x))

    def array(self, x):
        return x.detach().cpu().numpy() if isinstance(x, self.torch.Tensor) else np.asarray(x)

    def call(self, layer, inputs, call=None, **kwargs):
        """The outputs, and the gradients of sum(outputs * seeds) by inputs and trainable weights."""
        tensors = [self.tensor(x) for x in inputs]
        for t in tensors:
            if t.is_floating_point():
                t.requires_grad_(True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ys = leaves((call or default_call)(layer, *tensors, **kwargs))
        total = sum((y * self.torch.tensor(seeds_for(tuple(y.shape)))).sum() for y in ys)
        total.backward()
        by_inputs = [None if t.grad is None else self.array(t.grad) for t in tensors]
        by_weights = [
            None if v.value.grad is None else self.array(v.value.grad) for v in layer.trainable_weights
        ]
        return [self.array(y) for y in ys], by_inputs, by_weights


def leaves(outputs) -> list:
    """The tensors of nested outputs, in order."""
    if isinstance(outputs, (list, tuple)):
        return [leaf for part in outputs for leaf in leaves(part)]
    return [outputs]


def default_call(layer, *inputs, **kwargs):
    """The call with one argument an input, or a list of them for layers that merge."""
    return layer(list(inputs), **kwargs) if merges(layer) and len(inputs) > 1 else layer(*inputs, **kwargs)


def merges(layer) -> bool:
    """Whether a layer takes a list of inputs."""
    return type(layer).__name__ in (
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Concatenate",
        "Dot",
    )


def seeds_for(shape):
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def our_call(layer, inputs, call=None, **kwargs):
    """The same as Judge.call for a layer of ours."""
    tensors = [tw.Tensor(np.array(x)) for x in inputs]
    floats = [t for t in tensors if t.dtype.kind == "f"]
    with tw.GradientTape() as tape:
        tape.watch(floats)
        ys = leaves((call or default_call)(layer, *tensors, **kwargs))
    seeds = [tw.Tensor(seeds_for(y.shape)) for y in ys]
    gradients = tape.gradient(ys, floats + layer.trainable_weights, output_gradients=seeds)
    arrays = [None if g is None else g.numpy() for g in gradients]
    left = iter(arrays[: len(floats)])
    by_inputs = [next(left) if t.dtype.kind == "f" else None for t in tensors]
    return [y.numpy() for y in ys], by_inputs, arrays[len(floats) :]


def close(got, want, what, limit=1e-5, beside=()):
    """Fails unless all differences are within `limit` of the largest value expected, here or `beside`."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    scale = max(np.abs(w).max(initial=0.0) for w in (want, *beside, 1e-3))
    worst = np.abs(got.astype(np.float64) - want).max(initial=0.0)
    assert worst <= limit * scale, f"{what}: differs by {worst:.3g}, expected within {limit * scale:.3g}"
