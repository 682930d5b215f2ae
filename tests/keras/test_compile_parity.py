# SPDX-License-Identifier: Apache-2.0
"""compile and fit for models with one and two outputs: names and values of metrics as Keras's."""

import warnings

import numpy as np
import pytest

from tilewright import keras

RNG = np.random.default_rng(1)
N = 24
X = RNG.standard_normal((N, 5)).astype(np.float32)
KIND = RNG.integers(0, 3, N)
SIZE = X[:, :1].copy()
W1, W2 = RNG.random(N).astype(np.float32), RNG.random(N).astype(np.float32)


def two_outputs(k, as_dict=False):
    inputs = k.layers.Input((5,))
    hidden = k.layers.Dense(4, activation="tanh")(inputs)
    kind = k.layers.Dense(3, activation="softmax", name="kind")(hidden)
    size = k.layers.Dense(1, name="size")(hidden)
    return k.Model(inputs, {"kind": kind, "size": size} if as_dict else [kind, size])


def one_output(k):
    return k.Sequential([k.layers.Input((5,)), k.layers.Dense(3, activation="softmax", name="kind")])


def both(judge, make, compiled, fitted):
    """The histories of the same model here and in Keras."""
    theirs, ours = make(judge.keras), make(keras)
    ours.set_weights([np.array(w) for w in theirs.get_weights()])
    found = []
    for k, model in ((keras, ours), (judge.keras, theirs)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.compile("sgd", **compiled(k))
            options = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0, **fitted}
            history = model.fit(X, **options).history
            data = [v for v in (options["y"], options.get("sample_weight")) if v is not None]
            scores = model.evaluate(X, *data[:1], verbose=0, return_dict=True)
        found.append((history, scores))
    (ours, our_scores), (theirs, their_scores) = found
    assert list(ours) == list(theirs)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert set(our_scores) == set(their_scores)
    for name, value in their_scores.items():
        np.testing.assert_allclose(our_scores[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


LOSS = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
CASES = {
    "lists": (
        lambda k: {
            "loss": ["sparse_categorical_crossentropy", k.losses.Huber()],
            "loss_weights": [1.0, 0.3],
            "metrics": [["accuracy"], ["mae", k.metrics.RootMeanSquaredError()]],
        },
        {"y": [KIND, SIZE]},
    ),
    "dicts": (
        lambda k: {
            "loss": LOSS,
            "loss_weights": {"kind": 0.5, "size": 2.0},
            "metrics": {"kind": "accuracy", "size": ["mse", "mae"]},
            "weighted_metrics": {"kind": ["accuracy"]},
        },
        {"y": {"kind": KIND, "size": SIZE}, "sample_weight": {"kind": W1, "size": W2}},
    ),
    "dicts for a list": (
        lambda k: {"loss": LOSS, "loss_weights": {"kind": 0.5, "size": 2.0}, "metrics": {"size": ["mae"]}},
        {"y": {"kind": KIND, "size": SIZE}},
    ),
    "list of weights": (
        lambda k: {"loss": list(LOSS.values()), "weighted_metrics": [["acc"], ["mae"]]},
        {"y": [KIND, SIZE], "sample_weight": [W1, W2]},
    ),
    "metrics for all": (
        lambda k: {"loss": ["sparse_categorical_crossentropy", "mae"], "metrics": ["accuracy", "mse"]},
        {"y": [KIND, SIZE]},
    ),
    "split": (
        lambda k: {"loss": list(LOSS.values()), "metrics": [["accuracy"], []]},
        {"y": [KIND, SIZE], "validation_split": 0.25, "validation_batch_size": 2},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_two_outputs(case, judge):
    compiled, fitted = CASES[case]
    both(judge, lambda k: two_outputs(k, case == "dicts"), compiled, fitted)


SINGLE = {
    "names": (
        lambda k: {
            "loss": "sparse_categorical_crossentropy",
            "metrics": [
                "accuracy",
                k.metrics.SparseTopKCategoricalAccuracy(2),
                k.metrics.SparseCategoricalCrossentropy(),
            ],
        },
        {"y": KIND},
    ),
    "weighted": (
        lambda k: {
            "loss": k.losses.SparseCategoricalCrossentropy(),
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy", k.metrics.SparseCategoricalCrossentropy(name="ce")],
        },
        {"y": KIND, "sample_weight": W1},
    ),
    "classes": (
        lambda k: {"loss": "sparse_categorical_crossentropy", "weighted_metrics": ["acc"]},
        {"y": KIND, "class_weight": {0: 1.0, 1: 3.0, 2: 0.2}},
    ),
    "function": (
        lambda k: {"loss": "categorical_crossentropy", "metrics": [k.metrics.categorical_accuracy, "AUC"]},
        {"y": np.eye(3, dtype=np.float32)[KIND], "validation_split": 0.5},
    ),
    "same twice": (
        lambda k: {
            "loss": "sparse_categorical_crossentropy",
            "metrics": [k.metrics.SparseCategoricalAccuracy("a"), k.metrics.SparseCategoricalAccuracy("b")],
        },
        {"y": KIND, "validation_data": (X, KIND, W2), "validation_freq": 2},
    ),
}


@pytest.mark.parametrize("case", SINGLE)
def test_one_output(case, judge):
    both(judge, one_output, *SINGLE[case])


def test_class_weights_reach_batches_of_generators():
    """As those of arrays: the same batches, the same bits."""
    weights, found = {0: 1.0, 1: 3.0, 2: 0.2}, []

    def batches():
        for start in range(0, N, 8):
            yield X[start : start + 8], KIND[start : start + 8]

    class Sequence(keras.utils.PyDataset if hasattr(keras.utils, "PyDataset") else object):
        def __len__(self):
            return N // 8

        def __getitem__(self, i):
            return X[8 * i : 8 * i + 8], KIND[8 * i : 8 * i + 8]

    for data in ((X, KIND), (batches(),), (Sequence(),)):
        keras.utils.set_random_seed(3)
        model = one_output(keras)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(
            *data, batch_size=8 if len(data) == 2 else None, class_weight=weights, shuffle=False, verbose=0
        )
        found.append(model.get_weights())
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
