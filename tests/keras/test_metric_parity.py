# SPDX-License-Identifier: Apache-2.0
"""Metrics of counts, areas, overlaps and correlations against Keras's and scikit-learn's, over several
updates.
"""

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras

RNG = np.random.default_rng(4)
N, C = 40, 4
SCORES = RNG.standard_normal((N, C)).astype(np.float32)
PROBABILITIES = (np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)).astype(np.float32)
CLASSES = RNG.integers(0, C, N)
ONE_HOT = np.eye(C, dtype=np.float32)[CLASSES]
MULTI = (RNG.random((N, C)) < 0.4).astype(np.float32)
YES_NO = RNG.integers(0, 2, N).astype(np.float32)
CHANCES = RNG.random(N).astype(np.float32)
CHANCES[:6] = [0.0, 1.0, 0.5, 0.25, 0.75, 0.5]  # values on thresholds
GUESSES = RNG.integers(0, C, N)
TARGETS = RNG.standard_normal((N, 3)).astype(np.float32)
NEAR = (TARGETS + 0.5 * RNG.standard_normal((N, 3))).astype(np.float32)
WEIGHTS = RNG.integers(0, 3, N).astype(np.float32)
THREE = [0.2, 0.5, 0.9]
EVEN = [0.0, 0.25, 0.5, 0.75, 1.0]

# name -> arguments, labels, predictions
METRICS = {
    "TruePositives": ({}, YES_NO, CHANCES),
    "TrueNegatives": ({"thresholds": THREE}, YES_NO, CHANCES),
    "FalsePositives": ({"thresholds": EVEN}, YES_NO, CHANCES),
    "FalseNegatives": ({"thresholds": EVEN}, MULTI, PROBABILITIES),
    "Precision": ({}, YES_NO, CHANCES),
    "Precision thresholds": ({"thresholds": THREE}, MULTI, PROBABILITIES),
    "Precision column": ({}, YES_NO[:, None], CHANCES[:, None]),
    "Precision top_k": ({"top_k": 2}, MULTI, PROBABILITIES),
    "Precision class": ({"class_id": 1, "thresholds": 0.3}, ONE_HOT, PROBABILITIES),
    "Recall": ({}, YES_NO, CHANCES),
    "Recall even": ({"thresholds": EVEN}, MULTI, PROBABILITIES),
    "Recall top_k class": ({"top_k": 2, "class_id": 2}, ONE_HOT, PROBABILITIES),
    "SensitivityAtSpecificity": ({"specificity": 0.4}, YES_NO, CHANCES),
    "SensitivityAtSpecificity one": ({"specificity": 0.4, "num_thresholds": 1}, YES_NO, CHANCES),
    "SpecificityAtSensitivity": ({"sensitivity": 0.6, "num_thresholds": 20}, YES_NO, CHANCES),
    "PrecisionAtRecall": ({"recall": 0.7}, YES_NO, CHANCES),
    "RecallAtPrecision": ({"precision": 0.55, "class_id": 0}, ONE_HOT, PROBABILITIES),
    "AUC": ({}, YES_NO, CHANCES),
    "AUC pr": ({"curve": "PR"}, YES_NO, CHANCES),
    "AUC prgain": ({"curve": "PRGAIN", "num_thresholds": 50}, YES_NO, CHANCES),
    "AUC minoring": ({"summation_method": "minoring"}, YES_NO, CHANCES),
    "AUC pr majoring": ({"curve": "PR", "summation_method": "majoring"}, MULTI, PROBABILITIES),
    "AUC thresholds": ({"thresholds": THREE}, YES_NO, CHANCES),
    "AUC even thresholds": ({"thresholds": [0.25, 0.5, 0.75]}, YES_NO, CHANCES),
    "AUC multi_label": ({"multi_label": True, "num_thresholds": 30}, MULTI, PROBABILITIES),
    "AUC multi_label pr": (
        {"multi_label": True, "num_labels": C, "curve": "PR", "label_weights": [1.0, 2.0, 0.0, 1.0]},
        MULTI,
        PROBABILITIES,
    ),
    "AUC multi_label thresholds": ({"multi_label": True, "thresholds": THREE}, MULTI, PROBABILITIES),
    "AUC label_weights": ({"label_weights": [1.0, 2.0, 0.0, 1.0]}, MULTI, PROBABILITIES),
    "AUC logits": ({"from_logits": True}, MULTI, SCORES),
    "F1Score": ({}, ONE_HOT, PROBABILITIES),
    "F1Score macro": ({"average": "macro", "threshold": 0.4}, MULTI, PROBABILITIES),
    "FBetaScore micro": ({"average": "micro", "beta": 2.0}, ONE_HOT, PROBABILITIES),
    "FBetaScore weighted": ({"average": "weighted", "beta": 0.5, "threshold": 0.3}, MULTI, PROBABILITIES),
    "R2Score": ({}, TARGETS, NEAR),
    "R2Score weighted": ({"class_aggregation": "variance_weighted_average"}, TARGETS, NEAR),
    "R2Score each adjusted": ({"class_aggregation": None, "num_regressors": 3}, TARGETS, NEAR),
    "PearsonCorrelation": ({}, TARGETS, NEAR),
    "ConcordanceCorrelation": ({}, TARGETS, NEAR),
    "IoU": ({"num_classes": C, "target_class_ids": [0, 2]}, CLASSES, GUESSES),
    "MeanIoU": ({"num_classes": C, "ignore_class": 1}, CLASSES.reshape(N, 1), GUESSES.reshape(N, 1)),
    "MeanIoU probabilities": ({"num_classes": C, "sparse_y_pred": False}, CLASSES, PROBABILITIES),
    "MeanIoU outside": ({"num_classes": C - 1}, CLASSES, GUESSES),
    "BinaryIoU": ({"target_class_ids": [1], "threshold": 0.4}, YES_NO, CHANCES),
    "OneHotIoU": ({"num_classes": C, "target_class_ids": [3]}, ONE_HOT, PROBABILITIES),
    "OneHotMeanIoU": ({"num_classes": C}, ONE_HOT, PROBABILITIES),
    "SparseTopKCategoricalAccuracy": (
        {"k": 2, "from_sorted_ids": True},
        CLASSES,
        np.argsort(-PROBABILITIES, axis=1),
    ),
    "TopKCategoricalAccuracy": ({"k": 3}, ONE_HOT, PROBABILITIES),
    "MeanAbsolutePercentageError": ({}, TARGETS, NEAR),
    "MeanSquaredLogarithmicError": ({}, MULTI, PROBABILITIES),
    "Poisson": ({}, MULTI, PROBABILITIES),
    "SquaredHinge": ({}, MULTI, SCORES),
    "CategoricalHinge": ({}, ONE_HOT, SCORES),
    "RootMeanSquaredError": ({}, TARGETS, NEAR),
}
CASES = list(METRICS)


