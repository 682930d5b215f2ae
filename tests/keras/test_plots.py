# SPDX-License-Identifier: Apache-2.0
"""Pictures: of models, where boxes may not overlap and arrows lead forward, of confusions, of histories."""

import numpy as np
import pytest
from exchanged_models import MODELS

from tilewright import keras
from tilewright.keras import Input, Model, Sequential, layers
from tilewright.keras.models.diagram import Shown, diagram_of

pytest.importorskip("matplotlib", reason="pictures are drawn by matplotlib (extra `plots`)")

from tilewright import plots  # noqa: E402
from tilewright.plots.scene import Scene  # noqa: E402

NAMES = ["mlp", "cnn", "several_inputs_and_outputs", "nested_and_shared", "branches", "arithmetic"]


def residual():
    i = Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same")(i)
    for _ in range(3):
        x = layers.Add()(
            [x, layers.Conv2D(4, 3, padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))]
        )
    return Model(i, [layers.Dense(2)(layers.Flatten()(x)), layers.GlobalAveragePooling2D()(x)])


def titles(diagram):
    return [box.title for box in diagram.boxes]


def test_boxes_tell_what_is_asked_for():
    model, _ = MODELS["mlp"](keras)
    model.layers[0].trainable = False
    every = Shown(shapes=True, dtype=True, layer_names=True, activations=True, trainable=True)
    first = diagram_of(model, every).boxes[0]
    assert first.title == "dense (Dense)" and first.rows == [
        ("activation", "relu"), ("input", "(None, 3)"), ("output", "(None, 5)"), ("dtype", "float32"),
        ("trainable", "no"),
    ]  # fmt: skip
    assert titles(diagram_of(model, Shown())) == ["Dense", "BatchNormalization", "Dropout", "Dense"]
    assert diagram_of(model, Shown()).boxes[0].rows == []


def test_arrows_join_the_right_boxes():
    model, _ = MODELS["branches"](keras)
    found = {
        (first.title.split()[0], last.title.split()[0])
        for _, _, first, last in diagram_of(model, Shown(layer_names=True)).arrows
    }
    assert found == {
        ("a", "z"), ("b", "x"), ("x", "y"), ("z", "u"), ("u", "v"), ("v", "w"), ("w", "add"), ("z", "add"),
        ("y", "add"), ("add", "t"),
    }  # fmt: skip


def test_nested_models_open():
    inner = Sequential([Input((3,)), layers.Dense(4, name="one"), layers.Dense(3, name="two")], name="inner")
    i = Input((3,), name="i")
    model = Model(i, layers.Dense(1, name="last")(inner(i)))
    closed = diagram_of(model, Shown(layer_names=True))
    assert titles(closed) == ["i (InputLayer)", "inner (Sequential)", "last (Dense)"]
    opened = diagram_of(model, Shown(layer_names=True, nested=True))
    assert titles(opened.boxes[1].inner) == ["one (Dense)", "two (Dense)"]
    ends = [(first.title, last.title) for _, _, first, last in opened.arrows]
    assert ends == [("i (InputLayer)", "one (Dense)"), ("two (Dense)", "last (Dense)")]


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("name", [*NAMES, "residual"])
def test_boxes_do_not_overlap_and_arrows_lead_forward(name, rankdir):
    model = residual() if name == "residual" else MODELS[name](keras)[0]
    scene = Scene(rankdir)
    width, height = scene.lay_out(diagram_of(model, Shown(shapes=True, layer_names=True, nested=True)))
    places = list(scene._boxes.values())
    for i, (x, y, w, h) in enumerate(places):
        assert x >= -0.01 and x + w <= width + 0.01 and y >= -0.01 and y + h <= height + 0.01
        for x2, y2, w2, h2 in places[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    axis, sign = (0 if rankdir in ("LR", "RL") else 1), (-1 if rankdir in ("BT", "RL") else 1)
    for way, back in scene._arrows:
        assert back or all(sign * (b[axis] - a[axis]) > -0.01 for a, b in zip(way, way[1:], strict=False))
    assert sum(back for _, back in scene._arrows) == (name == "nested_and_shared")


def test_chains_are_straight_and_branches_even():
    scene = Scene("TB")
    scene.lay_out(diagram_of(MODELS["mlp"](keras)[0], Shown()))
    assert np.ptp([x + w / 2 for x, _, w, _ in scene._boxes.values()]) < 0.01
    i = Input((3,))
    two = Model(i, [layers.Dense(2)(i), layers.Dense(2)(i)])
    scene = Scene("TB")
    scene.lay_out(diagram_of(two, Shown()))
    top, left, right = (x + w / 2 for x, _, w, _ in scene._boxes.values())
    assert left < top < right and abs(top - (left + right) / 2) < 0.5


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_models_are_drawn(suffix, tmp_path):
    model, _ = MODELS["nested_and_shared"](keras)
    path = tmp_path / f"model{suffix}"
    figure = keras.utils.plot_model(
        model, path, show_shapes=True, show_layer_names=True, expand_nested=True, dpi=60, show_dtype=True,
        show_layer_activations=True, show_trainable=True,
    )  # fmt: skip
    assert path.stat().st_size > 3000
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {"inner (Functional)", "stack (Sequential)", "a (InputLayer)", "(None, 4)", "relu"} <= words


def test_drawn_pixels_show_every_box(tmp_path):
    from matplotlib import image

    model, _ = MODELS["mlp"](keras)
    plots.plot_model(model, tmp_path / "model", show_shapes=True, dpi=72)
    pixels = image.imread(tmp_path / "model.png")[..., :3]
    scene = Scene("TB")
    scene.lay_out(diagram_of(model, Shown(shapes=True)))
    for x, y, width, _ in scene._boxes.values():
        head = pixels[int(y + 14 + 4), int(x + 14 + 8) : int(x + 14 + width - 8)]
        assert head.std(axis=-1).mean() > 0.05  # the coloured title, not white or grey


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="is not built"):
        plots.plot_model(Sequential([layers.Dense(2)]), tmp_path / "m.png")
    model, _ = MODELS["mlp"](keras)
    with pytest.raises(ValueError, match="rankdir is 'up', expected 'TB'"):
        plots.plot_model(model, tmp_path / "m.png", rankdir="up")
    with pytest.raises(TypeError, match=r"argument\] 'colour' is unknown"):
        plots.plot_model(model, tmp_path / "m.png", colour="red")


