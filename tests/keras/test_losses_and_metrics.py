# SPDX-License-Identifier: Apache-2.0
"""Losses and metrics against Keras's, with weights and reductions; logits kept from softmax and sigmoid."""

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras

RNG = np.random.default_rng(2)
SCORES = RNG.standard_normal((6, 4)).astype(np.float32)
PROBABILITIES = (np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)).astype(np.float32)
ONE_HOT = np.eye(4, dtype=np.float32)[[0, 3, 1, 1, 2, 0]]
CLASSES = np.array([0, 3, 1, 1, 2, 0])
YES_NO = np.array([[0, 1, 1, 0]] * 6, np.float32)
POSITIVE = np.abs(SCORES) + 0.1
NORMED = (SCORES / np.linalg.norm(SCORES, axis=1, keepdims=True)).astype(np.float32)
TARGETS = RNG.standard_normal((6, 4)).astype(np.float32)
WEIGHTS = np.array([1, 0, 2, 0.5, 3, 1], np.float32)

LOSSES = {
    "MeanSquaredError": ({}, TARGETS, SCORES),
    "MeanAbsoluteError": ({}, TARGETS, SCORES),
    "MeanAbsolutePercentageError": ({}, TARGETS, SCORES),
    "MeanSquaredLogarithmicError": ({}, POSITIVE, POSITIVE[::-1].copy()),
    "CosineSimilarity": ({}, TARGETS, SCORES),
    "Huber": ({"delta": 0.7}, TARGETS, SCORES),
    "LogCosh": ({}, TARGETS, SCORES),
    "Hinge": ({}, YES_NO, SCORES),
    "SquaredHinge": ({}, YES_NO * 2 - 1, SCORES),
    "CategoricalHinge": ({}, ONE_HOT, SCORES),
    "KLDivergence": ({}, PROBABILITIES[::-1].copy(), PROBABILITIES),
    "Poisson": ({}, POSITIVE, POSITIVE[::-1].copy()),
    "BinaryCrossentropy": ({}, YES_NO, PROBABILITIES),
    "BinaryCrossentropy logits": ({"from_logits": True, "label_smoothing": 0.1}, YES_NO, SCORES),
    "CategoricalCrossentropy": ({}, ONE_HOT, PROBABILITIES),
    "CategoricalCrossentropy logits": ({"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, SCORES),
    "BinaryFocalCrossentropy": ({}, YES_NO, PROBABILITIES),
    "BinaryFocalCrossentropy balanced": (
        {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5, "label_smoothing": 0.1},
        YES_NO,
        PROBABILITIES,
    ),
    "BinaryFocalCrossentropy logits": ({"from_logits": True}, YES_NO, SCORES),
    "CategoricalFocalCrossentropy": ({"alpha": 0.3, "gamma": 1.0}, ONE_HOT, PROBABILITIES),
    "CategoricalFocalCrossentropy logits": (
        {"from_logits": True, "label_smoothing": 0.1},
        ONE_HOT,
        SCORES,
    ),
    "CategoricalGeneralizedCrossEntropy": ({"q": 0.3}, CLASSES, PROBABILITIES),
    "Dice": ({}, ONE_HOT, PROBABILITIES),
    "Dice axis": ({"axis": 1}, ONE_HOT, PROBABILITIES),
    "Tversky": ({"alpha": 0.3, "beta": 0.7}, ONE_HOT, PROBABILITIES),
    "Tversky axis": ({"axis": -1}, ONE_HOT, PROBABILITIES),
    "Circle": ({"gamma": 8.0}, CLASSES, NORMED),
    "Circle diagonal": ({"gamma": 8.0, "margin": 0.2, "remove_diagonal": False}, CLASSES, NORMED),
    "SparseCategoricalCrossentropy": ({}, CLASSES, PROBABILITIES),
    "SparseCategoricalCrossentropy logits": ({"from_logits": True}, CLASSES[:, None], SCORES),
    "SparseCategoricalCrossentropy ignored": ({"from_logits": True, "ignore_class": 1}, CLASSES, SCORES),
}


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_keras_s(name, weights, reduction, judge):
    options, y_true, y_pred = LOSSES[name]
    cls = name.split()[0]
    theirs = getattr(judge.keras.losses, cls)(reduction=reduction, **options)
    ours = getattr(keras.losses, cls)(reduction=reduction, **options)
    t = judge.tensor(y_pred).requires_grad_(True)
    want = theirs(judge.tensor(y_true), t, None if weights is None else judge.tensor(weights))
    want.sum().backward()
    x = tw.Tensor(y_pred.copy())
    with tw.GradientTape() as tape:
        tape.watch(x)
        got = ours(y_true, x, weights)
    close(got.numpy(), judge.array(want), name)
    close(tape.gradient(got, x).numpy(), judge.array(t.grad), f"{name}, gradient")


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in LOSSES}))
def test_names_and_configurations_are_keras_s(name, judge):
    options = next(given[0] for case, given in LOSSES.items() if case.split()[0] == name)
    theirs, ours = getattr(judge.keras.losses, name)(**options), getattr(keras.losses, name)(**options)
    want, got = theirs.get_config(), ours.get_config()
    assert set(want) <= set(got)
    assert {field: got[field] for field in want} == want
    written = keras.losses.deserialize(keras.losses.serialize(ours))
    assert written.get_config() == got
    for short in ("mse", "MAE", "bce", "KLD", "logcosh", "huber_loss"):
        assert callable(keras.losses.get(short))
    assert keras.losses.mse is keras.losses.mean_squared_error is keras.metrics.mean_squared_error


