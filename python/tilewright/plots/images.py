# SPDX-License-Identifier: Apache-2.0
"""plot_images: images side by side, such as what a generator makes up."""

from __future__ import annotations

import math

import numpy as np

from tilewright.plots.figures import TEXT, finished, new_figure


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
    figure = new_figure(0.8 * columns, 0.8 * rows + (0.4 if title else 0))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, image in zip(cells, images, strict=False):
        low, high = image.min(), image.max()
        axes.imshow((image - low) / (high - low if high > low else 1), cmap="gray", interpolation="nearest")
    if title:
        figure.suptitle(title, fontsize=10, color=TEXT)
    return finished(figure, path)
