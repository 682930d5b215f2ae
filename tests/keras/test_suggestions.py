# SPDX-License-Identifier: Apache-2.0
"""Wrong names of layers, functions and arguments: all are answered with the near one."""

import importlib

import numpy as np
import pytest

import tilewright as tf

MODULES = {
    "tilewright": "reduce_mean", "tilewright.cuda": "is_available", "tilewright.data": "Dataset",
    "tilewright.datasets": "cifar100", "tilewright.debug": "find_nan", "tilewright.image": "resize",
    "tilewright.keras": "Sequential", "tilewright.keras.activations": "softplus",
    "tilewright.keras.backend": "clear_session", "tilewright.keras.callbacks": "EarlyStopping",
    "tilewright.keras.config": "set_floatx", "tilewright.keras.constraints": "UnitNorm",
    "tilewright.keras.datasets": "fashion_mnist", "tilewright.keras.dtype_policies": "DTypePolicy",
    "tilewright.keras.generation": "generate", "tilewright.keras.initializers": "GlorotUniform",
    "tilewright.keras.layers": "Conv2D", "tilewright.keras.losses": "MeanSquaredError",
    "tilewright.keras.metrics": "Precision", "tilewright.keras.mixed_precision": "set_global_policy",
    "tilewright.keras.models": "load_model", "tilewright.keras.ops": "matmul",
    "tilewright.keras.optimizers": "RMSprop", "tilewright.keras.optimizers.schedules": "CosineDecay",
    "tilewright.keras.preprocessing": "image", "tilewright.keras.preprocessing.image": "ImageDataGenerator",
    "tilewright.keras.preprocessing.sequence": "pad_sequences",
    "tilewright.keras.preprocessing.text": "Tokenizer",
    "tilewright.keras.random": "truncated_normal",
    "tilewright.keras.regularizers": "OrthogonalRegularizer", "tilewright.keras.saving": "load_model",
    "tilewright.keras.utils": "to_categorical",
    "tilewright.linalg": "matmul", "tilewright.math": "reduce_max",
    "tilewright.nest": "flatten", "tilewright.nn": "softmax", "tilewright.ops": "layer_norm",
    "tilewright.plots": "plot_history", "tilewright.random": "normal",
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_a_wrong_name_of_a_module_suggests_the_near_one(module):
    right = MODULES[module]
    wrong = right[:2] + right[3:]
    suggested = f"{wrong!r}.*did you mean {right!r}"
    with pytest.raises(AttributeError, match=suggested):
        getattr(importlib.import_module(module), wrong)
    with pytest.raises(ImportError, match=f"cannot import name {suggested}"):
        exec(f"from {module} import {wrong}")
    assert not hasattr(importlib.import_module(module), wrong)
    exec(f"from {module} import {right}")


def test_a_name_like_none_is_answered_without_suggestion():
    with pytest.raises(ImportError, match="cannot import name 'Zzzz' from 'tilewright.keras.layers'$"):
        from tilewright.keras.layers import Zzzz  # noqa: F401


def test_data_sets_are_found_as_modules_too():
    from tilewright.keras.datasets.mnist import load_data

    assert load_data is tf.keras.datasets.mnist.load_data


keras = tf.keras


def small_model():
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(2,))])
    model.compile("sgd", "mse")
    return model


X = np.zeros((4, 2), np.float32)
CALLS = {
    "layer": (lambda: keras.layers.Dense(3, activaton="relu"), "Dense", "activation"),
    "model": (lambda: keras.Sequential([], nam="m"), "Sequential", "name"),
    "loss": (lambda: keras.losses.BinaryCrossentropy(from_logit=True), "BinaryCrossentropy", "from_logits"),
    "plain loss": (lambda: keras.losses.MeanSquaredError(reducton="sum"), "MeanSquaredError", "reduction"),
    "metric": (lambda: keras.metrics.AUC(num_threshold=3), "AUC", "num_thresholds"),
    "callback": (lambda: keras.callbacks.EarlyStopping(patiens=3), "EarlyStopping", "patience"),
    "initializer": (lambda: keras.initializers.RandomNormal(sttdev=1.0), "RandomNormal", "stddev"),
    "regularizer": (lambda: keras.regularizers.L1L2(ll1=1.0), "L1L2", "l1"),
    "constraint": (lambda: keras.constraints.MaxNorm(max_valu=1), "MaxNorm", "max_value"),
    "schedule": (
        lambda: keras.optimizers.schedules.ExponentialDecay(0.1, decay_step=1, decay_rate=0.1),
        "ExponentialDecay", "decay_steps",
    ),
    "compile": (lambda: small_model().compile(optimzer="sgd"), "compile", "optimizer"),
    "fit": (lambda: small_model().fit(X, X, epoch=1), "fit", "epochs"),
    "train_on_batch": (
        lambda: small_model().train_on_batch(X, X, sample_weights=X), "train_on_batch", "sample_weight"
    ),
    "add_weight": (
        lambda: keras.layers.Layer().add_weight((2,), initialiser="ones"), "add_weight", "initializer"
    ),
    "image generator": (
        lambda: keras.preprocessing.image.ImageDataGenerator(rescal=1 / 255), "ImageDataGenerator", "rescale"
    ),
    "flow_from_directory": (
        lambda: keras.preprocessing.image.ImageDataGenerator().flow_from_directory(".", targetsize=(3, 3)),
        "flow_from_directory", "target_size",
    ),
    "image_dataset_from_directory": (
        lambda: keras.utils.image_dataset_from_directory(".", imagesize=(3, 3)),
        "image_dataset_from_directory", "image_size",
    ),
    "pad_sequences": (lambda: keras.utils.pad_sequences([[1]], maxlength=3), "pad_sequences", "maxlen"),
    "plot_model": (
        lambda: keras.utils.plot_model(small_model(), showshapes=True), "plot_model", "show_shapes"
    ),
    "plot_history": (lambda: tf.plots.plot_history({}, titel="x"), "plot_history", "title"),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_argument_suggests_the_near_one(call):
    action, who, right = CALLS[call]
    with pytest.raises(TypeError, match=rf"\[{who}, argument\] .* is unknown; did you mean '{right}'"):
        action()


def test_an_optimizer_answers_as_keras_does_with_a_value_error():
    with pytest.raises(ValueError, match="'beta1' is unknown; did you mean 'beta_1'"):
        keras.optimizers.Adam(beta1=0.9)


def test_classes_of_one_s_own_answer_wrong_arguments_too():
    class Weighted(keras.losses.Loss):
        def __init__(self, factor=1.0):
            super().__init__()
            self.factor = factor

    with pytest.raises(TypeError, match=r"\[Weighted, argument\] 'facter' is unknown; did you mean 'factor'"):
        Weighted(facter=2.0)
    assert Weighted(2.0).factor == 2.0
