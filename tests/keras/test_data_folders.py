# SPDX-License-Identifier: Apache-2.0
"""Image and text files in folders: iterators, datasets, tables; empty folders, one class, broken files."""

import threading

import numpy as np
import pytest

from tilewright import keras
from tilewright.data import images
from tilewright.keras.preprocessing import image_files
from tilewright.keras.preprocessing.image import ImageDataGenerator

pytest.importorskip("PIL", reason="images are read by Pillow (extra `images`)")
COLOURS = {"cats": 40, "dogs": 200}


@pytest.fixture
def pets(tmp_path):
    """10 cats and 6 dogs of different sizes; an image's colour is its class's, plus its number."""
    for name, n in (("cats", 10), ("dogs", 6)):
        (tmp_path / name).mkdir()
        for i in range(n):
            image = np.full((8 + i, 12, 3), COLOURS[name] + i, np.uint8)
            keras.utils.save_img(tmp_path / name / f"{name[:3]}.{i}.png", image, scale=False)
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    return tmp_path


def break_one(folder):
    path = folder / "dogs" / "dog.3.png"
    path.write_bytes(path.read_bytes()[:45])
    return path


def label_of(image):
    return int(image[0, 0, 0] >= 200)


def test_flow_from_directory(pets, capsys):
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        pets, target_size=(6, 5), batch_size=5, class_mode="binary", seed=1
    )
    assert "Found 16 images belonging to 2 classes." in capsys.readouterr().out
    assert flow.class_indices == {"cats": 0, "dogs": 1} and flow.num_classes == 2 and flow.samples == 16
    assert flow.filenames[0] == "cats/cat.0.png" and flow.filenames[-1] == "dogs/dog.5.png"
    assert flow.classes.tolist() == [0] * 10 + [1] * 6 and len(flow) == 4 and flow.image_shape == (6, 5, 3)
    seen = []
    for _ in range(len(flow)):
        x, y = next(flow)
        assert x.dtype == y.dtype == np.float32 and x.shape[1:] == (6, 5, 3)
        assert [label_of(image * 255) for image in x] == y.tolist()
        seen += np.rint(x[:, 0, 0, 0] * 255).astype(int).tolist()
    assert sorted(seen) == [*range(40, 50), *range(200, 206)]


@pytest.mark.parametrize("mode", ["categorical", "sparse", "binary", "input", None])
def test_class_modes(pets, mode):
    flow = ImageDataGenerator().flow_from_directory(
        pets, (4, 4), class_mode=mode, batch_size=16, shuffle=False
    )
    batch = next(flow)
    if mode is None:
        assert batch.shape == (16, 4, 4, 3)
        return
    x, y = batch
    want = np.array([0] * 10 + [1] * 6)
    if mode == "input":
        np.testing.assert_array_equal(x, y)
    elif mode == "categorical":
        np.testing.assert_array_equal(y, np.eye(2)[want])
    else:
        np.testing.assert_array_equal(y, want)


def test_classes_colours_sizes_and_subsets(pets):
    generator = ImageDataGenerator(validation_split=0.3)
    options = {"target_size": (4, 4), "batch_size": 20, "shuffle": False}
    training = generator.flow_from_directory(pets, subset="training", **options)
    held = generator.flow_from_directory(pets, subset="validation", **options)
    assert (
        training.samples == 7 + 5
        and held.samples == 3 + 1
        and not set(training.filenames) & set(held.filenames)
    )
    assert held.filenames[:3] == ["cats/cat.0.png", "cats/cat.1.png", "cats/cat.2.png"]
    swapped = generator.flow_from_directory(pets, classes=["dogs", "cats"], **options)
    assert swapped.class_indices == {"dogs": 0, "cats": 1} and swapped.classes[0] == 0
    gray = generator.flow_from_directory(pets, color_mode="grayscale", class_mode=None, **options)
    assert next(gray).shape == (16, 4, 4, 1)
    first = ImageDataGenerator(data_format="channels_first", rotation_range=5)
    flow = first.flow_from_directory(pets, color_mode="rgba", interpolation="bilinear", **options)
    assert next(flow)[0].shape == (16, 4, 4, 4) and flow.image_shape == (4, 4, 4)
    assert (
        len({threading.get_ident(), *(t.ident for t in threading.enumerate() if "tilewright" in t.name)}) > 1
    )


