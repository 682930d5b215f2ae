# SPDX-License-Identifier: Apache-2.0
"""plot_curves and plot_points: several series of numbers, or a cloud of points, in one picture."""

from __future__ import annotations

import itertools

import numpy as np

from tilewright.plots.figures import BLUE, GRID, ORANGE, RED, TEXT, finished, new_figure

_SERIES = (BLUE, ORANGE, "#3a923a", "#8a4fbe", RED)


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
    figure = new_figure(5.6, 3.6)
    axes = figure.subplots()
    for color, (name, values) in zip(itertools.cycle(_SERIES), curves.items(), strict=False):
        axes.plot(range(1, len(values) + 1), values, color=color, linewidth=1.6, label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=9)
    _describe(axes, xlabel, ylabel, title)
    return finished(figure, path)


def plot_points(x, y, path=None, line=None, xlabel: str = "", ylabel: str = "", title: str | None = None):
    """Points, and a line through two of one's own.

    Parameters
        x, y : (n,) numbers;  line : ((x0, x1), (y0, y1)), optional
        xlabel, ylabel : under and beside;  path, title : as `plot_history`
    Returns   matplotlib Figure
    Raises    ImportError: matplotlib is missing
    """
    figure = new_figure(5.0, 4.0)
    axes = figure.subplots()
    axes.scatter(np.asarray(x), np.asarray(y), s=8, color=BLUE, alpha=0.4, linewidths=0)
    if line is not None:
        axes.plot(*line, color=ORANGE, linewidth=1.8)
    _describe(axes, xlabel, ylabel, title)
    return finished(figure, path)


def _describe(axes, xlabel, ylabel, title) -> None:
    axes.set_xlabel(xlabel, color=TEXT)
    axes.set_ylabel(ylabel, color=TEXT)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=TEXT, labelsize=9)
    if title:
        axes.set_title(title, fontsize=11, color=TEXT, loc="left")
