# SPDX-License-Identifier: Apache-2.0
"""plot_predictions: a grid of images with what they were taken for."""

from __future__ import annotations

import math

import numpy as np

from tilewright.plots.figures import RED, TEXT, finished, new_figure
from tilewright.suggestion import named_arguments


@named_arguments
def plot_predictions(
    images,
    labels,
    predictions,
    path=None,
    class_names=None,
    rows: int = 5,
    columns: int = 8,
    title: str | None = None,
):
    """A grid of images with what they were taken for; wrong ones in red, with the right answer.

    Parameters
        images : (n, rows, columns) or (n, rows, columns, channels), any range
        labels : (n,) class numbers
        predictions : (n,) class numbers, or (n, classes) probabilities
        class_names : one for each class, their numbers where None;  rows, columns : of the grid
        path, title : as `plot_history`
    Returns   matplotlib Figure
    Raises    ValueError: arrays of different lengths, no images.  ImportError: matplotlib is missing
    """
    images, labels, predictions = np.asarray(images), np.asarray(labels).reshape(-1), np.asarray(predictions)
    chosen = predictions.argmax(axis=-1) if predictions.ndim > 1 else predictions
    if not len(images) == len(labels) == len(chosen) or len(images) == 0:
        raise ValueError(
            f"[plot_predictions] got {len(images)} images, {len(labels)} labels and {len(chosen)} "
            "predictions, expected as many of each, at least one"
        )
    count = min(rows * columns, len(images))
    rows = min(rows, math.ceil(count / columns))
    texts = [
        _title(label, guess, class_names) for label, guess in zip(labels[:count], chosen[:count], strict=True)
    ]
    lines = max(text.count("\n") for text in texts) + 1
    figure = new_figure(1.15 * columns, (1.25 + 0.15 * lines) * rows + (0.4 if title else 0))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for i, text in enumerate(texts):
        _show(cells[i], images[i])
        right = chosen[i] == labels[i]
        cells[i].set_title(text, fontsize=9, color=TEXT if right else RED, pad=3, linespacing=1.05)
    if title:
        figure.suptitle(title, fontsize=11, color=TEXT)
    return finished(figure, path)


def _title(label, guess, names) -> str:
    """What an image was taken for, and where that is wrong what it is; in two lines where they are long."""
    right, shown = (names[int(label)], names[int(guess)]) if names is not None else (label, guess)
    if guess == label:
        return f"{shown}"
    between = " " if len(f"{shown} (is {right})") <= 14 else "\n"
    return f"{shown}{between}(is {right})"


def _show(axes, image) -> None:
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    if image.ndim == 3 and image.dtype.kind == "f":
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
    axes.imshow(image, cmap="gray_r", interpolation="nearest")
