# SPDX-License-Identifier: Apache-2.0
"""Summaries, character by character those of Keras."""

import re

import numpy as np
import pytest
from exchanged_models import MODELS, floats

from tilewright import keras
from tilewright.keras import layers

OPTIONS = [
    {},
    {"expand_nested": True},
    {"show_trainable": True},
    {"line_length": 60},
    {"line_length": 72, "expand_nested": True, "show_trainable": True},
]


def summaries(judge, make, options):
    found = []
    for k in (judge.keras, keras):
        k.utils.clear_session()
        lines = []
        make(k).summary(print_fn=lines.append, **options)
        found.append("".join(lines))
    return found


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "several_inputs_and_outputs", "outputs_by_name", "nested_and_shared", "branches"]
)
def test_they_are_keras_s(name, options, judge):
    theirs, ours = summaries(judge, lambda k: MODELS[name](k)[0], options)
    assert ours == theirs


def test_positions_place_the_columns(judge):
    theirs, ours = summaries(judge, lambda k: MODELS["mlp"](k)[0], {"positions": [0.3, 0.6, 1.0]})
    assert ours == theirs
    with pytest.raises(ValueError, match="positions has 2 numbers, expected 3"):
        MODELS["mlp"](keras)[0].summary(positions=[0.5, 1.0])
    with pytest.raises(ValueError, match="line_length is 10"):
        MODELS["mlp"](keras)[0].summary(line_length=10)


def test_the_optimizer_s_variables_are_counted(judge):
    """Keras counts the step in 4 bytes on PyTorch and in 8 on TensorFlow, as we do."""

    def trained(k):
        model, (x,) = MODELS["mlp"](k)
        model.layers[0].trainable = False
        model.compile(
            k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5), momentum=0.9), "mse"
        )
        model.fit(x, floats(4, 2), verbose=0)
        return model

    theirs, ours = summaries(judge, trained, {})
    assert re.sub(r"(Total|Optimizer)(.*) \(.*\)", r"\1\2", ours) == re.sub(
        r"(Total|Optimizer)(.*) \(.*\)", r"\1\2", theirs
    )
    assert "Optimizer params: 23 (96.00 B)" in ours


def test_models_that_are_not_built(judge, capsys):
    theirs, ours = summaries(judge, lambda k: k.Sequential([k.layers.Dense(4), k.layers.Dense(2)]), {})
    assert ours == theirs and "0 (unbuilt)" in ours
    keras.Sequential([layers.Dense(4)]).summary()
    assert capsys.readouterr().out.startswith('Model: "sequential_1"\n┏')


def test_models_by_inheritance(judge):
    def make(k):
        class Net(k.Model):
            def __init__(self):
                super().__init__()
                self.one, self.two = k.layers.Dense(4), k.layers.Dense(2)

            def call(self, x):
                return self.two(self.one(x))

        net = Net()
        net.predict(np.zeros((3, 5), np.float32), verbose=0)
        return net

    theirs, ours = summaries(judge, make, {})
    assert ours == theirs


@pytest.mark.parametrize(
    "ends", [["batch.*", "dropout"], ["dropout", "batch.*"], ["dense", "dense"]], ids=str
)
def test_layer_ranges(ends, judge):
    theirs, ours = summaries(judge, lambda k: MODELS["mlp"](k)[0], {"layer_range": ends})
    assert ours == theirs


def test_layer_ranges_are_checked():
    model = MODELS["mlp"](keras)[0]
    with pytest.raises(ValueError, match="expected two names or patterns"):
        model.summary(layer_range=["dense"])
    with pytest.raises(ValueError, match="layer_range holds 'conv', expected to match one of dense"):
        model.summary(layer_range=["dense", "conv"])
