# SPDX-License-Identifier: Apache-2.0
"""`.keras` and `.weights.h5` files: Keras 3 loads ours and we load Keras's, with equal predictions and, for
compiled models, equal further training.
"""

import copy
import json
import pickle
import warnings
import zipfile

import numpy as np
import pytest
from exchanged_models import MODELS, fed, floats, mlp, predicted
from keras_judge import close

from tilewright import keras
from tilewright.keras import layers

pytest.importorskip("h5py", reason=".keras files hold an HDF5 file (extra `hdf5`)")


def made(k, name):
    """A model with random weights."""
    model, inputs = MODELS[name](k)
    for w in model.weights:
        value = floats(*w.shape) * 0.3
        w.assign(np.abs(value) + 0.5 if "variance" in w.name else value)
    return model, inputs


def equal(first, second, inputs):
    for a, b in zip(predicted(first, inputs), predicted(second, inputs), strict=True):
        assert np.ptp(b) > 0
        close(a, b, "predictions")


def same(first, second, inputs):
    """Equal predictions, and weights that predictions do not show, as a SpectralNormalization's vector."""
    equal(first, second, inputs)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", MODELS)
def test_files_go_both_ways(name, judge, tmp_path):
    path, weights = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    for source, target in ((judge.keras, keras), (keras, judge.keras), (keras, keras)):
        model, inputs = made(source, name)
        model.save(path)
        same(target.models.load_model(path), model, inputs)
        model.save_weights(weights)
        other, _ = made(target, name)
        other.load_weights(weights)
        same(other, model, inputs)
        other, _ = made(target, name)
        other.load_weights(path)
        same(other, model, inputs)


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "amsgrad": lambda k: k.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda k: k.optimizers.AdamW(0.01),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "scheduled": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
    "adagrad": lambda k: k.optimizers.Adagrad(0.1),
    "adadelta": lambda k: k.optimizers.Adadelta(0.1),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "nadam": lambda k: k.optimizers.Nadam(0.01),
    "lion": lambda k: k.optimizers.Lion(0.01),
    "averaged": lambda k: k.optimizers.SGD(0.1, use_ema=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_where_the_other_stopped(name, judge, tmp_path):
    path = tmp_path / "model.keras"
    try:
        OPTIMIZERS[name](keras)
    except (AttributeError, ValueError, TypeError) as error:
        pytest.skip(f"there is no such optimizer here: {error}")
    y = floats(4, 2)
    for source, target in ((judge.keras, keras), (keras, judge.keras)):
        model, inputs = made(source, "two_layers")
        model.compile(OPTIMIZERS[name](source), "mse", metrics=["mae"])
        options = dict(batch_size=2, shuffle=False, verbose=0)
        model.fit(fed(inputs), y, **options)
        model.save(path)
        other = target.models.load_model(path)
        state = zip(other.optimizer.variables[:1], model.optimizer.variables[:1], strict=True)
        assert all(int(a.numpy()) == int(judge.array(b.value)) for a, b in state) or source is keras
        for _ in range(2):
            logs = [m.fit(fed(inputs), y, **options).history for m in (other, model)]
        assert logs[0].keys() == logs[1].keys()
        close(logs[0]["mae"], logs[1]["mae"], "metric")
        equal(other, model, inputs)


def test_compile_arguments_are_kept(judge, tmp_path):
    def compiled(k):
        model, inputs = made(k, "several_inputs_and_outputs")
        model.compile(
            "adam",
            {"one": k.losses.MeanSquaredError(), "two": "mae"},
            loss_weights={"one": 1.0, "two": 0.5},
            metrics={"one": [k.metrics.MeanAbsoluteError(name="off")], "two": "mse"},
        )
        return model, inputs

    targets = [floats(4, 2), floats(4, 1)]
    for source, target in ((judge.keras, keras), (keras, judge.keras)):
        model, inputs = compiled(source)
        model.save(tmp_path / "model.keras")
        other = target.models.load_model(tmp_path / "model.keras")
        got, want = (m.evaluate(inputs, targets, verbose=0, return_dict=True) for m in (other, model))
        assert got["loss"] == pytest.approx(want["loss"], rel=1e-5)
        assert sorted(got) == sorted(want)
    plain = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert not plain.compiled
    model.save(tmp_path / "bare.keras", include_optimizer=False)
    assert not keras.models.load_model(tmp_path / "bare.keras").compiled


def test_the_archive_is_keras_s(judge, tmp_path):
    """The same members, the same paths of variables."""
    import h5py

    held = []
    for k in (judge.keras, keras):
        model, _ = made(k, "nested_and_shared")
        model.save(tmp_path / "model.keras")
        with zipfile.ZipFile(tmp_path / "model.keras") as archive:
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            assert set(json.loads(archive.read("metadata.json"))) == {"keras_version", "date_saved"}
            paths = {}
            with archive.open("model.weights.h5") as member, h5py.File(member) as file:
                file.visititems(lambda name, x, paths=paths: paths.update({name: getattr(x, "shape", None)}))
            held.append(paths)
    assert held[0] == held[1]


def test_classes_of_ones_own(judge, tmp_path):
    def classes(k, package):
        @k.saving.register_keras_serializable(package)
        class Scale(k.layers.Layer):
            def __init__(self, factor=1.0, **kwargs):
                super().__init__(**kwargs)
                self.factor = factor

            def build(self, input_shape):
                self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

            def call(self, x):
                return x * self.gain * self.factor

            def get_config(self):
                return {**super().get_config(), "factor": self.factor}

        @k.saving.register_keras_serializable(package)
        class Net(k.Model):
            def __init__(self, units=4, **kwargs):
                super().__init__(**kwargs)
                self.units = units
                self.zero = k.layers.Dense(units)
                self.blocks = [[k.layers.Dense(units), Scale(2.0)], [k.layers.Dense(units), Scale(3.0)]]
                self.heads = {"b": k.layers.Dense(2), "a": k.layers.Dense(2)}
                self._hidden = k.layers.BatchNormalization()

            def call(self, x):
                x = self._hidden(self.zero(x))
                for dense, scale in self.blocks:
                    x = scale(dense(x))
                return self.heads["a"](x) + self.heads["b"](x)

            def get_config(self):
                return {**super().get_config(), "units": self.units}

        return Scale, Net

    x = floats(4, 3)
    theirs, ours = classes(judge.keras, "exchange"), classes(keras, "exchange")
    for target, net in ((keras, theirs[1]), (judge.keras, ours[1])):
        model = net(units=5)
        model.predict(x, verbose=0)
        for w in model.weights:
            w.assign(np.abs(floats(*w.shape)) + 0.1)
        model.save(tmp_path / "model.keras")
        equal(target.models.load_model(tmp_path / "model.keras"), model, [x])
    sequence = keras.Sequential([layers.Input((3,)), ours[0](0.5)])
    sequence.save(tmp_path / "own.keras")
    again = keras.models.load_model(tmp_path / "own.keras")
    assert type(again.layers[0]) is ours[0] and again.layers[0].factor == 0.5


def test_objects_without_registration_need_their_names(tmp_path):
    class Twice(layers.Layer):
        def call(self, x):
            return x * 2.0

    def shifted(y_true, y_pred):
        return keras.losses.mean_squared_error(y_true, y_pred) + 1.0

    model = keras.Sequential([layers.Input((3,)), Twice(), layers.Dense(2)])
    model.compile("sgd", shifted)
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="'Twice' is unknown") as caught:
        keras.models.load_model(tmp_path / "own.keras")
    assert "register_keras_serializable" in caught.value.__notes__[0]
    known = {"Twice": Twice, "shifted": shifted}
    x = floats(4, 3)
    again = keras.models.load_model(tmp_path / "own.keras", custom_objects=known)
    equal(again, model, [x])
    y = floats(4, 2)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    with keras.saving.CustomObjectScope(known):
        keras.models.load_model(tmp_path / "own.keras")


