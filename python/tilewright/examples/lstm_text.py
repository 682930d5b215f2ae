# SPDX-License-Identifier: Apache-2.0
"""An LSTM that writes Shakespeare: from the characters so far it guesses the next one."""

import numpy as np

import tilewright as tf
from tilewright.datasets import tinyshakespeare
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Input, Sequential, layers, losses
from tilewright.plots import plot_history

LENGTH, UNITS = 64, 128


def pieces(ids: np.ndarray):
    """The text cut into pieces of LENGTH characters, and the same one character on."""
    count = (len(ids) - 1) // LENGTH
    return tuple(ids[i : i + count * LENGTH].reshape(count, LENGTH) for i in (0, 1))


def write(model, start: list[int], count: int, temperature: float = 0.7) -> list[int]:
    """`count` more characters, each drawn by what the model expects after the last LENGTH ones."""
    ids = list(start)
    for _ in range(count):
        window = np.array([ids[-LENGTH:]], np.int32)
        logits = model(window)[:, -1] / temperature
        ids.append(int(tf.random.categorical(logits, 1)[0, 0]))
    return ids


def main(arguments=None):
    options = begin(flags(__doc__, epochs=5), arguments)
    text = tinyshakespeare.load_data()[: options.limit]
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    ids = np.array([number[c] for c in text], np.int32)
    train, validation = np.split(ids, [int(0.9 * len(ids))])

    model = Sequential(
        [
            Input((None,), dtype="int32"),
            layers.Embedding(len(characters), 64),
            layers.LSTM(UNITS, return_sequences=True),
            layers.Dense(len(characters)),
        ]
    )
    model.summary()
    model.compile(optimizer="adam", loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 2e-3
    x, y = pieces(train)
    history = model.fit(x, y, batch_size=32, epochs=options.epochs, validation_data=pieces(validation))

    print("".join(characters[i] for i in write(model, [number[c] for c in "\nKING:" if c in number], 300)))
    plot_history(history, options.out / "lstm_text.png", title="An LSTM reads Shakespeare")
    result("lstm_text", "validation_loss", history.history["val_loss"][-1])


if __name__ == "__main__":
    main()
