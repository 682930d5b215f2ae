# SPDX-License-Identifier: Apache-2.0
"""One layer against Keras's: weights, outputs, gradients, symbolic shapes, the configuration both ways."""

import numpy as np
from keras_judge import close, default_call, leaves, our_call

from tilewright import keras


def floats(*shape):
    """Normal numbers, the same for the same shape."""
    return np.random.default_rng(sum(shape) + len(shape)).standard_normal(shape).astype(np.float32)


def check_against_keras(judge, name, make, inputs, call=None, settle=True, **kwargs):
    """Same weights, then same outputs and gradients by inputs and weights.

    Parameters
        make : the layer by `keras`;  inputs : arrays, one for each positional argument
        call : how the layer is called, `default_call` where None;  settle : weights become random first
    """
    theirs, ours = make(judge.keras), make(keras)
    judge.call(theirs, inputs, call, **kwargs)  # both build their weights
    our_call(ours, inputs, call, **kwargs)
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    for v in theirs.trainable_weights:
        v.value.grad = None
    if settle:
        _settle(theirs)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    for layer in (theirs, ours):
        if getattr(layer, "stateful", False):
            layer.reset_state()
    want, want_inputs, want_weights = judge.call(theirs, inputs, call, **kwargs)
    got, got_inputs, got_weights = our_call(ours, inputs, call, **kwargs)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        close(g, w, f"{name}, output {i}")
    for i, (g, w) in enumerate(zip(got_inputs, want_inputs, strict=True)):
        if w is not None:
            close(g, w, f"{name}, gradient by input {i}")
    there = [w for w in want_weights if w is not None]
    for v, g, w in zip(ours.trainable_weights, got_weights, want_weights, strict=True):
        if w is not None:
            close(g, w, f"{name}, gradient by {v.path}", beside=there)
    for v, w in zip(ours.non_trainable_weights, theirs.non_trainable_weights, strict=True):
        close(v.numpy(), judge.array(w.value), f"{name}, {v.name} afterwards")
    return got


def _settle(layer):
    """Weights that start as constants become random, so that every one of them matters."""
    rng = np.random.default_rng(3)
    for v in layer.weights:
        if v.name != "moving_variance":
            v.assign(rng.standard_normal(tuple(v.shape)).astype(np.float32) * 0.5)


def check_symbolic_shape(make, inputs, got, call=None, batch_size=None, **kwargs):
    """The layer called on Inputs says the shapes that it gives on arrays."""
    symbolic = [keras.Input(x.shape[1:], batch_size, dtype=str(x.dtype)) for x in inputs]
    ys = leaves((call or default_call)(make(keras), *symbolic, **kwargs))
    assert [y.shape for y in ys] == [(batch_size, *g.shape[1:]) for g in got]


def arguments_of(layer) -> dict:
    """The configuration without the shapes that layers inside were built for, if they were."""

    def kept(value):
        if isinstance(value, dict):
            return {k: kept(v) for k, v in value.items() if k != "build_config"}
        return [kept(v) for v in value] if isinstance(value, list) else value

    return kept(layer.get_config())


def check_configuration(make, inputs, call=None, **kwargs):
    """from_config(get_config()) is the same layer: same configuration, and with the weights same outputs."""
    first = make(keras)
    our_call(first, inputs, call, **kwargs)
    again = type(first).from_config(first.get_config())
    assert arguments_of(again) == arguments_of(first)
    our_call(again, inputs, call, **kwargs)
    again.set_weights(first.get_weights())
    for layer in (first, again):
        if getattr(layer, "stateful", False):
            layer.reset_state()
    want, got = our_call(first, inputs, call, **kwargs)[0], our_call(again, inputs, call, **kwargs)[0]
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)
