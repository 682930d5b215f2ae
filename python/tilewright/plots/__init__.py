# SPDX-License-Identifier: Apache-2.0
"""Pictures of training: curves, predictions, confusions, models. Needs matplotlib (extra `plots`)."""

from tilewright.plots.confusion import confusion_matrix, plot_confusion
from tilewright.plots.curves import plot_curves, plot_points
from tilewright.plots.history import plot_history
from tilewright.plots.images import plot_images
from tilewright.plots.predictions import plot_predictions
from tilewright.suggestion import error_for

__all__ = [
    "confusion_matrix",
    "plot_confusion",
    "plot_curves",
    "plot_history",
    "plot_images",
    "plot_model",
    "plot_points",
    "plot_predictions",
]


def __getattr__(name: str):
    if name == "plot_model":  # the one picture that needs the layers
        from tilewright.plots.model import plot_model

        return plot_model
    raise error_for(__name__, name, __all__)