def test_models_by_inheritance_are_one_box():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.one = layers.Dense(2)

        def call(self, x):
            return self.one(x)

    net = Net()
    net(np.zeros((1, 3), np.float32))
    figure = plots.plot_model(net, None, show_layer_names=True)
    assert [text.get_text() for text in figure.axes[0].texts] == ["net (Net)"]


def test_confusions_are_counted(tmp_path):
    true, predicted = [0, 1, 2, 2, 2, 1], [0, 1, 1, 2, 2, 0]
    want = [[1, 0, 0], [1, 1, 0], [0, 1, 2]]
    np.testing.assert_array_equal(plots.confusion_matrix(true, predicted), want)
    np.testing.assert_array_equal(plots.confusion_matrix(np.eye(3)[true], np.eye(3)[predicted]), want)
    np.testing.assert_array_equal(plots.confusion_matrix([0, 1, 1], [[0.2], [0.9], [0.4]]), [[1, 0], [1, 1]])
    figure = plots.plot_confusion(true, predicted, ["a", "b", "c"], normalize=True, path=tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 3000
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["100", "50", "50", "33", "67"]
    assert "4 of 6 right (66.7 %)" in figure.axes[0].get_title(loc="left")
    counts = plots.plot_confusion(true, predicted)
    assert [text.get_text() for text in counts.axes[0].texts] == ["1", "1", "1", "1", "2"]
    with pytest.raises(ValueError, match="got 2 true classes and 3 predictions"):
        plots.plot_confusion([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="classes are 0 to 2, expected 0 to 1"):
        plots.plot_confusion(true, predicted, ["a", "b"])


def test_histories_show_their_best_epoch(tmp_path):
    values = {
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [3.0, 1.5, 2.0],
        "accuracy": [0.1, 0.5, 0.9],
        "auc": [0.5] * 3,
    }
    values["learning_rate"] = [0.1, 0.1, 0.05]
    figure = plots.plot_history(values, tmp_path / "h.png", title="all")
    shown = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}
    assert list(shown) == ["loss", "accuracy", "auc", "learning rate"]
    assert [text.get_text() for text in shown["loss"].texts] == ["1.5"]
    assert [text.get_text() for text in shown["accuracy"].texts] == ["0.9"]
    plots.plot_history({"loss": [float("nan"), 2.0]})


def test_long_names_of_wrong_predictions_take_two_lines():
    names = ["automobile", "airplane"]
    figure = plots.plot_predictions(np.zeros((2, 4, 4)), [0, 1], [1, 1], class_names=names, columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["airplane\n(is automobile)", "airplane"]
