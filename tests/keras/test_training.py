# SPDX-License-Identifier: Apache-2.0
"""fit, evaluate, predict: the losses of Keras step for step, History, callbacks, validation, weights,
generators, errors.
"""

import warnings

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras
from tilewright.keras import Input, Model, Sequential, layers

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 6)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64) + (X[:, 2] > 1)


def classifier(k=keras, units=8):
    return k.Sequential(
        [
            k.layers.Input((6,)),
            k.layers.Dense(units, activation="relu", kernel_regularizer="l2"),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def compiled(**options):
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_loss_curve_is_keras_s(kind, judge):
    def make(k):
        if kind == "mlp":
            model = classifier(k)
        else:
            model = k.Sequential(
                [
                    k.layers.Input((8, 8, 1)),
                    k.layers.Conv2D(4, 3, activation="relu"),
                    k.layers.MaxPooling2D(),
                    k.layers.BatchNormalization(),
                    k.layers.Flatten(),
                    k.layers.Dense(3, activation="softmax"),
                ]
            )
        model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    x = X if kind == "mlp" else np.random.default_rng(1).standard_normal((50, 8, 8, 1)).astype(np.float32)
    theirs, ours = make(judge.keras), make(keras)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    options = dict(batch_size=16, epochs=4, shuffle=False, verbose=0, validation_split=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = theirs.fit(x, Y, **options).history
        want_evaluated = theirs.evaluate(x, Y, verbose=0)
        want_predicted = theirs.predict(x, verbose=0)
    history = ours.fit(x, Y, **options)
    assert list(history.history) == list(want) and history.epoch == [0, 1, 2, 3]
    for name in want:
        np.testing.assert_allclose(history.history[name], want[name], rtol=2e-5, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(ours.evaluate(x, Y, verbose=0), want_evaluated, rtol=2e-5)
    close(ours.predict(x, verbose=0), want_predicted, "predictions", 1e-4)


def test_training_learns_and_repeats_with_its_seed():
    def run():
        keras.utils.set_random_seed(3)
        model = compiled()
        return model.fit(X, Y, epochs=30, batch_size=8, verbose=0).history["loss"], model.get_weights()

    (a, first), (b, second) = run(), run()
    assert a == b and all(np.array_equal(u, v) for u, v in zip(first, second, strict=True))
    assert a[-1] < 0.6 * a[0]


def test_shuffling_changes_the_order_only():
    seen = []

    class Spy(Model):
        def call(self, x):
            seen.append(x.numpy().copy())
            return x

        def train_step(self, data):
            self(data[0])
            return {"loss": 0.0}

    model = Spy()
    x = np.arange(20, dtype=np.float32)[:, None]
    model.fit(x, x, batch_size=6, epochs=2, verbose=0)
    first, second = np.concatenate(seen[:4]).ravel(), np.concatenate(seen[4:]).ravel()
    assert [len(s) for s in seen[:4]] == [6, 6, 6, 2]
    assert (first != second).any() and sorted(first) == sorted(second) == list(range(20))


def test_validation_data_is_not_trained_on():
    model = compiled()
    history = model.fit(X, Y, validation_data=(X[:10], Y[:10]), verbose=0, epochs=2, validation_freq=2)
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert len(history.history["val_loss"]) == 1
    loss, accuracy = model.evaluate(X[:10], Y[:10], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(loss) and history.history["val_accuracy"][
        -1
    ] == pytest.approx(accuracy)
    assert model.evaluate(X, Y, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}


def test_sample_and_class_weights(judge):
    weights = np.linspace(0, 2, len(X)).astype(np.float32)
    for options in ({"sample_weight": weights}, {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}):
        theirs, ours = classifier(judge.keras), classifier()
        for m in (theirs, ours):
            m.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        ours.set_weights([judge.array(v.value) for v in theirs.weights])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = theirs.fit(X, Y, epochs=2, shuffle=False, verbose=0, **options).history
        got = ours.fit(X, Y, epochs=2, shuffle=False, verbose=0, **options).history
        assert list(got) == list(want)
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=2e-5, err_msg=str(options))


def test_several_outputs_with_loss_weights(judge):
    def make(k):
        i = k.Input((6,))
        h = k.layers.Dense(4, activation="tanh")(i)
        model = k.Model(
            i, [k.layers.Dense(3, activation="softmax", name="kind")(h), k.layers.Dense(1, name="size")(h)]
        )
        model.compile(
            "sgd",
            {"kind": "sparse_categorical_crossentropy", "size": "mse"},
            loss_weights={"kind": 1.0, "size": 0.3},
            metrics={"kind": ["accuracy"], "size": ["mae"]},
        )
        return model

    theirs, ours = make(judge.keras), make(keras)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    targets = [Y, X[:, :1]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = theirs.fit(X, targets, epochs=2, shuffle=False, verbose=0).history
    got = ours.fit(X, targets, epochs=2, shuffle=False, verbose=0).history
    assert list(got) == list(want)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=5e-5, err_msg=name)
    assert [p.shape for p in ours.predict(X, verbose=0)] == [(50, 3), (50, 1)]
    ours.fit(X, {"kind": Y, "size": X[:, :1]}, verbose=0)


def test_generators_sequences_and_iterables():
    def batches():
        while True:
            yield X[:10], Y[:10]

    model = compiled()
    history = model.fit(
        batches(), steps_per_epoch=3, epochs=2, verbose=0, validation_data=batches(), validation_steps=2
    )
    assert history.params["steps"] == 3 and len(history.history["val_loss"]) == 2

    class Sequence:
        def __init__(self):
            self.ended = 0

        def __len__(self):
            return 5

        def __getitem__(self, i):
            return X[10 * i : 10 * i + 10], Y[10 * i : 10 * i + 10], np.ones(10)

        def on_epoch_end(self):
            self.ended += 1

    data = Sequence()
    model.fit(data, epochs=2, verbose=0)
    assert data.ended == 2
    assert model.predict(data, verbose=0).shape == (50, 3)
    model.fit(iter([(X, Y), (X, Y)]), verbose=0)


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped():
    seen = []
    model = compiled()
    model.run_eagerly = True  # a replayed step would not run what notes the sizes
    model._train_on = lambda data: seen.append(len(data[0]))
    model.fit(X, Y, batch_size=20, steps_per_epoch=2, epochs=3, verbose=0, shuffle=False)
    assert seen == [20, 20, 10, 20, 20, 10]


@pytest.mark.parametrize(
    ("batches", "steps", "epochs", "message"),
    [
        (4, 3, 2, "epoch 2, after 1 of 3 steps"),
        (3, 3, 1, "epoch 2, after 0 of 3 steps"),
        (4, None, 1, "epoch 2, after 0 steps"),
    ],
)
def test_a_generator_that_ends_early_ends_training_and_keeps_it(batches, steps, epochs, message):
    model = compiled()
    with pytest.warns(UserWarning, match=message):
        history = model.fit(
            ((X[:4], Y[:4]) for _ in range(batches)), steps_per_epoch=steps, epochs=4, verbose=0
        )
    assert len(history.history["loss"]) == epochs
    assert int(model.optimizer.iterations) == batches
    with pytest.raises(ValueError, match=r"\[fit\] x gave no batch"):
        model.fit(iter(()), epochs=2, verbose=0)


def test_single_batches():
    model = compiled()
    first = model.train_on_batch(X, Y)
    assert len(first) == 2 and model.train_on_batch(X, Y, return_dict=True).keys() == {"loss", "accuracy"}
    assert len(model.test_on_batch(X, Y)) == 2
    np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X, batch_size=50, verbose=0))


def test_a_training_step_of_ones_own():
    class Doubling(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.seen = keras.metrics.Mean(name="seen")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tw.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.seen.update_state(2 * loss)
            return {"twice": self.seen.result()}

    model = Doubling()
    model.compile("sgd", "mse")
    history = model.fit(X, X[:, :1], epochs=3, verbose=0)
    assert list(history.history) == ["twice"] and history.history["twice"][2] < history.history["twice"][0]


def test_a_custom_loop_with_a_tape():
    model, optimizer = classifier(), keras.optimizers.Adam(0.05)
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    losses = []
    for _ in range(20):
        with tw.GradientTape() as tape:
            loss = loss_of(Y, model(X, training=True)) + sum(model.losses)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        losses.append(float(loss))
    assert losses[-1] < 0.6 * losses[0]


def test_callbacks_hear_everything_in_order():
    heard = []
    events = [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]
    callback = keras.callbacks.LambdaCallback(**{e: (lambda *a, e=e: heard.append(e)) for e in events})
    compiled().fit(X, Y, batch_size=50, verbose=0, callbacks=[callback], validation_data=(X, Y))
    assert heard == events
    with pytest.raises(ValueError, match="'on_end' is unknown"):
        keras.callbacks.LambdaCallback(on_end=print)
    with pytest.raises(TypeError, match="got a int, expected a Callback"):
        compiled().fit(X, Y, callbacks=[3])


def test_early_stopping_restores_the_best_weights():
    values = iter([1.0, 0.5, 0.7, 0.8, 0.1])
    weights = []

    class Fake(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = next(values)
            weights.append(self.model.get_weights())

    model = compiled()
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=[Fake(), stop])
    assert history.epoch == [0, 1, 2, 3] and stop.best == 0.5 and stop.best_epoch == 1
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights[1], strict=True))


def test_checkpoints_keep_the_best(tmp_path):
    pytest.importorskip("safetensors", reason="weights are saved by safetensors (extra `weights`)")
    values = iter([1.0, 0.5, 0.7])

    class Fake(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = next(values)

    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{val_loss:.1f}.safetensors", save_best_only=True
    )
    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[Fake(), checkpoint])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-1.0.safetensors", "2-0.5.safetensors"]


