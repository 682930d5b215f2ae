# SPDX-License-Identifier: Apache-2.0
"""Turns that textbook programs take, of Keras 2 too: each a few lines as the books have them."""

import numpy as np
import pytest
from keras_judge import close

import tilewright as tf
from tilewright import keras
from tilewright.keras import layers

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((32, 4)).astype(np.float32), RNG.integers(0, 3, 32)


def small(cls=keras.Model):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    outputs = layers.Dense(3, activation="softmax", kernel_regularizer="l2")(inputs)
    return cls(inputs, outputs)


def compiled(model):
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class ByCompiledLoss(keras.Model):
    """A step as books on Keras 2 write it."""

    def train_step(self, data):
        inputs, targets = data
        with tf.GradientTape() as tape:
            predictions = self(inputs, training=True)
            loss = self.compiled_loss(targets, predictions)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.compiled_metrics.update_state(targets, predictions)
        return {m.name: m.result() for m in self.metrics}


def test_a_step_by_compiled_loss_trains_and_tells_as_fit_does():
    plain, own = (
        compiled(small(cls)).fit(X, Y, epochs=3, verbose=0, shuffle=False)
        for cls in (keras.Model, ByCompiledLoss)
    )
    assert own.history.keys() == plain.history.keys()
    for name, values in plain.history.items():
        np.testing.assert_allclose(own.history[name], values, rtol=1e-6)


class OwnMetrics(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.highest = keras.metrics.Mean(name="highest")

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        self.highest.update_state(tf.reduce_max(y_pred, axis=1))
        return {**results, "highest": self.highest.result(), "twice": 2.0 * self.highest.result()}


@pytest.mark.parametrize("eagerly", [False, True])
def test_metrics_of_one_s_own_are_shown(eagerly):
    model = compiled(small(OwnMetrics))
    model.run_eagerly = eagerly
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y)).history
    assert {"loss", "accuracy", "highest", "twice", "val_highest", "val_twice"} <= history.keys()
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert abs(found["highest"] - model.predict(X, verbose=0).max(1).mean()) < 1e-5
    assert found["twice"] == pytest.approx(2 * found["highest"]) and found["accuracy"] > 0


