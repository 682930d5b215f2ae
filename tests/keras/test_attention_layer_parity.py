# SPDX-License-Identifier: Apache-2.0
"""Attention against Keras's: masks of every shape, several axes, grouped heads, windows, gates, scores."""

import numpy as np
import pytest
from keras_judge import close, our_call, seeds_for
from layer_checks import check_against_keras, check_configuration, check_symbolic_shape, floats

import tilewright as tw
from tilewright import keras

STEPS, OTHER, IMAGE = floats(2, 7, 6), floats(2, 4, 5), floats(2, 3, 4, 6)
RNG = np.random.default_rng(1)
SOME = RNG.random((2, 7, 7)) > 0.4
ACROSS, BY_HEAD = RNG.random((2, 7, 4)) > 0.4, RNG.random((2, 4, 7, 7)) > 0.3
# All queries see something; where none is seen the back ends of Keras differ in gradients.
SOME[:, :, 0], ACROSS[:, :, 0] = True, True
QUERY_MASK = np.array([[1, 1, 1, 1, 1, 0, 0], [1] * 7], bool)
KEY_MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 0]], bool)
CAUSAL, SCORES = {"use_causal_mask": True}, {"return_attention_scores": True}

# name: (layer by keras.layers, inputs, arguments of the call)
CASES = {
    "plain": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], {}),
    "key of its own": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER, floats(2, 4, 3)], {}),
    "no bias": (lambda k: k.MultiHeadAttention(2, 3, use_bias=False), [STEPS, OTHER], {}),
    "value_dim": (lambda k: k.MultiHeadAttention(2, 3, value_dim=5), [STEPS, OTHER], CAUSAL),
    "output_shape": (lambda k: k.MultiHeadAttention(2, 3, output_shape=(2, 5)), [STEPS, STEPS], {}),
    "causal": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], CAUSAL),
    "causal across": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER], CAUSAL),
    "mask": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], {"attention_mask": SOME}),
    "mask of all": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], {"attention_mask": SOME[1]}),
    "mask by head": (lambda k: k.MultiHeadAttention(4, 3), [STEPS, STEPS], {"attention_mask": BY_HEAD}),
    "mask that broadcasts": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER], {"attention_mask": ACROSS[:, :1]}
    ),
    "mask of numbers": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER], {"attention_mask": ACROSS.astype("int32")}
    ),
    "mask and causal": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], {"attention_mask": SOME, **CAUSAL}
    ),
    "masked keys": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER, OTHER * 2],
        {"key_mask": KEY_MASK, "value_mask": None},
    ),
    "masked values and mask": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER],
        {"value_mask": KEY_MASK, "attention_mask": ACROSS},
    ),
    "window": (lambda k: k.MultiHeadAttention(2, 3, sliding_window=2), [STEPS, STEPS], {}),
    "window, causal": (lambda k: k.MultiHeadAttention(2, 3, sliding_window=3), [STEPS, STEPS], CAUSAL),
    "gate": (lambda k: k.MultiHeadAttention(2, 3, value_dim=4, use_gate=True), [STEPS, OTHER], {}),
    "scores": (lambda k: k.MultiHeadAttention(2, 3), [STEPS, OTHER], SCORES),
    "scores, mask": (
        lambda k: k.MultiHeadAttention(2, 3), [STEPS, STEPS], {"attention_mask": SOME, **SCORES, **CAUSAL}
    ),
    "two axes": (lambda k: k.MultiHeadAttention(2, 3), [IMAGE, floats(2, 2, 5, 6)], {}),
    "two axes, scores": (lambda k: k.MultiHeadAttention(2, 3), [IMAGE, IMAGE], SCORES),
    "two axes, mask": (
        lambda k: k.MultiHeadAttention(2, 3), [IMAGE, IMAGE],
        {"attention_mask": RNG.random((2, 3, 4, 3, 4)) > 0.3},
    ),
    "first axis": (lambda k: k.MultiHeadAttention(2, 3, attention_axes=1), [IMAGE, IMAGE], SCORES),
    "first axis, causal": (lambda k: k.MultiHeadAttention(2, 3, attention_axes=(1,)), [IMAGE, IMAGE], CAUSAL),
    "second axis": (
        lambda k: k.MultiHeadAttention(2, 3, attention_axes=[2]), [IMAGE, floats(2, 3, 5, 6)], SCORES
    ),
    "second axis, mask": (
        lambda k: k.MultiHeadAttention(2, 3, attention_axes=-2), [IMAGE, IMAGE],
        {"attention_mask": RNG.random((2, 4, 4)) > 0.3},
    ),
    "dropout, not in training": (
        lambda k: k.MultiHeadAttention(2, 3, dropout=0.4), [STEPS, STEPS], {"training": False, **CAUSAL}
    ),
    "grouped": (lambda k: k.GroupQueryAttention(3, 4, 2), [STEPS, OTHER], {}),
    "grouped, one head of keys": (lambda k: k.GroupQueryAttention(3, 4, 1), [STEPS, STEPS], CAUSAL),
    "grouped, own keys, no bias": (
        lambda k: k.GroupQueryAttention(3, 4, 4, use_bias=False), [STEPS, OTHER, OTHER * 2], {}
    ),
    "grouped, mask": (
        lambda k: k.GroupQueryAttention(3, 4, 2), [STEPS, STEPS], {"attention_mask": SOME[1:], **CAUSAL}
    ),
    "grouped, window, gate": (
        lambda k: k.GroupQueryAttention(3, 4, 2, sliding_window=2, use_gate=True), [STEPS, STEPS], CAUSAL
    ),
    "grouped, scores": (lambda k: k.GroupQueryAttention(3, 4, 2), [STEPS, OTHER], SCORES),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_keras_s(name, judge):
    make, inputs, kwargs = CASES[name]
    got = check_against_keras(judge, name, lambda k: make(k.layers), inputs, **kwargs)
    symbolic = {n: kwargs[n] for n in ("use_causal_mask", "return_attention_scores") if n in kwargs}
    check_symbolic_shape(lambda k: make(k.layers), inputs, got, **symbolic)


