# SPDX-License-Identifier: Apache-2.0
"""Data files, whole and broken; pictures; the demo from its command line."""

import gzip
import os
import struct

import numpy as np
import pytest

from tilewright import cli
from tilewright.datasets import _files, mnist, optdigits


def idx(array):
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (5, 28, 28)),
        np.arange(5),
        rng.integers(0, 256, (3, 28, 28)),
        np.arange(3),
    ]
    for name, array in zip(mnist.FILES, arrays, strict=True):
        (tmp_path / name).write_bytes(gzip.compress(idx(array)))
    return tmp_path


def test_mnist_files_are_read(folder, monkeypatch):
    (x, y), (u, v) = mnist.load_data(folder)
    assert (
        x.shape == (5, 28, 28)
        and x.dtype == np.uint8
        and list(y) == [0, 1, 2, 3, 4]
        and u.shape == (3, 28, 28)
        and len(v) == 3
    )
    monkeypatch.setenv("TILEWRIGHT_DATA", str(folder.parent))
    folder.rename(folder.parent / "mnist")
    assert mnist.load_data()[0][0].shape == (5, 28, 28)


def test_broken_mnist_files_are_named(folder):
    path = folder / mnist.FILES[0]
    whole, plain = path.read_bytes(), gzip.decompress(path.read_bytes())
    broken = {
        "no whole gzip file": whole[: len(whole) // 2],
        "3923 bytes, expected 3936": gzip.compress(plain[:-13]),
        "3937 bytes, expected 3936": gzip.compress(plain + b"x"),
        "starts with 89504e47": gzip.compress(b"\x89PNG" + plain),
        "expected at least 16": gzip.compress(plain[:9]),
        "expected (n, 28, 28)": gzip.compress(idx(np.zeros((5, 27, 28)))),
    }
    for message, data in broken.items():
        path.write_bytes(data)
        with pytest.raises(ValueError) as caught:
            mnist.load_data(folder)
        assert message in str(caught.value)
    path.write_bytes(whole)
    (folder / mnist.FILES[1]).write_bytes(gzip.compress(idx(np.array([1, 2, 11, 3, 4]))))
    with pytest.raises(ValueError, match="largest value 11"):
        mnist.load_data(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="train-images"):
        mnist.load_data(folder)


def test_a_missing_folder_says_where_to_put_the_files(monkeypatch, tmp_path):
    monkeypatch.setenv("TILEWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match="TILEWRIGHT_DATA"):
        mnist.load_data(tmp_path / "none")
    monkeypatch.setattr(_files, "KERAS_FILES", "http://127.0.0.1:9/")
    with pytest.raises(
        OSError, match=r"put mnist.npz into .*cache/datasets/mnist, or into \$TILEWRIGHT_DATA/mnist"
    ):
        mnist.load_data()


def test_the_digits_that_ship_along():
    x, y = optdigits.load_data()
    assert x.shape == (1797, 8, 8) and x.dtype == np.uint8 and x.max() == 16
    assert list(np.bincount(y)) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    train, test = optdigits.split_by_class(y, 0.2, 3)
    assert len(train) + len(test) == 1797 and not set(train) & set(test)
    assert all(abs(np.count_nonzero(y[test] == c) - 0.2 * np.count_nonzero(y == c)) <= 0.5 for c in range(10))
    np.testing.assert_array_equal(optdigits.split_by_class(y, 0.2, 3)[1], test)


def test_pictures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures are drawn by matplotlib (extra `plots`)")
    from tilewright import plots

    history = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "accuracy": [0.5, 0.8], "val_accuracy": [0.4, 0.7]}
    figure = plots.plot_history(history, tmp_path / "h.png", title="digits")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "accuracy"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]
    images = np.random.default_rng(0).random((3, 8, 8, 1))
    figure = plots.plot_predictions(images, [1, 2, 3], [1, 2, 5], tmp_path / "p.png", columns=2)
    assert [axes.get_title() for axes in figure.axes][:3] == ["1", "2", "5 (is 3)"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("h.png", "p.png"))
    with pytest.raises(ValueError, match="history is empty"):
        plots.plot_history({})
    with pytest.raises(ValueError, match="3 images, 2 labels"):
        plots.plot_predictions(images, [1, 2], [1, 2, 3])


def test_the_demo_learns_draws_and_saves(tmp_path, capsys):
    for package in ("matplotlib", "safetensors"):
        pytest.importorskip(package, reason="the demo draws and saves (extra `demo`)")
    assert cli.main(["demo", "--epochs", "2", "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "out")) == ["history.png", "model.safetensors", "predictions.png"]
    accuracies = [
        float(line.split()[2].rstrip("%")) for line in text.splitlines() if line.startswith("test accuracy")
    ]
    assert len(accuracies) == 2 and min(accuracies) > 85
    assert "matmul 512x512x512" in text and "predicts the same" in text


def test_the_demo_says_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TILEWRIGHT_DATA", raising=False)
    assert cli.main(["demo", "--data", "mnist", "--data-dir", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err
    assert cli.main(["demo", "--epochs", "0", "--out", str(tmp_path / "out")]) == 1
    assert "epochs is 0" in capsys.readouterr().err and not (tmp_path / "out").exists()
