# SPDX-License-Identifier: Apache-2.0
"""Sequential, functional and subclassed models: names, shapes, shared and nested layers, summaries,
configurations.
"""

import json

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras
from tilewright.keras import Input, Model, Sequential, layers

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def small():
    return Sequential([Input((3,)), layers.Dense(5, activation="relu"), layers.Dense(2)])


def test_names_and_paths_are_keras_s(judge):
    def make(k):
        k.utils.clear_session() if k is keras else k.backend.clear_session()
        first = k.Sequential(
            [k.layers.Input((3,)), k.layers.Dense(4), k.layers.BatchNormalization(), k.layers.Dense(2)]
        )
        i = k.Input((3,))
        second = k.Model(i, k.layers.Dense(2)(k.layers.Dropout(0.5)(i)))

        class Net(k.Model):
            def __init__(self):
                super().__init__()
                self.one, self.rest = k.layers.Dense(2), k.Sequential([k.layers.Dense(3), k.layers.Dense(2)])

            def call(self, x):
                return self.rest(self.one(x))

        third = Net()
        third(X if k is keras else judge.tensor(X))
        return first, second, third

    theirs, ours = make(judge.keras), make(keras)
    for a, b in zip(ours, theirs, strict=True):
        assert a.name == b.name
        assert [layer.name for layer in a.layers] == [layer.name for layer in b.layers]
        assert [v.path for v in a.weights] == [v.path for v in b.weights]
        assert [v.path for v in a.trainable_weights] == [v.path for v in b.trainable_weights]
        assert a.count_params() == b.count_params()
    assert [m.output_shape for m in ours[:2]] == [m.output_shape for m in theirs[:2]]


def test_a_sequential_builds_from_the_first_data_or_shape_arguments():
    late = Sequential([layers.Dense(5), layers.Dense(2)])
    assert late.weights == [] and not late.built
    assert late(X).shape == (4, 2) and late.input_shape == (None, 3)
    for model in (
        Sequential([layers.Dense(5, input_shape=(3,))]),
        Sequential([layers.Dense(5, input_dim=3)]),
    ):
        assert model.output_shape == (None, 5)
    late = Sequential([layers.Dense(5)])
    late.build((None, 3))
    assert late.count_params() == 20


def test_add_and_pop():
    model = Sequential()
    model.add(layers.Input((3,)))
    model.add(layers.Dense(4))
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2) and [v.path for v in model.weights][0] == "sequential/dense/kernel"
    model.pop()
    assert model.output_shape == (None, 4) and model(X).shape == (4, 4)
    with pytest.raises(ValueError, match="named dense already"):
        model.add(layers.Dense(1, name="dense"))
    with pytest.raises(TypeError, match="got a int, expected a Layer"):
        model.add(3)


def test_functional_models_with_several_inputs_outputs_and_shared_layers():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = layers.Dense(4, activation="tanh", name="shared")
    total = layers.Add(name="total")([shared(a), shared(b)])
    model = Model([a, b], {"sum": total, "first": layers.Dense(1, name="head")(shared(a))})
    y = model([X, X * 2])
    assert set(y) == {"sum", "first"} and y["sum"].shape == (4, 4) and y["first"].shape == (4, 1)
    want = np.tanh(X @ shared.kernel.numpy()) + np.tanh(2 * X @ shared.kernel.numpy())
    np.testing.assert_allclose(y["sum"].numpy(), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model({"a": X, "b": X * 2})["sum"].numpy(), y["sum"].numpy())
    assert len(model.weights) == 4
    with pytest.raises(ValueError, match="got 1 inputs, expected 2: a, b"):
        model(X)
    with pytest.raises(ValueError, match=r"input b has shape \(4, 2\), expected \(None, 3\)"):
        model([X, X[:, :2]])


def test_nested_models_and_slices_of_models():
    inner = small()
    i = Input((3,))
    outer = Model(i, layers.Dense(1)(inner(i)))
    assert outer(X).shape == (4, 1) and len(outer.weights) == 6
    features = Model(inner.inputs, inner.layers[0].output)
    np.testing.assert_array_equal(features(X).numpy(), inner.layers[0](X).numpy())


