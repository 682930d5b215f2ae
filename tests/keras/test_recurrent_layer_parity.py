# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers and cells against Keras's: by the kernels and step by step."""

import numpy as np
import pytest
from keras_judge import close
from layer_checks import check_against_keras, check_configuration, check_symbolic_shape, floats

from tilewright import keras

STEPS = floats(3, 5, 4)
RIGHT = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)  # padded on the right
ANY = np.array(
    [[0, 1, 0, 1, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]], bool
)  # anywhere, and a row of padding only
ALL = {"return_sequences": True, "return_state": True}
STATE = [STEPS, floats(3, 6)]
STATES = [STEPS, floats(3, 6), floats(3, 6)[::-1].copy()]


def with_state(layer, x, *states, **kwargs):
    return layer(x, initial_state=list(states), **kwargs)


def cell_call(layer, x, *states, **kwargs):
    return layer(x, list(states), **kwargs)


# name: (layer by keras.layers, inputs, how it is called, arguments of the call)
CASES = {
    "SimpleRNN": (lambda k: k.SimpleRNN(6), [STEPS], None, {}),
    "SimpleRNN all": (lambda k: k.SimpleRNN(6, **ALL), [STEPS], None, {}),
    "SimpleRNN relu, backwards": (
        lambda k: k.SimpleRNN(6, activation="relu", go_backwards=True, **ALL), [STEPS], None, {"mask": ANY}
    ),
    "SimpleRNN sigmoid, no bias": (
        lambda k: k.SimpleRNN(6, activation="sigmoid", use_bias=False, **ALL), [STEPS], None, {"mask": ANY}
    ),
    "SimpleRNN state": (lambda k: k.SimpleRNN(6, **ALL), STATE, with_state, {"mask": ANY}),
    "LSTM": (lambda k: k.LSTM(6), [STEPS], None, {}),
    "LSTM all": (lambda k: k.LSTM(6, **ALL), [STEPS], None, {}),
    "LSTM backwards": (lambda k: k.LSTM(6, go_backwards=True, **ALL), [STEPS], None, {}),
    "LSTM backwards, last": (lambda k: k.LSTM(6, go_backwards=True), [STEPS], None, {"mask": RIGHT}),
    "LSTM no bias": (lambda k: k.LSTM(6, use_bias=False), [STEPS], None, {}),
    "LSTM state": (lambda k: k.LSTM(6, **ALL), STATES, with_state, {}),
    "LSTM padded": (lambda k: k.LSTM(6, **ALL), [STEPS], None, {"mask": RIGHT}),
    "LSTM padded, last": (lambda k: k.LSTM(6), [STEPS], None, {"mask": RIGHT}),
    "LSTM any mask": (lambda k: k.LSTM(6, **ALL), [STEPS], None, {"mask": ANY}),
    "LSTM any mask, state": (lambda k: k.LSTM(6, **ALL), STATES, with_state, {"mask": ANY}),
    "LSTM any mask, state, last": (lambda k: k.LSTM(6), STATES, with_state, {"mask": ANY}),
    "LSTM any mask, backwards": (
        lambda k: k.LSTM(6, go_backwards=True, **ALL), STATES, with_state, {"mask": ANY}
    ),
    "LSTM zeros for mask": (
        lambda k: k.LSTM(6, zero_output_for_mask=True, **ALL), [STEPS], None, {"mask": ANY}
    ),
    "LSTM zeros for mask, last": (
        lambda k: k.LSTM(6, zero_output_for_mask=True), [STEPS], None, {"mask": ANY}
    ),
    "LSTM unrolled": (lambda k: k.LSTM(6, unroll=True, **ALL), [STEPS], None, {}),
    "LSTM relu": (
        lambda k: k.LSTM(6, activation="relu", recurrent_activation="hard_sigmoid", **ALL), [STEPS], None, {}
    ),
    "LSTM relu, mask, state": (
        lambda k: k.LSTM(6, activation="relu", **ALL), STATES, with_state, {"mask": ANY}
    ),
    "LSTM relu, mask, backwards": (
        lambda k: k.LSTM(6, activation="relu", go_backwards=True), [STEPS], None, {"mask": ANY}
    ),
    "LSTM recurrent dropout, not in training": (
        lambda k: k.LSTM(6, dropout=0.3, recurrent_dropout=0.3, **ALL), [STEPS], None, {"training": False}
    ),
    "GRU": (lambda k: k.GRU(6), [STEPS], None, {}),
    "GRU all": (lambda k: k.GRU(6, **ALL), STATE, with_state, {}),
    "GRU backwards, mask": (lambda k: k.GRU(6, go_backwards=True, **ALL), [STEPS], None, {"mask": ANY}),
    "GRU reset before": (lambda k: k.GRU(6, reset_after=False, **ALL), [STEPS], None, {"mask": RIGHT}),
    "GRU no bias": (lambda k: k.GRU(6, use_bias=False), [STEPS], None, {}),
    "GRU softsign": (lambda k: k.GRU(6, activation="softsign", **ALL), [STEPS], None, {"mask": ANY}),
    "GRU softsign, reset before": (
        lambda k: k.GRU(6, activation="softsign", reset_after=False, **ALL), STATE, with_state, {"mask": ANY}
    ),
    "SimpleRNNCell": (lambda k: k.SimpleRNNCell(6), [ROW := floats(3, 4), floats(3, 6)], cell_call, {}),
    "LSTMCell": (lambda k: k.LSTMCell(6), [ROW, *STATES[1:]], cell_call, {}),
    "GRUCell": (lambda k: k.GRUCell(6), [ROW, floats(3, 6)], cell_call, {}),
    "RNN of a cell": (lambda k: k.RNN(k.LSTMCell(6), **ALL), [STEPS], None, {"mask": ANY}),
    "RNN of a stack": (
        lambda k: k.RNN([k.LSTMCell(6), k.LSTMCell(3)], return_sequences=True), [STEPS], None, {}
    ),
    "RNN of a stack, mask": (
        lambda k: k.RNN([k.GRUCell(6), k.SimpleRNNCell(3)]), [STEPS], None, {"mask": RIGHT}
    ),
    "RNN of a stack, step by step": (
        lambda k: k.RNN([k.LSTMCell(6, activation="relu"), k.GRUCell(3)], **ALL), [STEPS], None, {}
    ),
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


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU", "RNN of a stack"])
def test_configuration_reads_as_keras_s(name, judge):
    """All of Keras's keys, and its values."""
    make = CASES[name][0]
    ours, theirs = make(keras.layers).get_config(), make(judge.keras.layers).get_config()
    assert set(theirs) <= set(ours)
    for key, value in theirs.items():
        if isinstance(value, (bool, int, float, str)) and key not in ("dtype", "name"):
            assert ours[key] == value, key


class TestStates:
    def test_a_stateful_layer_goes_on_where_it_stopped(self, judge):
        make = lambda k: k.layers.LSTM(6, stateful=True, return_sequences=True)  # noqa: E731
        theirs, ours = make(judge.keras), make(keras)
        for layer in (theirs, ours):
            layer.build((3, 5, 4))
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        for x in (STEPS, STEPS * 2, STEPS - 1):
            close(ours(x).numpy(), judge.array(theirs(judge.tensor(x))), "batch after batch")
        for ours_state, theirs_state in zip(ours.states, theirs.states, strict=True):
            close(ours_state.numpy(), judge.array(theirs_state.value), "state")
        ours.reset_state(), theirs.reset_state()
        close(ours(STEPS).numpy(), judge.array(theirs(judge.tensor(STEPS))), "after reset_state")
        assert len(ours.weights) == 3 and not any(v.trainable for v in ours.states)

    def test_two_halves_are_the_whole(self):
        for layer in (
            keras.layers.GRU(6, stateful=True),
            keras.layers.GRU(6, stateful=True, activation="elu"),
        ):
            first, second = STEPS[:, :2], STEPS[:, 2:]
            layer(first)
            in_parts = layer(second).numpy()
            layer.reset_state()
            close(in_parts, layer(STEPS).numpy(), "two halves")

    def test_another_batch_size_is_refused(self):
        layer = keras.layers.SimpleRNN(6, stateful=True)
        layer(STEPS)
        with pytest.raises(
            ValueError, match=r"\[simple_rnn\] input has shape \(2, 5, 4\), expected a batch of 3"
        ):
            layer(STEPS[:2])
        with pytest.raises(ValueError, match="expected a known batch size"):
            keras.layers.LSTM(6, stateful=True)(keras.Input((5, 4)))

    def test_a_decoder_starts_from_the_encoder_s_states(self, judge):
        def make(k):
            a, b = k.Input((5, 4)), k.Input((5, 4))
            _, h, c = k.layers.LSTM(6, return_state=True)(a)
            y = k.layers.LSTM(6, return_sequences=True)(b, initial_state=[h, c])
            return k.Model([a, b], k.layers.TimeDistributed(k.layers.Dense(2))(y))

        theirs, ours = make(judge.keras), make(keras)
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        want = judge.array(theirs([judge.tensor(STEPS), judge.tensor(STEPS * 2)]))
        close(ours([STEPS, STEPS * 2]).numpy(), want, "encoder and decoder")

    def test_initial_states_of_wrong_shape_are_named(self):
        with pytest.raises(
            ValueError, match=r"\[lstm\] initial_state has shapes \[\(3, 5\)\], expected \[\(3, 6\)"
        ):
            keras.layers.LSTM(6)(STEPS, initial_state=[floats(3, 5)])


class TestDropout:
    @pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
    def test_inputs_drop_the_same_elements_in_every_step(self, layer):
        """With an identity in place of the inputs' kernel, what was dropped shows in the outputs."""
        make = getattr(keras.layers, layer)
        one = make(6, dropout=0.5, seed=1, return_sequences=True, kernel_initializer="ones", use_bias=False)
        x = np.zeros((40, 3, 4), np.float32)
        x[:, :, 0] = 1
        y = one(x, training=True).numpy()
        dropped = (y == 0).all((1, 2))
        assert ((y[:, 0] == 0).all(-1) == dropped).all() and 8 < dropped.sum() < 32
        assert (one(x, training=True).numpy() != y).any()
        assert not (one(x).numpy() == 0).any()

    @pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
    def test_recurrent_dropout_acts_in_training_only_and_has_a_seed(self, layer):
        make = getattr(keras.layers, layer)
        a = make(6, recurrent_dropout=0.5, dropout=0.2, seed=3)
        y = a(STEPS, training=True).numpy()
        b = make(6, recurrent_dropout=0.5, dropout=0.2, seed=3)
        b.build(STEPS.shape)
        b.set_weights(a.get_weights())
        np.testing.assert_array_equal(b(STEPS, training=True), y)
        assert (a(STEPS, training=True).numpy() != y).any()
        plain = make(6)
        plain.build(STEPS.shape)
        plain.set_weights(a.get_weights())
        close(a(STEPS, training=False).numpy(), plain(STEPS).numpy(), "not in training")


class TestMasks:
    def test_they_travel_through_a_model_to_loss_and_metrics(self, judge):
        ids = np.array([[3, 1, 2, 0, 0], [4, 4, 0, 0, 0], [5, 1, 1, 2, 3]], np.int32)
        labels = np.array([[1, 0, 1, 1, 1], [0, 1, 0, 0, 0], [1, 1, 0, 0, 1]], np.int32)

        def make(k):
            layers = k.layers
            model = k.Sequential([
                k.Input((5,), dtype="int32"),
                layers.Embedding(6, 8, mask_zero=True),
                layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                layers.Dropout(0.0),
                layers.TimeDistributed(layers.Dense(2, activation="softmax")),
            ])  # fmt: skip
            model.compile(
                "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"]
            )
            return model

        theirs, ours = make(judge.keras), make(keras)
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        assert tuple(ours(ids).mask.numpy().sum(1)) == (3, 2, 5)
        for weights in (None, np.array([[1.0], [2.0], [0.5]], np.float32) * np.ones(5, np.float32)):
            want = theirs.evaluate(ids, labels, sample_weight=weights, verbose=0, return_dict=True)
            got = ours.evaluate(ids, labels, sample_weight=weights, verbose=0, return_dict=True)
            assert got.keys() == want.keys()
            for key, value in want.items():
                np.testing.assert_allclose(got[key], value, rtol=1e-5, err_msg=key)

    def test_masking_marks_steps_of_one_value(self, judge):
        x = STEPS.copy()
        x[0, 3:] = x[1, :2] = 0

        def make(k):
            i = k.Input((5, 4))
            y = k.layers.Masking()(i)
            y = k.layers.GRU(6, return_sequences=True)(y)
            return k.Model(i, k.layers.LSTM(3, go_backwards=True)(y))

        theirs, ours = make(judge.keras), make(keras)
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        close(ours(x).numpy(), judge.array(theirs(judge.tensor(x))), "masked model")

    def test_beside_initial_states_only_a_mask_that_is_given_counts(self, judge):
        """As in Keras, where a second argument with arrays ends the passing on of `mask`."""
        x = STEPS.copy()
        x[0, 3:] = 0
        theirs, ours = judge.keras.layers.GRU(6), keras.layers.GRU(6)
        h = floats(3, 6)
        want = theirs(judge.keras.layers.Masking()(judge.tensor(x)), initial_state=[judge.tensor(h)])
        ours.build(x.shape)
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        close(ours(keras.layers.Masking()(x), initial_state=[h]).numpy(), judge.array(want), "state and mask")

    def test_a_layer_without_masking_says_where_the_mask_ends(self):
        masked = keras.layers.Masking()(STEPS)
        with pytest.warns(UserWarning, match=r"\[flatten\] the input has a mask"):
            assert getattr(keras.layers.Flatten()(masked), "mask", None) is None


