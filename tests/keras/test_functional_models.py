# SPDX-License-Identifier: Apache-2.0
"""Functional models beside Keras's: names, order of layers, structures of inputs and outputs, arithmetic
between layers, models that begin inside others, transfer learning, copies.
"""

import json

import numpy as np
import pytest
from exchanged_models import MODELS, floats
from keras_judge import close

from tilewright import keras
from tilewright.keras import Input, Model, Sequential, layers

X = floats(4, 3)
FUNCTIONAL = ["several_inputs_and_outputs", "outputs_by_name", "nested_and_shared", "branches", "arithmetic"]


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_layers_stand_in_keras_s_order(name, judge):
    models = []
    for k in (judge.keras, keras):
        k.utils.clear_session()
        models.append(MODELS[name](k)[0])
    theirs, ours = models

    def kinds(model):
        return [(type(layer).__name__, [tuple(w.shape) for w in layer.weights]) for layer in model.layers]

    assert kinds(ours) == kinds(theirs)
    assert type(ours).__name__ == type(theirs).__name__ == "Functional"
    assert [type(o).__name__ for o in ours.operations] == [type(o).__name__ for o in theirs.operations]
    assert ours.output_names == theirs.output_names or name == "outputs_by_name"
    for end in ("input_shape", "output_shape"):
        assert getattr(ours, end) == getattr(theirs, end)


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_configurations_have_keras_s_schema(name, judge):
    ours = MODELS[name](keras)[0]
    config = json.loads(ours.to_json())
    assert config["module"] == "keras.src.models.functional" and config["class_name"] == "Functional"
    again = judge.keras.models.model_from_json(json.dumps(config))
    there = json.loads(again.to_json())
    assert [e["name"] for e in there["config"]["layers"]] == [e["name"] for e in config["config"]["layers"]]
    for key in ("input_layers", "output_layers"):
        assert there["config"][key] == config["config"][key]
    for a, b in zip(there["config"]["layers"], config["config"]["layers"], strict=True):
        nodes = [json.dumps(node["args"]) for node in b["inbound_nodes"]]
        assert [json.dumps(node["args"]) for node in a["inbound_nodes"]] == nodes
    back = keras.models.model_from_json(json.dumps(there))
    assert back.count_params() == ours.count_params()


def test_arithmetic_between_layers(judge):
    def make(k):
        a = k.Input((3,), name="a")
        y = [
            a + 1.0,
            1.0 - a,
            a * a,
            a / 2.0,
            2.0 / (abs(a) + 1.0),
            -a,
            a**2,
            a[:, 1:],
            a[..., None],
            a[:, 0],
        ]
        y += [a + np.ones(3, np.float32), (a > 0.5), (a <= 0.0)]
        return k.Model(a, y)

    judge.keras.utils.clear_session()
    theirs, ours = make(judge.keras), make(keras)
    got, want = ours(X), theirs(judge.tensor(X))
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        close(a.numpy().astype(np.float32), judge.array(b).astype(np.float32), f"output {i}")
    assert [tuple(s) for s in ours.output_shape] == [tuple(s) for s in theirs.output_shape]
    assert [o.name for o in ours.operations] == [o.name for o in theirs.operations]
    assert (np.full(3, 2, np.float32) * Input((3,))).shape == (None, 3)  # NumPy leaves the operator to us
    mean = layers.operation("Mean", Input((6, 3)), axis=1, keepdims=True)
    assert mean.shape == (None, 1, 3)
    with pytest.raises(ValueError, match="'axes' is unknown; did you mean 'axis'"):
        layers.operation("Mean", Input((6, 3)), axes=1)


def test_keras_ops_are_operations_between_layers(judge):
    def make(k):
        a = k.Input((6, 3), name="a")
        o = k.ops
        y = [
            o.mean(a, axis=1),
            o.sum(a, axis=-1, keepdims=True),
            o.max(a, axis=(1, 2)),
            o.relu(a),
            o.softmax(a),
        ]
        y += [o.concatenate([a, o.square(a)], axis=-1), o.reshape(a, (-1, 18)), o.transpose(a, (0, 2, 1))]
        y += [o.matmul(a, o.transpose(a, [0, 2, 1])), o.expand_dims(a, 1), o.stack([a, a], axis=1), o.gelu(a)]
        y += [o.where(o.greater(a, 0.0), a, o.exp(a)), o.clip(a, -0.5, 0.5), o.cast(a > 0.0, "float32")]
        return k.Model(a, y)

    x = floats(2, 6, 3)
    theirs, ours = make(judge.keras), make(keras)
    again = keras.models.model_from_json(theirs.to_json())
    there = judge.keras.models.model_from_json(ours.to_json())
    want = [judge.array(y) for y in theirs(judge.tensor(x))]
    for model in (ours, again):
        for i, (a, b) in enumerate(zip(model(x), want, strict=True)):
            close(a.numpy(), b, f"output {i}")
    for i, (a, b) in enumerate(zip(there(judge.tensor(x)), want, strict=True)):
        close(judge.array(a), b, f"output {i} in Keras")
    assert keras.ops.mean(x, 1).shape == (2, 3) and keras.ops.shape(Input((3,))) == (None, 3)


