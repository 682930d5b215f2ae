# SPDX-License-Identifier: Apache-2.0
"""Which masks come out of layers that masked inputs go into, and what the layers compute by them."""

import warnings

import numpy as np
import pytest
from keras_judge import close, leaves
from layer_checks import floats

from tilewright import keras

STEPS, OTHER = floats(3, 5, 4), floats(5, 3, 4).reshape(3, 5, 4)
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)
ELSE = np.array([[0, 1, 1, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]], bool)

# The layer by keras.layers, called on one masked input.
ONE = {
    "Activation": lambda k: k.Activation("tanh"),
    "ActivityRegularization": lambda k: k.ActivityRegularization(0.1),
    "AveragePooling1D": lambda k: k.AveragePooling1D(2),
    "BatchNormalization": lambda k: k.BatchNormalization(),
    "Bidirectional": lambda k: k.Bidirectional(k.LSTM(3, return_sequences=True)),
    "Bidirectional both": lambda k: k.Bidirectional(k.GRU(3, return_sequences=True), merge_mode=None),
    "Bidirectional last": lambda k: k.Bidirectional(k.LSTM(3)),
    "Conv1D": lambda k: k.Conv1D(3, 2, padding="same"),
    "Dense": lambda k: k.Dense(3, activation="softmax"),
    "Dropout": lambda k: k.Dropout(0.5),
    "ELU": lambda k: k.ELU(),
    "Flatten": lambda k: k.Flatten(),
    "GRU": lambda k: k.GRU(3, return_sequences=True),
    "GaussianNoise": lambda k: k.GaussianNoise(0.5),
    "GlobalAveragePooling1D": lambda k: k.GlobalAveragePooling1D(keepdims=True),
    "GlobalMaxPooling1D": lambda k: k.GlobalMaxPooling1D(),
    "GroupNormalization": lambda k: k.GroupNormalization(2),
    "Identity": lambda k: k.Identity(),
    "LSTM": lambda k: k.LSTM(3),
    "LSTM states": lambda k: k.LSTM(3, return_sequences=True, return_state=True),
    "Lambda": lambda k: k.Lambda(lambda x: x * 2.0),
    "Lambda with a mask": lambda k: k.Lambda(lambda x: x * 2.0, mask=lambda x, mask: mask),
    "LayerNormalization": lambda k: k.LayerNormalization(),
    "LeakyReLU": lambda k: k.LeakyReLU(),
    "Masking": lambda k: k.Masking(0.3),
    "Permute": lambda k: k.Permute((2, 1)),
    "PReLU": lambda k: k.PReLU(),
    "RMSNormalization": lambda k: k.RMSNormalization(),
    "ReLU": lambda k: k.ReLU(),
    "Reshape": lambda k: k.Reshape((4, 5)),
    "SpatialDropout1D": lambda k: k.SpatialDropout1D(0.5),
    "TimeDistributed": lambda k: k.TimeDistributed(k.Dense(3)),
    "UnitNormalization": lambda k: k.UnitNormalization(),
}
# Called on a list of a masked input and another, masked or not.
TWO = {
    name: lambda k, name=name: getattr(k, name)()
    for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
} | {"Concatenate steps": lambda k: k.Concatenate(axis=1), "Dot": lambda k: k.Dot(axes=2)}


def masks_from(layer, judge, inputs, masks):
    """(outputs, masks) of a layer of Keras's or ours on inputs with masks."""
    if judge is None:
        masked = [
            x if m is None else keras.layers.Lambda(lambda v: v * 1.0, mask=m)(x)
            for x, m in zip(inputs, masks, strict=True)
        ]
    else:
        masked = [judge.tensor(x) for x in inputs]
        for x, m in zip(masked, masks, strict=True):
            if m is not None:
                judge.keras.src.backend.set_keras_mask(x, judge.tensor(m))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ys = leaves(layer(masked[0] if len(masked) == 1 else masked))
    if judge is None:
        return [y.numpy() for y in ys], [getattr(y, "mask", None) for y in ys]
    return [judge.array(y) for y in ys], [getattr(y, "_keras_mask", None) for y in ys]