@pytest.mark.filterwarnings("ignore:You are passing weight as `float`")
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_values_are_keras_s_over_several_updates(name, weights, judge):
    options, y_true, y_pred = METRICS[name]
    cls = name.split()[0]
    theirs, ours = getattr(judge.keras.metrics, cls)(**options), getattr(keras.metrics, cls)(**options)
    for part in (slice(0, 17), slice(17, 18), slice(18, N)):
        w = None if weights is None else weights[part]
        theirs.update_state(
            judge.tensor(y_true[part]), judge.tensor(y_pred[part]), None if w is None else judge.tensor(w)
        )
        ours.update_state(y_true[part], tw.Tensor(y_pred[part]), w)
        close(ours.result().numpy(), judge.array(theirs.result()), name)
    assert _snake(ours.name) == _snake(theirs.name)
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    first = ours.result().numpy()
    ours.reset_state()
    assert all(not v.numpy().any() for v in ours.variables)
    again = type(ours).from_config(ours.get_config())
    again.update_state(y_true, y_pred, weights)
    ours.update_state(y_true, y_pred, weights)
    np.testing.assert_array_equal(again.result().numpy(), ours.result().numpy())
    assert first.shape == ours.result().shape


def _snake(name):
    """A name without the number that tells it from others of its class."""
    head, _, tail = name.rpartition("_")
    return head if tail.isdigit() else name


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in CASES}))
def test_configurations_are_keras_s(name, judge):
    options = next(METRICS[case][0] for case in CASES if case.split()[0] == name)
    theirs, ours = getattr(judge.keras.metrics, name)(**options), getattr(keras.metrics, name)(**options)
    want, got = theirs.get_config(), ours.get_config()
    assert set(want) <= set(got), set(want) - set(got)
    for field in set(want) - {"name", "dtype"}:
        assert got[field] == want[field], field


