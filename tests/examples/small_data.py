# SPDX-License-Identifier: Apache-2.0
"""Small data sets in the folders and formats of the real ones, made of the digits that ship along."""

import gzip
import struct
from pathlib import Path

import numpy as np

from tilewright.datasets import optdigits


def write_idx(path: Path, array: np.ndarray) -> None:
    """A gzipped idx file of bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header + array.tobytes())


def digits(scale: int, size: int):
    """The 1,797 digits as (n, size, size) bytes, each pixel `scale` times as wide, with a dark margin."""
    x, y = optdigits.load_data()
    x = np.kron(x, np.ones((1, scale, scale))) * (255 / 16)
    margin = (size - x.shape[1]) // 2
    return np.pad(x, ((0, 0), (margin, margin), (margin, margin))).astype(np.uint8), y.astype(np.uint8)


def mnist(folder: Path, train: int = 1400) -> None:
    x, y = digits(3, 28)
    folder.mkdir(parents=True)
    for prefix, part in (("train", slice(0, train)), ("t10k", slice(train, None))):
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", x[part])
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", y[part])


def cifar10(folder: Path, train: int = 1400) -> None:
    """Digits in bright colours."""
    x, y = digits(4, 32)
    colors = np.random.default_rng(0).uniform(0.6, 1.0, (len(x), 1, 1, 3))
    x = (x[..., None] * colors).astype(np.uint8)
    folder.mkdir(parents=True)
    np.savez(
        folder / "cifar10_subset.npz",
        x_train=x[:train],
        y_train=y[:train],
        x_test=x[train:],
        y_test=y[train:],
    )


def cats_dogs(folder: Path) -> None:
    """Bright "cats" and dark "dogs" with noise, as JPEG."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 6)):
        for name, brightness in (("cats", 170), ("dogs", 80)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.normal(brightness, 30, (110, 120, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{name[:-1]}.{i}.jpg")


def tinyshakespeare(folder: Path) -> None:
    """Speeches of twelve people, each with ten words that only they use, and ten that all do."""
    rng = np.random.default_rng(0)
    shared = ["the", "and", "of", "my", "lord", "to", "you", "not", "with", "is"]
    speeches = []
    for i in range(420):
        who = i % 12
        own = [
            chr(97 + who) + ending
            for ending in ("ae", "ok", "um", "ith", "ont", "ar", "el", "yx", "ow", "ad")
        ]
        words = rng.choice(own + shared, 14)
        speeches.append(
            f"PERSON {chr(65 + who)}:\n" + " ".join(words[:7]) + ",\n" + " ".join(words[7:]) + "."
        )
    folder.mkdir(parents=True)
    (folder / "input.txt").write_text("\n\n".join(speeches) + "\n")


MAKERS = {"mnist": mnist, "cifar10": cifar10, "cats_dogs": cats_dogs, "tinyshakespeare": tinyshakespeare}
