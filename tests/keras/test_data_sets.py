# SPDX-License-Identifier: Apache-2.0
"""Data sets read from small files of their own formats: shapes, dtypes, order, options; broken and hostile
files.
"""

import gzip
import importlib
import io
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

from tilewright import keras
from tilewright.datasets import _unpickle

REAL_DATA = os.environ.get("TILEWRIGHT_DATA")
RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def cifar_batch(n, key="labels"):
    """A batch as the archive has it: written by Python 2, keys and data as byte strings."""
    return {
        b"data": RNG.integers(0, 256, (n, 3072)).astype(np.uint8),
        key.encode(): [int(i) for i in RNG.integers(0, 10, n)],
        b"filenames": [b"x.png"] * n,
    }


def archive(folder, batches):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name, batch in batches.items():
            content = batch if isinstance(batch, bytes) else pickle.dumps(batch, protocol=2)
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def cifar10_batches(**changed):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {name: changed.get(name, cifar_batch(4 if name == "test_batch" else 3)) for name in names}


def test_cifar10_from_its_archive_its_folder_and_the_subset(folders):
    batches = cifar10_batches()
    put(folders / "data/cifar10/cifar-10-python.tar.gz", archive("cifar-10-batches-py", batches))
    (x, y), (u, v) = keras.datasets.cifar10.load_data()
    assert x.shape == (15, 32, 32, 3) and x.dtype == np.uint8 and y.shape == (15, 1) and y.dtype == np.uint8
    assert u.shape == (4, 32, 32, 3) and v.shape == (4, 1) and x.flags.c_contiguous
    want = batches["data_batch_2"][b"data"].reshape(3, 3, 32, 32).transpose(0, 2, 3, 1)
    assert (x[3:6] == want).all() and y[3:6, 0].tolist() == batches["data_batch_2"][b"labels"]
    for name, batch in batches.items():
        put(folders / "unpacked/cifar-10-batches-py" / name, pickle.dumps(batch, protocol=2))
    again = keras.datasets.cifar10.load_data(path=folders / "unpacked")
    assert (again[0][0] == x).all() and (again[1][1] == v).all()
    (folders / "data/cifar10/cifar-10-python.tar.gz").unlink()
    put(
        folders / "data/cifar10/cifar10_subset.npz",
        npz(x_train=x, y_train=y[:, 0], x_test=u, y_test=v[:, 0], label_names=np.array(["a"])),
    )
    (a, b), (c, d) = keras.datasets.cifar10.load_data()
    assert (a == x).all() and (b == y).all() and (c == u).all() and d.shape == (4, 1)


def test_cifar100_has_fine_and_coarse_labels(folders):
    batch = {**cifar_batch(3, "fine_labels"), b"coarse_labels": [7, 8, 9]}
    put(
        folders / "data/cifar100/cifar-100-python.tar.gz",
        archive("cifar-100-python", {"train": batch, "test": batch}),
    )
    (x, y), (_, v) = keras.datasets.cifar100.load_data()
    assert x.shape == (3, 32, 32, 3) and y[:, 0].tolist() == batch[b"fine_labels"] and v.shape == (3, 1)
    assert keras.datasets.cifar100.load_data("coarse")[0][1].tolist() == [[7], [8], [9]]
    with pytest.raises(ValueError, match="label_mode is 'medium'"):
        keras.datasets.cifar100.load_data("medium")


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hostile",)


def test_a_hostile_pickle_runs_nothing(folders, monkeypatch):
    monkeypatch.chdir(folders)
    evil = pickle.dumps({b"data": Hostile(), b"labels": []}, protocol=2)
    path = put(
        folders / "cifar-10-python.tar.gz", archive("cifar-10-batches-py", cifar10_batches(data_batch_3=evil))
    )
    with pytest.raises(
        ValueError, match=r"data_batch_3 is no whole pickle of arrays.*asks for (posix|nt).system"
    ):
        keras.datasets.cifar10.load_data(path)
    ragged = np.empty(2, object)
    ragged[:] = [Hostile(), [1]]
    path = put(
        folders / "imdb.npz", npz(x_train=ragged, y_train=np.zeros(2), x_test=ragged, y_test=np.zeros(2))
    )
    with pytest.raises(ValueError, match="array x_train, is no whole pickle of arrays"):
        keras.datasets.imdb.load_data(path)
    assert not (folders / "hostile").exists()