def test_rates_are_scheduled_and_lowered():
    model = compiled()
    rates = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    assert model.fit(X, Y, epochs=3, verbose=0, callbacks=[rates]).history["learning_rate"] == pytest.approx(
        [0.005, 0.0025, 0.00125]
    )
    plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.1, min_delta=1e9)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[plateau])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0000125)


def test_nan_stops_where_asked():
    model = compiled()
    bad = X.copy()
    bad[0] = np.nan
    history = model.fit(bad, Y, epochs=5, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1 and np.isnan(history.history["loss"][0])


def test_one_line_an_epoch_and_silence(capsys, monkeypatch):
    model = compiled()
    model.fit(X, Y, epochs=2, verbose=2)
    out = capsys.readouterr().out.splitlines()
    assert (
        len(out) == 2
        and out[0].startswith("Epoch 1/2 - 2 steps - ")
        and "accuracy: " in out[0]
        and "loss: " in out[0]
    )
    model.fit(X, Y, verbose=0)
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("tqdm", reason="the bar is tqdm's (extra `progress`)")
    monkeypatch.setenv("TILEWRIGHT_PROGRESS", "1")
    model.fit(X, Y)
    assert "Epoch 1/1" in capsys.readouterr().err
    monkeypatch.setenv("TILEWRIGHT_PROGRESS", "0")
    model.fit(X, Y)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_uint8_float64_and_column_targets():
    images = (RNG.random((20, 4, 4, 1)) * 255).astype(np.uint8)
    model = Sequential([Input((4, 4, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(images, np.arange(20.0), verbose=0)
    assert model.predict(images, verbose=0).dtype == np.float32
    line = Sequential([Input((1,)), layers.Dense(1)])
    line.compile("sgd", "mse")
    line.fit(np.arange(5.0), 2 * np.arange(5.0), verbose=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: classifier().fit(X, Y), "[sequential.fit] the model is not compiled"),
        (
            lambda: compiled().fit(X, Y[:40]),
            "[fit] x has 50 samples, y has 40 samples, expected as many in each",
        ),
        (lambda: compiled().fit(X[:, :4], Y), "input has shape (32, 4), expected size 6 along axis -1"),
        (lambda: compiled().fit(X, Y + 5, verbose=0), "softmax_cross_entropy"),
        (lambda: compiled().fit(X, Y, batch_size=0), "batch_size is 0"),
        (
            lambda: compiled().fit(X, Y, validation_split=1.5),
            "validation_split is 1.5, expected between 0 and 1",
        ),
        (lambda: compiled().fit(X[:0], Y[:0]), "x gave no batch"),
        (lambda: compiled().fit(X), "y is None, expected labels"),
        (
            lambda: compiled().fit(X, Y, class_weight={0: 1}, sample_weight=np.ones(50)),
            "class_weight and sample_weight",
        ),
        (lambda: compiled(loss_weights={"other": 1.0}).fit(X, Y, verbose=0), "other"),
        (lambda: classifier().compile("sgd", "mse", metrics="mae"), "metrics is a str, expected a list"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_objects_that_are_no_data_are_refused():
    with pytest.raises(TypeError, match="x is a int"):
        compiled().fit(3, Y)
    with pytest.raises(TypeError, match="has dtype <U1, expected numbers"):
        compiled().fit(np.array(["a"] * 50), Y)
    with pytest.raises(TypeError, match="'optimiser' is unknown"):
        classifier().compile(optimiser="sgd")


@pytest.mark.parametrize("eagerly", [False, True])
def test_weights_that_the_first_step_makes_are_trained_beside_those_that_were_there(eagerly):
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(4, "tanh", kernel_initializer="ones", kernel_regularizer="l2")
            self.second = layers.Dense(3, "softmax", kernel_initializer="ones", kernel_regularizer="l1")

        def call(self, x):
            return self.second(self.first(x))

    def losses(looked_at):
        model = Two()
        if looked_at:
            model.first(X)
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        found = model.fit(X, Y, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y)).history
        return {**found, "optimizer": [len(model.optimizer.variables)]}

    assert losses(looked_at=True) == losses(looked_at=False)
