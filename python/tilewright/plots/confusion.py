# SPDX-License-Identifier: Apache-2.0
"""plot_confusion: how often each class was taken for each other."""

from __future__ import annotations

import numpy as np

from tilewright.plots.figures import MUTED, TEXT, finished, new_figure
from tilewright.suggestion import named_arguments


def confusion_matrix(y_true, y_pred, classes: int | None = None) -> np.ndarray:
    """Counts, (classes, classes): row the true class, column the predicted one.

    Parameters
        y_true, y_pred : (n,) class numbers, or (n, classes) one-hot rows or probabilities
        classes : how many there are; as many as occur where None
    Raises    ValueError: different lengths, numbers out of range
    """
    chosen = [_numbers(name, y) for name, y in (("y_true", y_true), ("y_pred", y_pred))]
    if len(chosen[0]) != len(chosen[1]) or len(chosen[0]) == 0:
        raise ValueError(
            f"[plot_confusion] got {len(chosen[0])} true classes and {len(chosen[1])} predictions, expected "
            "as many of each, at least one"
        )
    lowest, highest = min(y.min() for y in chosen), max(y.max() for y in chosen)
    classes = int(highest) + 1 if classes is None else classes
    if lowest < 0 or highest >= classes:
        raise ValueError(f"[plot_confusion] classes are {lowest} to {highest}, expected 0 to {classes - 1}")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, tuple(chosen), 1)
    return counts


def _numbers(name: str, y) -> np.ndarray:
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1:
        y = y.argmax(axis=-1)
    y = y.reshape(-1)
    if y.dtype.kind == "f":  # of a sigmoid, or numbers of classes as floats
        y = (y > 0.5) if ((y >= 0) & (y <= 1)).all() else y
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"[plot_confusion] {name} has dtype {y.dtype}, expected class numbers or probabilities"
        )
    return y.astype(np.int64)


@named_arguments
def plot_confusion(
    y_true, y_pred, class_names=None, normalize: bool = False, path=None, title: str | None = None
):
    """A table of true classes (rows) against predicted ones (columns), the darker the more.

    Parameters
        y_true, y_pred : as `confusion_matrix` takes them;  class_names : one for each class
        normalize : shares of each true class in per cent instead of counts
        path, title : as `plot_history`
    Returns   matplotlib Figure
    Raises    ValueError: different lengths, numbers out of range.  ImportError: matplotlib is missing
    """
    names = None if class_names is None else [str(name) for name in class_names]
    counts = confusion_matrix(y_true, y_pred, None if names is None else len(names))
    names = names or [str(i) for i in range(len(counts))]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = max(3.2, 0.46 * len(names) + 1.6 + 0.06 * max(map(len, names)))
    figure = new_figure(side, side + (0.3 if title else 0))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=45 if max(map(len, names)) > 3 else 0,
        ha="right" if max(map(len, names)) > 3 else "center",
    )
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=9, colors=TEXT)
    axes.set_xlabel("predicted", color=TEXT)
    axes.set_ylabel("true", color=TEXT)
    axes.spines[:].set_visible(False)
    axes.set_xticks([i - 0.5 for i in range(len(names) + 1)], minor=True)
    axes.set_yticks([i - 0.5 for i in range(len(names) + 1)], minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    for i, j in np.ndindex(counts.shape):
        if counts[i, j]:
            text = f"{100 * shares[i, j]:.0f}" if normalize else f"{counts[i, j]}"
            colour = "white" if shares[i, j] > 0.55 else TEXT if i == j else "#9c3b2c"
            axes.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)
    right, total = int(np.trace(counts)), int(counts.sum())
    note = f"{right} of {total} right ({100 * right / total:.1f} %)" + (
        "; per cent of each row" if normalize else ""
    )
    axes.set_title(note, fontsize=9.5, color=MUTED, loc="left")
    if title:
        figure.suptitle(title, fontsize=12, color=TEXT)
    return finished(figure, path)
