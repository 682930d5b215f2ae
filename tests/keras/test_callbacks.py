# SPDX-License-Identifier: Apache-2.0
"""Callbacks: what they decide, compared with Keras's on made-up metrics, and what they write."""

import csv
import os
import warnings

import numpy as np
import pytest

from tilewright import keras
from tilewright.keras import callbacks

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)


def made(k=keras, optimizer="sgd", **options):
    model = k.Sequential([k.layers.Input((4,)), k.layers.Dense(1, activation="sigmoid")])
    model.compile(
        optimizer, "binary_crossentropy", metrics=["accuracy", k.metrics.AUC(name="auc")], **options
    )
    return model


def fake(base, name, values):
    """A callback that puts made-up metrics into the logs."""

    class Fake(base):
        def on_epoch_end(self, epoch, logs=None):
            logs[name] = values[epoch]

    return Fake()


PATHS = {
    "falls then rises": [1.0, 0.8, 0.7, 0.75, 0.72, 0.9, 0.95, 0.99],
    "small steps": [1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.88, 0.86],
    "rises": [0.1, 0.2, 0.3, 0.25, 0.26, 0.27, 0.28, 0.5],
}
STOPPING = [
    {"patience": 2},
    {"patience": 1, "min_delta": 0.05},
    {"patience": 2, "baseline": 0.5},
    {"patience": 1, "mode": "max"},
    {"patience": 1, "start_from_epoch": 3},
    {"monitor": "val_auc", "patience": 2},
]


@pytest.fixture(scope="module")
def models(judge):
    """A trained model of ours and one of Keras's: their metrics know where they are better."""
    found = []
    for k in (keras, judge.keras):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = made(k)
            model.fit(X, Y, verbose=0)
        found.append((k, model))
    return found


def driven(callback, model, name, values):
    """Runs a callback over epochs with made-up values of one metric; gives all logs."""
    model.stop_training = False
    model.optimizer.learning_rate = 0.01
    callback.set_model(model)
    callback.set_params({"epochs": len(values)})
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            found.append({name: value})
            callback.on_epoch_begin(epoch, {})
            callback.on_epoch_end(epoch, found[-1])
            if model.stop_training:
                break
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("options", STOPPING, ids=str)
def test_early_stopping_stops_when_keras_s_does(options, path, models):
    ends = []
    for k, model in models:
        stop = k.callbacks.EarlyStopping(**options)
        logs = driven(stop, model, options.get("monitor", "val_loss"), PATHS[path])
        ends.append((len(logs), stop.best, stop.stopped_epoch, stop.best_epoch))
    assert ends[0] == ends[1]


PLATEAUS = [
    {"patience": 1, "factor": 0.5},
    {"patience": 2, "min_delta": 0.05},
    {"patience": 1, "cooldown": 2, "min_lr": 0.004},
    {"monitor": "accuracy", "patience": 1},
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_rates_fall_when_keras_s_do(options, path, models):
    rates = []
    for k, model in models:
        plateau = k.callbacks.ReduceLROnPlateau(**options)
        logs = driven(plateau, model, options.get("monitor", "val_loss"), PATHS[path])
        rates.append([log["learning_rate"] for log in logs])
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-6)


def test_rates_are_scheduled_as_keras_s(models):
    rates = []
    for k, model in models:
        scheduler = k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)
        rates.append([log["learning_rate"] for log in driven(scheduler, model, "loss", [1.0] * 4)])
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-6)


def test_where_a_metric_is_better_must_be_known():
    stop = callbacks.EarlyStopping("val_strange")
    with pytest.raises(ValueError, match="expected mode='max' or mode='min'"):
        made().fit(X, Y, verbose=0, callbacks=[fake(callbacks.Callback, "val_strange", [1.0]), stop])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["1-1.0", "2-0.5", "3-0.7", "4-0.4"]),
        ({"save_best_only": True}, ["1-1.0", "2-0.5", "4-0.4"]),
        ({"save_best_only": True, "mode": "max"}, ["1-1.0"]),
        ({"save_best_only": True, "initial_value_threshold": 0.45}, ["4-0.4"]),
    ],
)
def test_checkpoints_are_written_when_they_should_be(options, names, tmp_path, capsys):
    pytest.importorskip("safetensors", reason="weights are saved by safetensors (extra `weights`)")
    path = tmp_path / "deeper" / "{epoch}-{val_loss:.1f}.safetensors"
    checkpoint = callbacks.ModelCheckpoint(path, verbose=1, **options)
    values = fake(callbacks.Callback, "val_loss", [1.0, 0.5, 0.7, 0.4])
    made().fit(X, Y, epochs=4, verbose=0, callbacks=[values, checkpoint])
    assert sorted(p.name.removesuffix(".safetensors") for p in path.parent.iterdir()) == names
    assert capsys.readouterr().out.count("saving to") == len(names)


def test_checkpoints_after_batches(tmp_path):
    pytest.importorskip("safetensors", reason="weights are saved by safetensors (extra `weights`)")
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=3)
    made().fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=[checkpoint])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-3.safetensors", "2-2.safetensors"]


