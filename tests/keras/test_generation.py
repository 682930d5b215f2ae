# SPDX-License-Identifier: Apache-2.0
"""Drawing tokens, the key-value cache, rotary and learned positions, generation with and without cache."""

import numpy as np
import pytest
from keras_judge import close
from layer_checks import floats

from tilewright import keras
from tilewright.keras import generation
from tilewright.keras.generation import KeyValueCache, generate, sample

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32))


def shares(**options):
    """How often each of four tokens is drawn."""
    ids = sample(np.broadcast_to(LOGITS, (20000, 4)), seed=7, **options).numpy()
    return np.bincount(ids, minlength=4) / len(ids)


class TestSampling:
    def test_shares_are_those_of_the_softmax(self):
        np.testing.assert_allclose(shares(), [0.5, 0.25, 0.15, 0.1], atol=0.015)

    def test_temperature_sharpens_and_flattens(self):
        p = np.exp(LOGITS / 0.5)
        np.testing.assert_allclose(shares(temperature=0.5), p / p.sum(), atol=0.015)
        p = np.exp(LOGITS / 5.0)
        np.testing.assert_allclose(shares(temperature=5.0), p / p.sum(), atol=0.015)
        assert shares(temperature=0)[0] == 1

    def test_top_k_keeps_the_k_most_likely(self):
        np.testing.assert_allclose(shares(top_k=2), [2 / 3, 1 / 3, 0, 0], atol=0.015)
        assert shares(top_k=1)[0] == 1
        # Ties: exactly k are kept.
        assert len(set(sample(np.zeros((500, 4), np.float32), top_k=2, seed=1).numpy())) == 2

    def test_top_p_keeps_the_share(self):
        np.testing.assert_allclose(shares(top_p=0.6), [2 / 3, 1 / 3, 0, 0], atol=0.015)
        assert shares(top_p=0.3)[0] == 1
        np.testing.assert_allclose(shares(top_p=1.0), [0.5, 0.25, 0.15, 0.1], atol=0.015)
        np.testing.assert_allclose(shares(top_p=0.7, top_k=3), [2 / 3, 1 / 3, 0, 0], atol=0.015)

    def test_a_seed_repeats_and_a_generator_goes_on(self):
        x = np.zeros((50, 9), np.float32)
        np.testing.assert_array_equal(sample(x, seed=3), sample(x, seed=3))
        source = keras.SeedGenerator(3)
        assert (sample(x, seed=source).numpy() != sample(x, seed=source).numpy()).any()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"temperature": -1.0}, "temperature is -1.0"),
            ({"top_k": 5}, "top_k is 5, expected 1 to 4"),
            ({"top_k": 0}, "top_k is 0"),
            ({"top_p": 0.0}, "top_p is 0.0"),
            ({"top_p": 1.5}, "top_p is 1.5"),
        ],
    )
    def test_wrong_options_are_named(self, options, message):
        with pytest.raises(ValueError, match=r"\[sample\] ") as caught:
            sample(LOGITS, **options)
        assert message in str(caught.value)