def test_lambdas_are_refused_in_safe_mode(judge, tmp_path):
    x = floats(4, 3)
    for k in (judge.keras, keras):
        model = k.Sequential([k.layers.Input((3,)), k.layers.Lambda(lambda x: x * 2.0), k.layers.Dense(2)])
        model.save(tmp_path / "lambda.keras")
        with pytest.raises(ValueError, match="code of a Python lambda"):
            keras.models.load_model(tmp_path / "lambda.keras")
        equal(keras.models.load_model(tmp_path / "lambda.keras", safe_mode=False), model, [x])
    with pytest.raises(ValueError, match="unsafe|lambda"):
        judge.keras.models.load_model(tmp_path / "lambda.keras")
    equal(judge.keras.models.load_model(tmp_path / "lambda.keras", safe_mode=False), model, [x])


def test_a_layer_in_two_nested_models_stays_one(tmp_path):
    shared = layers.Dense(3, name="shared")
    parts = [keras.Sequential([layers.Input((3,)), shared], name=f"part{i}") for i in range(2)]
    i = keras.Input((3,))
    model = keras.Model(i, layers.Add()([part(i) for part in parts]))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    first, second = (again.get_layer(f"part{i}").layers[0] for i in range(2))
    assert first is second and len(again.weights) == 2
    equal(again, model, [floats(4, 3)])