def test_whole_models_are_saved_by_save(tmp_path):
    saved = []
    model = made()
    object.__setattr__(model, "save", lambda path, overwrite: saved.append((path, overwrite)))
    model.fit(
        X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(f"{tmp_path}/m{{epoch}}.keras")]
    )
    assert saved == [(f"{tmp_path}/m1.keras", True), (f"{tmp_path}/m2.keras", True)]


def test_metrics_go_to_a_csv_file(tmp_path, judge):
    rows = []
    for k in (keras, judge.keras):
        path = tmp_path / f"{k.__name__}.csv"
        model = made(k)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for append in (False, True):
                model.fit(X, Y, epochs=2, verbose=0, callbacks=[k.callbacks.CSVLogger(path, ";", append)])
        with open(path, newline="") as file:
            rows.append(list(csv.reader(file, delimiter=";")))
    assert rows[0][0] == rows[1][0] and len(rows[0]) == len(rows[1]) == 5
    assert [row[0] for row in rows[0]] == ["epoch", "0", "1", "0", "1"]
    assert rows[0][1][-1] == "NA"


def test_tensorboard_files_hold_scalars_histograms_and_pictures(tmp_path):
    pytest.importorskip(
        "tensorboardX", reason="event files are written by tensorboardX (extra `tensorboard`)"
    )
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Embedding(7, 2), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    board = callbacks.TensorBoard(
        tmp_path,
        histogram_freq=1,
        write_images=True,
        write_steps_per_second=True,
        update_freq=2,
        embeddings_freq=1,
    )
    x = RNG.integers(0, 7, (16, 3))
    model.fit(x, Y[:16], batch_size=4, epochs=2, validation_data=(x, Y[:16]), verbose=0, callbacks=[board])
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert train["epoch_loss"] == [0, 1] and train["epoch_learning_rate"] == [0, 1]
    assert train["batch_loss"] == [2, 4, 6, 8] and "epoch_steps_per_second" in train
    assert validation["epoch_loss"] == [0, 1] and validation["evaluation_loss_vs_iterations"] == [4, 8]
    assert any(name.endswith("kernel/histogram") for name in train)
    assert any("kernel/image" in name for name in train)
    assert any("embedding" in str(p) for p in (tmp_path / "train").rglob("*.tsv"))
    with pytest.raises(ValueError, match="expected 0; use `with tilewright.profile"):
        callbacks.TensorBoard(tmp_path, profile_batch=2)


def events(folder):
    """Steps of each tag in the event files of a folder; read record by record (length, CRC, data, CRC)."""
    from tensorboardX.proto import event_pb2

    found = {}
    for path in sorted(folder.glob("events*")):
        data = path.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event = event_pb2.Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    return found


def test_evaluation_sees_averages_and_training_goes_on_with_weights():
    seen = {}

    class Watch(callbacks.Callback):
        def on_test_begin(self, logs=None):
            seen["test"] = self.model.get_weights()

        def on_test_end(self, logs=None):
            seen["average"] = [v.numpy().copy() for v in self.model.optimizer._state["average"]]

        def on_epoch_end(self, epoch, logs=None):
            seen["after"] = self.model.get_weights()

    model = made(optimizer=keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9))
    model.fit(
        X, Y, validation_data=(X, Y), verbose=0, callbacks=[callbacks.SwapEMAWeights(), Watch()], batch_size=8
    )
    for a, b, c in zip(seen["test"], seen["average"], seen["after"], strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    with pytest.raises(ValueError, match="expected use_ema=True"):
        made().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_nan_stops_or_raises_or_is_warned_of():
    bad = X.copy()
    bad[3] = np.nan
    with pytest.raises(RuntimeError, match=r"the loss is nan at batch \d"):
        made().fit(bad, Y, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])
    model = made()
    with pytest.warns(UserWarning, match=r"the loss is nan in epoch 1.*find_nan"):
        model.fit(bad, Y, epochs=2, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made().fit(bad, Y, epochs=1, verbose=0, callbacks=[callbacks.TerminateOnNaN()])


def test_a_list_of_callbacks_in_a_loop_of_ones_own():
    heard = []
    one = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append((epoch, logs)))
    listed = callbacks.CallbackList([one], model=made(), add_history=True, epochs=1)
    listed.on_train_begin()
    listed.on_epoch_end(0, {"loss": 1.0})
    assert heard == [(0, {"loss": 1.0})] and listed.history.history == {"loss": [1.0]}
    with pytest.raises(AttributeError, match="on_epoch_ende"):
        listed.on_epoch_ende(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: callbacks.ModelCheckpoint("x.txt"), "filepath is 'x.txt', expected it to end with .keras"),
        (
            lambda: callbacks.ModelCheckpoint("x.keras", save_weights_only=True),
            "expected it to end with .safetensors",
        ),
        (lambda: callbacks.ModelCheckpoint("x.keras", save_freq="batch"), "save_freq is 'batch'"),
        (lambda: callbacks.EarlyStopping(mode="up"), "mode is 'up'"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "factor is 1.0, expected less than 1"),
        (lambda: callbacks.BackupAndRestore(""), "expected the name of a folder"),
        (lambda: callbacks.BackupAndRestore("x", save_freq=0), "save_freq is 0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
    assert not os.path.exists("x")
