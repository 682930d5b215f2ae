# SPDX-License-Identifier: Apache-2.0
"""What all pictures share: figures without pyplot, and colours."""

from __future__ import annotations

BLUE, ORANGE, RED, TEXT, MUTED, GRID = "#2a6fbb", "#e07b39", "#c62828", "#333333", "#7a7f87", "#e3e3e3"


def new_figure(width: float, height: float, dpi: int = 120, layout: str | None = "constrained"):
    """A figure of its own, outside pyplot: it needs no display and leaves nobody's settings changed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "[plots] matplotlib is not installed, expected it: pip install tilewright[plots]"
        ) from error
    figure = Figure(figsize=(width, height), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def finished(figure, path):
    """The figure, written to `path` where there is one."""
    if path is not None:
        figure.savefig(path)
    return figure