def test_folders_that_cannot_be_used_say_why(pets, tmp_path):
    generator = ImageDataGenerator()
    call = generator.flow_from_directory
    (pets / "birds").mkdir()
    for arguments, error, message in (
        ({"directory": pets / "none"}, FileNotFoundError, "none', expected a folder"),
        ({"directory": pets / "cats"}, ValueError, "holds no folders, expected one for each class"),
        ({"directory": pets}, ValueError, "birds holds no files, expected some that end in .png"),
        ({"directory": pets, "classes": ["cats"]}, ValueError, "holds one folder, cats, expected at least 2"),
        ({"directory": pets, "classes": ["cats", "cows"]}, ValueError, "has no folders cows"),
        ({"directory": pets, "class_mode": "binary"}, ValueError, "holds 3 classes, expected 2"),
        ({"directory": pets, "class_mode": "many"}, ValueError, "class_mode is 'many'"),
        (
            {"directory": pets, "classes": ["cats", "dogs"], "subset": "training"},
            ValueError,
            "validation_split",
        ),
        ({"directory": pets, "classes": ["cats", "dogs"], "target_size": (3,)}, ValueError, "target_size is"),
        (
            {"directory": pets, "classes": ["cats", "dogs"], "color_mode": "hsv"},
            ValueError,
            "color_mode is 'hsv'",
        ),
    ):
        with pytest.raises(error, match=message):
            call(**arguments)
    assert generator.flow_from_directory(pets, classes=["cats"], class_mode=None).samples == 10
    make = keras.utils.image_dataset_from_directory
    for arguments, message in (
        ({"directory": pets / "cats"}, "holds no folders"),
        ({"directory": pets, "class_names": ["cats"]}, "holds one class, cats, expected at least 2"),
        ({"directory": pets, "class_names": ["cows"]}, "class_names holds cows"),
        ({"directory": pets}, "birds holds no files"),
        ({"directory": pets / "birds", "labels": None}, "birds holds no files"),
        ({"directory": pets, "labels": [1, 2]}, "labels has 2 entries, expected 16"),
        ({"directory": pets, "validation_split": 0.2}, "expected both or neither"),
        ({"directory": pets, "validation_split": 0.2, "subset": "training"}, "seed is None"),
        ({"directory": pets, "label_mode": "float"}, "label_mode is 'float'"),
        ({"directory": pets, "interpolation": "area"}, "interpolation is 'area'"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**arguments)


def test_a_broken_image_is_named_or_skipped(pets, capsys):
    path = break_one(pets)
    flow = ImageDataGenerator().flow_from_directory(pets, (4, 4), batch_size=16)
    with pytest.raises(ValueError, match=r"dogs/dog.3.png is no whole image"):
        next(flow)
    flow = ImageDataGenerator().flow_from_directory(pets, (4, 4), batch_size=16, skip_broken=True)
    assert flow.samples == 15 and len(next(flow)[0]) == 15 and "dogs/dog.3.png" not in flow.filenames
    assert f"skipped 1 of 16 images: {path}" in capsys.readouterr().err
    ds = keras.utils.image_dataset_from_directory(pets, image_size=(4, 4))
    with pytest.raises(ValueError, match=r"dogs/dog.3.png is no whole image"):
        list(ds)
    ds = keras.utils.image_dataset_from_directory(pets, image_size=(4, 4), skip_broken=True)
    assert sum(len(y) for _, y in ds) == 15
    table = {"filename": ["dogs/dog.2.png", "dogs/dog.3.png"], "class": ["b", "a"]}
    flow = ImageDataGenerator().flow_from_dataframe(table, pets, skip_broken=True)
    assert flow.filenames == ["dogs/dog.2.png"] and flow.class_indices == {"a": 0, "b": 1}


def test_small_folders_are_decoded_once(pets, monkeypatch):
    read = []
    decode = images.read_bytes
    monkeypatch.setattr(images, "read_bytes", lambda path, *a: (read.append(path), decode(path, *a))[1])
    for limit, want in ((image_files._KEPT_BYTES, 16), (16 * 4 * 4 * 3 - 1, 48)):
        monkeypatch.setattr(image_files, "_KEPT_BYTES", limit)
        flow = ImageDataGenerator(rotation_range=20).flow_from_directory(pets, (4, 4), batch_size=7, seed=1)
        first = [flow[i][0] for i in range(3)]
        for _ in range(2):
            again = [flow[i][0] for i in range(3)]
        assert len(read) == want and all((a == b).all() for a, b in zip(first, again, strict=True))
        read.clear()


def test_image_dataset_from_directory(pets, capsys):
    ds = keras.preprocessing.image_dataset_from_directory(pets, image_size=(6, 5), batch_size=5, seed=3)
    assert "Found 16 files belonging to 2 classes." in capsys.readouterr().out
    assert ds.class_names == ["cats", "dogs"] and len(ds.file_paths) == 16 and len(ds) == 4
    assert [s.shape for s in ds.element_spec] == [(None, 6, 5, 3), (None,)] and ds.element_spec[
        1
    ].dtype == np.int32
    runs = [np.rint(np.concatenate([x.numpy()[:, 0, 0, 0] for x, _ in ds])).tolist() for _ in range(2)]
    assert runs[0] != runs[1] and sorted(runs[0]) == sorted(runs[1]) == [
        *range(40, 50),
        *range(200, 206),
    ]
    for x, y in ds:
        assert x.dtype == np.float32 and [label_of(image) for image in x.numpy()] == y.numpy().tolist()
    binary = keras.utils.image_dataset_from_directory(pets, label_mode="binary", shuffle=False, image_size=4)
    assert next(iter(binary))[1].shape == (16, 1) and next(iter(binary))[1].dtype == np.float32
    one_hot = keras.utils.image_dataset_from_directory(pets, label_mode="categorical", shuffle=False)
    np.testing.assert_array_equal(next(iter(one_hot))[1].numpy(), np.eye(2)[[0] * 10 + [1] * 6])
    single = keras.utils.image_dataset_from_directory(pets, labels=None, batch_size=None, image_size=(3, 3))
    assert next(iter(single)).shape == (3, 3, 3) and single.class_names is None
    given = keras.utils.image_dataset_from_directory(pets, labels=list(range(16)), shuffle=False)
    assert next(iter(given))[1].numpy().tolist() == list(range(16))


def test_both_parts_of_a_dataset_are_apart_and_whole(pets):
    options = {"validation_split": 0.25, "seed": 7, "image_size": (4, 4), "verbose": False}
    training, held = keras.utils.image_dataset_from_directory(pets, subset="both", **options)
    assert len(training.file_paths) == 12 and len(held.file_paths) == 4
    assert len({*training.file_paths, *held.file_paths}) == 16
    alone = keras.utils.image_dataset_from_directory(pets, subset="validation", **options)
    assert alone.file_paths == held.file_paths
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(training, validation_data=held, epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2


def test_proportions_are_kept_by_cutting_or_filling(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    for name in "ab":
        (tmp_path / name).mkdir()
        keras.utils.save_img(tmp_path / name / "x.png", wide, scale=False)

    def first(**options):
        ds = keras.utils.image_dataset_from_directory(tmp_path, shuffle=False, image_size=(6, 6), **options)
        return next(iter(ds))[0].numpy()[0]

    assert (first(crop_to_aspect_ratio=True) == 255).all()
    padded = first(pad_to_aspect_ratio=True)
    assert not padded[:2].any() and not padded[4:].any() and padded[2:4].any()
    assert (first(interpolation="nearest")[:, 2:4] == 255).all()
    with pytest.raises(ValueError, match="expected one of them"):
        first(crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)


def test_flow_from_dataframe(pets):
    table = {
        "filename": ["cats/cat.0.png", "dogs/dog.0.png", "cats/none.png", "dogs/dog.1.png"],
        "class": ["cat", "dog", "cat", "dog"],
        "age": [1.0, 2.0, 3.0, 4.0],
        "weight": [0.5, 1.0, 1.5, 2.0],
    }
    generator = ImageDataGenerator()
    options = {"directory": str(pets), "target_size": (4, 4), "shuffle": False}
    with pytest.warns(UserWarning, match="1 of the image files that column 'filename' names do not exist"):
        flow = generator.flow_from_dataframe(table, weight_col="weight", class_mode="binary", **options)
    x, y, w = next(flow)
    assert y.tolist() == [0, 1, 1] and w.tolist() == [0.5, 1.0, 2.0] and [label_of(i) for i in x] == [0, 1, 1]
    whole = {name: [column[i] for i in (0, 1, 3)] for name, column in table.items()}
    raw = generator.flow_from_dataframe(whole, y_col="age", class_mode="raw", **options)
    assert next(raw)[1].tolist() == [1.0, 2.0, 4.0]
    several = generator.flow_from_dataframe(
        whole, y_col=["age", "weight"], class_mode="multi_output", **options
    )
    assert [part.tolist() for part in next(several)[1]] == [[1, 2, 4], [0.5, 1, 2]]
    tagged = {**whole, "class": [["cat", "small"], ["dog"], ["dog", "small"]]}
    flow = generator.flow_from_dataframe(tagged, **options)
    assert flow.class_indices == {"cat": 0, "dog": 1, "small": 2}
    assert next(flow)[1].tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert generator.flow_from_dataframe(whole, class_mode=None, **options).samples == 3
    only = generator.flow_from_dataframe(whole, classes=["dog"], class_mode="categorical", **options)
    assert only.samples == 2 and next(only)[1].tolist() == [[1], [1]]
    split = ImageDataGenerator(validation_split=0.34)
    assert split.flow_from_dataframe(whole, subset="validation", **options).filenames == ["cats/cat.0.png"]
    for change, error, message in (
        ({"x_col": "path"}, ValueError, "no column 'path'"),
        ({"x_col": "age"}, TypeError, "column age holds a float, expected file names"),
        ({"y_col": "age"}, TypeError, "class_mode='raw' takes numbers"),
        ({"class_mode": "binary", "classes": ["cat"]}, ValueError, "holds 1 classes, expected 2"),
        ({"class_mode": "multi_output"}, TypeError, "y_col is a str"),
        ({"weight_col": "class"}, TypeError, "expected numbers"),
    ):
        with pytest.raises(error, match=message):
            generator.flow_from_dataframe(whole, **{**options, **change})


def test_a_pandas_table_is_read_too(pets):
    pandas = pytest.importorskip("pandas", reason="tables may come from pandas, which is not installed")
    table = pandas.DataFrame({"filename": ["cats/cat.0.png", "dogs/dog.0.png"], "class": ["cat", "dog"]})
    assert ImageDataGenerator().flow_from_dataframe(table, str(pets), shuffle=False).classes == [0, 1]


def test_text_dataset_from_directory(tmp_path):
    for name, texts in (("neg", ["bad é", "worse"]), ("pos", ["good", "better", "best"])):
        (tmp_path / name).mkdir()
        for i, text in enumerate(texts):
            (tmp_path / name / f"{i}.txt").write_text(text, encoding="utf-8")
    ds = keras.utils.text_dataset_from_directory(tmp_path, batch_size=4, shuffle=False)
    (x, y), (u, v) = ds.as_numpy_iterator()
    assert x.tolist() == ["bad é", "worse", "good", "better"] and y.tolist() == [0, 0, 1, 1]
    assert u.tolist() == ["best"] and v.tolist() == [1] and ds.class_names == ["neg", "pos"]
    short = keras.preprocessing.text_dataset_from_directory(tmp_path, labels=None, max_length=2, seed=1)
    assert sorted(next(iter(short)).numpy().tolist()) == ["ba", "be", "be", "go", "wo"]


def test_timeseries_dataset_from_array():
    data = np.arange(10)
    make = keras.utils.timeseries_dataset_from_array
    (x, y), (u, v) = make(data, data * 10, 3, sampling_rate=2, batch_size=4).as_numpy_iterator()
    assert x.tolist() == [[i, i + 2, i + 4] for i in range(4)] and y.tolist() == [0, 10, 20, 30]
    assert u.tolist() == [[4, 6, 8], [5, 7, 9]] and v.tolist() == [40, 50]
    part = make(data, None, 2, sequence_stride=3, start_index=2, end_index=9, batch_size=None)
    assert [w.numpy().tolist() for w in part] == [[2, 3], [5, 6]]
    shuffled = make(data, data, 1, shuffle=True, seed=1, batch_size=10)
    ((x, y),) = shuffled.as_numpy_iterator()
    assert (x[:, 0] == y).all() and sorted(y) == list(range(10)) != y.tolist()
    for arguments, message in (
        ((data, None, 11), "sequence_length is 11, expected 1 to 10"),
        ((data, None, 9, 1, 2), "expected one that fits 10 steps"),
        ((data, None, 2, 0), "sequence_stride is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            make(*arguments)
