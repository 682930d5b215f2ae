# SPDX-License-Identifier: Apache-2.0
"""fit, evaluate and predict replay their steps: the same bits as run_eagerly, whatever changes in between."""

import numpy as np
import pytest

from tilewright import GradientTape, keras, ops
from tilewright.keras import layers

RNG = np.random.default_rng(3)
X = RNG.normal(size=(96, 8, 8, 1)).astype(np.float32)
Y = RNG.integers(0, 4, 96)


def network(**kwargs):
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3, name="drop"),
            layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.01), name="head"),
        ]
    )
    options = {"optimizer": keras.optimizers.Adam(0.01), "metrics": ["accuracy"], **kwargs}
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model


def both(run, **kwargs):
    """What `run(model)` gives for a model that replays and one that does not; the first one's statistics."""
    outcomes = []
    for eager in (False, True):
        model = network(run_eagerly=eager, **{k: v() if callable(v) else v for k, v in kwargs.items()})
        outcomes.append((run(model), [w.numpy().copy() for w in model.weights], model))
    (got, weights, model), (want, expected, _) = outcomes
    assert got == want
    assert all(map(np.array_equal, weights, expected))
    return steps_of(model)


def steps_of(model):
    return model._steps.stats()


def fitted(model, **kwargs):
    options = {"batch_size": 16, "epochs": 4, "verbose": 0, **kwargs}
    return model.fit(X, Y, **options).history


def test_fit_equals_eager():
    rows = both(lambda m: fitted(m, validation_split=0.25))
    train = next(r for r in rows if "train" in r.name)
    assert train.replayed >= 4 * 4 - 4 and train.reason is None
    assert any(r.replayed for r in rows if "test" in r.name)


def test_a_smaller_last_batch_gets_its_own_recording():
    rows = both(lambda m: fitted(m, batch_size=20, epochs=5))
    assert {r.inputs.split(",")[0] for r in rows} == {"float32(20", "float32(16"}
    assert all(r.replayed for r in rows)


def test_batch_callbacks_see_every_step():
    def run(model):
        seen = []
        callback = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda i, logs: seen.append((i, logs["loss"]))
        )
        fitted(model, callbacks=[callback])
        return seen

    assert next(r for r in both(run)).replayed >= 20


@pytest.mark.parametrize(
    "schedule",
    [
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)),
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20), momentum=0.9),
    ],
    ids=["exponential", "cosine"],
)
def test_learning_rate_schedules_are_followed(schedule):
    rows = both(fitted, optimizer=schedule)
    assert rows[0].replayed >= 20


def test_a_learning_rate_set_between_epochs_is_used():
    def run(model):
        halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        return fitted(model, callbacks=[halve])

    assert both(run)[0].replayed >= 20


def test_freezing_a_layer_between_fits():
    def run(model):
        first = fitted(model)
        model.get_layer("conv").trainable = False
        frozen = model.get_layer("conv").kernel.numpy().copy()
        second = fitted(model)
        assert np.array_equal(frozen, model.get_layer("conv").kernel.numpy())
        return first, second

    both(run)


def test_options_changed_by_a_callback_are_noticed():
    def run(model):
        def change(epoch, logs):
            model.get_layer("drop").rate = 0.1 * epoch

        return fitted(model, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=change)])

    both(run)


def test_weights_set_between_fits_are_used():
    def run(model):
        fitted(model)
        model.set_weights([w * 0.5 for w in model.get_weights()])
        return fitted(model), model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0).tolist()

    both(run)


def test_generators_and_single_batches_are_replayed():
    def batches():
        while True:
            for i in range(0, 96, 16):
                yield X[i : i + 16], Y[i : i + 16]

    def run(model):
        history = model.fit(batches(), steps_per_epoch=6, epochs=3, verbose=0).history
        return history, [model.train_on_batch(X[:16], Y[:16]) for _ in range(6)]

    rows = both(run)
    assert sum(r.replayed for r in rows) >= 15 + 3


def test_a_train_step_of_ones_own():
    class Own(keras.Sequential):
        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss, "twice": loss * 2}

    def made(eager):
        keras.utils.set_random_seed(1)
        model = Own([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dropout(0.2), layers.Dense(4)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eager)
        history = fitted(model)
        return history, steps_of(model)

    (got, rows), (want, _) = made(False), made(True)
    assert got == want and rows[0].replayed >= 20


def test_labels_out_of_range_raise_in_a_replay():
    model = network()
    labels = Y.copy()
    labels[90] = 9
    with pytest.raises(ValueError, match="9"):
        model.fit(X, labels, batch_size=16, epochs=3, verbose=0, shuffle=False)
    fitted(model)


def test_predict_equals_eager_and_results_stay():
    model = network()
    kept = [model.predict(X[i : i + 1], verbose=0) for i in range(8)]
    assert np.array_equal(np.concatenate(kept), model.predict(X[:8], batch_size=1, verbose=0))
    assert any(r.replayed for r in steps_of(model))


def test_two_models_do_not_share_recordings():
    a, b = network(), network()
    assert fitted(a, shuffle=False) == fitted(b, shuffle=False)
    assert np.array_equal(a.predict(X, verbose=0), b.predict(X, verbose=0))


def test_a_step_that_reads_values_is_run_by_python(caplog):
    class Reads(keras.layers.Layer):
        def call(self, x):
            return x * 2.0 if float(ops.sum(x)) > 0 else x * 3.0

    model = keras.Sequential([layers.Input((8, 8, 1)), Reads(), layers.Flatten(), layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fitted(model)
    (row,) = steps_of(model)
    assert row.replayed == 0 and "float()" in row.reason and "not replayed" in caplog.text
