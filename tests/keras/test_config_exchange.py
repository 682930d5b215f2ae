# SPDX-License-Identifier: Apache-2.0
"""Configurations are exchanged with Keras: each object goes there and back and is the same one.

A new layer, loss, metric, optimizer, schedule, initializer, regularizer or constraint is one line.
"""

import inspect
import json
import operator
import warnings

import pytest

from tilewright import keras

OBJECTS = {
    "Activation": lambda k: k.layers.Activation("tanh"),
    "ActivityRegularization": lambda k: k.layers.ActivityRegularization(l1=0.1, l2=0.2),
    "Add": lambda k: k.layers.Add(),
    "Average": lambda k: k.layers.Average(),
    "AveragePooling1D": lambda k: k.layers.AveragePooling1D(3, strides=2, padding="same"),
    "AveragePooling2D": lambda k: k.layers.AveragePooling2D((2, 3), padding="same"),
    "BatchNormalization": lambda k: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-4, scale=False),
    "Concatenate": lambda k: k.layers.Concatenate(axis=1),
    "Conv1D": lambda k: k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
    "Conv2D": lambda k: k.layers.Conv2D(4, (3, 2), strides=2, activation="relu", groups=2),
    "Conv2DTranspose": lambda k: k.layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    "Cropping2D": lambda k: k.layers.Cropping2D(((1, 0), (2, 1))),
    "Dense": lambda k: k.layers.Dense(
        4,
        "relu",
        kernel_initializer="he_normal",
        kernel_regularizer=k.regularizers.L1L2(0.1, 0.2),
        bias_constraint=k.constraints.MaxNorm(2),
    ),
    "DepthwiseConv2D": lambda k: k.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
    "Dot": lambda k: k.layers.Dot(axes=1, normalize=True),
    "Dropout": lambda k: k.layers.Dropout(0.3, seed=4),
    "ELU": lambda k: k.layers.ELU(0.5),
    "Embedding": lambda k: k.layers.Embedding(10, 4, mask_zero=True),
    "Flatten": lambda k: k.layers.Flatten(),
    "GaussianDropout": lambda k: k.layers.GaussianDropout(0.2),
    "GaussianNoise": lambda k: k.layers.GaussianNoise(0.2, seed=3),
    "GlobalAveragePooling1D": lambda k: k.layers.GlobalAveragePooling1D(),
    "GlobalAveragePooling2D": lambda k: k.layers.GlobalAveragePooling2D(keepdims=True),
    "GlobalMaxPooling1D": lambda k: k.layers.GlobalMaxPooling1D(),
    "GlobalMaxPooling2D": lambda k: k.layers.GlobalMaxPooling2D(),
    "Identity": lambda k: k.layers.Identity(),
    "InputLayer": lambda k: k.layers.InputLayer(batch_shape=(None, 3), dtype="int32", name="ids"),
    "Lambda": lambda k: k.layers.Lambda(k.activations.relu),
    "LayerNormalization": lambda k: k.layers.LayerNormalization(epsilon=1e-5, center=False),
    "LeakyReLU": lambda k: k.layers.LeakyReLU(0.1),
    "Masking": lambda k: k.layers.Masking(-1.0),
    "MaxPooling1D": lambda k: k.layers.MaxPooling1D(3),
    "MaxPooling2D": lambda k: k.layers.MaxPooling2D(2, strides=1),
    "Maximum": lambda k: k.layers.Maximum(),
    "MultiHeadAttention": lambda k: k.layers.MultiHeadAttention(2, 4, value_dim=3, dropout=0.1),
    "PReLU": lambda k: k.layers.PReLU(shared_axes=[1, 2]),
    "Permute": lambda k: k.layers.Permute((2, 1)),
    "RMSNormalization": lambda k: k.layers.RMSNormalization(epsilon=1e-5),
    "ReLU": lambda k: k.layers.ReLU(max_value=6.0, negative_slope=0.1, threshold=0.2),
    "RepeatVector": lambda k: k.layers.RepeatVector(3),
    "Reshape": lambda k: k.layers.Reshape((2, -1)),
    "SeparableConv2D": lambda k: k.layers.SeparableConv2D(4, 3, depth_multiplier=2),
    "Softmax": lambda k: k.layers.Softmax(axis=1),
    "SpatialDropout2D": lambda k: k.layers.SpatialDropout2D(0.3),
    "UpSampling2D": lambda k: k.layers.UpSampling2D((2, 3), interpolation="bilinear"),
    "ZeroPadding2D": lambda k: k.layers.ZeroPadding2D(((1, 0), (2, 1))),
    "AdditiveAttention": lambda k: k.layers.AdditiveAttention(use_scale=False, dropout=0.1),
    "AlphaDropout": lambda k: k.layers.AlphaDropout(0.2, seed=3),
    "Attention": lambda k: k.layers.Attention(use_scale=True, score_mode="concat"),
    "Bidirectional": lambda k: k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True), "sum"),
    "Cropping1D": lambda k: k.layers.Cropping1D((1, 0)),
    "GRU": lambda k: k.layers.GRU(3, reset_after=False, dropout=0.1, go_backwards=True),
    "GroupNormalization": lambda k: k.layers.GroupNormalization(2, epsilon=1e-4),
    "GroupQueryAttention": lambda k: k.layers.GroupQueryAttention(4, 4, 2, use_bias=False),
    "LSTM": lambda k: k.layers.LSTM(3, return_state=True, unit_forget_bias=False, stateful=True),
    "RNN": lambda k: k.layers.RNN(k.layers.LSTMCell(3), return_sequences=True),
    "SimpleRNN": lambda k: k.layers.SimpleRNN(3, activation="relu", recurrent_dropout=0.2),
    "SpatialDropout1D": lambda k: k.layers.SpatialDropout1D(0.2),
    "StackedRNNCells": lambda k: k.layers.RNN([k.layers.GRUCell(3), k.layers.SimpleRNNCell(2)]),
    "TimeDistributed": lambda k: k.layers.TimeDistributed(k.layers.Dense(3, "relu", name="inner")),
    "UnitNormalization": lambda k: k.layers.UnitNormalization(axis=1),
    "UpSampling1D": lambda k: k.layers.UpSampling1D(3),
    "ZeroPadding1D": lambda k: k.layers.ZeroPadding1D((1, 2)),
    "Constant": lambda k: k.initializers.Constant(0.3),
    "GlorotUniform": lambda k: k.initializers.GlorotUniform(seed=3),
    "HeNormal": lambda k: k.initializers.HeNormal(seed=3),
    "IdentityInitializer": lambda k: k.initializers.Identity(gain=2.0),
    "Orthogonal": lambda k: k.initializers.Orthogonal(gain=0.5, seed=3),
    "RandomNormal": lambda k: k.initializers.RandomNormal(0.1, 0.2, seed=3),
    "RandomUniform": lambda k: k.initializers.RandomUniform(-0.1, 0.2, seed=3),
    "TruncatedNormal": lambda k: k.initializers.TruncatedNormal(0.1, 0.2, seed=3),
    "VarianceScaling": lambda k: k.initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=3),
    "Zeros": lambda k: k.initializers.Zeros(),
    "L1": lambda k: k.regularizers.L1(0.1),
    "L2": lambda k: k.regularizers.L2(0.1),
    "L1L2": lambda k: k.regularizers.L1L2(0.1, 0.2),
    "MaxNorm": lambda k: k.constraints.MaxNorm(3, axis=1),
    "MinMaxNorm": lambda k: k.constraints.MinMaxNorm(0.5, 2.0, rate=0.5),
    "NonNeg": lambda k: k.constraints.NonNeg(),
    "UnitNorm": lambda k: k.constraints.UnitNorm(axis=1),
    "SGD": lambda k: k.optimizers.SGD(0.5, momentum=0.25, nesterov=True, clipnorm=1.0),
    "RMSprop": lambda k: k.optimizers.RMSprop(0.5, rho=0.75, momentum=0.5, centered=True),
    "Adam": lambda k: k.optimizers.Adam(0.5, beta_1=0.75, amsgrad=True, global_clipnorm=2.0),
    "AdamW": lambda k: k.optimizers.AdamW(0.5, weight_decay=0.25, clipvalue=1.0),
    "Adagrad": lambda k: k.optimizers.Adagrad(0.5, initial_accumulator_value=0.25),
    "Adadelta": lambda k: k.optimizers.Adadelta(0.5, rho=0.75),
    "Adamax": lambda k: k.optimizers.Adamax(0.5, beta_2=0.75),
    "Nadam": lambda k: k.optimizers.Nadam(0.5, use_ema=True, ema_momentum=0.5),
    "Lion": lambda k: k.optimizers.Lion(0.5, gradient_accumulation_steps=2),
    "AdamScheduled": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.5, 10, 0.75)),
    "CosineDecay": lambda k: k.optimizers.schedules.CosineDecay(
        0.5, 10, 0.25, warmup_target=1.0, warmup_steps=5
    ),
    "ExponentialDecay": lambda k: k.optimizers.schedules.ExponentialDecay(0.5, 10, 0.75, staircase=True),
    "InverseTimeDecay": lambda k: k.optimizers.schedules.InverseTimeDecay(0.5, 10, 0.75),
    "PiecewiseConstantDecay": lambda k: k.optimizers.schedules.PiecewiseConstantDecay(
        [1, 5], [3.0, 2.0, 1.0]
    ),
    "PolynomialDecay": lambda k: k.optimizers.schedules.PolynomialDecay(0.5, 10, power=2.0, cycle=True),
    "BinaryCrossentropyLoss": lambda k: k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "CategoricalCrossentropyLoss": lambda k: k.losses.CategoricalCrossentropy(
        label_smoothing=0.1, reduction="sum"
    ),
    "BinaryFocalCrossentropyLoss": lambda k: k.losses.BinaryFocalCrossentropy(gamma=3.0),
    "CosineSimilarityLoss": lambda k: k.losses.CosineSimilarity(axis=1),
    "HuberLoss": lambda k: k.losses.Huber(delta=2.0),
    "MeanSquaredErrorLoss": lambda k: k.losses.MeanSquaredError(),
    "SparseCategoricalCrossentropyLoss": lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True),
    "BinaryAccuracy": lambda k: k.metrics.BinaryAccuracy(threshold=0.25),
    "AUC": lambda k: k.metrics.AUC(num_thresholds=50, curve="PR"),
    "F1Score": lambda k: k.metrics.F1Score(average="macro", threshold=0.5),
    "Precision": lambda k: k.metrics.Precision(thresholds=0.25, top_k=2),
    "Recall": lambda k: k.metrics.Recall(class_id=1),
    "MeanMetric": lambda k: k.metrics.Mean(name="average"),
    "MeanSquaredErrorMetric": lambda k: k.metrics.MeanSquaredError(name="mse"),
    "SparseCategoricalAccuracy": lambda k: k.metrics.SparseCategoricalAccuracy(),
    "TopKCategoricalAccuracy": lambda k: k.metrics.TopKCategoricalAccuracy(k=3),
}
OBJECTS |= {
    "FBetaScore": lambda k: k.metrics.FBetaScore(beta=2.0, average="micro"),
    "FalseNegatives": lambda k: k.metrics.FalseNegatives(thresholds=[0.25, 0.75]),
    "IoU": lambda k: k.metrics.IoU(3, [0, 2], ignore_class=1),
    "MeanIoU": lambda k: k.metrics.MeanIoU(3),
    "OneHotIoU": lambda k: k.metrics.OneHotIoU(3, [0, 2]),
    "OneHotMeanIoU": lambda k: k.metrics.OneHotMeanIoU(3),
    "PrecisionAtRecall": lambda k: k.metrics.PrecisionAtRecall(0.5, num_thresholds=50),
    "RecallAtPrecision": lambda k: k.metrics.RecallAtPrecision(0.5),
    "SensitivityAtSpecificity": lambda k: k.metrics.SensitivityAtSpecificity(0.5),
    "SpecificityAtSensitivity": lambda k: k.metrics.SpecificityAtSensitivity(0.5),
}


