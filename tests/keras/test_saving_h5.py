# SPDX-License-Identifier: Apache-2.0
"""`.h5` files of Keras 2 and 3: weights by order and by name, whole models, and files that are refused."""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest
from exchanged_models import MODELS, floats, predicted
from keras_judge import close

from tilewright import keras
from tilewright.keras import layers

h5py = pytest.importorskip("h5py", reason=".h5 files are read by h5py (extra `hdf5`)")


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def equal(first, second, inputs):
    for a, b in zip(predicted(first, inputs), predicted(second, inputs), strict=True):
        close(a, b, "predictions")


@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "several_inputs_and_outputs", "nested_and_shared", "arithmetic"]
)
def test_whole_models_go_both_ways(name, judge, tmp_path):
    path = tmp_path / "model.h5"
    for source, target in ((judge.keras, keras), (keras, keras), (keras, judge.keras)):
        if name == "arithmetic" and (source is judge.keras or target is judge.keras):
            continue  # Keras takes its operations for layers of the same names when it reads such files
        model, inputs = MODELS[name](source)
        model.compile("adam", "mse")
        model.save(path)
        again = target.models.load_model(path)
        equal(again, model, inputs)
        assert type(again.optimizer).__name__ == "Adam"
        other, _ = MODELS[name](target)
        other.load_weights(path)
        equal(other, model, inputs)


def test_the_optimizer_s_state_is_in_the_file(tmp_path):
    model, inputs = MODELS["two_layers"](keras)
    model.compile("adam", "mse")
    model.fit(inputs[0], floats(4, 2), verbose=0)
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5")
    for a, b in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.save(tmp_path / "bare.h5", include_optimizer=False)
    assert not keras.models.load_model(tmp_path / "bare.h5").compiled


# ---- as TensorFlow's Keras 2 wrote them


KERNEL, BIAS = floats(3, 4), floats(4)
GAMMA, BETA, MEAN, VARIANCE = floats(4), floats(4), floats(4), np.abs(floats(4)) + 0.5
HEAD, HEAD_BIAS = floats(4, 2), floats(2)
WEIGHTS = {
    "dense": {"dense/kernel:0": KERNEL, "dense/bias:0": BIAS},
    "batch_normalization": {
        "batch_normalization/gamma:0": GAMMA,
        "batch_normalization/beta:0": BETA,
        "batch_normalization/moving_mean:0": MEAN,
        "batch_normalization/moving_variance:0": VARIANCE,
    },
    "dropout": {},
    "head": {"head/kernel:0": HEAD, "head/bias:0": HEAD_BIAS},
}
X = floats(5, 3)


def expected():
    x = np.maximum(X @ KERNEL + BIAS, 0)
    return ((x - MEAN) / np.sqrt(VARIANCE + 1e-3) * GAMMA + BETA) @ HEAD + HEAD_BIAS


def initializer(name, **values):
    return {"class_name": name, "config": values}


def dense(name, units, activation):
    return {
        "name": name, "trainable": True, "dtype": "float32", "units": units, "activation": activation,
        "use_bias": True, "kernel_initializer": initializer("GlorotUniform", seed=None),
        "bias_initializer": initializer("Zeros"), "kernel_regularizer": None, "bias_regularizer": None,
        "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
    }  # fmt: skip


LAYERS = [
    ("Dense", dense("dense", 4, "relu")),
    ("BatchNormalization", {
        "name": "batch_normalization", "trainable": True, "dtype": "float32", "axis": [1], "momentum": 0.99,
        "epsilon": 0.001, "center": True, "scale": True, "beta_initializer": initializer("Zeros"),
        "gamma_initializer": initializer("Ones"), "moving_mean_initializer": initializer("Zeros"),
        "moving_variance_initializer": initializer("Ones"), "beta_regularizer": None,
        "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
    }),
    ("Dropout", {
        "name": "dropout", "trainable": True, "dtype": "float32", "rate": 0.5, "noise_shape": None,
        "seed": None,
    }),
    ("Dense", dense("head", 2, "linear")),
]  # fmt: skip
INPUT = {
    "batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False, "name": "input_1",
}  # fmt: skip


def sequential_config():
    stack = [{"class_name": kind, "config": values} for kind, values in LAYERS]
    entries = [{"class_name": "InputLayer", "config": INPUT}, *stack]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": entries}}


