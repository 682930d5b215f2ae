# SPDX-License-Identifier: Apache-2.0
"""Layers that prepare data: what they compute against Keras's for the same draws; what they draw;
training.
"""

import warnings

import numpy as np
import pytest
from keras_judge import close

import tilewright as tw
from tilewright import keras, ops
from tilewright.data import Dataset
from tilewright.keras import layers

RNG = np.random.default_rng(8)
IMAGES = RNG.uniform(0, 255, (5, 13, 18, 3)).astype(np.float32)


def arrays_of(transformation):
    return {k: v.numpy() if isinstance(v, tw.Tensor) else v for k, v in transformation.items()}


def theirs_on(judge, layer, images, transformation):
    """What Keras's layer makes of images for parameters that ours drew."""
    given = {
        k: judge.tensor(np.asarray(v, np.float32 if np.asarray(v).dtype.kind == "f" else None))
        for k, v in transformation.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge.array(layer.transform_images(judge.tensor(images), given, training=True))


MOVING = {
    "flip": (lambda k: k.layers.RandomFlip("horizontal"), {}),
    "flip vertically": (lambda k: k.layers.RandomFlip("vertical"), {}),
    "flip both": (lambda k: k.layers.RandomFlip(), {}),
    "zoom": (lambda k: k.layers.RandomZoom(0.4), {}),
    "zoom apart": (lambda k: k.layers.RandomZoom((-0.3, 0.2), 0.5, fill_mode="nearest"), {}),
    "translation": (lambda k: k.layers.RandomTranslation(0.3, (-0.2, 0.4), fill_mode="wrap"), {}),
    "translation constant": (lambda k: k.layers.RandomTranslation(0.4, 0.4, "constant", fill_value=9.0), {}),
    "zoom constant": (lambda k: k.layers.RandomZoom(0.5, fill_mode="constant", fill_value=3.0), {}),
    "contrast": (lambda k: k.layers.RandomContrast((0.3, 0.8)), {}),
    "brightness": (lambda k: k.layers.RandomBrightness(0.5), {}),
    "brightness of shares": (lambda k: k.layers.RandomBrightness((-0.2, 0.3), value_range=(0, 1)), {}),
}


def shaped(name, transformation):
    """Parameters in the shapes that Keras's layers draw them in."""
    shapes = {
        "flips": (-1, 1, 1, 1),
        "height_zoom": (-1, 1),
        "width_zoom": (-1, 1),
        "contrast_factor": (-1, 1, 1, 1),
    }
    shapes["rgb_delta"] = (-1, 1, 1, 1)
    return {k: np.reshape(v, shapes[k]) if k in shapes else v for k, v in transformation.items()}


@pytest.mark.parametrize("name", MOVING)
def test_changes_are_keras_changes(judge, name):
    make = MOVING[name][0]
    ours, theirs = make(keras), make(judge.keras)
    images = IMAGES / 255 if "shares" in name else IMAGES
    drawn = ours.get_random_transformation(tw.Tensor(images))
    want = theirs_on(judge, theirs, images, shaped(name, arrays_of(drawn)))
    close(ours.transform_images(tw.Tensor(images), drawn).numpy(), want, name, 3e-5)


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_rotations_are_keras_rotations(judge, fill_mode, interpolation):
    options = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 5.0}
    ours, theirs = (k.layers.RandomRotation(0.3, **options) for k in (keras, judge.keras))
    angle = np.array([11.0, -97.0, 33.0, 0.5, 171.0])
    n = judge.torch.zeros(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = theirs._compute_affine_matrix(
            0.5, 0.5, judge.tensor(angle.astype(np.float32)), n, n, n + 1, n, n, 13, 18
        )
        want = judge.array(
            theirs.transform_images(judge.tensor(IMAGES), {"rotation_matrix": matrix}, training=True)
        )
    got = ours.transform_images(tw.Tensor(IMAGES), {"angle": tw.Tensor(angle)}).numpy()
    if interpolation == "nearest":  # where a place lies between two pixels, rounding decides
        assert (np.abs(got - want) > 1e-3).mean() < 0.01
    else:
        close(got, want, fill_mode, 5e-5)


def test_both_layouts_single_images_and_bytes_agree():
    for layer in (
        layers.RandomRotation(0.2),
        layers.RandomFlip(),
        layers.RandomContrast(0.5),
        layers.RandomZoom(0.2),
    ):
        drawn = layer.get_random_transformation(tw.Tensor(IMAGES))
        want = layer.transform_images(tw.Tensor(IMAGES), drawn).numpy()
        config = {**layer.get_config(), "name": None, "seed": 3}
        if "data_format" not in config:
            continue
        turned = type(layer).from_config({**config, "data_format": "channels_first"})
        got = turned.transform_images(tw.Tensor(IMAGES.transpose(0, 3, 1, 2).copy()), drawn).numpy()
        np.testing.assert_allclose(got.transpose(0, 2, 3, 1), want, atol=1e-3)
        first = {k: v[:1] for k, v in drawn.items()}
        np.testing.assert_allclose(
            layer.transform_images(tw.Tensor(IMAGES[0]), first).numpy(), want[0], atol=1e-3
        )
    y = layers.RandomFlip("horizontal", seed=1)(IMAGES.astype(np.uint8), training=True)
    assert y.dtype == np.float32 and sorted(y.numpy()[0].ravel()) == sorted(
        IMAGES.astype(np.uint8)[0].ravel()
    )


def test_images_are_changed_in_training_only_each_in_its_own_way_and_by_seed():
    makers = (
        lambda **o: layers.RandomRotation(0.4, **o),
        lambda **o: layers.RandomZoom(0.4, **o),
        lambda **o: layers.RandomTranslation(0.4, 0.4, **o),
        lambda **o: layers.RandomContrast(0.9, **o),
        lambda **o: layers.RandomBrightness(0.9, **o),
        lambda **o: layers.RandomFlip(**o),
    )
    same = np.repeat(IMAGES[:1], 16, axis=0)
    for make in makers:
        layer = make(seed=7)
        np.testing.assert_array_equal(layer(same, training=False).numpy(), same)
        one, two = layer(same, training=True).numpy(), layer(same, training=True).numpy()
        assert (one != two).any() and len({image.tobytes() for image in one}) > 1
        again = make(seed=7)
        np.testing.assert_array_equal(again(same, training=True).numpy(), one)
        np.testing.assert_array_equal(again(same, training=True).numpy(), two)
        copy = type(layer).from_config(layer.get_config())
        assert copy.get_config() == layer.get_config()
    flips = layers.RandomFlip(seed=3).get_random_transformation(
        tw.Tensor(np.zeros((4000, 1, 1, 1), np.float32))
    )
    assert abs(flips["flips"].numpy().mean() - 0.5) < 0.04
    angles = (
        layers.RandomRotation((-0.1, 0.3), seed=1)
        .get_random_transformation(tw.Tensor(np.zeros((4000, 2, 2, 1), np.float32)))["angle"]
        .numpy()
    )
    assert angles.min() >= -36 and angles.max() < 108 and abs(angles.mean() - 36) < 3


def test_sizes_are_keras_sizes(judge):
    for make in (
        lambda k: k.layers.Resizing(7, 9),
        lambda k: k.layers.Resizing(20, 31, interpolation="nearest"),
        lambda k: k.layers.Resizing(8, 8, crop_to_aspect_ratio=True),
        lambda k: k.layers.Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=4.0),
        lambda k: k.layers.CenterCrop(6, 7),
        lambda k: k.layers.CenterCrop(6, 30),
        lambda k: k.layers.Rescaling(1 / 127.5, offset=-1),
        lambda k: k.layers.Rescaling([0.1, 0.2, 0.3]),
    ):
        ours, theirs = make(keras), make(judge.keras)
        for x in (IMAGES, IMAGES[0], IMAGES[:, :9, :5]):
            if x.ndim == 3 and "Rescaling" in type(ours).__name__:
                continue
            want = judge.array(theirs(judge.tensor(x)))
            close(ours(x).numpy(), want, type(ours).__name__, 1e-5)
            assert ours.compute_output_shape(x.shape) == want.shape
        assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
    assert layers.Resizing(4, 4)(IMAGES.astype(np.uint8)).dtype == np.float32


