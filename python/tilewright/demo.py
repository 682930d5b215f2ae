# SPDX-License-Identifier: Apache-2.0
"""The demo: a small CNN learns handwritten digits, shows what it learnt, and times this machine's kernels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tilewright import kernel_table
from tilewright.datasets import mnist, optdigits


@dataclass
class Split:
    """Images scaled to 0..1 with their digits, to train and to test on."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def optdigits_splits(seed: int) -> list[Split]:
    """The digits twice: 20 % of each class apart by chance, and the last 20 %, which other people wrote."""
    x, y = optdigits.load_data()
    x, y = (x[..., None] / 16).astype(np.float32), y.astype(np.int32)
    train, test = optdigits.split_by_class(y, 0.2, seed)
    cut = len(x) * 4 // 5
    return [
        Split("20 % of each digit, by chance", x[train], y[train], x[test], y[test]),
        Split("the last 20 %, other writers", x[:cut], y[:cut], x[cut:], y[cut:]),
    ]


def mnist_splits(folder) -> list[Split]:
    """MNIST as its authors split it."""
    (x_train, y_train), (x_test, y_test) = mnist.load_data(folder)
    x_train, x_test = ((x[..., None] / 255).astype(np.float32) for x in (x_train, x_test))
    return [Split("its own test set", x_train, y_train.astype(np.int32), x_test, y_test.astype(np.int32))]


def optdigits_model():
    """Two convolutions and a pool for images of 8x8."""
    from tilewright.keras import Sequential, layers

    return Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mnist_model():
    """Three convolutions and two dense layers for images of 28x28."""
    from tilewright.keras import Sequential, layers

    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def shifted(x: np.ndarray, y: np.ndarray, pixels: int = 1):
    """The images and their copies moved by `pixels` up, down, left and right, with white coming in."""
    views = [x]
    for axis, sign in ((1, 1), (1, -1), (2, 1), (2, -1)):
        moved = np.zeros_like(x)
        inside, source = [slice(None)] * 4, [slice(None)] * 4
        inside[axis] = slice(pixels, None) if sign > 0 else slice(None, -pixels)
        source[axis] = slice(None, -pixels) if sign > 0 else slice(pixels, None)
        moved[tuple(inside)] = x[tuple(source)]
        views.append(moved)
    return np.concatenate(views), np.tile(y, len(views))


@dataclass
class Result:
    """A trained model, its curves, and how it did on the test images."""

    model: object
    history: object
    accuracy: float
    probabilities: np.ndarray
    seconds: float


def train(make_model, split: Split, epochs: int, batch_size: int, seed: int, augment: bool) -> Result:
    """Trains a new model on a split and tests it."""
    from tilewright.keras import utils

    utils.set_random_seed(seed)
    model = make_model()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = shifted(split.x_train, split.y_train) if augment else (split.x_train, split.y_train)
    begun = time.perf_counter()
    history = model.fit(
        x, y, batch_size=batch_size, epochs=epochs, validation_data=(split.x_test, split.y_test)
    )
    seconds = time.perf_counter() - begun
    probabilities = model.predict(split.x_test, batch_size=256, verbose=0)
    accuracy = float((probabilities.argmax(axis=1) == split.y_test).mean())
    return Result(model, history, accuracy, probabilities, seconds)


def save_and_compare(make_model, result: Result, split: Split, path: Path) -> None:
    """Writes the weights, reads them into a new model, and checks that it predicts the same, bit for bit.

    Raises   RuntimeError: it does not
    """
    result.model.save_weights(path)
    again = make_model()
    again.load_weights(path)
    if not np.array_equal(again.predict(split.x_test, batch_size=256, verbose=0), result.probabilities):
        raise RuntimeError(
            f"[demo] the model loaded from {path} predicts differently from the one that was saved"
        )


def draw(result: Result, split: Split, out: Path, what: str) -> None:
    """The curves, and a grid of test digits with the wrong ones first."""
    from tilewright import plots

    plots.plot_history(
        result.history,
        out / "history.png",
        title=f"{what}: {result.accuracy:.1%} of test digits read right ({split.name})",
    )
    wrong = result.probabilities.argmax(axis=1) != split.y_test
    order = np.argsort(~wrong, kind="stable")[:40]
    plots.plot_predictions(
        split.x_test[order],
        split.y_test[order],
        result.probabilities[order],
        out / "predictions.png",
        title=f"{what}: {int(wrong.sum())} of {len(wrong)} test digits are misread; those first",
    )


def run(
    data: str = "optdigits", data_dir=None, out="tilewright-demo", epochs: int | None = None, seed: int = 1
) -> int:
    """Trains, tests, draws, saves and loads, then times kernels. Returns the exit status.

    Parameters
        data : "optdigits" (in the package) or "mnist";  data_dir : folder of MNIST's files
        out : folder for history.png, predictions.png and model.safetensors
        epochs : 8 (optdigits) or 5 (mnist) where None;  seed : of the split, the weights and the order
    """
    if epochs is not None and epochs < 1:
        raise ValueError(f"[demo] epochs is {epochs}, expected at least 1")
    out = Path(out)
    if data == "mnist":
        splits, make_model, settings = (
            mnist_splits(data_dir),
            mnist_model,
            dict(epochs=epochs or 5, batch_size=64, augment=False),
        )
    else:
        splits, make_model, settings = (
            optdigits_splits(seed),
            optdigits_model,
            dict(epochs=epochs or 8, batch_size=64, augment=True),
        )
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for split in splits:
        print(
            f"{data}: training on {len(split.x_train):,} images, testing on {split.name} "
            f"({len(split.x_test):,} images)"
        )
        results.append(train(make_model, split, seed=seed, **settings))
    results[0].model.summary()
    draw(results[0], splits[0], out, data)
    save_and_compare(make_model, results[0], splits[0], out / "model.safetensors")
    for split, result in zip(splits, results, strict=True):
        print(f"test accuracy {result.accuracy:.2%} on {split.name}, trained in {result.seconds:.1f} s")
    print(
        f"wrote {out / 'history.png'}, {out / 'predictions.png'} and {out / 'model.safetensors'}; "
        "the model loaded from there predicts the same"
    )
    print()
    print(kernel_table.text())
    return 0