def old_sequential_config():
    """Keras 2.0's: a list of layers, the first of which knows the input shape."""
    stack = [{"class_name": kind, "config": dict(values)} for kind, values in LAYERS]
    stack[0]["config"]["batch_input_shape"] = [None, 3]
    return {"class_name": "Sequential", "config": stack}


def model_config():
    entries = [{"class_name": "InputLayer", "config": INPUT, "name": "input_1", "inbound_nodes": []}]
    before = "input_1"
    for kind, values in LAYERS:
        nodes = [[[before, 0, 0, {}]]]
        before = values["name"]
        entries.append({"class_name": kind, "config": values, "name": before, "inbound_nodes": nodes})
    ends = {"input_layers": [["input_1", 0, 0]], "output_layers": [["head", 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model", "layers": entries, **ends}}


TRAINING = {
    "loss": "mse",
    "metrics": ["accuracy"],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {
        "class_name": "RMSprop",
        "config": {
            "name": "RMSprop", "learning_rate": 0.01, "decay": 0.0, "rho": 0.9, "momentum": 0.0,
            "epsilon": 1e-07, "centered": False,
        },
    },
}  # fmt: skip


def write(path, config=None, weights=None, training=TRAINING):
    weights = WEIGHTS if weights is None else weights
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            file.attrs["training_config"] = json.dumps(training).encode()
            group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.4.0"
        for layer, arrays in weights.items():
            held = group.create_group(layer)
            held.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                held.create_dataset(name, data=array)


@pytest.mark.parametrize("config", [sequential_config, old_sequential_config, model_config])
def test_whole_models_of_keras_2(config, tmp_path):
    write(tmp_path / "model.h5", config())
    model = keras.models.load_model(tmp_path / "model.h5")
    close(model.predict(X, verbose=0), expected(), "predictions")
    assert type(model.optimizer).__name__ == "RMSprop" and float(model.optimizer.learning_rate) == np.float32(
        0.01
    )
    assert not keras.models.load_model(tmp_path / "model.h5", compile=False).compiled


def like_keras_2():
    return keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(4, activation="relu", name="dense"),
            layers.BatchNormalization(name="batch_normalization"),
            layers.Dropout(0.5),
            layers.Dense(2, name="head"),
        ]
    )


def test_weights_of_keras_2_by_order_and_by_name(tmp_path):
    write(tmp_path / "w.h5")
    model = like_keras_2()
    model.load_weights(tmp_path / "w.h5")
    close(model.predict(X, verbose=0), expected(), "predictions")
    write(tmp_path / "whole.h5", sequential_config())
    other = keras.Sequential([layers.Input((3,)), layers.Dense(4, name="dense"), layers.Dense(7, name="new")])
    before = other.get_layer("new").get_weights()
    other.load_weights(tmp_path / "whole.h5", by_name=True)
    np.testing.assert_array_equal(other.get_layer("dense").kernel.numpy(), KERNEL)
    assert all(
        np.array_equal(a, b) for a, b in zip(before, other.get_layer("new").get_weights(), strict=True)
    )


def test_long_lists_of_names_are_cut_into_parts(tmp_path):
    names = [f"layer_with_a_rather_long_name_{'x' * 100}_{i}" for i in range(600)]
    stack = [layers.Input((1,)), *(layers.Dense(1, use_bias=False, name=name) for name in names)]
    model = keras.Sequential(stack)
    model.save(tmp_path / "long.h5")
    with h5py.File(tmp_path / "long.h5") as file:
        assert "layer_names0" in file["model_weights"].attrs
    again = keras.Sequential([layers.Input((1,)), *(layers.Dense(1, use_bias=False) for _ in names)])
    again.load_weights(tmp_path / "long.h5")
    for a, b in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_keras_files_of_tensorflow_2_13(tmp_path):
    """The newer file with the older configurations and places of variables."""
    config = model_config()
    config["module"], config["class_name"], config["registered_name"] = (
        "keras.src.engine.functional",
        "Functional",
        "Functional",
    )
    for entry in config["config"]["layers"]:
        entry.update(module="keras.layers", registered_name=None)
    optimizer = {"name": "Adam", "learning_rate": 0.5, "jit_compile": True, "is_legacy_optimizer": False}
    config["compile_config"] = {
        "optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": optimizer},
        "loss": "mse",
    }
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, arrays in WEIGHTS.items():
            for i, array in enumerate(arrays.values()):
                place = {"head": "dense_1"}.get(name, name)
                file[f"_layer_checkpoint_dependencies/{place}/vars/{i}"] = array
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", buffer.getvalue())
    model = keras.models.load_model(tmp_path / "model.keras")
    close(model.predict(X, verbose=0), expected(), "predictions")
    assert float(model.optimizer.learning_rate) == 0.5