@pytest.mark.parametrize("name", CASES)
def test_configuration_makes_the_same_layer(name):
    make, inputs, kwargs = CASES[name]
    check_configuration(lambda k: make(k.layers), inputs, **kwargs)


def on_list(layer, *inputs, **kwargs):
    return layer(list(inputs), **kwargs)


VALUES = floats(2, 4, 6)
# name: (layer by keras.layers, inputs, arguments of the call)
LISTED = {
    "Attention": (lambda k: k.Attention(), [STEPS, VALUES], {}),
    "Attention key": (lambda k: k.Attention(use_scale=True), [STEPS, floats(2, 4, 3), VALUES], {}),
    "Attention scale, causal": (lambda k: k.Attention(use_scale=True), [STEPS, STEPS], CAUSAL),
    "Attention masks": (lambda k: k.Attention(), [STEPS, VALUES], {"mask": [QUERY_MASK, KEY_MASK]}),
    "Attention masks, causal": (
        lambda k: k.Attention(), [STEPS, STEPS], {"mask": [None, QUERY_MASK], **CAUSAL}
    ),
    "Attention scores": (lambda k: k.Attention(), [STEPS, VALUES], {"mask": [None, KEY_MASK], **SCORES}),
    "Attention concat": (lambda k: k.Attention(True, "concat"), [STEPS, VALUES], SCORES),
    "Attention concat, no scale": (lambda k: k.Attention(score_mode="concat"), [STEPS, VALUES], {}),
    "Attention dropout, not in training": (lambda k: k.Attention(dropout=0.4), [STEPS, VALUES], {}),
    "AdditiveAttention": (lambda k: k.AdditiveAttention(), [STEPS, VALUES], {"mask": [QUERY_MASK, KEY_MASK]}),
    "AdditiveAttention no scale": (lambda k: k.AdditiveAttention(False), [STEPS, VALUES, VALUES * 2], SCORES),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTED)
