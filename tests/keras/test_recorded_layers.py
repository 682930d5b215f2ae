# SPDX-License-Identifier: Apache-2.0
"""Networks of recurrent and attention layers replay their steps, masks, dropout and kept states included."""

import numpy as np
import pytest

from tilewright import keras
from tilewright.keras import layers

RNG = np.random.default_rng(3)
IDS, STEPS = RNG.integers(0, 9, (96, 6)).astype(np.int32), RNG.normal(size=(96, 6, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, 96)


def kernels():
    return [
        layers.Input((6,), 16, dtype="int32"),
        layers.Embedding(9, 8, mask_zero=True),
        layers.Bidirectional(layers.LSTM(5, return_sequences=True, dropout=0.2)),
        layers.SimpleRNN(5, return_sequences=True, go_backwards=True),
        layers.GRU(4, reset_after=False),
    ]


def step_by_step():
    return [
        layers.Input((6, 5), 16),
        layers.Masking(),
        layers.LSTM(5, activation="relu", recurrent_dropout=0.2, return_sequences=True),
        layers.TimeDistributed(layers.BatchNormalization()),
        layers.RNN([layers.GRUCell(4, activation="elu"), layers.SimpleRNNCell(4)]),
    ]


def stateful():
    return [layers.Input((6, 5), 16), layers.LSTM(5, stateful=True), layers.LayerNormalization()]


class Attending(layers.Layer):
    def __init__(self):
        super().__init__()
        self.positions, self.rotary = layers.PositionEmbedding(6), layers.RotaryEmbedding()
        self.heads = layers.MultiHeadAttention(2, 4, dropout=0.2)
        self.grouped = layers.GroupedQueryAttention(4, 4, 2, sliding_window=3)

    def call(self, x, mask=None):
        x = x + self.positions(x)
        x = x + self.heads(x, x, use_causal_mask=True, query_mask=mask, value_mask=mask)
        x = self.rotary(x)
        return self.grouped(x, x, use_causal_mask=True)


def attention():
    return [
        layers.Input((6,), 16, dtype="int32"),
        layers.Embedding(9, 8, mask_zero=True),
        Attending(),
        layers.GroupNormalization(2),
        layers.AlphaDropout(0.1),
        layers.Conv1D(4, 2),
        layers.GlobalMaxPooling1D(),
    ]


@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
@pytest.mark.parametrize("make", [kernels, step_by_step, stateful, attention])
def test_replayed_steps_give_the_bits_of_eager_ones(make):
    outcomes = []
    for eager in (False, True):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([*make(), layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eager)
        x = IDS if model.inputs[0].dtype == "int32" else STEPS
        history = model.fit(x, LABELS, batch_size=16, epochs=3, verbose=0).history
        scores = model.evaluate(x, LABELS, batch_size=16, verbose=0)
        outcomes.append((history, scores, [w.numpy().copy() for w in model.weights], model))
    (got, scores, weights, model), (want, expected, others, _) = outcomes
    assert got == want and scores == expected
    assert all(map(np.array_equal, weights, others))
    rows = model._steps.stats()
    assert rows and all(row.replayed and row.reason is None for row in rows)