def test_random_crops():
    numbered = np.arange(13 * 18, dtype=np.float32).reshape(1, 13, 18, 1).repeat(3, 0)
    layer = layers.RandomCrop(4, 5, seed=2)
    places = set()
    for _ in range(300):
        y = layer(numbered, training=True).numpy()
        assert y.shape == (3, 4, 5, 1) and (y == y[:1]).all()
        start = int(y[0, 0, 0, 0])
        top, left = divmod(start, 18)
        np.testing.assert_array_equal(y[0], numbered[0, top : top + 4, left : left + 5])
        places.add((top, left))
    assert {t for t, _ in places} == set(range(10)) and {p for _, p in places} == set(range(14))
    assert layer(numbered, training=False).shape == (3, 4, 5, 1)
    assert layers.RandomCrop(20, 5)(numbered, training=True).shape == (3, 20, 5, 1)
    np.testing.assert_array_equal(layers.RandomCrop(13, 18)(numbered, training=False).numpy(), numbered)


def test_normalization_is_keras_normalization(judge):
    x = (RNG.standard_normal((50, 4, 3)) * [1, 20, 0.1] + [5, -3, 0]).astype(np.float32)
    for axis in (-1, (1, 2), None, 1):
        ours, theirs = (k.layers.Normalization(axis=axis) for k in (keras, judge.keras))
        ours.adapt(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.adapt(x)
            want = judge.array(theirs(judge.tensor(x)))
        close(ours(x).numpy(), want, f"axis {axis}", 2e-5)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert a.dtype == b.dtype
            close(a, judge.array(b), "weights", 2e-5)
        parts = keras.layers.Normalization(axis=axis)
        parts.adapt(Dataset.from_tensor_slices((x, np.zeros(50))).batch(16))
        for a, b in zip(parts.get_weights(), ours.get_weights(), strict=True):
            close(a, b, "in batches", 1e-5)
        turned = keras.layers.Normalization(axis=axis, invert=True)
        turned.adapt(x)
        close(turned(ours(x)).numpy(), x, "there and back", 1e-5)
    given = {"mean": [3.0, 4.0, 5.0], "variance": [2.0, 0.0, 1.0]}
    ours, theirs = (k.layers.Normalization(**given) for k in (keras, judge.keras))
    close(ours(x).numpy(), judge.array(theirs(judge.tensor(x))), "given", 1e-5)
    assert keras.layers.Normalization.from_config(ours.get_config()).get_config() == ours.get_config()
    chunked = keras.layers.Normalization()
    chunked.adapt(iter([x[:7], x[7:]]))
    close(chunked.get_weights()[1], x.var(axis=(0, 1)), "iterator", 1e-5)


def test_normalization_says_what_does_not_fit():
    for call, message in (
        (lambda: layers.Normalization(mean=1.0), "got one of mean and variance"),
        (lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0]), "expected one shape"),
        (lambda: layers.Normalization(axis=4)(IMAGES), "axis is"),
        (lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(IMAGES), "expected Normalization"),
        (lambda: layers.Normalization().adapt(iter([])), "got no data"),
        (lambda: layers.Normalization().adapt(iter([np.ones((2, 3)), np.ones((2, 4))])), "expected sizes"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="expected an array or batches"):
        layers.Normalization().adapt(3)