def test_frozen_layers_stay_frozen(judge, tmp_path):
    for source, target in ((judge.keras, keras), (keras, judge.keras)):
        model, _ = mlp(source)
        model.layers[0].trainable = False
        model.save(tmp_path / "model.keras")
        again = target.models.load_model(tmp_path / "model.keras")
        assert [layer.trainable for layer in again.layers] == [layer.trainable for layer in model.layers]
        assert len(again.trainable_weights) == len(model.trainable_weights) == 4


class Halved(layers.Layer):
    def call(self, x):
        return x * 0.5


def doubled_error(y_true, y_pred):
    return 2.0 * keras.losses.mean_squared_error(y_true, y_pred)


def test_models_are_pickled_and_copied():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4), Halved(), layers.Dense(2)])
    model.compile("adam", doubled_error, metrics=["mae"])
    x, y = floats(4, 3), floats(4, 2)
    model.fit(x, y, verbose=0)
    assert keras.models.clone_model(model).loss is doubled_error
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        equal(again, model, [x])
        assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
        assert int(again.optimizer.iterations) == 1


# ---- files that are refused


def rewritten(path, **members):
    """The archive with other contents for some members; None takes one out."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held.update({name.replace("__", "."): data for name, data in members.items()})
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            if data is not None:
                archive.writestr(name, data)


EMPTY_MODEL = json.dumps(
    {"class_name": "Functional", "config": {"layers": [{}], "input_layers": [], "output_layers": []}}
)


def test_damaged_archives(tmp_path):
    model, _ = made(keras, "mlp")
    path = tmp_path / "model.keras"
    model.save(path)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=f"no whole .keras file .{cut} bytes"):
            keras.models.load_model(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match="model.weights.h5 in .* is damaged"):
        keras.models.load_model(path)
    for members, message in (
        ({"config__json": None}, "expected config.json among it"),
        ({"config__json": b"{"}, "config.json in .* is no JSON"),
        ({"config__json": b"[1]"}, "describes no model"),
        ({"config__json": b'{"class_name": "os.system", "config": {}}'}, "'os.system' is unknown"),
        ({"config__json": b'{"module": "os", "class_name": "system", "config": {}}'}, "'system' is unknown"),
        ({"config__json": EMPTY_MODEL}, "describes no model that fits"),
        ({"model__weights.h5": None}, "expected model.weights.h5 among it"),
        ({"model__weights.h5": b"text"}, "is no whole HDF5 file"),
    ):
        path.write_bytes(whole)
        rewritten(path, **members)
        with pytest.raises(ValueError, match=message):
            keras.models.load_model(path)


def test_weights_of_another_architecture(tmp_path):
    path = tmp_path / "model.keras"
    model, _ = made(keras, "mlp")
    model.save(path)
    other = keras.Sequential([layers.Input((3,)), layers.Dense(6), layers.Dense(2), layers.Dense(1)])
    before = other.get_weights()
    with pytest.raises(ValueError) as caught:
        other.load_weights(path)
    for part in (
        "lacks layers/dense_2/0 (2, 1), layers/dense_2/1 (1,)",
        "has layers/batch_normalization/0 (5,)",
        "layers/dense/0 has shape (3, 5), expected (3, 6)",
    ):
        assert part in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    config["config"]["layers"][4]["config"]["units"] = 7
    rewritten(path, config__json=json.dumps(config))
    with pytest.raises(ValueError, match=r"layers/dense_1/0 has shape \(5, 2\), expected \(5, 7\)"):
        keras.models.load_model(path)


def test_arguments_that_only_keras_has(judge, tmp_path):
    """An argument that asks for what is not here is an error; one that asks for nothing is not."""
    path = tmp_path / "model.keras"
    model = judge.keras.Sequential([judge.keras.layers.Input((3,)), judge.keras.layers.BatchNormalization()])
    model.save(path)
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    config["config"]["layers"][1]["config"]["renorm"] = True
    keras.models.load_model(path)
    rewritten(path, config__json=json.dumps(config))
    with pytest.raises(ValueError, match=r"\[BatchNormalization\] renorm is True, expected False"):
        keras.models.load_model(path)


def test_a_name_for_each_format(tmp_path):
    model, _ = made(keras, "mlp")
    with pytest.raises(FileNotFoundError, match="folder .*nowhere does not exist"):
        model.save(tmp_path / "nowhere" / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="expected overwrite=True"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(ValueError, match="is not built"):
        keras.Sequential([layers.Dense(2)]).save(tmp_path / "n.keras")
    keras.saving.save_model(model, str(tmp_path / "n.keras"))
    assert keras.saving.load_model(str(tmp_path / "n.keras")).name == model.name
