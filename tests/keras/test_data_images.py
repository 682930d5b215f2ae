# SPDX-License-Identifier: Apache-2.0
"""ImageDataGenerator against Keras's own (its transforms through scipy), and image files read and written."""

import os
import sys
import warnings

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras
from tilewright.keras.preprocessing import image as ours

pytest.importorskip("PIL", reason="images are read by Pillow (extra `images`)")
RNG = np.random.default_rng(2)
SQUARE = RNG.uniform(0, 255, (6, 20, 20, 3)).astype(np.float32)
WIDE = RNG.uniform(0, 255, (6, 17, 29, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def theirs():
    """The generator of Keras 2 as Keras 3 still carries it."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("scipy", reason="Keras's generator turns images by scipy")
    pytest.importorskip("torch", reason="Keras runs on PyTorch here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(
            "keras.layers", reason="the judge is Keras's own generator, which is not installed"
        )
        # Newer versions of scipy have the function in scipy.ndimage alone.
        import scipy.ndimage
        from keras.src.legacy.preprocessing import image

        class Ndimage:
            class ndimage:
                interpolation = scipy.ndimage

        image.scipy = Ndimage
    return image


TRANSFORMS = {
    "turned": {"theta": 23.0},
    "moved": {"tx": 3.5, "ty": -2.25},
    "sheared": {"shear": 12.0},
    "zoomed": {"zx": 0.7, "zy": 1.3},
    "all": {
        "theta": -40.0,
        "tx": 2.0,
        "ty": 4.4,
        "shear": -9.0,
        "zx": 1.2,
        "zy": 0.9,
        "flip_horizontal": True,
    },
    "flipped": {"flip_horizontal": True, "flip_vertical": True},
    "shifted channels": {"channel_shift_intensity": 31.0, "flip_vertical": True},
    "nothing": {},
}


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_are_keras_transforms(theirs, name, fill_mode):
    for images, order in ((SQUARE, 1), (WIDE, 1), (WIDE, 0), (WIDE[..., :1], 1)):
        options = {"fill_mode": fill_mode, "cval": 7.0, "interpolation_order": order}
        want = theirs.ImageDataGenerator(data_format="channels_last", **options)
        got = ours.ImageDataGenerator(**options)
        for x in images[:2]:
            expected = want.apply_transform(x.copy(), TRANSFORMS[name])
            np.testing.assert_allclose(got.apply_transform(x, TRANSFORMS[name]), expected, atol=2e-3)
            bytes_in = x.astype(np.uint8)
            np.testing.assert_allclose(
                got.apply_transform(bytes_in, TRANSFORMS[name]),
                want.apply_transform(bytes_in.astype(np.float32), TRANSFORMS[name]),
                atol=2e-3,
            )


def test_channels_first_and_single_functions(theirs):
    x = WIDE[0].transpose(2, 0, 1)
    want = theirs.ImageDataGenerator(data_format="channels_first", fill_mode="reflect")
    got = ours.ImageDataGenerator(data_format="channels_first", fill_mode="reflect")
    np.testing.assert_allclose(
        got.apply_transform(x, TRANSFORMS["all"]), want.apply_transform(x, TRANSFORMS["all"]), atol=2e-3
    )
    for axes in ({"row_axis": 0, "col_axis": 1, "channel_axis": 2}, {}):
        image = WIDE[0] if axes else x
        np.testing.assert_allclose(
            ours.apply_affine_transform(image, 10, 2, 3, 5, 0.8, 1.1, **axes),
            theirs.apply_affine_transform(image, 10, 2, 3, 5, 0.8, 1.1, **axes),
            atol=2e-3,
        )
    np.testing.assert_allclose(
        ours.apply_channel_shift(x, -40), theirs.apply_channel_shift(x, -40, 0), atol=1e-3
    )
    assert ours.random_rotation(x, 30).shape == ours.random_shift(x, 0.1, 0.1).shape == x.shape
    assert (
        ours.random_shear(x, 9).shape == ours.random_zoom(x, (0.5, 1), interpolation_order=0).shape == x.shape
    )
    with pytest.raises(ValueError, match="order is 3, expected 0 or 1"):
        ours.apply_affine_transform(x, 10, order=3)


@pytest.mark.parametrize("brightness", [0.4, 1.0, 1.7])
def test_brightness_is_keras_brightness(theirs, brightness):
    for x in (SQUARE[0], SQUARE[0] / 255, SQUARE[0] * 3 - 100, SQUARE[0, :, :, :1]):
        for scale in (True, False):
            want = theirs.apply_brightness_shift(x, brightness, scale)
            np.testing.assert_allclose(ours.apply_brightness_shift(x, brightness, scale), want, atol=1e-3)
        generators = [m.ImageDataGenerator(data_format="channels_last") for m in (theirs, ours)]
        want, got = (g.apply_transform(x.copy(), {"brightness": brightness}) for g in generators)
        np.testing.assert_allclose(got, want, atol=1e-3)


STANDARDIZED = (
    {"rescale": 1 / 255},
    {"samplewise_center": True, "samplewise_std_normalization": True, "rescale": 0.5},
    {"featurewise_center": True},
    {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.1},
    {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-3},
    {"preprocessing_function": lambda x: x / 127.5 - 1},
)


@pytest.mark.parametrize("options", STANDARDIZED, ids=lambda o: "-".join(o))
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_standardizing_is_keras_standardizing(theirs, options, data_format):
    images = SQUARE[:, :6, :6]
    images = images.transpose(0, 3, 1, 2) if data_format == "channels_first" else images
    generators = [m.ImageDataGenerator(data_format=data_format, **options) for m in (theirs, ours)]
    for generator in generators:
        generator.fit(images.copy())
    want, got = (np.stack([g.standardize(x.copy()) for x in images]) for g in generators)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-4 * np.abs(want).max())
    changed = images[0].copy()
    result = generators[1].standardize(changed)
    assert result is changed or np.array_equal(result, changed)  # in place, as in Keras


def test_what_is_drawn_lies_in_range():
    generator = ours.ImageDataGenerator(
        rotation_range=30,
        width_shift_range=0.2,
        height_shift_range=3,
        shear_range=10,
        zoom_range=(0.8, 1.5),
        channel_shift_range=20,
        brightness_range=(0.5, 2),
        horizontal_flip=True,
    )
    drawn = [generator.get_random_transform((20, 30, 3), seed) for seed in range(200)]
    ranges = {"theta": 30, "ty": 0.2 * 30, "shear": 10, "channel_shift_intensity": 20}
    for name, limit in ranges.items():
        values = [d[name] for d in drawn]
        assert -limit <= min(values) < -0.8 * limit and 0.8 * limit < max(values) <= limit
    assert {d["tx"] for d in drawn} == {-2, -1, 0, 1, 2}  # an int n: one of 0 to n - 1, to either side
    assert all(0.8 <= d[z] <= 1.5 for d in drawn for z in ("zx", "zy"))
    assert {d["flip_horizontal"] for d in drawn} == {True, False} and not any(
        d["flip_vertical"] for d in drawn
    )
    assert drawn[7] == generator.get_random_transform((20, 30, 3), 7) != drawn[8]
    listed = ours.ImageDataGenerator(width_shift_range=[2.0, 5.0], height_shift_range=[0.25])
    drawn = [listed.get_random_transform((20, 30, 3), seed) for seed in range(50)]
    assert {d["ty"] for d in drawn} == {-5, -2, 2, 5} and {d["tx"] for d in drawn} == {-5, 5}


def test_flow_gives_every_image_once_and_a_seed_repeats_it():
    x, y = (
        np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1) * np.ones((1, 4, 4, 1), np.float32),
        np.arange(10),
    )
    generator = ours.ImageDataGenerator()
    flow = generator.flow(x, y, batch_size=4, seed=3)
    assert len(flow) == 3 and flow.n == flow.samples == 10
    orders = []
    for _ in range(2):
        labels = [next(flow) for _ in range(3)]
        assert all((a[:, 0, 0, 0] == b).all() for a, b in labels) and [len(b) for _, b in labels] == [4, 4, 2]
        orders.append(np.concatenate([b for _, b in labels]).tolist())
        assert sorted(orders[-1]) == list(range(10))
    assert orders[0] != orders[1]
    twin = generator.flow(x, y, batch_size=4, seed=3)
    assert np.concatenate([next(twin)[1] for _ in range(3)]).tolist() == orders[0]
    by_number = generator.flow(x, y, batch_size=4, seed=3)
    assert np.concatenate([by_number[i][1] for i in range(3)]).tolist() == orders[0]
    by_number.on_epoch_end()
    assert np.concatenate([by_number[i][1] for i in range(3)]).tolist() == orders[1]
    next(twin)
    twin.reset()
    assert twin.batch_index == 0 and len(next(twin)[1]) == 4
    assert [b.tolist() for _, b in (next(generator.flow(x, y, 3, shuffle=False)),)] == [[0, 1, 2]]
    with pytest.raises(IndexError, match="index is 3, expected below 3"):
        flow[3]


def test_images_and_masks_change_alike():
    generator = ours.ImageDataGenerator(rotation_range=90, zoom_range=0.5, horizontal_flip=True)
    images, masks = (
        generator.flow(WIDE, seed=5, batch_size=3),
        generator.flow(WIDE / 255, seed=5, batch_size=3),
    )
    for _ in range(4):
        np.testing.assert_allclose(next(images) / 255, next(masks), atol=1e-5)


def test_flow_subsets_weights_and_several_inputs():
    y = np.array([0, 1, 0, 1, 0, 1])
    generator = ours.ImageDataGenerator(validation_split=1 / 3)
    assert generator.flow(SQUARE, y, subset="training").n == 4
    held = generator.flow(SQUARE, y, subset="validation", shuffle=False, batch_size=9)
    np.testing.assert_array_equal(next(held)[0], SQUARE[:2])
    (a, b), c, w = next(generator.flow((SQUARE, y * 2), y, sample_weight=y / 2, shuffle=False))
    assert a.shape == SQUARE.shape and (b == 2 * y).all() and (c == y).all() and (w == y / 2).all()
    assert next(generator.flow(SQUARE)).shape == SQUARE.shape
    for call, message in (
        (lambda: generator.flow(SQUARE, y[:3]), r"y has 3 entries, expected 6"),
        (lambda: generator.flow(SQUARE[0]), r"x has shape \(20, 20, 3\), expected 4 dimensions"),
        (lambda: generator.flow(SQUARE[:0]), "x has no images"),
        (lambda: generator.flow(SQUARE, np.sort(y), subset="training"), "hold different classes"),
        (lambda: generator.flow(SQUARE, y, subset="test"), "subset is 'test'"),
        (lambda: generator.flow(SQUARE, batch_size=0), "batch_size is 0"),
        (lambda: ours.ImageDataGenerator(fill_mode="edge"), "fill_mode is 'edge'"),
        (lambda: ours.ImageDataGenerator(zoom_range=(1, 2, 3)), "zoom_range is"),
        (lambda: ours.ImageDataGenerator(brightness_range=0.5), "brightness_range is 0.5"),
        (lambda: ours.ImageDataGenerator(validation_split=1.5), "validation_split is 1.5"),
        (lambda: ours.ImageDataGenerator(interpolation_order=3), "interpolation_order is 3"),
        (lambda: ours.ImageDataGenerator().fit(SQUARE[0]), "x has shape"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.warns(UserWarning, match="call fit"):
        ours.ImageDataGenerator(featurewise_center=True).standardize(SQUARE[0].copy())
    with pytest.warns(UserWarning, match="samplewise_center is turned on"):
        ours.ImageDataGenerator(samplewise_std_normalization=True)


def test_augmented_images_are_saved(tmp_path):
    flow = ours.ImageDataGenerator().flow(
        SQUARE, batch_size=3, save_to_dir=str(tmp_path), save_prefix="a", save_format="png", shuffle=False
    )
    flow[0]
    assert sorted(name.rpartition("_")[0] for name in os.listdir(tmp_path)) == ["a_0", "a_1", "a_2"]
    with pytest.raises(FileNotFoundError, match="save_to_dir"):
        ours.ImageDataGenerator().flow(SQUARE, save_to_dir=str(tmp_path / "none"))


def test_training_on_a_generator_repeats_with_its_seed():
    x, y = SQUARE / 255, np.arange(6) % 2
    weights = []
    for _ in range(2):
        keras.utils.clear_session()
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy")
        generator = ours.ImageDataGenerator(rotation_range=20, horizontal_flip=True)
        history = model.fit(
            generator.flow(x, y, batch_size=2, seed=1),
            epochs=3,
            validation_data=generator.flow(x, y, batch_size=2, shuffle=False, seed=2),
            validation_steps=2,
            verbose=0,
        )
        assert len(history.history["val_loss"]) == 3
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_images_are_loaded_and_saved_as_keras_does(theirs, tmp_path):
    from keras.src.utils import image_utils

    pixels = SQUARE[0].astype(np.uint8)
    for name, array in (
        ("rgb.png", pixels),
        ("gray.png", pixels[..., :1]),
        ("rgb.jpg", pixels),
        ("a.bmp", pixels),
    ):
        path = tmp_path / name
        keras.utils.save_img(path, array, scale=False)
        for mode in ("rgb", "rgba", "grayscale"):
            for options in (
                {},
                {"target_size": (7, 9)},
                {"target_size": (7, 12), "interpolation": "bilinear", "keep_aspect_ratio": True},
                {"target_size": (30, 8), "interpolation": "lanczos"},
            ):
                want = image_utils.load_img(path, color_mode=mode, **options)
                got = keras.utils.load_img(path, color_mode=mode, **options)
                assert got.size == want.size and got.mode == want.mode
                np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
        want = image_utils.img_to_array(image_utils.load_img(path), data_format="channels_first")
        got = keras.utils.img_to_array(keras.utils.load_img(str(path)), data_format="channels_first")
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.float32 and got.shape == (3, 20, 20)
    for x in (SQUARE[0], SQUARE[0] / 255, np.zeros((3, 3, 3)), SQUARE[0, :, :, :1]):
        for scale in (True, False):
            want, got = (f(x, scale=scale) for f in (image_utils.array_to_img, keras.utils.array_to_img))
            assert want.mode == got.mode and (np.abs(np.asarray(want, int) - np.asarray(got, int)) <= 1).all()
    np.testing.assert_array_equal(
        np.asarray(keras.utils.array_to_img(tw.Tensor(pixels.astype(np.float32)), scale=False)), pixels
    )


def test_broken_images_are_named(tmp_path):
    keras.utils.save_img(tmp_path / "whole.jpg", np.repeat(SQUARE[0], 9, 0), scale=False)
    content = (tmp_path / "whole.jpg").read_bytes()
    for name, data in (
        ("cut.jpg", content[: len(content) // 2]),
        ("text.png", b"<html>"),
        ("empty.jpg", b""),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=rf"\[load_img\] .*{name} is no whole image"):
            keras.utils.load_img(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        keras.utils.load_img(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="color_mode is 'cmyk'"):
        keras.utils.load_img(tmp_path / "whole.jpg", color_mode="cmyk")
    with pytest.raises(ValueError, match="interpolation is 'cubic'"):
        keras.utils.load_img(tmp_path / "whole.jpg", target_size=(2, 2), interpolation="cubic")
    with pytest.raises(ValueError, match=r"x has shape \(20, 20\), expected 3 dimensions"):
        keras.utils.array_to_img(SQUARE[0, :, :, 0])
    with pytest.raises(ValueError, match="x has 2 channels"):
        keras.utils.array_to_img(SQUARE[0, :, :, :2])


def test_smart_resize_keeps_proportions():
    x = np.zeros((10, 20, 3), np.float32)
    x[:, 5:15] = 1
    assert (ours.smart_resize(x, (4, 4)) == 1).all() and ours.smart_resize(x[None], (3, 7)).shape == (
        1,
        3,
        7,
        3,
    )
    with pytest.raises(ValueError, match="expected 3 or 4 dimensions"):
        ours.smart_resize(x[0], (3, 3))


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (
        lambda: keras.utils.load_img(tmp_path / "x.png"),
        lambda: keras.utils.save_img(tmp_path / "x.png", SQUARE[0]),
    ):
        with pytest.raises(ImportError, match=r"pip install tilewright\[images\]"):
            call()
