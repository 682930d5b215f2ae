# SPDX-License-Identifier: Apache-2.0
"""Pictures of training: curves, grids of predictions and images. Needs matplotlib (extra `plots`)."""

from __future__ import annotations

import itertools
import math

import numpy as np

_TRAINING, _VALIDATION, _WRONG, _TEXT = "#2a6fbb", "#e07b39", "#c62828", "#333333"
_SERIES = (_TRAINING, _VALIDATION, "#3a923a", "#8a4fbe", _WRONG)


def _figure(width: float, height: float):
    """A figure of its own, outside pyplot: it needs no display and leaves nobody's settings changed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "[plots] matplotlib is not installed, expected it: pip install tilewright[plots]"
        ) from error
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(figure, path):
    if path is not None:
        figure.savefig(path)
    return figure


def plot_history(history, path=None, title: str | None = None):
    """Curves of every metric over the epochs, training beside validation.

    Parameters
        history : what `fit` returns, or its `history`: lists of numbers by name
        path : file to write, .png or any other that matplotlib knows;  title : above all
    Returns   matplotlib Figure
    Raises    ValueError: an empty history.  ImportError: matplotlib is missing
    """
    values = getattr(history, "history", history)
    names = sorted((n for n in values if not n.startswith("val_")), key=lambda n: (n != "loss", n))
    if not names:
        raise ValueError("[plot_history] history is empty, expected metrics of at least one epoch")
    figure = _figure(4.6 * len(names), 3.4)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        curves = [("training", _TRAINING, values[name])]
        if f"val_{name}" in values:
            curves.append(("validation", _VALIDATION, values[f"val_{name}"]))
        for label, color, curve in curves:
            epochs = range(1, len(curve) + 1)
            axes.plot(
                epochs,
                curve,
                color=color,
                linewidth=1.8,
                marker="o" if len(curve) <= 15 else None,
                markersize=3.5,
                label=label,
            )
        axes.set_title(name.replace("_", " "), fontsize=11, color=_TEXT, loc="left")
        axes.set_xlabel("epoch", color=_TEXT)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(True, color="#e3e3e3", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_TEXT, labelsize=9)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=12, color=_TEXT)
    return _finish(figure, path)


def plot_predictions(
    images,
    labels,
    predictions,
    path=None,
    names=None,
    rows: int = 5,
    columns: int = 8,
    title: str | None = None,
):
    """A grid of images with what they were taken for; wrong ones in red, with the right answer.

    Parameters
        images : (n, rows, columns) or (n, rows, columns, channels), any range
        labels : (n,) class numbers
        predictions : (n,) class numbers, or (n, classes) probabilities
        names : of the classes, their numbers where None;  rows, columns : of the grid;  path, title : as
            `plot_history`
    Returns   matplotlib Figure
    Raises    ValueError: arrays of different lengths, no images.  ImportError: matplotlib is missing
    """
    images, labels, predictions = np.asarray(images), np.asarray(labels).reshape(-1), np.asarray(predictions)
    chosen = predictions.argmax(axis=-1) if predictions.ndim > 1 else predictions
    if not len(images) == len(labels) == len(chosen) or len(images) == 0:
        raise ValueError(
            f"[plot_predictions] got {len(images)} images, {len(labels)} labels and {len(chosen)} "
            "predictions, "
            "expected as many of each, at least one"
        )
    count = min(rows * columns, len(images))
    rows = min(rows, math.ceil(count / columns))
    figure = _figure(1.15 * columns, 1.4 * rows + (0.4 if title else 0))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, image, label, guess in zip(cells, images[:count], labels[:count], chosen[:count], strict=False):
        image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        if image.ndim == 3 and image.dtype.kind == "f":
            low, high = image.min(), image.max()
            image = (image - low) / (high - low if high > low else 1)
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        right, shown = names[label] if names else label, names[guess] if names else guess
        text = f"{shown}" if guess == label else f"{shown} (is {right})"
        axes.set_title(text, fontsize=9, color=_TEXT if guess == label else _WRONG, pad=3)
    if title:
        figure.suptitle(title, fontsize=11, color=_TEXT)
    return _finish(figure, path)


def plot_images(images, path=None, columns: int = 10, title: str | None = None):
    """Images side by side, drawn from the lowest to the highest value of each.

    Parameters
        images : (n, rows, columns) or (n, rows, columns, channels)
        columns : of the grid;  path, title : as `plot_history`
    Returns   matplotlib Figure
    Raises    ValueError: no images, or arrays of another rank.  ImportError: matplotlib is missing
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(f"[plot_images] images has shape {images.shape}, expected at least one image")
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    rows = math.ceil(len(images) / columns)
    figure = _figure(0.8 * columns, 0.8 * rows + (0.4 if title else 0))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, image in zip(cells, images, strict=False):
        low, high = image.min(), image.max()
        axes.imshow((image - low) / (high - low if high > low else 1), cmap="gray", interpolation="nearest")
    if title:
        figure.suptitle(title, fontsize=10, color=_TEXT)
    return _finish(figure, path)


def plot_curves(curves, path=None, xlabel: str = "epoch", ylabel: str = "", title: str | None = None):
    """Several series of numbers over 1, 2, 3, ... in one picture.

    Parameters
        curves : lists of numbers by name;  xlabel, ylabel : under and beside;  path, title : as
            `plot_history`
    Returns   matplotlib Figure
    Raises    ValueError: no curves.  ImportError: matplotlib is missing
    """
    if not curves:
        raise ValueError("[plot_curves] curves is empty, expected at least one list of numbers")
    figure = _figure(5.6, 3.6)
    axes = figure.subplots()
    for color, (name, values) in zip(itertools.cycle(_SERIES), curves.items(), strict=False):
        axes.plot(range(1, len(values) + 1), values, color=color, linewidth=1.6, label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=9)
    _describe(axes, xlabel, ylabel, title)
    return _finish(figure, path)


def plot_points(x, y, path=None, line=None, xlabel: str = "", ylabel: str = "", title: str | None = None):
    """Points, and a line through two of one's own.

    Parameters
        x, y : (n,) numbers;  line : ((x0, x1), (y0, y1)), optional
        xlabel, ylabel : under and beside;  path, title : as `plot_history`
    Returns   matplotlib Figure
    Raises    ImportError: matplotlib is missing
    """
    figure = _figure(5.0, 4.0)
    axes = figure.subplots()
    axes.scatter(np.asarray(x), np.asarray(y), s=8, color=_TRAINING, alpha=0.4, linewidths=0)
    if line is not None:
        axes.plot(*line, color=_VALIDATION, linewidth=1.8)
    _describe(axes, xlabel, ylabel, title)
    return _finish(figure, path)


def _describe(axes, xlabel, ylabel, title) -> None:
    axes.set_xlabel(xlabel, color=_TEXT)
    axes.set_ylabel(ylabel, color=_TEXT)
    axes.grid(True, color="#e3e3e3", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_TEXT, labelsize=9)
    if title:
        axes.set_title(title, fontsize=11, color=_TEXT, loc="left")