def in_batches(metric, y_true, y_pred):
    for start in range(0, len(y_true), 7):
        metric.update_state(y_true[start : start + 7], y_pred[start : start + 7])
    return metric.result().numpy()


def test_precision_recall_and_f1_are_scikit_learn_s():
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn judges these metrics")
    said = (CHANCES > 0.5).astype(int)
    metrics = keras.metrics
    assert in_batches(metrics.Precision(), YES_NO, CHANCES) == pytest.approx(
        judge.precision_score(YES_NO, said), abs=1e-6
    )
    assert in_batches(metrics.Recall(), YES_NO, CHANCES) == pytest.approx(
        judge.recall_score(YES_NO, said), abs=1e-6
    )
    best = PROBABILITIES.argmax(1)
    for average in (None, "micro", "macro", "weighted"):
        got = in_batches(metrics.F1Score(average), ONE_HOT, PROBABILITIES)
        np.testing.assert_allclose(got, judge.f1_score(CLASSES, best, average=average), atol=1e-6)
    np.testing.assert_allclose(
        in_batches(metrics.R2Score(), TARGETS, NEAR), judge.r2_score(TARGETS, NEAR), atol=1e-6
    )


def test_area_under_curves_is_scikit_learn_s():
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn judges these metrics")
    levels = (np.digitize(CHANCES, np.linspace(0, 1, 21)) / 21).astype(np.float32)
    between = list((np.arange(22) / 21 + 1 / 42)[:-1])  # one threshold between any two levels
    auc = keras.metrics.AUC(thresholds=between)
    assert in_batches(auc, YES_NO, levels) == pytest.approx(judge.roc_auc_score(YES_NO, levels), abs=1e-6)


def test_metrics_are_recorded_with_the_step():
    x = RNG.standard_normal((64, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.float32)
    found = {}
    for eagerly in (True, False):
        keras.utils.clear_session()
        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, activation="sigmoid")])
        names = ["AUC", "Precision", "Recall", keras.metrics.BinaryIoU(), keras.metrics.F1Score("micro", 0.5)]
        model.compile("sgd", "binary_crossentropy", metrics=names, run_eagerly=eagerly)
        found[eagerly] = model.fit(x, y[:, None], batch_size=4, epochs=2, verbose=0).history
    assert found[True] == found[False]
    assert [row.reason for row in model._steps.stats()] == [None] * len(model._steps.stats())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: keras.metrics.Precision(thresholds=[0.5, 1.5]),
            "thresholds holds 1.5, expected numbers from 0 to 1",
        ),
        (lambda: keras.metrics.AUC(curve="RCO"), "curve is 'RCO'"),
        (lambda: keras.metrics.AUC(summation_method="x"), "summation_method is 'x'"),
        (lambda: keras.metrics.AUC(num_thresholds=1), "num_thresholds is 1, expected more than 1"),
        (lambda: keras.metrics.AUC(num_labels=2), "expected it only with multi_label=True"),
        (lambda: keras.metrics.F1Score(average="all"), "average is 'all'"),
        (lambda: keras.metrics.F1Score().update_state(CLASSES, GUESSES), "expected (samples, classes)"),
        (lambda: keras.metrics.FBetaScore(beta=0.0), "beta is 0.0"),
        (lambda: keras.metrics.IoU(3, [0, 3]), "target_class_ids holds 3, expected 0 to 2"),
        (lambda: keras.metrics.R2Score("mean"), "class_aggregation is 'mean'"),
        (lambda: keras.metrics.PrecisionAtRecall(1.2), "recall is 1.2, expected 0 to 1"),
        (lambda: keras.metrics.Recall().update_state(MULTI, CHANCES), "y_true has shape (40, 4)"),
        (lambda: keras.metrics.get("precission"), "did you mean 'precision'"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