def test_attention_on_a_list_is_keras_s(name, judge):
    make, inputs, kwargs = LISTED[name]
    masks = kwargs.get("mask")

    def call(layer, *tensors, **options):
        if masks is not None:
            there = isinstance(tensors[0], judge.torch.Tensor)
            options["mask"] = [m if m is None or not there else judge.tensor(m) for m in masks]
        return on_list(layer, *tensors, **options)

    options = {n: v for n, v in kwargs.items() if n != "mask"}
    got = check_against_keras(judge, name, lambda k: make(k.layers), inputs, call, **options)
    check_symbolic_shape(lambda k: make(k.layers), inputs, got, on_list, **options)
    check_configuration(lambda k: make(k.layers), inputs, on_list, **kwargs)


@pytest.mark.filterwarnings("ignore:.*Layer 'query' .of type EinsumDense:UserWarning")
@pytest.mark.filterwarnings("ignore:(?s).*EinsumDense. was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("grouped", [False, True])
def test_masks_that_travel_hide_queries_and_keys(grouped, judge):
    """From Embedding, and with a masked query that sees a masked sequence of another length."""
    ids = np.array([[3, 1, 2, 0, 0], [4, 4, 0, 0, 0]], np.int32)
    other = np.array([[1, 0, 2], [0, 0, 5]], np.int32)

    def make(k):
        a, b = k.Input((5,), dtype="int32"), k.Input((3,), dtype="int32")
        x, y = (k.layers.Embedding(6, 8, mask_zero=True)(i) for i in (a, b))
        layers = k.layers
        attend = layers.GroupQueryAttention(4, 4, 2) if grouped else layers.MultiHeadAttention(2, 4)
        z = attend(x, y)
        z = layers.MultiHeadAttention(2, 4)(z, z, use_causal_mask=True)
        return k.Model([a, b], z)

    theirs, ours = make(judge.keras), make(keras)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    want, got = theirs([judge.tensor(ids), judge.tensor(other)]), ours([ids, other])
    close(got.numpy(), judge.array(want), "masked model")
    np.testing.assert_array_equal(got.mask.numpy(), judge.array(want._keras_mask))


def test_queries_that_may_look_nowhere_look_everywhere_alike(judge):
    """As in Keras, and with the gradients it has on TensorFlow and JAX: none to queries and keys. On PyTorch
    they depend on which of its kernels runs.
    """
    torch = judge.torch
    mask = np.ones((2, 7, 7), bool)
    mask[0, 4:], mask[1, 1], mask[1, :, 3:] = False, False, False
    theirs, ours = judge.keras.layers.MultiHeadAttention(2, 4), keras.layers.MultiHeadAttention(2, 4)
    call = lambda layer, x: layer(x, x, attention_mask=mask)  # noqa: E731
    want = call(theirs, judge.tensor(STEPS))
    call(ours, STEPS)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    outputs, (by_x,), by_weights = our_call(ours, [STEPS], call)
    close(outputs[0], judge.array(want), "output")

    x = torch.tensor(STEPS, dtype=torch.float64, requires_grad=True)
    weights = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in ours.get_weights()]
    q, k, v = (
        torch.einsum("btc,chd->bhtd", x, weights[2 * i]) + weights[2 * i + 1][:, None] for i in range(3)
    )
    scores = torch.where(torch.tensor(mask[:, None]), q @ k.transpose(2, 3) / 2, -1e30)
    y = torch.einsum("bhtd,hdc->btc", scores.softmax(-1) @ v, weights[6]) + weights[7]
    (y * torch.tensor(seeds_for(tuple(y.shape)))).sum().backward()
    close(outputs[0], y.detach().numpy(), "formula")
    close(by_x, x.grad.numpy(), "gradient by x")
    for got, weight in zip(by_weights, weights, strict=True):
        close(got, weight.grad.numpy(), "gradient by a weight", beside=[w.grad.numpy() for w in weights])


def test_dropout_of_the_weights_acts_in_training_only():
    layer = keras.layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    plain = layer(STEPS, STEPS).numpy()
    assert (layer(STEPS, STEPS, training=True).numpy() != plain).any()
    mean = np.mean([layer(STEPS, STEPS, training=True).numpy() for _ in range(400)], 0)
    assert np.abs(mean - plain).max() < 0.15 * np.abs(plain).max()
    again = keras.layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    again.build(STEPS.shape, STEPS.shape)
    again.set_weights(layer.get_weights())
    first = keras.layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    first.build(STEPS.shape, STEPS.shape)
    first.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(STEPS, STEPS, training=True), first(STEPS, STEPS, training=True))


