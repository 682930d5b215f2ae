# SPDX-License-Identifier: Apache-2.0
"""Names around layers against Keras's: losses, metrics, keras.random, utils, callbacks, arguments."""

import inspect

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras
from tilewright.data import Dataset

X, Y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)


def compiled(**options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **options)
    return model


@pytest.mark.parametrize("group", ["losses", "metrics"])
def test_objects_have_keras_s_names(group, judge):
    ours, theirs = getattr(keras, group), getattr(judge.keras, group)
    judge.keras.utils.clear_session()  # its counters of names; ours begin anew in each test
    compared = 0
    for name in ours.__all__:
        cls, other = getattr(ours, name), getattr(theirs, name, None)
        if not inspect.isclass(cls) or not inspect.isclass(other):
            continue
        try:
            want = other().name
        except (TypeError, NotImplementedError):  # needs arguments
            continue
        assert cls().name == want, name
        compared += 1
    assert compared > 20


def test_random_draws_have_keras_s_arguments_and_spread(judge):
    for name in ("normal", "uniform", "truncated_normal", "randint", "categorical", "dropout", "shuffle"):
        ours, theirs = (inspect.signature(getattr(k.random, name)).parameters for k in (keras, judge.keras))
        assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]
    draws = keras.random
    assert draws.normal((2, 3)).dtype == np.float32 and draws.randint((5,), 2, 4).dtype == np.int32
    counts = draws.randint((4000,), 2, 4, seed=1).numpy()
    assert set(counts) == {2, 3} and abs(counts.mean() - 2.5) < 0.05
    kept = draws.dropout(np.ones((200, 50), np.float32), 0.2, seed=1).numpy()
    assert set(np.unique(kept)) == {0, np.float32(1.25)} and abs(kept.mean() - 1) < 0.03
    rows = draws.dropout(np.ones((200, 50), np.float32), 0.5, noise_shape=(200, 1), seed=1).numpy()
    assert (rows.std(1) == 0).all() and 0.3 < (rows[:, 0] == 0).mean() < 0.7
    columns = np.arange(12).reshape(3, 4)
    mixed = draws.shuffle(columns, axis=1, seed=3).numpy()
    assert sorted(mixed[0].tolist()) == [0, 1, 2, 3] and (mixed - mixed[:1] == columns[:, :1]).all()
    chosen = draws.categorical(np.log([[0.1, 0.9]]), 2000, seed=1).numpy()
    assert chosen.dtype == np.int32 and abs(chosen.mean() - 0.9) < 0.03


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (np.arange(10), {"left_size": 0.8}), (np.arange(10), {"right_size": 3}),
        ((np.arange(20).reshape(10, 2), np.arange(10)), {"left_size": 4, "right_size": 2}),
        ([np.float32(i) for i in range(7)], {"left_size": 0.5}),
        ({"a": np.arange(5), "b": np.arange(5.0)}, {"left_size": 2}),
    ],
)  # fmt: skip
def test_data_is_split(data, options):
    left, right = keras.utils.split_dataset(data, **options)
    n = {list: len, np.ndarray: len}.get(
        type(data), lambda d: len(next(iter(d.values())) if isinstance(d, dict) else d[0])
    )(data)
    sizes = [options.get("left_size"), options.get("right_size")]
    sizes = [round(s * n) if isinstance(s, float) else s for s in sizes]
    sizes = [n - sizes[1] if sizes[0] is None else sizes[0], n - sizes[0] if sizes[1] is None else sizes[1]]
    assert [len(left), len(right)] == sizes == [len(list(left)), len(list(right))]
    whole = list(Dataset.from_tensor_slices(data).as_numpy_iterator())
    assert str(list(left.as_numpy_iterator())) == str(whole[: sizes[0]])
    assert str(list(right.as_numpy_iterator())) == str(whole[n - sizes[1] :])


def test_split_data_may_be_mixed_and_says_what_does_not_fit():
    left, right = keras.utils.split_dataset(Dataset.range(20), left_size=0.5, shuffle=True, seed=1)
    found = [int(v) for part in (left, right) for v in part.as_numpy_iterator()]
    assert sorted(found) == list(range(20)) != found
    with pytest.raises(ValueError, match="left_size and right_size are None"):
        keras.utils.split_dataset(X)
    with pytest.raises(ValueError, match="left_size is 8, expected an int from 1 to 7"):
        keras.utils.split_dataset(X, left_size=8)
    with pytest.raises(ValueError, match="are 6 and 3 samples, expected parts of 8"):
        keras.utils.split_dataset(X, left_size=6, right_size=3)
    with pytest.raises(TypeError, match="dataset is a int"):
        keras.utils.split_dataset(3, left_size=1)


def test_progbar_shows_means_and_values_as_they_are(capsys):
    bar = keras.utils.Progbar(4, stateful_metrics=["rate"])
    for step in range(4):
        bar.update(step + 1, [("loss", float(step)), ("rate", tw.Tensor(np.float32(step)))])
    shown = capsys.readouterr().out
    assert "4 steps" in shown and "loss: 1.5000" in shown and "rate: 3.0000" in shown
    bar = keras.utils.Progbar(None, unit_name="file")
    bar.add(2, [("size", 1.0)])
    bar.update(3, [("size", 4.0)], finalize=True)
    shown = capsys.readouterr().out
    assert "3 files" in shown and "size: 2.0000" in shown