def test_categories_are_keras_categories(judge):
    ids = np.array([[0, 2, 2], [1, 3, 0]])
    for mode in ("multi_hot", "one_hot", "count"):
        ours, theirs = (k.layers.CategoryEncoding(4, output_mode=mode) for k in (keras, judge.keras))
        for x in (ids, ids[:, :1], ids[0]):
            want = judge.array(theirs(judge.tensor(x)))
            np.testing.assert_array_equal(ours(x).numpy(), want)
            assert ours.compute_output_shape(x.shape) == want.shape
    weights = np.array([[0.5, 1, 2], [3, 4, 5]], np.float32)
    count = layers.CategoryEncoding(4, output_mode="count")
    np.testing.assert_array_equal(count(ids, count_weights=weights).numpy(), [[0.5, 0, 3, 0], [5, 3, 0, 4]])
    assert count([3, 3]).numpy().tolist() == [0, 0, 0, 2]
    x = np.array([[-5.0, 0.0], [0.3, 7.0], [0.5, 0.49]], np.float32)
    for mode in ("int", "one_hot", "multi_hot", "count"):
        ours, theirs = (
            k.layers.Discretization(bin_boundaries=[0.0, 0.5, 3.0], output_mode=mode)
            for k in (keras, judge.keras)
        )
        np.testing.assert_array_equal(ours(x).numpy(), judge.array(theirs(judge.tensor(x))))
    values = RNG.standard_normal((1000, 2)).astype(np.float32)
    ours, theirs = (k.layers.Discretization(num_bins=7) for k in (keras, judge.keras))
    ours.adapt(values)
    theirs.update_state(values)  # adapt itself asks for TensorFlow
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-5, atol=1e-6)
    shares = np.bincount(ours(values).numpy().ravel()) / 2000
    assert len(shares) == 7 and np.abs(shares - 1 / 7).max() < 0.02
    again = keras.layers.Discretization.from_config(ours.get_config())
    np.testing.assert_array_equal(again(values).numpy(), ours(values).numpy())