# ---- files that are refused


def refused(model, path, *parts, error=ValueError):
    before = model.get_weights()
    with pytest.raises(error) as caught:
        model.load_weights(path)
    for part in parts:
        assert part in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_other_architectures_are_told_apart(tmp_path):
    write(tmp_path / "w.h5")
    fewer = keras.Sequential([layers.Input((3,)), layers.Dense(4)])
    refused(
        fewer, tmp_path / "w.h5", "has batch_normalization/beta (4,), batch_normalization/gamma (4,)",
        "head/bias (2,), head/kernel (4, 2), which the model has not",
    )  # fmt: skip
    others = keras.Sequential([layers.Input((3,)), layers.Dense(7, name="a"), layers.Dense(2, name="b")])
    refused(
        others, tmp_path / "w.h5", "head/bias (2,), head/kernel (4, 2), which the model has not",
        "a/kernel has shape (3, 4), expected (3, 7); a/bias has shape (4,), expected (7,)",
    )  # fmt: skip
    wider = keras.Sequential(
        [layers.Input((3,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(2, use_bias=False)]
    )
    refused(
        wider,
        tmp_path / "w.h5",
        "dense_1/kernel has shape (3, 4), expected (3, 5)",
        "dense_2/bias (2,), which",
    )
    like_keras_2().save_weights(tmp_path / "m.weights.h5")
    refused(
        wider, tmp_path / "m.weights.h5", "layers/dense/0 has shape (3, 4), expected (3, 5)",
        "has layers/dense_1/1 (2,), which the model has not",
    )  # fmt: skip
    with pytest.warns(UserWarning, match="layers/dense/0 has shape"):
        wider.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    deeper = keras.Sequential(
        [layers.Input((3,)), layers.Dense(4), layers.BatchNormalization(), *map(layers.Dense, (2, 2))]
    )
    refused(deeper, tmp_path / "m.weights.h5", "lacks layers/dense_2/0 (2, 2), layers/dense_2/1 (2,)")


def test_truncated_and_foreign_files(tmp_path):
    path = tmp_path / "m.weights.h5"
    model = like_keras_2()
    refused(model, path, "does not exist", error=FileNotFoundError)
    model.save_weights(path)
    whole = path.read_bytes()
    for cut in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        refused(model, path, "m.weights.h5 is no whole HDF5 file")
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)
    refused(model, path, "holds no variables in Keras 3's layout")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["numbers"] = np.arange(3)
    refused(model, tmp_path / "x.h5", "has no layer_names")
    with pytest.raises(ValueError, match="has no attribute model_config"):
        keras.models.load_model(tmp_path / "x.h5")


def test_files_may_not_point_elsewhere(tmp_path):
    path = tmp_path / "m.weights.h5"
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["0"] = np.zeros((3, 4), np.float32)
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4, use_bias=False)])

    def soft(group):
        group["0"] = h5py.SoftLink("/elsewhere")

    def external_link(group):
        group["0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "0")

    def external_data(group):
        group.create_dataset("0", (3, 4), "f4", external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)])

    def virtual(group):
        layout = h5py.VirtualLayout((3, 4), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "0", (3, 4))
        group.create_virtual_dataset("0", layout)

    def words(group):
        group["0"] = np.array(b"text")

    def huge(group):
        group.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))

    for make, part in (
        (soft, "is a link"),
        (external_link, "is a link"),
        (external_data, "is no array of this file"),
        (virtual, "is no array of this file"),
        (words, "has dtype |S4"),
        (huge, "stores 0 bytes"),
    ):
        with h5py.File(path, "w") as file:
            make(file.create_group("layers/dense/vars"))
        refused(model, path, part)


def test_names_that_ask_for_another_format(tmp_path):
    model = like_keras_2()
    with pytest.raises(ValueError, match="a name for weights"):
        model.save(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="expected it to end with .keras"):
        model.save(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="by_name is True"):
        model.load_weights(tmp_path / "m.keras", by_name=True)
    with pytest.raises(FileNotFoundError, match="m.keras does not exist"):
        keras.models.load_model(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(FileExistsError, match="exists"):
        model.save_weights(tmp_path / "m.weights.h5", overwrite=False)