def compare(make, judge, inputs, masks):
    theirs, ours = make(judge.keras.layers), make(keras.layers)
    masks_from(theirs, judge, inputs, masks), masks_from(ours, None, inputs, masks)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    want, want_masks = masks_from(theirs, judge, inputs, masks)
    got, got_masks = masks_from(ours, None, inputs, masks)
    for g, w in zip(got, want, strict=True):
        close(np.nan_to_num(g), np.nan_to_num(w), "output")
        np.testing.assert_array_equal(np.isnan(g), np.isnan(w))
    for g, w in zip(got_masks, want_masks, strict=True):
        assert (g is None) == (w is None)
        if g is not None:
            np.testing.assert_array_equal(np.asarray(g), judge.array(w))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", ONE)
def test_one_masked_input(name, judge):
    if name == "GlobalAveragePooling1D":  # a sample of padding only has no mean
        compare(ONE[name], judge, [STEPS[:2]], [MASK[:2]])
    else:
        compare(ONE[name], judge, [STEPS], [MASK])


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("second", [ELSE, None], ids=["both", "first only"])
def test_two_inputs(name, second, judge):
    compare(TWO[name], judge, [STEPS, OTHER], [MASK, second])


def test_batch_normalization_counts_what_the_mask_counts(judge):
    theirs, ours = judge.keras.layers.BatchNormalization(), keras.layers.BatchNormalization()
    want = theirs(judge.tensor(STEPS), mask=judge.tensor(MASK), training=True)
    got = ours(STEPS, mask=MASK, training=True)
    close(got.numpy(), judge.array(want), "output")
    for v, w in zip(ours.weights, theirs.weights, strict=True):
        close(v.numpy(), judge.array(w.value), v.name)
    np.testing.assert_array_equal(got.mask.numpy(), MASK)  # a mask that was given goes on, too


@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_softmax_leaves_masked_positions_out(axis, judge):
    mask = np.broadcast_to(MASK[:, :, None], STEPS.shape).copy()
    mask[0, 0] = [True, False, True, False]
    want = judge.keras.layers.Softmax(axis=axis)(judge.tensor(STEPS), mask=judge.tensor(mask))
    close(keras.layers.Softmax(axis=axis)(STEPS, mask=mask).numpy(), judge.array(want), "softmax")


def test_what_padding_holds_does_not_matter():
    x = STEPS.copy()
    x[~MASK] = np.nan
    got = keras.layers.GlobalAveragePooling1D()(x[:2], mask=MASK[:2]).numpy()
    want = [STEPS[i][MASK[i]].mean(0) for i in range(2)]
    close(got, want, "mean")
    y = STEPS.copy()
    y[0, 3:] = np.nan
    marked = keras.layers.Masking(1.0)(np.where(np.isnan(y), 1.0, y).astype(np.float32))
    assert not marked.numpy()[0, 3:].any() and marked.mask.numpy()[0].tolist() == [True] * 3 + [False] * 2


def test_a_layer_of_ones_own_takes_and_makes_masks():
    class Halve(keras.layers.Layer):
        """Every second step; its mask, too."""

        def call(self, x, mask=None):
            self.seen = mask
            return x[:, ::2]

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[:, ::2]

    layer = Halve()
    i = keras.Input((5, 4))
    masked = keras.layers.Masking()(i)
    model = keras.Model(i, layer(masked))
    x = STEPS * MASK[:, :, None]
    y = model(x)
    np.testing.assert_array_equal(layer.seen.numpy(), MASK)
    np.testing.assert_array_equal(y.mask.numpy(), MASK[:, ::2])


def test_nested_models_pass_masks_on(judge):
    def make(k):
        a = k.Input((5, 4))
        inner = k.Model(a, k.layers.LSTM(3, return_sequences=True)(k.layers.Dense(4)(a)))
        b = k.Input((5, 4))
        return k.Model(b, k.layers.GRU(2)(inner(k.layers.Masking()(b))))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = make(judge.keras), make(keras)
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        x = STEPS * MASK[:, :, None]
        want = judge.array(theirs(judge.tensor(x)))
        got = ours(x).numpy()
    close(got, want, "nested")