def test_models_by_inheritance():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden = [layers.Dense(4, activation="relu"), layers.Dense(4)]
            self.head = layers.Dense(2)
            self.drop = layers.Dropout(0.5)
            self.seen = []

        def call(self, x, training=False):
            self.seen.append(training)
            for layer in self.hidden:
                x = layer(x)
            return self.head(self.drop(x, training=training))

    net = Net()
    assert net(X).shape == (4, 2) and net.name == "net"
    assert [v.name for v in net.weights] == ["kernel", "bias"] * 3
    net.compile("sgd", "mse")
    net.fit(X, np.zeros((4, 2)), verbose=0)
    net.predict(X, verbose=0)
    assert net.seen == [False, True, False]
    net.trainable = False
    assert net.trainable_weights == [] and len(net.non_trainable_weights) == 6


def test_training_reaches_layers_inside():
    inner = Sequential([Input((3,)), layers.Dropout(0.9, seed=1)])
    i = Input((3,))
    model = Model(i, inner(i))
    np.testing.assert_array_equal(model(X).numpy(), X)
    assert (model(X, training=True).numpy() != X).any()


def test_frozen_layers_keep_their_weights_and_statistics():
    model = Sequential([Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)])
    for layer in model.layers[:2]:
        layer.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, np.ones(4), epochs=2, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 6 + [True, True]
    model.layers[0].trainable = True
    assert len(model.trainable_weights) == 4


def test_the_summary_is_a_table(capsys):
    small().summary()
    text = capsys.readouterr().out
    assert 'Model: "sequential"' in text and "│ dense (Dense)" in text and "(None, 5)" in text
    assert "Total params: 32 (128.00 B)" in text and "Non-trainable params: 0 (0.00 B)" in text


def test_configurations_make_the_same_model():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = layers.Dense(4, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1))
    functional = Model([a, b], layers.Concatenate()([shared(a), shared(b), layers.Dense(2)(b)]))
    for model in (small(), functional, Model(a, small()(a))):
        config = json.loads(json.dumps(keras.utils.serialize_keras_object(model)))
        again = keras.utils.deserialize_keras_object(config)
        again.set_weights(model.get_weights())
        inputs = [X] * len(model.inputs)
        np.testing.assert_array_equal(again(inputs).numpy(), model(inputs).numpy())
    assert keras.models.model_from_json(small().to_json()).output_shape == (None, 2)


def test_weights_are_checked_when_set():
    model = small()
    with pytest.raises(ValueError, match="got 3 arrays, expected 4"):
        model.set_weights(model.get_weights()[:3])
    wrong = [np.zeros((2, 2)), *model.get_weights()[1:]]
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"got shape \(2, 2\) for sequential/dense/kernel, expected \(3, 5\)"
    ):
        model.set_weights(wrong)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_layers_are_found_by_name_and_index():
    model = small()
    assert model.get_layer("dense_1") is model.layers[1] and model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match="did you mean 'dense"):
        model.get_layer("dens")


def test_disconnected_graphs_are_refused():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(ValueError, match="inputs do not lead to output"):
        Model(a, layers.Dense(2)(b))
    with pytest.raises(ValueError, match="outputs holds a ndarray"):
        Model(a, X)
    with pytest.raises(TypeError, match="a has no values"):
        np.asarray(a)


def test_errors_say_which_layer():
    class Broken(layers.Layer):
        def call(self, x):
            return tw.ops.matmul(x, np.zeros((7, 2), np.float32))

    with pytest.raises(ValueError) as caught:
        Broken(name="bad")(X)
    assert any(
        "in layer bad (Broken), called on shape (4, 3) float32" in note for note in caught.value.__notes__
    )

    with pytest.raises(TypeError, match=r"\[look\] the call lacks value, expected query, value"):
        layers.MultiHeadAttention(2, 4, name="look")(X[None])


def test_deep_models_do_not_overflow_the_stack():
    i = x = Input((2,))
    for _ in range(400):
        x = layers.Identity()(x)
    assert Model(i, x)(np.ones((1, 2), np.float32)).shape == (1, 2)