def test_gradients_go_through_arithmetic(judge):
    y = floats(4, 2)
    histories = []
    model, inputs = MODELS["arithmetic"](keras)
    for k in (keras, judge.keras):
        other, _ = MODELS["arithmetic"](k)
        for a, b in zip(other.weights, model.weights, strict=True):
            a.assign(b.numpy().copy())
        other.compile(k.optimizers.SGD(0.1), "mse")
        histories.append(other.fit(inputs[0], y, epochs=5, shuffle=False, verbose=0).history["loss"])
    close(histories[0], histories[1], "losses")


def test_inputs_and_outputs_in_lists_and_dicts(judge):
    def make(k):
        a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
        difference = k.layers.Subtract()([a, b])
        return (
            k.Model({"a": a, "b": b}, {"d": difference}),
            k.Model([a, b], [difference]),
            k.Model([a], [a * 2.0]),
        )

    for k in (keras, judge.keras):
        by_name, listed, single = make(k)
        values = {"a": X, "b": 2 * X}
        if k is judge.keras:
            values = {key: judge.tensor(x) for key, x in values.items()}
        close(judge.array(by_name(values)["d"]), -X, "by name")
        assert not isinstance(listed([values["a"], values["b"]]), list)
        assert single.output_shape == (None, 3) and single.input_shape == (None, 3)
        assert tuple(single(values["a"]).shape) == (4, 3)
    np.testing.assert_array_equal(by_name.predict({"b": 2 * X, "a": X}, verbose=0)["d"], -X)


def test_features_of_a_layer_inside():
    base = Sequential([Input((3,)), layers.Dense(5, activation="relu", name="hidden"), layers.Dense(2)])
    features = Model(inputs=base.inputs, outputs=base.get_layer("hidden").output)
    want = np.maximum(X @ base.layers[0].kernel.numpy() + base.layers[0].bias.numpy(), 0)
    close(features.predict(X, verbose=0), want, "features")
    all_of_them = Model(base.input, [layer.output for layer in base.layers])
    assert [y.shape for y in all_of_them(X)] == [(4, 5), (4, 2)]
    assert all_of_them.layers[1] is base.layers[0]


def test_models_that_begin_inside_another(judge, tmp_path):
    def make(k):
        i = k.Input((3,))
        hidden = k.layers.Dense(4, activation="tanh", name="hidden")(i)
        output = k.layers.Dense(2, name="head")(k.layers.Dropout(0.5)(hidden))
        return k.Model(i, output), k.Model(hidden, output)

    whole, tail = make(keras)
    theirs = make(judge.keras)[1]
    assert len(tail.layers) == len(theirs.layers) == 3 and tail.input_shape == theirs.input_shape == (None, 4)
    between = whole.get_layer("hidden")(X)
    np.testing.assert_array_equal(tail(between).numpy(), whole(X).numpy())
    assert tail.get_layer("head") is whole.get_layer("head")
    pytest.importorskip("h5py", reason=".keras files hold an HDF5 file")
    tail.save(tmp_path / "tail.keras")
    for k in (keras, judge.keras):
        y = k.models.load_model(tmp_path / "tail.keras").predict(between.numpy(), verbose=0)
        close(y, whole(X).numpy(), "predictions")


def test_names_are_unique():
    i = Input((3,))
    with pytest.raises(ValueError, match="two layers are named 'same', expected unique names"):
        Model(i, layers.Dense(2, name="same")(layers.Dense(2, name="same")(i)))