def without_arguments():
    """Losses and metrics that need none, by themselves."""
    for group in ("losses", "metrics"):
        for cls in getattr(keras, group)._CLASSES:
            parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
            if all(p.default is not p.empty or p.kind == p.VAR_KEYWORD for p in parameters):
                yield f"{group}.{cls.__name__}", operator.attrgetter(f"{group}.{cls.__name__}")


for _name, _class in without_arguments():
    OBJECTS[_name] = lambda k, _class=_class: _class(k)()


def plain(config):
    """A configuration without what differs for reasons of bookkeeping."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config["config"]["name"]
        return {
            key: plain(value)
            for key, value in config.items()
            if key not in ("module", "registered_name", "shared_object_id", "build_config")
        }
    if isinstance(config, (list, tuple)):
        return [plain(part) for part in config]
    return "int64" if config == "int32" else config  # Keras's integers depend on its back end


def written(k, thing) -> dict:
    return json.loads(json.dumps(k.saving.serialize_keras_object(thing)))


@pytest.mark.parametrize("name", OBJECTS)
def test_keras_reads_ours_and_we_read_keras_s(name, judge):
    for side in (judge.keras, keras):  # names of layers count from the start on both sides
        side.backend.clear_session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "." in name and not hasattr(getattr(judge.keras, name.split(".")[0]), name.split(".")[1]):
            pytest.skip("Keras has no such class")
        theirs = written(judge.keras, OBJECTS[name](judge.keras))
        ours = written(keras, OBJECTS[name](keras))
        there = written(judge.keras, judge.keras.saving.deserialize_keras_object(ours))
        here = keras.saving.deserialize_keras_object(theirs)
        back = written(judge.keras, judge.keras.saving.deserialize_keras_object(written(keras, here)))
    assert back["class_name"] == there["class_name"] == theirs["class_name"]
    assert plain(back["config"]) == plain(theirs["config"])
    unnamed = {key: value for key, value in theirs["config"].items() if key != "name"}
    assert plain({k: v for k, v in there["config"].items() if k != "name"}) == plain(unnamed)