@pytest.mark.parametrize("sparse", [True, False])
def test_logits_are_kept_from_softmax(sparse):
    """Far from the right class a probability rounds to 0; the loss and its gradient must not."""
    x = tw.Tensor(np.array([[200.0, 0.0, 0.0]], np.float32))
    y = np.array([1]) if sparse else np.array([[0, 1, 0]], np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy() if sparse else keras.losses.CategoricalCrossentropy()
    with tw.GradientTape() as tape:
        tape.watch(x)
        value = loss(y, keras.activations.softmax(x))
    np.testing.assert_allclose(value.numpy(), 200.0)
    np.testing.assert_allclose(tape.gradient(value, x).numpy(), [[1.0, -1.0, 0.0]], atol=1e-6)


def test_logits_are_kept_from_sigmoid():
    x = tw.Tensor(np.array([[100.0]], np.float32))
    np.testing.assert_allclose(
        keras.losses.binary_crossentropy(np.zeros((1, 1), np.float32), keras.activations.sigmoid(x)).numpy(),
        [100.0],
    )


METRICS = {
    "Accuracy": ({}, CLASSES, np.array([0, 3, 2, 1, 2, 1])),
    "BinaryAccuracy": ({"threshold": 0.3}, YES_NO, PROBABILITIES),
    "CategoricalAccuracy": ({}, ONE_HOT, SCORES),
    "SparseCategoricalAccuracy": ({}, CLASSES, SCORES),
    "SparseCategoricalAccuracy column": ({}, CLASSES[:, None], SCORES),
    "TopKCategoricalAccuracy": ({"k": 2}, ONE_HOT, SCORES),
    "SparseTopKCategoricalAccuracy": ({"k": 2}, CLASSES, SCORES),
    "MeanSquaredError": ({}, TARGETS, SCORES),
    "RootMeanSquaredError": ({}, TARGETS, SCORES),
    "MeanAbsoluteError": ({}, TARGETS, SCORES),
    "LogCoshError": ({}, TARGETS, SCORES),
    "CosineSimilarity": ({}, TARGETS, SCORES),
    "KLDivergence": ({}, PROBABILITIES[::-1].copy(), PROBABILITIES),
    "BinaryCrossentropy": ({}, YES_NO, PROBABILITIES),
    "CategoricalCrossentropy": ({"from_logits": True}, ONE_HOT, SCORES),
    "SparseCategoricalCrossentropy": ({}, CLASSES, PROBABILITIES),
    "Hinge": ({}, YES_NO, SCORES),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_keras_s_over_batches(name, weights, judge):
    options, y_true, y_pred = METRICS[name]
    cls = name.split()[0]
    theirs, ours = getattr(judge.keras.metrics, cls)(**options), getattr(keras.metrics, cls)(**options)
    for part in (slice(0, 4), slice(4, 6)):
        w = None if weights is None else weights[part]
        theirs.update_state(
            judge.tensor(y_true[part]), judge.tensor(y_pred[part]), None if w is None else judge.tensor(w)
        )
        ours.update_state(y_true[part], tw.Tensor(y_pred[part]), w)
    close(ours.result().numpy(), judge.array(theirs.result()), name)
    assert ours.name == theirs.name
    ours.reset_state()
    assert float(ours.result()) == 0.0


def test_mean_and_sum():
    mean = keras.metrics.Mean()
    mean.update_state([1.0, 3.0])
    mean.update_state(5.0, sample_weight=2.0)
    assert float(mean.result()) == pytest.approx(14 / 4)
    total = keras.metrics.Sum()
    total.update_state([1.0, 2.0], sample_weight=[1.0, 3.0])
    assert float(total.result()) == 7.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keras.losses.get("mean_squared_eror"), "did you mean 'mean_squared_error'"),
        (lambda: keras.metrics.get("acuracy"), "did you mean 'accuracy'"),
        (lambda: keras.losses.SparseCategoricalCrossentropy()(np.array([0, 7]), SCORES[:2]), "7"),
        (
            lambda: keras.losses.SparseCategoricalCrossentropy()(ONE_HOT, SCORES),
            "for one-hot labels use categorical_crossentropy",
        ),
        (lambda: keras.losses.CategoricalCrossentropy()(CLASSES, SCORES), "categorical_crossentropy"),
        (
            lambda: keras.losses.MeanSquaredError()(TARGETS[:, :3], SCORES),
            "y_true has shape (6, 3), expected (6, 4)",
        ),
        (
            lambda: keras.losses.MeanSquaredError()(TARGETS, SCORES, np.ones(5)),
            "sample_weight has shape (5,), expected (6,)",
        ),
        (lambda: keras.losses.MeanSquaredError(reduction="average"), "reduction is 'average'"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