def test_a_frozen_base_and_a_new_head(judge):
    """As in transfer learning: normalization in a frozen base uses and keeps its moving statistics."""
    y = floats(4, 2)

    def run(k, weights=None):
        base = k.Sequential(
            [k.layers.Input((3,)), k.layers.Dense(4), k.layers.BatchNormalization()], name="base"
        )
        base.trainable = False
        i = k.Input((3,))
        model = k.Model(i, k.layers.Dense(2, name="head")(base(i, training=False)))
        again = k.Model(i, k.layers.Dense(2, name="head")(base(i)))
        losses = []
        for m in (model, again):
            if weights is not None:
                m.set_weights(weights)
            m.compile(k.optimizers.SGD(0.1), "mse")
            weights = m.get_weights() if weights is None else weights
            losses += m.fit(X, y, epochs=3, shuffle=False, verbose=0).history["loss"]
            for a, b in zip(m.get_weights()[:6], weights[:6], strict=True):
                assert np.array_equal(np.asarray(a), np.asarray(b))
            assert [v.path.split("/")[-2] for v in m.trainable_weights] == ["head", "head"]
        base.trainable = True
        assert len(again.trainable_weights) == 6
        base.layers[0].trainable = False
        assert len(again.trainable_weights) == 4 and len(again.non_trainable_weights) == 4
        return losses, weights

    want, weights = run(judge.keras)
    got, _ = run(keras, [np.asarray(w) for w in weights])
    close(got, want, "losses")


def test_shared_layers_learn_from_both_places(judge):
    y = floats(4, 4)

    def run(k, weights=None):
        a, b = k.Input((3,)), k.Input((3,))
        shared = k.layers.Dense(4, activation="tanh")
        model = k.Model([a, b], k.layers.Add()([shared(a), shared(b)]))
        if weights is not None:
            model.set_weights(weights)
        weights = model.get_weights()
        model.compile(k.optimizers.SGD(0.1), "mse")
        return model.fit([X, X[::-1]], y, epochs=4, shuffle=False, verbose=0).history["loss"], weights

    want, weights = run(judge.keras)
    got, _ = run(keras, [np.asarray(w) for w in weights])
    close(got, want, "losses")


class TestClones:
    def test_they_have_weights_of_their_own(self):
        for name in ("mlp", "several_inputs_and_outputs", "nested_and_shared", "arithmetic"):
            model, inputs = MODELS[name](keras)
            model.compile("adam", "mse")
            clone = keras.models.clone_model(model)
            assert type(clone) is type(model) and clone.name == model.name and clone.compiled
            assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
            assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
            clone.set_weights(model.get_weights())
            fed = inputs[0] if len(inputs) == 1 else inputs
            got, want = clone.predict(fed, verbose=0), model.predict(fed, verbose=0)
            for a, b in zip(got, want, strict=True) if isinstance(got, list) else [(got, want)]:
                np.testing.assert_array_equal(a, b)

    def test_layers_may_be_replaced(self):
        def wider(layer):
            config = layer.get_config()
            if isinstance(layer, layers.Dense) and layer.name == "inside":
                config["activation"] = "tanh"
            return type(layer).from_config(config)

        inner = Sequential([Input((3,)), layers.Dense(4, name="inside")], name="inner")
        i = Input((3,))
        model = Model(i, inner(i))
        flat = keras.models.clone_model(model, clone_function=wider)
        deep = keras.models.clone_model(model, clone_function=wider, recursive=True)
        assert flat.get_layer("inner").layers[0].activation is keras.activations.linear
        assert deep.get_layer("inner").layers[0].activation is keras.activations.tanh

    def test_other_inputs_and_calls(self):
        model, _ = MODELS["mlp"](keras)
        i = Input((3,), name="other")
        assert keras.models.clone_model(model, input_tensors=i).input.name == "other"
        functional, _ = MODELS["two_layers"](keras)
        called = []

        def call(layer, *args, **kwargs):
            called.append(layer.name)
            return layer(*args, **kwargs)

        keras.models.clone_model(functional, call_function=call)
        assert called == ["dense_3", "dense_2"] or len(called) == 2
        with pytest.raises(ValueError, match="call_function is given, expected None for a Sequential"):
            keras.models.clone_model(model, call_function=call)
        with pytest.raises(ValueError, match="input_tensors has 2 parts, expected 1"):
            keras.models.clone_model(functional, input_tensors=[i, i])


def test_a_train_step_of_ones_own():
    import tilewright as tw

    class Doubled(Model):
        def train_step(self, data):
            x, y = data
            with tw.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True)) * 2.0
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"twice": loss}

    i = Input((3,))
    model = Doubled(i, layers.Dense(2)(i))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    history = model.fit(X, floats(4, 2), epochs=3, verbose=0).history
    assert list(history) == ["twice"] and history["twice"][2] < history["twice"][0]
    assert type(model).__name__ == "Doubled" and model.get_layer(index=1).name.startswith("dense")
