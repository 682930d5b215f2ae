# SPDX-License-Identifier: Apache-2.0
"""Weights start with the distributions of Keras's: same spread, same mean, layer by layer."""

import numpy as np
import pytest
from layer_checks import floats

from tilewright import keras

STEPS, IMAGES = floats(2, 5, 64), floats(2, 8, 8, 16)
# name: (layer, inputs); sizes large enough for the spread to be known to a few per cent
CASES = {
    "Dense": (lambda k: k.Dense(200), [floats(2, 64)]),
    "Conv1D": (lambda k: k.Conv1D(96, 3), [STEPS]),
    "Conv2D": (lambda k: k.Conv2D(48, 3), [IMAGES]),
    "Conv2D groups": (lambda k: k.Conv2D(64, 3, groups=4), [IMAGES]),
    "Conv1DTranspose": (lambda k: k.Conv1DTranspose(96, 3), [STEPS]),
    "Conv2DTranspose": (lambda k: k.Conv2DTranspose(48, 3), [IMAGES]),
    "DepthwiseConv2D": (lambda k: k.DepthwiseConv2D(5, depth_multiplier=8), [IMAGES]),
    "SeparableConv2D": (lambda k: k.SeparableConv2D(96, 5, depth_multiplier=8), [IMAGES]),
    "EinsumDense": (lambda k: k.EinsumDense("abc,cde->abde", (None, 8, 32)), [STEPS]),
    "EinsumDense, two axes": (lambda k: k.EinsumDense("abcd,cde->abe", (None, 64)), [IMAGES]),
    "MultiHeadAttention": (lambda k: k.MultiHeadAttention(4, 16), [STEPS, STEPS]),
    "GroupQueryAttention": (lambda k: k.GroupQueryAttention(16, 4, 2), [STEPS, STEPS]),
    "Embedding": (lambda k: k.Embedding(300, 40), [np.zeros((2, 3), np.int32)]),
    "SimpleRNN": (lambda k: k.SimpleRNN(64), [STEPS]),
    "LSTM": (lambda k: k.LSTM(48), [STEPS]),
    "GRU": (lambda k: k.GRU(48), [STEPS]),
    "PReLU": (lambda k: k.PReLU(), [STEPS]),
    "BatchNormalization": (lambda k: k.BatchNormalization(), [STEPS]),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_start_like_keras_s(name, judge):
    make, inputs = CASES[name]
    ours, theirs = make(keras.layers), make(judge.keras.layers)
    ours(*inputs)
    theirs(*[judge.tensor(x) for x in inputs])
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
    for v, w in zip(ours.weights, theirs.weights, strict=True):
        got, want = v.numpy().astype(np.float64), judge.array(w.value).astype(np.float64)
        spread = want.std()
        if spread == 0:
            np.testing.assert_array_equal(got, want, err_msg=f"{name}, {v.path}")
            continue
        # A sample's deviation is known to about 1 / sqrt(2 n) of itself: five times that, twice over.
        near = 10 / np.sqrt(2 * got.size)
        assert abs(got.std() / spread - 1) < near, f"{name}, {v.path}: {got.std()} for {spread}"
        assert abs(np.abs(got).max() / np.abs(want).max() - 1) < 0.25, f"{name}, {v.path}"
        assert abs(got.mean() - want.mean()) < 10 * spread / np.sqrt(got.size), f"{name}, {v.path}"
