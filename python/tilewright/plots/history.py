# SPDX-License-Identifier: Apache-2.0
"""plot_history: curves of losses and metrics over the epochs."""

from __future__ import annotations

import math

from tilewright.plots.figures import BLUE, GRID, ORANGE, TEXT, finished, new_figure
from tilewright.suggestion import named_arguments

_IN_A_ROW = 3
_FEW = 20  # epochs up to which each is marked by a dot


@named_arguments
def plot_history(history, path=None, title: str | None = None):
    """Curves of every metric over the epochs, training beside validation, with the best epoch marked.

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
    columns = min(len(names), _IN_A_ROW)
    rows = math.ceil(len(names) / columns)
    figure = new_figure(4.6 * columns, 3.3 * rows + (0.3 if title else 0))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(grid, names, strict=False):
        _draw(axes, name, values[name], values.get(f"val_{name}"))
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    if title:
        figure.suptitle(title, fontsize=12, color=TEXT)
    return finished(figure, path)


def _draw(axes, name: str, training, validation) -> None:
    """One metric: its curves, and which epoch of the one that counts was best."""
    curves = [("training", BLUE, training)]
    if validation is not None:
        curves.append(("validation", ORANGE, validation))
    for label, colour, curve in curves:
        marker = "o" if len(curve) <= _FEW else None
        epochs = range(1, len(curve) + 1)
        axes.plot(epochs, curve, color=colour, linewidth=1.8, marker=marker, markersize=3.2, label=label)
    if name != "learning_rate":
        _mark_best(axes, name, *curves[-1][1:], other=curves[0][2] if len(curves) > 1 else None)
    axes.set_title(name.replace("_", " "), fontsize=11, color=TEXT, loc="left")
    axes.set_xlabel("epoch", color=TEXT, fontsize=9)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    if max(len(curve) for _, _, curve in curves) == 1:
        axes.set_xticks([1])
    axes.margins(x=0.03, y=0.12)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b5bac1")
    axes.tick_params(colors=TEXT, labelsize=9, color="#b5bac1")
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=9)


def _mark_best(axes, name: str, colour: str, curve, other) -> None:
    """Marks the best epoch; its value stands on the side away from the other curve."""
    numbers = [(float(value), i) for i, value in enumerate(curve) if math.isfinite(float(value))]
    if len(numbers) < 2:
        return
    up = any(word in name for word in ("acc", "auc", "precision", "recall", "f1", "score"))
    value, i = max(numbers, key=lambda pair: pair[0]) if up else min(numbers, key=lambda pair: pair[0])
    axes.scatter([i + 1], [value], s=42, facecolor="white", edgecolor=colour, linewidth=1.8, zorder=3)
    above = not up if other is None or i >= len(other) else float(other[i]) <= value
    offset, near = (0, 8) if above else (0, -9), "bottom" if above else "top"
    share = i / max(len(curve) - 1, 1)
    side = "left" if share < 0.15 else "right" if share > 0.85 else "center"
    text = axes.annotate(
        f"{value:.4g}", (i + 1, value), xytext=offset, textcoords="offset points", fontsize=8.5, color=colour,
        ha=side, va=near, weight="bold",
    )  # fmt: skip
    from matplotlib import patheffects

    text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])