def test_a_loss_of_one_s_own_may_be_older_than_the_argument_training():
    class Doubled(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    once, twice = (compiled(small(cls)).evaluate(X, Y, verbose=0) for cls in (keras.Model, Doubled))
    assert twice[0] == pytest.approx(2 * once[0], rel=1e-6)


def test_states_are_reset_by_their_old_names():
    class Total(keras.metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.total = self.add_weight("total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(tf.reduce_sum(y_true))

        def result(self):
            return self.total

    metric = Total()
    assert metric.variables[0].name == "total" and float(metric(np.ones(3), None)) == 3.0
    metric.reset_states()
    assert float(metric.result()) == 0.0
    model = keras.Sequential([layers.GRU(2, stateful=True, batch_input_shape=(2, None, 4)), layers.Dense(1)])
    steps = X[:16].reshape(2, 8, 4)
    first = model.predict(steps, batch_size=2, verbose=0)
    assert (model.predict(steps, batch_size=2, verbose=0) != first).any()
    model.reset_states()
    np.testing.assert_array_equal(model.predict(steps, batch_size=2, verbose=0), first)


def test_the_name_of_a_weight_may_come_first():
    class Line(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", shape=[int(input_shape[-1]), 2])

        def call(self, inputs):
            return tf.matmul(inputs, self.kernel)

    layer = Line()
    assert layer(X).shape == (32, 2) and [v.name for v in layer.weights] == ["kernel"]


def test_a_lambda_s_shape_follows_from_several_inputs():
    def distance(vectors):
        return tf.sqrt(tf.reduce_sum(tf.square(vectors[0] - vectors[1]), axis=1, keepdims=True))

    a, b = keras.Input((4,)), keras.Input((4,))
    d = layers.Lambda(distance, output_shape=lambda shapes: (shapes[0][0], 1))([a, b])
    assert d.shape == (None, 1)
    got = keras.Model([a, b], d).predict([X, X + 1], verbose=0)
    np.testing.assert_allclose(got, np.full((32, 1), 2.0), rtol=1e-5)


def test_a_sequential_inside_a_layer_takes_sequences_of_any_length():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])

        def call(self, inputs):
            return inputs + self.inner(inputs)

    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, layers.GlobalMaxPooling1D()(Block()(inputs)))
    for length in (3, 5):
        assert model.predict(np.ones((2, length, 4)), verbose=0).shape == (2, 4)


def test_sizes_are_numpy_s_whole_numbers_too():
    ids = np.array([[1, 2, 7]])
    embedded = layers.Embedding(np.max(ids) + 1, np.int32(4))(ids)
    assert layers.LSTM(np.int64(3))(layers.Conv1D(np.int64(2), 2)(embedded)).shape == (1, 3)
    dense = layers.Dense(tf.math.reduce_prod((2, 3)).numpy())
    assert dense.units == 6 and type(dense.get_config()["units"]) is int
    for wrong in (2.0, True, 0, np.float32(3), [3], "3"):
        with pytest.raises(ValueError, match="expected an int of at least 1"):
            layers.Dense(wrong)


def test_constants_are_arrays_too(judge):
    bias = keras.initializers.Constant(np.log([0.25]))
    layer = layers.Dense(2, bias_initializer=bias)
    layer.build((None, 3))
    np.testing.assert_allclose(layer.bias.numpy(), np.log([0.25, 0.25]), rtol=1e-6)
    config = keras.initializers.serialize(keras.initializers.Constant([1.0, 2.0]))
    np.testing.assert_array_equal(keras.initializers.deserialize(config)((3, 2)), [[1, 2]] * 3)
    theirs = judge.keras.initializers.Constant(np.array([1.0, 2.0]))
    again = keras.initializers.deserialize(judge.keras.initializers.serialize(theirs))
    close(again((2,)), judge.array(theirs((2,))), "Constant")


def test_tables_with_words_are_saved_with_their_vocabularies(tmp_path):
    pytest.importorskip("h5py", reason=".keras files hold an HDF5 file (extra `hdf5`)")
    words = np.array(["fixed", "normal", "reversible", "normal"])
    numbers = np.array([1, 5, 5, 9])
    a, b = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
    by_word, by_number = (
        layers.StringLookup(output_mode="multi_hot"),
        layers.IntegerLookup(output_mode="one_hot"),
    )
    by_word.adapt(words[:, None]), by_number.adapt(numbers[:, None])
    x = layers.concatenate([by_word(a), by_number(b)])
    model = keras.Model([a, b], layers.Dense(2)(x))
    want = model.predict([words, numbers], verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict([words, numbers], verbose=0), want)


class ByEachMetric(keras.Model):
    """A step that goes through `self.metrics`, as Keras's guide has it."""

    def _updated(self, loss, targets, predictions):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(targets, predictions)
        return {m.name: m.result() for m in self.metrics}

    def train_step(self, data):
        inputs, targets = data
        with tf.GradientTape() as tape:
            predictions = self(inputs, training=True)
            loss = self.compute_loss(y=targets, y_pred=predictions)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return self._updated(loss, targets, predictions)

    def test_step(self, data):
        predictions = self(data[0], training=False)
        return self._updated(self.compute_loss(y=data[1], y_pred=predictions), data[1], predictions)


@pytest.mark.parametrize("batch_size", [8, 32])
def test_a_step_through_each_metric_tells_what_fit_does(batch_size):
    options = {
        "epochs": 3,
        "batch_size": batch_size,
        "shuffle": False,
        "validation_data": (X, Y),
        "verbose": 0,
    }
    plain, own = (compiled(small(cls)).fit(X, Y, **options) for cls in (keras.Model, ByEachMetric))
    assert own.history.keys() == plain.history.keys()
    for name, numbers in plain.history.items():
        np.testing.assert_allclose(own.history[name], numbers, rtol=1e-5)
    model = compiled(small(ByEachMetric))
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert set(model.train_on_batch(X, Y, return_dict=True)) == {"loss", "accuracy"}
    assert model.metrics_names == ["loss", "accuracy"]


def test_a_call_may_need_the_mask_of_its_input():
    class Weights(layers.Layer):
        supports_masking = True

        def call(self, inputs, mask=None):
            counts = tf.expand_dims(tf.cast(mask, "float32"), -1)
            powers = tf.exp(inputs) * counts
            return powers / tf.reduce_sum(powers, axis=1, keepdims=True)

    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, Weights()(layers.Dense(1)(layers.Embedding(5, 3, mask_zero=True)(ids))))
    got = model(np.array([[1, 2, 0], [3, 0, 0]])).numpy()[..., 0]
    np.testing.assert_allclose(got.sum(1), 1, rtol=1e-6)
    assert (got[0, 2], *got[1, 1:]) == (0, 0, 0)
    embedded = layers.Embedding(5, 3, mask_zero=True)(np.array([[1, 0]]))
    np.testing.assert_array_equal(embedded._keras_mask, [[True, False]])
    assert not hasattr(layers.Dense(2)(X), "_keras_mask")
    with pytest.raises(TypeError, match="called on shape"):
        Weights()(keras.Input((None, 3))) + layers.Lambda(lambda x: None + x)(keras.Input((2,)))


def test_activation_functions_make_layers_of_a_model():
    x = keras.Input((4,))
    hidden = keras.activations.relu(layers.Dense(3, kernel_initializer="ones")(x), max_value=2.0)
    model = keras.Model(x, keras.activations.softmax(keras.activations.tanh(hidden)))
    assert [type(layer).__name__ for layer in model.layers[2:]] == ["ReLU", "Activation", "Softmax"]
    want = np.tanh(np.clip(X.sum(1, keepdims=True), 0, 2)) * np.ones(3)
    np.testing.assert_allclose(model(X).numpy(), tf.nn.softmax(want).numpy(), rtol=1e-5)
    again = keras.Model.from_config(model.get_config())
    assert again.layers[2].max_value == 2.0
    assert keras.activations.leaky_relu(x).call.layer.negative_slope == 0.2
    with pytest.raises(TypeError, match=r"\[gelu\] x is a KerasTensor and options are given"):
        keras.activations.gelu(x, approximate=True)


def test_metrics_take_lists():
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state([0, 1, 2], [[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert f"{metric.result():.2f}" == "0.67"


def test_statistics_of_a_normalization_have_the_axes_of_its_inputs(judge):
    ours, theirs = layers.Normalization(), judge.keras.layers.Normalization()
    assert ours.mean is None
    ours.adapt(X), theirs.adapt(X)
    for name in ("mean", "variance"):
        got, want = getattr(ours, name), judge.array(getattr(theirs, name))
        assert got.shape == want.shape == (1, 4)
        close(got, want, name)


def test_a_sequential_that_knows_its_inputs_is_built_without_a_shape():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.pop()
    model.build()
    assert model.count_params() == 15 and model.output_shape == (None, 3)
