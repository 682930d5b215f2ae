# SPDX-License-Identifier: Apache-2.0
"""A character GPT on Shakespeare, in nanoGPT's setting for a CPU: 804,096 parameters, 2,000 steps.

4 layers, 4 heads, 128 wide, context of 64, batches of 12, no dropout. AdamW (0.9, 0.99) with a weight decay
of 0.1 on matrices, gradients clipped to norm 1, 100 steps of warm-up to 1e-3 and a cosine down to 1e-4.
"""

import numpy as np

import tilewright as tf
from tilewright.datasets import tinyshakespeare
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Model, initializers, layers, losses, ops, optimizers
from tilewright.plots import plot_history

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 4, 4, 128, 64, 12
STEPS, WARMUP, ROUND = 2000, 100, 250


def dense(units, stddev=0.02, **options):
    """A Dense layer as GPT-2 begins: normal weights, no bias."""
    return layers.Dense(
        units, use_bias=False, kernel_initializer=initializers.RandomNormal(stddev=stddev), **options
    )


class Block(layers.Layer):
    """Attention to what came before, then a small network for each place; each adds to its input."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        residual = 0.02 / (2 * LAYERS) ** 0.5
        self.norm_1, self.norm_2 = (layers.LayerNormalization(epsilon=1e-5, center=False) for _ in range(2))
        self.queries_keys_values = dense(3 * WIDTH)
        self.attended = dense(WIDTH, residual)
        self.wide, self.narrow = dense(4 * WIDTH, activation="gelu"), dense(WIDTH, residual)

    def call(self, x):
        batch, length = tf.shape(x)[0], tf.shape(x)[1]
        heads = tf.reshape(
            self.queries_keys_values(self.norm_1(x)), (batch, length, 3, HEADS, WIDTH // HEADS)
        )
        query, key, value = tf.unstack(heads, axis=2)
        y = ops.dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attended(tf.reshape(y, (batch, length, WIDTH)))
        return x + self.narrow(self.wide(self.norm_2(x)))


class GPT(Model):
    """Characters in, for each place the logits of the next character out."""

    def __init__(self, vocabulary: int):
        super().__init__()
        normal = initializers.RandomNormal(stddev=0.02)
        self.tokens = layers.Embedding(vocabulary, WIDTH, embeddings_initializer=normal)
        self.positions = layers.Embedding(
            CONTEXT, WIDTH, embeddings_initializer=initializers.RandomNormal(stddev=0.02)
        )
        self.blocks = [Block() for _ in range(LAYERS)]
        self.norm = layers.LayerNormalization(epsilon=1e-5, center=False)

    def call(self, ids):
        x = self.tokens(ids) + self.positions(tf.range(tf.shape(ids)[1]))
        for block in self.blocks:
            x = block(x)
        # The table of characters serves twice: to read them and to say them.
        return tf.matmul(self.norm(x), self.tokens.embeddings, transpose_b=True)

    def generate(self, ids: list[int], count: int, temperature: float = 0.8) -> list[int]:
        """`count` more characters, each drawn by the logits over `temperature`."""
        for _ in range(count):
            logits = self(np.array([ids[-CONTEXT:]], np.int32))[:, -1] / temperature
            ids = [*ids, int(tf.random.categorical(logits, 1)[0, 0])]
        return ids


def random_batches(text: np.ndarray, seed: int):
    """Batches without end: BATCH pieces of the text from random places, and the same one character on."""
    rng = np.random.default_rng(seed)
    while True:
        starts = rng.integers(0, len(text) - CONTEXT, BATCH)
        pieces = np.stack([text[s : s + CONTEXT + 1] for s in starts])
        yield pieces[:, :-1], pieces[:, 1:]


def consecutive(text: np.ndarray):
    """The whole text cut into pieces of CONTEXT, and the same one character on."""
    count = (len(text) - 1) // CONTEXT
    return tuple(text[i : i + count * CONTEXT].reshape(count, CONTEXT) for i in (0, 1))


def main(arguments=None):
    options = begin(flags(__doc__, epochs=STEPS // ROUND), arguments)
    text = tinyshakespeare.load_data()[: options.limit]
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    ids = np.array([number[c] for c in text], np.int32)
    train, validation = np.split(ids, [int(0.9 * len(ids))])

    model = GPT(len(characters))
    model(np.zeros((1, CONTEXT), np.int32))
    print(f"{model.count_params():,} parameters")

    steps = options.epochs * ROUND
    rate = optimizers.schedules.CosineDecay(
        0.0, max(steps - WARMUP, 1), alpha=0.1, warmup_target=1e-3, warmup_steps=min(WARMUP, steps)
    )
    optimizer = optimizers.AdamW(
        rate, weight_decay=0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if v.ndim < 2])
    model.compile(optimizer, losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(
        random_batches(train, options.seed),
        steps_per_epoch=ROUND,
        epochs=options.epochs,
        validation_data=consecutive(validation),
        validation_batch_size=64,
    )

    print("".join(characters[i] for i in model.generate([number["\n"]], 500)))
    plot_history(history, options.out / "char_gpt.png", title="A character GPT reads Shakespeare")
    result("char_gpt", "parameters", model.count_params())
    result("char_gpt", "validation_loss", history.history["val_loss"][-1])


if __name__ == "__main__":
    main()