def test_models_as_text_for_graphviz():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name='a "b"')], name="inside")
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Add()([inner(x), keras.layers.Dense(3, name="beside")(x)]))
    text = keras.utils.model_to_dot(model, show_shapes=True, expand_nested=True, rankdir="LR")
    assert text.startswith("digraph {") and text.rstrip().endswith("}") and "rankdir=LR" in text
    assert 'subgraph "cluster_inside"' in text and r"a \"b\" (Dense)" in text and "(None, 3)" in text
    assert text.count("->") == 4 and text.count("{") == text.count("}")
    assert keras.utils.model_to_dot(model, subgraph=True).startswith("subgraph ")
    with pytest.raises(ValueError, match="is not built"):
        keras.utils.model_to_dot(keras.Sequential([keras.layers.Dense(1)]))


def test_small_names(judge):
    x = keras.Input((3,))
    assert keras.utils.is_keras_tensor(x) and not keras.utils.is_keras_tensor(X)
    assert keras.utils.unpack_x_y_sample_weight((X, Y))[2] is None
    assert keras.utils.pack_x_y_sample_weight(X, Y) == (X, Y)
    assert keras.config.backend() == "tilewright" and keras.__version__.startswith("3.")
    for name in ("Initializer", "InputSpec", "Loss", "Metric", "Operation", "Optimizer", "Regularizer"):
        assert inspect.isclass(getattr(keras, name))
    keras.utils.clear_session(free_memory=True)
    spec = [inspect.signature(k.layers.InputSpec).parameters for k in (keras, judge.keras)]
    assert list(spec[0]) == list(spec[1])
    keras.layers.InputSpec(shape=(None, 3), allow_last_axis_squeeze=True).check("a", (2, 3, 1))
    with pytest.raises(ValueError, match="expected 2 dimensions"):
        keras.layers.InputSpec(shape=(None, 3)).check("a", (2, 3, 1))
    assert keras.config.is_interactive_logging_enabled()
    keras.utils.disable_interactive_logging()
    assert not keras.utils.is_interactive_logging_enabled()
    keras.utils.enable_interactive_logging()


def test_functions_as_callbacks_by_place_and_by_name():
    seen = []
    begin = lambda epoch, logs: seen.append(epoch)  # noqa: E731
    ends = keras.callbacks.LambdaCallback(begin, on_train_end=lambda logs: seen.append("end"))
    listed = keras.callbacks.CallbackList([ends], add_history=True, add_progbar=True, model=compiled())
    assert [type(c).__name__ for c in listed.callbacks] == ["LambdaCallback", "History", "ProgbarLogger"]
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[ends])
    assert seen == [0, 1, "end"]
    with pytest.raises(ValueError, match="'on_epoch_ends' is unknown; did you mean 'on_epoch_end'"):
        keras.callbacks.LambdaCallback(on_epoch_ends=begin)


def test_wrong_arguments_of_training_suggest_the_near_one(tmp_path):
    with pytest.raises(TypeError, match="fit, argument. 'epoch' is unknown; did you mean 'epochs'"):
        compiled().fit(X, Y, epoch=3)
    with pytest.raises(TypeError, match="'metric' is unknown; did you mean 'metrics'"):
        compiled(metric=["mae"])
    with pytest.raises(
        TypeError, match="evaluate, argument. 'batchsize' is unknown; did you mean 'batch_size'"
    ):
        compiled().evaluate(X, Y, batchsize=2)
    model = compiled()
    model.fit(X, Y, verbose=0, workers=4, use_multiprocessing=True, max_queue_size=3)
    model.save(tmp_path / "m.keras", zipped=True)
    with pytest.raises(NotImplementedError, match="zipped is False"):
        model.save(tmp_path / "m.keras", zipped=False)
    for axis, layer in ((3, keras.layers.BatchNormalization), (-3, keras.layers.LayerNormalization)):
        with pytest.raises(ValueError, match=f"axis is {axis}, expected -2 to 1 for 2 dimensions"):
            layer(axis=axis)(X)


def test_labels_that_are_no_probabilities_are_named_once():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    for loss in ("binary_crossentropy", keras.losses.BinaryCrossentropy(), keras.losses.binary_crossentropy):
        model.compile("sgd", loss)
        with pytest.warns(
            UserWarning, match="y has values from 0 to 7, expected 0 to 1 for binary_cross"
        ) as said:
            model.fit(X, np.arange(8), verbose=0, epochs=2)
        assert len(said) == 1
    model.fit(X, Y, verbose=0)  # a warning here would be an error
    model.compile("sgd", "mse")
    model.fit(X, np.arange(8), verbose=0)
    for option in ("sparse", "ragged", "optional"):
        with pytest.raises(NotImplementedError, match=f"{option} is True"):
            keras.Input((3,), **{option: True})
