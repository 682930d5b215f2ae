# SPDX-License-Identifier: Apache-2.0
"""An encoder transformer that classifies text: which of Shakespeare's characters is speaking?"""

import re
from collections import Counter

import numpy as np

import tilewright as tf
from tilewright.datasets import tinyshakespeare
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Input, Model, Sequential, layers
from tilewright.plots import plot_history

SPEAKERS, VOCABULARY, LENGTH = 10, 4000, 40


class TransformerBlock(layers.Layer):
    """Self-attention and a small network, each added to its input and normalized."""

    def __init__(self, width, heads, hidden, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(num_heads=heads, key_dim=width)
        self.network = Sequential([layers.Dense(hidden, activation="relu"), layers.Dense(width)])
        self.norm_1, self.norm_2 = (layers.LayerNormalization(epsilon=1e-6) for _ in range(2))
        self.dropout_1, self.dropout_2 = layers.Dropout(rate), layers.Dropout(rate)

    def call(self, x, training=None):
        x = self.norm_1(x + self.dropout_1(self.attention(x, x), training=training))
        return self.norm_2(x + self.dropout_2(self.network(x), training=training))


class TokenAndPositionEmbedding(layers.Layer):
    """What a word means and where it stands, added."""

    def __init__(self, length, vocabulary, width, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.Embedding(vocabulary, width)
        self.places = layers.Embedding(length, width)

    def call(self, ids):
        return self.words(ids) + self.places(tf.range(ids.shape[-1]))


def speeches(limit=None):
    """Pieces of at most 40 words with their speaker: ((x, y) to train, (x, y) to test, names).

    The last fifth of each speaker's pieces is the test.
    """
    found = []
    for paragraph in tinyshakespeare.load_data()[:limit].split("\n\n"):
        name, _, speech = paragraph.partition(":\n")
        words = re.findall(r"[a-z']+", speech.lower())
        found += [(name, words[i : i + LENGTH]) for i in range(0, len(words), LENGTH)]
    found = [
        (name, words) for name, words in found if len(words) >= 5 and name.lower() not in ("all", "both")
    ]
    names = [name for name, _ in Counter(name for name, _ in found).most_common(SPEAKERS)]
    train, test = [], []
    for number, name in enumerate(names):
        own = [(words, number) for speaker, words in found if speaker == name]
        cut = len(own) * 4 // 5
        train += own[:cut]
        test += own[cut:]
    common = Counter(word for words, _ in train for word in words).most_common(VOCABULARY - 2)
    numbers = {word: i + 2 for i, (word, _) in enumerate(common)}  # 0 fills up, 1 is a word not known

    def arrays(part):
        x = np.zeros((len(part), LENGTH), np.int32)
        for row, (words, _) in zip(x, part, strict=True):
            row[: len(words)] = [numbers.get(word, 1) for word in words]
        return x, np.array([number for _, number in part], np.int32)

    return arrays(train), arrays(test), names


def main(arguments=None):
    options = begin(flags(__doc__, epochs=12), arguments)
    (x_train, y_train), (x_test, y_test), names = speeches(options.limit)
    print(f"{len(x_train)} pieces to train on, {len(x_test)} to test, of {', '.join(names)}")

    inputs = Input((LENGTH,), dtype="int32")
    x = TokenAndPositionEmbedding(LENGTH, VOCABULARY, 32)(inputs)
    x = TransformerBlock(width=32, heads=2, hidden=32)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(20, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    model = Model(inputs, layers.Dense(len(names), activation="softmax")(x))
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, batch_size=32, epochs=options.epochs, validation_data=(x_test, y_test)
    )

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    plot_history(
        history, options.out / "text_transformer.png", title=f"Who speaks? {accuracy:.1%} of test pieces"
    )
    result("text_transformer", "share_of_commonest", np.bincount(y_test).max() / len(y_test))
    result("text_transformer", "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
