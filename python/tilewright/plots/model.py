# SPDX-License-Identifier: Apache-2.0
"""plot_model: the layers of a model as boxes and the values between them as arrows."""

from __future__ import annotations

import os

from tilewright.keras.models.diagram import Shown, diagram_of
from tilewright.plots.figures import new_figure
from tilewright.plots.scene import Scene
from tilewright.suggestion import named_arguments

_MARGIN = 14.0  # points
_LARGEST_PIXELS = 30000


@named_arguments
def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
):
    """Draws a model's layers and how they are connected.

    Parameters
        to_file : file to write (.png, .svg, .pdf ...), or None
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : what boxes tell
        rankdir : "TB" from top to bottom, "LR" from left to right; "BT" and "RL" the other way round
        expand_nested : shows the layers inside nested models;  dpi : dots per inch
        splines : accepted, without effect: arrows have right angles
    Returns   matplotlib Figure
    Raises    ValueError: a model that is not built, another rankdir.  ImportError: matplotlib is missing
    """
    if not model.built:
        raise ValueError(
            f"[plot_model] {model.name} is not built, expected it to be (call it, or give it an Input)"
        )
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"[plot_model] rankdir is {rankdir!r}, expected 'TB', 'BT', 'LR' or 'RL'")
    shown = Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested
    )
    scene = Scene(rankdir)
    width, height = scene.lay_out(diagram_of(model, shown))
    width, height = width + 2 * _MARGIN, height + 2 * _MARGIN
    dpi = min(dpi, _LARGEST_PIXELS * 72 / max(width, height))
    figure = new_figure(width / 72, height / 72, dpi, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-_MARGIN, width - _MARGIN)
    axes.set_ylim(height - _MARGIN, -_MARGIN)
    axes.axis("off")
    scene.draw(axes)
    if to_file is not None:
        path = os.fspath(to_file)
        figure.savefig(path if os.path.splitext(path)[1] else f"{path}.png")
    return figure
