# SPDX-License-Identifier: Apache-2.0
"""Weights files: what is written is read, by other models and processes;
what does not fit changes nothing.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tilewright import keras
from tilewright.keras import Input, Model, Sequential, layers, saving

safetensors = pytest.importorskip("safetensors", reason="weights are saved by safetensors (extra `weights`)")

X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


def make():
    return Sequential(
        [
            Input((4,)),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dense(2),
            layers.Dense(2, name="last"),
        ]
    )


def test_another_model_of_the_same_kind_reads_them(tmp_path):
    first, second = make(), make()
    first.save_weights(tmp_path / "w.safetensors")
    second.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(first(X).numpy(), second(X).numpy())
    assert list(saving.named_weights(second))[:2] == ["dense/kernel", "dense/bias"]
    assert "dense_1/kernel" in saving.named_weights(second) and "last/bias" in saving.named_weights(second)
    assert os.listdir(tmp_path) == ["w.safetensors"]
    from safetensors.numpy import load_file

    assert load_file(tmp_path / "w.safetensors")["last/kernel"].shape == (2, 2)


def test_models_by_inheritance_and_shared_layers(tmp_path):
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.one, self.blocks = layers.Dense(4), [layers.Dense(4), layers.Dense(2)]

        def call(self, x):
            return self.blocks[1](self.blocks[0](self.one(x)))

    first, second = Net(), Net()
    want = first(X).numpy()
    first.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="has no weights, expected it to be built"):
        second.load_weights(tmp_path / "w.safetensors")
    second(X)
    second.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(second(X).numpy(), want)


def refused(model, path, error, *parts):
    before = model.get_weights()
    with pytest.raises(error) as caught:
        model.load_weights(path)
    for part in (str(path), *parts):
        assert part in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_files_that_do_not_fit_change_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    model = make()
    refused(model, path, FileNotFoundError, "does not exist")
    model.save_weights(path)
    whole = path.read_bytes()
    for cut in (0, 3, 8, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        refused(make(), path, ValueError, "no whole safetensors file", f"{cut} bytes")
    path.write_bytes(whole + b"more")
    refused(make(), path, ValueError, "no whole safetensors file")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    refused(make(), path, ValueError, "no whole safetensors file")
    path.write_bytes(whole)
    other = Sequential(
        [
            Input((4,)),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dense(7),
            layers.Dense(2, name="last"),
        ]
    )
    refused(other, path, ValueError, "dense_1/kernel has shape (3, 2), expected (3, 7)")
    fewer = Sequential([Input((4,)), layers.Dense(3)])
    refused(fewer, path, ValueError, "has batch_normalization/beta", "which the model has not")
    more = Sequential([*[layers.Dense(4, name=f"extra{i}", input_shape=(4,)) for i in range(2)]])
    refused(more, path, ValueError, "lacks extra0/kernel")


def saved(model, path):
    """Saves in the format that the name asks for."""
    if path.name.endswith((".safetensors", ".weights.h5")):
        model.save_weights(path)
    else:
        pytest.importorskip("h5py", reason="whole models hold an HDF5 file (extra `hdf5`)")
        model.save(path)


FORMATS = ["w.safetensors", "w.weights.h5", "w.keras", "w.h5"]


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_half_written(name, tmp_path, monkeypatch):
    path = tmp_path / name
    model = make()
    saved(model, path)
    whole = path.read_bytes()

    def failing(_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", failing)
    model.layers[0].kernel.assign_add(np.ones((4, 3)))
    with pytest.raises(OSError, match="no space"):
        saved(model, path)
    assert path.read_bytes() == whole and os.listdir(tmp_path) == [name]


KILLED = """
import os, sys, time
import numpy as np
from tilewright import keras
from tilewright.keras import layers
model = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
path = sys.argv[1]
save = model.save_weights if path.endswith((".safetensors", ".weights.h5")) else model.save
save(path)
model.layers[0].kernel.assign(np.zeros((4, 3)))
def interrupted(descriptor):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = interrupted
save(path)
"""


@pytest.mark.parametrize("name", FORMATS)
def test_a_kill_in_the_middle_of_saving_leaves_the_old_file(name, tmp_path):
    if not name.endswith(".safetensors"):
        pytest.importorskip("h5py", reason="such files are written by h5py (extra `hdf5`)")
    path = tmp_path / name
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout.readline() == "writing\n"
    finally:
        process.kill()
        process.communicate()
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.load_weights(path)
    assert np.abs(model.layers[0].kernel.numpy()).max() > 0.01
    saved(model, path)  # what the killed process left behind is in nobody's way
    model.load_weights(path)


def test_names_and_overwriting(tmp_path):
    model = make()
    with pytest.raises(ValueError, match="expected it to end with .safetensors"):
        model.save_weights(tmp_path / "w.h5")
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(FileExistsError, match="exists"):
        model.save_weights(tmp_path / "w.safetensors", overwrite=False)
    with pytest.raises(ValueError, match="has no weights"):
        Sequential([layers.Dense(2)]).save_weights(tmp_path / "v.safetensors")


def test_weights_follow_the_structure_not_the_session(tmp_path):
    make().save_weights(tmp_path / "w.safetensors")
    for _ in range(3):
        keras.layers.Dense(1)
    make().load_weights(tmp_path / "w.safetensors")