class Block(keras.layers.Layer):
    """Causal attention with rotary queries and keys, in few heads of keys and values."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.RMSNormalization()
        self.query, self.shared = keras.layers.Dense(12), keras.layers.Dense(12)
        self.rotary = keras.layers.RotaryEmbedding()
        self.attention = keras.layers.GroupedQueryAttention(4, 4, 2)

    def call(self, x):
        y = self.rotary(self.norm(x))
        return x + self.attention(y, y, use_causal_mask=True)


def learned(window=None):
    i = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 12)(i)
    x = keras.layers.Add()([x, keras.layers.PositionEmbedding(16)(x)])
    for _ in range(2):
        y = keras.layers.LayerNormalization()(x)
        y = keras.layers.MultiHeadAttention(3, 4, sliding_window=window)(y, y, use_causal_mask=True)
        x = keras.layers.Add()([x, y])
    return keras.Model(i, keras.layers.Dense(11, kernel_initializer="random_normal")(x))


def rotary():
    i = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 12)(i)
    x = Block()(Block()(x))
    return keras.Model(i, keras.layers.Dense(11, activation="softmax")(x))


PROMPT = np.array([[1, 5, 2], [7, 7, 3]], np.int32)


class TestGenerate:
    @pytest.mark.parametrize(
        "make", [learned, lambda: learned(3), rotary], ids=["learned", "window", "rotary"]
    )
    @pytest.mark.parametrize(
        "options", [{"temperature": 0}, {"seed": 4, "top_k": 5}, {"seed": 4, "top_p": 0.9}]
    )
    def test_the_cache_changes_nothing(self, make, options):
        model = make()
        whole = generate(model, PROMPT, 12, context_length=16, **options).numpy()
        cached = generate(model, PROMPT, 12, context_length=16, cache=True, **options).numpy()
        np.testing.assert_array_equal(cached, whole)
        assert whole.shape == (2, 15) and (whole[:, :3] == PROMPT).all() and whole.dtype == np.int32

    def test_beyond_the_context_it_slides(self):
        model = learned()
        whole = generate(model, PROMPT, 20, temperature=0, context_length=8).numpy()
        cached = generate(model, PROMPT, 20, temperature=0, context_length=8, cache=True).numpy()
        np.testing.assert_array_equal(cached, whole)
        last = model(whole[:, -9:-1]).numpy()[:, -1]
        np.testing.assert_array_equal(last.argmax(-1), whole[:, -1])

    def test_logits_with_the_cache_are_those_without(self):
        model, ids = rotary(), np.random.default_rng(0).integers(0, 11, (2, 9)).astype(np.int32)
        want = model(ids).logits.numpy()
        cache, found = KeyValueCache(9), []
        with cache:
            for start, end in ((0, 4), (4, 5), (5, 8), (8, 9)):
                found.append(model(ids[:, start:end]).logits.numpy())
                cache.advance(end - start)
        close(np.concatenate(found, 1), want, "logits", 1e-5)
        cache.reset()
        with cache:
            close(model(ids[:, :4]).logits.numpy(), want[:, :4], "after reset", 1e-5)

    def test_padding_in_the_cache_stays_hidden(self):
        i = keras.Input((None,), dtype="int32")
        x = keras.layers.Embedding(11, 12, mask_zero=True)(i)
        model = keras.Model(i, keras.layers.MultiHeadAttention(3, 4)(x, x, use_causal_mask=True))
        ids = np.array([[0, 0, 3, 4, 5], [1, 2, 3, 4, 5]], np.int32)
        want, cache = model(ids).numpy(), KeyValueCache(8)
        with cache:
            first = model(ids[:, :3]).numpy()
            cache.advance(3)
            rest = model(ids[:, 3:]).numpy()
        close(np.concatenate([first, rest], 1)[1], want[1], "without padding")
        close(rest[0], want[0, 3:], "after padding")

    def test_a_model_that_knows_no_positions_of_the_cache_is_refused(self):
        class Counted(keras.layers.Layer):
            def call(self, x):
                return x + np.arange(x.shape[1], dtype=np.float32)[None, :, None]

        i = keras.Input((None,), dtype="int32")
        x = Counted()(keras.layers.Embedding(11, 12)(i))
        x = keras.layers.MultiHeadAttention(3, 4)(x, x, use_causal_mask=True)
        model = keras.Model(i, keras.layers.Dense(11)(x))
        with pytest.raises(ValueError, match="some layer knows nothing of the cache"):
            generate(model, PROMPT, 3, cache=True)
        assert generate(model, PROMPT, 3).shape == (2, 6)

    def test_it_ends_where_all_sequences_have_stopped(self):
        def model(ids, training=False):
            """Says the next number, modulo 5."""
            return generation.Tensor(np.eye(5, dtype=np.float32)[(ids.numpy() + 1) % 5])

        got = generate(model, [[1], [3]], 9, temperature=0, stop_token=4).numpy()
        np.testing.assert_array_equal(got, [[1, 2, 3, 4], [3, 4, 4, 4]])
        np.testing.assert_array_equal(generate(model, [2], 2, temperature=0), [2, 3, 4])
        assert generate(model, [2], 0).shape == (1,)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((np.zeros((2, 0), np.int32), 3), "prompt has shape (2, 0)"),
            (([0.5], 3), "dtype float64"),
            (([1], -1), "max_new_tokens is -1"),
        ],
    )
    def test_wrong_prompts_are_named(self, arguments, message):
        with pytest.raises(ValueError, match="generate") as caught:
            generate(learned(), *arguments)
        assert message in str(caught.value)
        with pytest.raises(ValueError, match=r"model gives shape \(1, 3\)"):
            generate(lambda ids, training: generation.Tensor(floats(1, 3)), [1], 2)

    def test_a_full_cache_is_named(self):
        model, cache = learned(), KeyValueCache(4)
        with cache:
            model(PROMPT)
            cache.advance(3)
            with pytest.raises(
                ValueError, match="key has 3 steps after 3 in the cache, expected at most max_len"
            ):
                model(PROMPT)
            with pytest.raises(ValueError, match="key has a batch of 1, expected 2"):
                model(PROMPT[:1, :1])
            with pytest.raises(ValueError, match="length is 3 and 2 steps follow"):
                cache.advance(2)
        with pytest.raises(ValueError, match="max_length is 0"):
            KeyValueCache(0)


class TestRotary:
    def turned(self, x, positions, wavelength=10000.0, scaling=1.0):
        """The formula on (batch, steps, heads, depth), in float64."""
        pairs = x.shape[-1] // 2
        angle = (
            np.asarray(positions, np.float64)[..., None] / scaling * wavelength ** -(np.arange(pairs) / pairs)
        )
        cos, sin = np.cos(angle)[..., None, :], np.sin(angle)[..., None, :]
        a, b = x[..., :pairs], x[..., pairs:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def test_it_is_the_formula(self):
        x = floats(2, 7, 3, 8)
        close(keras.layers.RotaryEmbedding()(x).numpy(), self.turned(x, range(7)), "default")
        layer = keras.layers.RotaryEmbedding(500, 4.0)
        close(layer(x, start_index=9).numpy(), self.turned(x, range(9, 16), 500.0, 4.0), "from step 9")
        positions = np.array([[0, 5, 3, 1, 1, 900, 2], [6, 5, 4, 3, 2, 1, 0]])
        close(layer(x, positions=positions).numpy(), self.turned(x, positions, 500.0, 4.0), "given positions")

    def test_other_axes_are_the_same_moved(self):
        x = floats(2, 7, 3, 8)
        want = keras.layers.RotaryEmbedding()(x).numpy()
        layer = keras.layers.RotaryEmbedding(sequence_axis=2)
        close(layer(x.transpose(0, 2, 1, 3).copy()).numpy(), want.transpose(0, 2, 1, 3), "steps third")
        layer = keras.layers.RotaryEmbedding(sequence_axis=-1, feature_axis=1)
        close(layer(x.transpose(0, 3, 2, 1).copy()).numpy(), want.transpose(0, 3, 2, 1), "features first")
        close(keras.layers.RotaryEmbedding()(x[:, :, 0].copy()).numpy(), want[:, :, 0], "no heads")

    def test_products_see_only_the_distance(self):
        q, k = (
            np.broadcast_to(floats(1, 1, 1, 8), (1, 40, 1, 8)),
            np.broadcast_to(floats(1, 1, 2, 8)[:, :, :1], (1, 40, 1, 8)),
        )
        layer = keras.layers.RotaryEmbedding()
        scores = layer(q).numpy()[0, :, 0] @ layer(k).numpy()[0, :, 0].T
        for distance in (0, 3, 20):
            line = np.diagonal(scores, distance)
            np.testing.assert_allclose(line, line[0], atol=1e-4)

    def test_an_odd_number_of_features_is_named(self):
        with pytest.raises(
            ValueError, match=r"\[rotary_embedding\] input has shape \(2, 3, 5\), expected an even"
        ):
            keras.layers.RotaryEmbedding()(floats(2, 3, 5))
        with pytest.raises(ValueError, match="max_wavelength is 0"):
            keras.layers.RotaryEmbedding(0)


def test_position_embedding_gives_rows_by_position():
    layer = keras.layers.PositionEmbedding(6)
    x = floats(2, 4, 3)
    rows = layer(x).numpy()
    table = layer.position_embeddings.numpy()
    np.testing.assert_array_equal(rows, np.broadcast_to(table[:4], (2, 4, 3)))
    np.testing.assert_array_equal(layer(x, start_index=2).numpy()[0], table[2:])
    np.testing.assert_array_equal(layer(x, positions=np.array([5, 0, 0, 1])).numpy()[1], table[[5, 0, 0, 1]])
    with pytest.raises(ValueError, match="4 steps from position 3, expected at most sequence_length = 6"):
        layer(x, start_index=3)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