def test_broken_cifar_files_are_named(folders):
    whole = archive("cifar-10-batches-py", cifar10_batches())
    path = folders / "cifar-10-python.tar.gz"
    missing = {k: v for k, v in cifar10_batches().items() if k != "test_batch"}
    for content, error, message in (
        (whole[: len(whole) // 2], ValueError, "is no whole .* Compressed file ended"),
        (b"<html>not found</html>", ValueError, "is no whole .tar.gz archive"),
        (archive("x", missing), FileNotFoundError, "lacks test_batch"),
        (archive("x", cifar10_batches(test_batch=pickle.dumps({b"data": 1}))), ValueError, "holds no images"),
        (archive("x", cifar10_batches(test_batch=cifar_batch(2, "other"))), ValueError, "holds no 2 labels"),
        (
            archive("x", cifar10_batches(test_batch=pickle.dumps(cifar_batch(2))[:-40])),
            ValueError,
            "no whole pickle",
        ),
    ):
        put(path, content)
        with pytest.raises(error, match=message):
            keras.datasets.cifar10.load_data(path)
    with pytest.raises(FileNotFoundError, match="holds neither"):
        keras.datasets.cifar10.load_data(folders / "none")


def sentences(*lists):
    array = np.empty(len(lists), object)
    array[:] = lists
    return array


def test_imdb_options_are_keras_options(folders):
    train = sentences([1, 5, 9], [2, 2], [3, 8, 1, 4, 7], [6])
    test = sentences([4], [1, 2, 3])
    path = put(
        folders / "data/imdb/imdb.npz",
        npz(x_train=train, y_train=np.array([0, 1, 0, 1]), x_test=test, y_test=np.array([1, 0])),
    )
    (x, y), (u, v) = keras.datasets.imdb.load_data()
    order = np.arange(4)
    np.random.RandomState(113).shuffle(order)
    # With no num_words the largest number itself is out of vocabulary, as in Keras.
    want = [[1] + [w + 3 if w + 3 < 12 else 2 for w in train[i]] for i in order]
    assert x.dtype == object and x.tolist() == want and y.tolist() == [[0, 1, 0, 1][i] for i in order]
    assert len(u) == 2 and sorted(v.tolist()) == [0, 1]
    (x, _), _ = keras.datasets.imdb.load_data(path, num_words=8, skip_top=5, oov_char=None, start_char=None)
    assert x.tolist() == [[w + 3 for w in train[i] if 5 <= w + 3 < 8] for i in order]
    (x, y), (u, v) = keras.datasets.imdb.load_data(path, maxlen=4, index_from=0)
    assert sorted(len(w) for w in x) == [2, 3] and len(x) == len(y) and len(u) == len(v) == 1
    with pytest.raises(ValueError, match="maxlen is 2, expected more"):
        keras.datasets.imdb.load_data(path, maxlen=2)
    put(folders / "cache/datasets/imdb/imdb_word_index.json", json.dumps({"the": 1}).encode())
    assert keras.datasets.imdb.get_word_index() == {"the": 1}
    with pytest.raises(ValueError, match="no whole JSON"):
        keras.datasets.imdb.get_word_index(put(folders / "cut.json", b'{"the": '))


def test_reuters_and_tables_of_houses(folders):
    xs = sentences(*([i] * (i + 1) for i in range(10)))
    put(folders / "cache/datasets/reuters/reuters.npz", npz(x=xs, y=np.arange(10)))
    (x, y), (u, _) = keras.datasets.reuters.load_data(num_words=100)
    assert len(x) == 8 and len(u) == 2 and all(len(w) == t + 2 for w, t in zip(x, y, strict=True))
    assert len(keras.datasets.reuters.get_label_names()) == 46
    table = {"x": np.arange(26.0).reshape(13, 2), "y": np.arange(13.0)}
    for name in ("boston_housing", "california_housing"):
        put(folders / f"cache/datasets/{name}/{name}.npz", npz(**table))
        module = getattr(keras.datasets, name)
        (x, y), (u, v) = module.load_data()
        assert x.shape == (10, 2) and u.shape == (3, 2) and (x[:, 0] == 2 * y).all()
        order = np.arange(13)
        np.random.RandomState(113).shuffle(order)
        assert np.concatenate([y, v]).tolist() == order.tolist()
        assert len(module.load_data(test_split=0)[0][0]) == 13
        with pytest.raises(ValueError, match="test_split is 1"):
            module.load_data(test_split=1)
    with pytest.raises(ValueError, match="version is 'huge'"):
        keras.datasets.california_housing.load_data("huge")


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def test_fashion_mnist_mnist_npz_and_shakespeare(folders):
    from tilewright.datasets.mnist import FILES

    arrays = [
        RNG.integers(0, 256, (5, 28, 28)),
        np.arange(5),
        RNG.integers(0, 256, (3, 28, 28)),
        np.arange(3),
    ]
    for name, array in zip(FILES, arrays, strict=True):
        put(folders / "data/fashion_mnist" / name, idx(array))
    (x, y), _ = keras.datasets.fashion_mnist.load_data()
    assert (x == arrays[0]).all() and y.tolist() == [0, 1, 2, 3, 4]
    images, labels, tests, marks = (a.astype(np.uint8) for a in arrays)
    path = put(folders / "mnist.npz", npz(x_train=images, y_train=labels, x_test=tests, y_test=marks))
    assert (keras.datasets.mnist.load_data(path)[1][0] == arrays[2]).all()
    put(folders / "cache/datasets/mnist/mnist.npz", path.read_bytes())
    assert (keras.datasets.mnist.load_data()[0][0] == arrays[0]).all()
    assert (keras.datasets.mnist.load_data(path="mnist.npz")[0][0] == arrays[0]).all()
    put(path, path.read_bytes()[:500])
    with pytest.raises(ValueError, match="no whole .npz file"):
        keras.datasets.mnist.load_data(path)
    put(folders / "data/tinyshakespeare/input.txt", b"To be")
    assert keras.datasets.tinyshakespeare.load_data() == "To be"


def test_no_connection_says_where_to_put_which_file(folders, monkeypatch):
    for name, file in (
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "train-images-idx3-ubyte.gz"),
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
        ("imdb", "imdb.npz"),
        ("reuters", "reuters.npz"),
        ("boston_housing", "boston_housing.npz"),
        ("california_housing", "california_housing.npz"),
        ("tinyshakespeare", "input.txt"),
    ):
        module = importlib.import_module(f"tilewright.datasets.{name}")
        for owner, constant in (("_files", "KERAS_FILES"), (name, "KERAS_FILES"), (name, "_URL")):
            home = importlib.import_module(f"tilewright.datasets.{owner}")
            if hasattr(home, constant):
                monkeypatch.setattr(home, constant, "http://127.0.0.1:9/")
        with pytest.raises(OSError) as raised:
            module.load_data()
        message = str(raised.value)
        assert f"[{name}.load_data]" in message and "cannot be reached" in message
        assert f"put {file} into {folders}/cache/datasets/{name}, or into $TILEWRIGHT_DATA/{name}" in message


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_files_at_hand(name, monkeypatch):
    if not REAL_DATA:
        pytest.skip("TILEWRIGHT_DATA does not name a folder of real data")
    monkeypatch.setenv("TILEWRIGHT_DATA", REAL_DATA)
    (x, y), (u, v) = getattr(keras.datasets, name).load_data()
    assert len(x) == len(y) >= 10_000 and len(u) == len(v) and x.dtype == np.uint8 and len(np.unique(y)) == 10


def test_only_arrays_are_unpickled():
    for value in ({"a": np.arange(3)}, [1, 2.5, "x", b"y"], np.array(["ab", "c"])):
        for protocol in range(2, 6):
            got = _unpickle.load_pickle(io.BytesIO(pickle.dumps(value, protocol)), "x", "latin1")
            assert str(got) == str(value)
    for value in (Hostile(), np.random.default_rng, json.loads, np.load):
        with pytest.raises(ValueError, match="expected arrays and numbers only"):
            _unpickle.load_pickle(io.BytesIO(pickle.dumps(value)), "x")