def test_regularizers_reach_the_projections(judge):
    def make(k):
        return k.layers.MultiHeadAttention(2, 3, kernel_regularizer="l2", activity_regularizer="l1")

    theirs, ours = make(judge.keras), make(keras)
    theirs(judge.tensor(STEPS), judge.tensor(STEPS)), ours(STEPS, STEPS)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    theirs(judge.tensor(STEPS), judge.tensor(STEPS)), ours(STEPS, STEPS)
    assert len(ours.losses) == len(theirs.losses)
    np.testing.assert_allclose(
        sum(float(loss) for loss in ours.losses),
        sum(float(judge.array(loss)) for loss in theirs.losses),
        rtol=1e-5,
    )
    assert ours.get_config()["activity_regularizer"]["class_name"] == "L1"


def test_rotary_embedding_turns_gradients_back():
    layer, x = keras.layers.RotaryEmbedding(), tw.Tensor(floats(2, 5, 3, 8))
    dy = floats(2, 5, 3, 8)[::-1].copy()
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    dx = tape.gradient(y, x, output_gradients=tw.Tensor(dy)).numpy()
    close(layer(dx).numpy(), dy, "the gradient turned forward again")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k.MultiHeadAttention(2, 0), ValueError, "key_dim is 0, expected an int of at least 1"),
        (lambda k: k.MultiHeadAttention(2, 3, value_dim=0), ValueError, "value_dim is 0"),
        (lambda k: k.MultiHeadAttention(2, 3, attention_axes="1"), ValueError, "attention_axes is a str"),
        (lambda k: k.MultiHeadAttention(2, 3, num_head=2), TypeError, "did you mean 'num_heads'"),
        (lambda k: k.MultiHeadAttention(2, 3, sliding_window=0), ValueError, "sliding_window is 0"),
        (lambda k: k.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True), ValueError, "dropout 0.1"),
        (
            lambda k: k.GroupQueryAttention(3, 4, 3),
            ValueError,
            "expected a multiple of num_key_value_heads = 3",
        ),
        (lambda k: k.GroupQueryAttention(3, 4, 2)(IMAGE, IMAGE), ValueError, "expected 3 dimensions"),
        (lambda k: k.Attention(score_mode="sum"), ValueError, "score_mode is 'sum'"),
        (
            lambda k: k.Attention()(STEPS),
            ValueError,
            "[attention] inputs has Tensor entries, expected a list",
        ),
        (lambda k: k.Attention()([STEPS]), ValueError, "inputs has 1 entries"),
        (
            lambda k: k.MultiHeadAttention(2, 3)(STEPS[0], STEPS[0]),
            ValueError,
            "query has shape (7, 6), expected at least 3 dimensions",
        ),
        (lambda k: k.MultiHeadAttention(2, 3)(STEPS, OTHER, STEPS), ValueError, "expected as many steps"),
        (
            lambda k: k.MultiHeadAttention(2, 3, attention_axes=3)(IMAGE, IMAGE),
            ValueError,
            "attention_axes is (3,), expected axes between the batch and the features",
        ),
        (
            lambda k: k.MultiHeadAttention(2, 3)(IMAGE, IMAGE, use_causal_mask=True),
            ValueError,
            "attention_axes is (1, 2), expected a single axis",
        ),
        (
            lambda k: k.MultiHeadAttention(2, 3, attention_axes=2)(IMAGE, floats(2, 5, 4, 6)),
            ValueError,
            "expected them alike but for axes (2,)",
        ),
        (
            lambda k: k.MultiHeadAttention(2, 3, flash_attention=True)(
                STEPS, STEPS, return_attention_scores=True
            ),
            ValueError,
            "return_attention_scores is True with flash attention",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call(keras.layers)
    assert message in str(caught.value)
