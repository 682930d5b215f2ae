# SPDX-License-Identifier: Apache-2.0
"""Pictures of images, curves and points: what is drawn, and what is refused."""

import numpy as np
import pytest

from tilewright import plots

pytest.importorskip("matplotlib", reason="the pictures need the extra `plots`")


def test_images_stand_in_a_grid(tmp_path):
    figure = plots.plot_images(
        np.arange(5 * 4 * 3.0).reshape(5, 4, 3), tmp_path / "images.png", columns=3, title="five"
    )
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(figure.axes) == 6 and len(drawn) == 5
    np.testing.assert_allclose(drawn[4].images[0].get_array().min(), 0)
    assert (tmp_path / "images.png").read_bytes()[:4] == b"\x89PNG"
    assert plots.plot_images(np.zeros((2, 4, 4, 3))).axes[0].images[0].get_array().shape == (4, 4, 3)


def test_curves_have_names_and_whole_steps():
    figure = plots.plot_curves({"a": [3, 2, 1], "b": [1, 2]}, ylabel="loss", title="two")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["a", "b"] and list(axes.lines[1].get_xdata()) == [
        1,
        2,
    ]
    assert axes.get_ylabel() == "loss" and all(tick == round(tick) for tick in axes.get_xticks())


def test_points_and_a_line_through_them():
    (axes,) = plots.plot_points([1, 2], [3, 4], line=((0, 3), (2, 5))).axes
    assert len(axes.collections[0].get_offsets()) == 2 and list(axes.lines[0].get_ydata()) == [2, 5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.plot_images(np.zeros((0, 4, 4))), "images has shape (0, 4, 4)"),
        (lambda: plots.plot_images(np.zeros((4, 4))), "images has shape (4, 4)"),
        (lambda: plots.plot_curves({}), "curves is empty"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