def test_a_cell_of_ones_own():
    class Sum(keras.layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            total = inputs + states[0]
            return total, [total]

    y, last = keras.layers.RNN(Sum(), **ALL)(STEPS)
    close(y.numpy(), STEPS.cumsum(1), "running sum")
    close(last.numpy(), STEPS.sum(1), "state")
    masked = keras.layers.RNN(Sum())(STEPS, mask=ANY).numpy()
    close(masked, (STEPS * ANY[:, :, None]).sum(1), "masked")


def test_a_cell_that_changes_one_of_the_library_is_asked_at_every_step():
    class Doubled(keras.layers.GRUCell):
        def call(self, inputs, states, training=False):
            y, new = super().call(inputs, states, training)
            return 2.0 * y, new

    plain, doubled = (
        keras.layers.RNN(cell(6), return_sequences=True) for cell in (keras.layers.GRUCell, Doubled)
    )
    want = plain(STEPS).numpy()
    doubled.build(STEPS.shape)
    doubled.set_weights(plain.get_weights())
    close(doubled(STEPS).numpy(), 2 * want, "doubled")


def test_no_steps_and_no_samples():
    for layer in (keras.layers.LSTM(6, **ALL), keras.layers.LSTM(6, activation="relu", **ALL)):
        y, h, c = layer(np.zeros((2, 0, 4), np.float32))
        assert y.shape == (2, 0, 6) and not h.numpy().any() and not c.numpy().any()
        assert layer(np.zeros((0, 3, 4), np.float32))[0].shape == (0, 3, 6)


def test_float64_runs_by_the_kernel():
    x = STEPS.astype(np.float64)
    layer, single = keras.layers.LSTM(6, dtype="float64"), keras.layers.LSTM(6)
    y = layer(x)
    single.build(STEPS.shape)
    single.set_weights([w.astype(np.float32) for w in layer.get_weights()])
    assert y.dtype == np.float64
    close(y.numpy(), single(STEPS).numpy(), "float64", 1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k.LSTM(0), ValueError, "[lstm_cell] units is 0, expected an int of at least 1"),
        (lambda k: k.LSTM(3, return_sequence=True), TypeError, "did you mean 'return_sequences'"),
        (lambda k: k.GRU(3, use_cudnn="yes"), ValueError, "[GRU] use_cudnn is 'yes'"),
        (lambda k: k.GRU(3)(floats(2, 3)), ValueError, "[gru] input has shape (2, 3), expected 3 dimensions"),
        (lambda k: k.LSTM(3)(STEPS, mask=np.ones((3, 5, 4), bool)), ValueError, "mask has shape (3, 5, 4)"),
        (lambda k: k.RNN(3), ValueError, "cell is a int without `call`"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call(keras.layers)
    assert message in str(caught.value)
