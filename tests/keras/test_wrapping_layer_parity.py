# SPDX-License-Identifier: Apache-2.0
"""Bidirectional and TimeDistributed against Keras's, around layers of every kind."""

import numpy as np
import pytest
from keras_judge import close
from layer_checks import check_against_keras, check_configuration, check_symbolic_shape, floats

import tilewright as tw
from tilewright import keras

STEPS, WIDE = floats(3, 5, 4), floats(3, 5, 2, 4)
RIGHT = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)  # padded on the right
ANY = np.array(
    [[0, 1, 0, 1, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]], bool
)  # anywhere, and a row of padding only
ALL = {"return_sequences": True, "return_state": True}
STATE = [STEPS, floats(3, 6)]


def with_state(layer, x, *states, **kwargs):
    return layer(x, initial_state=list(states), **kwargs)


# name: (layer by keras.layers, inputs, how it is called, arguments of the call)
CASES = {
    "Bidirectional": (lambda k: k.Bidirectional(k.LSTM(6)), [STEPS], None, {}),
    "Bidirectional sequences": (
        lambda k: k.Bidirectional(k.GRU(6, return_sequences=True)), [STEPS], None, {"mask": ANY}
    ),
    "Bidirectional last, mask": (lambda k: k.Bidirectional(k.LSTM(6)), [STEPS], None, {"mask": ANY}),
    "Bidirectional sum, states": (
        lambda k: k.Bidirectional(k.LSTM(6, **ALL), merge_mode="sum"), [STEPS], None, {}
    ),
    "Bidirectional mul": (
        lambda k: k.Bidirectional(k.SimpleRNN(6, return_sequences=True), merge_mode="mul"), [STEPS], None, {}
    ),
    "Bidirectional ave": (lambda k: k.Bidirectional(k.LSTM(6), merge_mode="ave"), [STEPS], None, {}),
    "Bidirectional both": (
        lambda k: k.Bidirectional(k.GRU(6, return_sequences=True), merge_mode=None), [STEPS], None, {}
    ),
    "Bidirectional first states": (
        lambda k: k.Bidirectional(k.GRU(6, **ALL)), [*STATE, floats(3, 6) * 2], with_state, {}
    ),
    "Bidirectional of two layers": (
        lambda k: k.Bidirectional(
            k.LSTM(6, return_sequences=True),
            backward_layer=k.LSTM(6, activation="relu", return_sequences=True, go_backwards=True),
        ),
        [STEPS], None, {},
    ),
    "TimeDistributed Dense": (
        lambda k: k.TimeDistributed(k.Dense(3, activation="tanh")), [WIDE], None, {"mask": RIGHT}
    ),
    "TimeDistributed Conv1D": (lambda k: k.TimeDistributed(k.Conv1D(3, 2)), [WIDE], None, {}),
    "TimeDistributed BatchNormalization": (
        lambda k: k.TimeDistributed(k.BatchNormalization()), [WIDE], None, {"training": True}
    ),
    "TimeDistributed LSTM": (lambda k: k.TimeDistributed(k.LSTM(3)), [WIDE], None, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_keras_s(name, judge):
    make, inputs, call, kwargs = CASES[name]
    got = check_against_keras(judge, name, lambda k: make(k.layers), inputs, call, **kwargs)
    check_symbolic_shape(lambda k: make(k.layers), inputs, got, call)


@pytest.mark.parametrize("name", CASES)
def test_configuration_makes_the_same_layer(name):
    make, inputs, call, kwargs = CASES[name]
    check_configuration(lambda k: make(k.layers), inputs, call, **kwargs)


def test_both_directions_start_from_given_weights():
    first = keras.layers.Bidirectional(keras.layers.GRU(3))
    want = first(STEPS).numpy()
    again = keras.layers.Bidirectional(keras.layers.GRU(3), weights=first.get_weights())
    np.testing.assert_array_equal(again(STEPS), want)
    assert [v.path for v in again.weights[::3]] == [
        "bidirectional_1/forward_gru_1/gru_cell/kernel",
        "bidirectional_1/backward_gru_1/gru_cell/kernel",
    ]


def test_both_directions_keep_states():
    layer = keras.layers.Bidirectional(keras.layers.SimpleRNN(3, stateful=True))
    first = layer(STEPS).numpy()
    assert (layer(STEPS).numpy() != first).any() and len(layer.states) == 2
    layer.reset_state()
    np.testing.assert_array_equal(layer(STEPS), first)
    with pytest.raises(AttributeError, match="stateful is False"):
        keras.layers.Bidirectional(keras.layers.LSTM(3)).reset_state()


def test_training_reaches_all_weights_of_a_frozen_and_thawed_layer():
    layer = keras.layers.Bidirectional(keras.layers.LSTM(3))
    layer(STEPS)
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 6
    layer.trainable = True
    with tw.GradientTape() as tape:
        y = layer(STEPS)
    assert all(g is not None for g in tape.gradient(y, layer.trainable_weights))


def per_step(layer, x):
    return np.stack([layer(x[:, t]).numpy() for t in range(x.shape[1])], 1)


def test_models_and_functions_run_over_steps():
    net = keras.Sequential([keras.Input((2, 4)), keras.layers.Flatten(), keras.layers.Dense(3)])
    close(keras.layers.TimeDistributed(net)(WIDE).numpy(), per_step(net, WIDE), "model")
    mean = keras.layers.Lambda(lambda x: x - x.sum() / 7.0)  # mixes the samples of a step
    close(keras.layers.TimeDistributed(mean)(STEPS).numpy(), per_step(mean, STEPS), "function")


def test_a_mask_reaches_the_layer_inside():
    class Zeroed(keras.layers.Layer):
        def call(self, x, mask=None):
            return x * tw.ops.cast(mask, "float32")[:, None]

    y = keras.layers.TimeDistributed(Zeroed())(STEPS, mask=RIGHT).numpy()
    np.testing.assert_array_equal(y, STEPS * RIGHT[:, :, None])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k.Bidirectional("lstm"), ValueError, "[Bidirectional] layer is a str, expected a layer"),
        (lambda k: k.Bidirectional(k.LSTM(3), merge_mode="both"), ValueError, "merge_mode is 'both'"),
        (
            lambda k: k.Bidirectional(k.LSTM(3), backward_layer=k.LSTM(3)),
            ValueError,
            "go_backwards is False for both layers",
        ),
        (lambda k: k.TimeDistributed(k.Dense(3))(floats(2, 3)), ValueError, "at least 3 dimensions"),
        (
            lambda k: k.TimeDistributed(k.Dense(3))(STEPS, mask=np.ones((3, 4), bool)),
            ValueError,
            "mask has shape (3, 4), expected (3, 5, ...)",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call(keras.layers)
    assert message in str(caught.value)