def test_bad_arguments_are_named():
    for call, error, message in (
        (lambda: layers.RandomRotation(2), ValueError, r"factor is 2, expected a number or two in \[-1, 1\]"),
        (lambda: layers.RandomZoom(-1.0), ValueError, r"height_factor is -1.0, expected .* in \(-1, 1\]"),
        (lambda: layers.RandomTranslation(0.1, 3), ValueError, "width_factor is 3"),
        (lambda: layers.RandomContrast(-0.5), ValueError, "factor is -0.5"),
        (lambda: layers.RandomFlip("sideways"), ValueError, "mode is 'sideways'"),
        (lambda: layers.RandomRotation(0.1, fill_mode="edge"), NotImplementedError, "fill_mode is 'edge'"),
        (lambda: layers.RandomBrightness(0.1, value_range=3), ValueError, "value_range is 3"),
        (lambda: layers.Resizing(3, 3, interpolation="area"), ValueError, "interpolation is 'area'"),
        (lambda: layers.Resizing(3, 3, True, True, True), ValueError, "interpolation is True"),
        (lambda: layers.RandomRotation(0.1)(IMAGES[0, 0]), ValueError, "expected rank 3"),
        (lambda: layers.CategoryEncoding(), ValueError, "num_tokens is None"),
        (lambda: layers.CategoryEncoding(3, output_mode="bits"), ValueError, "output_mode is 'bits'"),
        (lambda: layers.Discretization(), ValueError, "expected one of them"),
        (lambda: layers.Discretization(num_bins=3)(IMAGES), ValueError, "expected adapt"),
        (lambda: layers.RandomRotation(0.1, angle=3), TypeError, "angle"),
    ):
        with pytest.raises(error, match=message):
            call()


def augmenting_model():
    model = keras.Sequential(
        [
            layers.Input((13, 18, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip(seed=1),
            layers.RandomRotation(0.1, seed=2),
            layers.RandomZoom(0.2, seed=3),
            layers.RandomTranslation(0.1, 0.1, seed=4),
            layers.RandomContrast(0.2, value_range=(0, 1), seed=5),
            layers.RandomBrightness(0.2, value_range=(0, 1), seed=6),
            layers.RandomCrop(10, 12, seed=7),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", "binary_crossentropy")
    return model


def test_a_model_that_augments_trains_and_replays_with_the_same_bits():
    x, y = IMAGES.repeat(8, 0), np.arange(40) % 2
    weights = []
    for eager in (False, True):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = augmenting_model()
        model.run_eagerly = eager
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        weights.append(model.get_weights())
        if not eager:
            rows = model._steps.stats()
            assert any(row.replayed > 0 for row in rows) and not any(row.reason for row in rows), rows
        np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_flow_through_what_moves_images():
    layer = layers.RandomRotation(0.2, seed=1)
    drawn = layer.get_random_transformation(tw.Tensor(IMAGES))
    x = tw.Tensor(IMAGES)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(layer.transform_images(x, drawn))
    gradient = tape.gradient(y, x).numpy()
    assert gradient.shape == IMAGES.shape and abs(gradient.sum() - IMAGES.size) < 1e-2 * IMAGES.size
