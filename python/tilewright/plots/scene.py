# SPDX-License-Identifier: Apache-2.0
"""A diagram of a model placed and drawn: boxes, frames around nested models, arrows. Points, y downwards."""

from __future__ import annotations

import functools

from tilewright.plots.figures import MUTED, TEXT
from tilewright.plots.layout import placed

_COLOURS = {
    "input": "#5b6470",
    "convolution": "#2a6fbb",
    "pooling": "#2f8f9d",
    "dense": "#3f8f57",
    "normalization": "#b07d20",
    "activation": "#bd5a7a",
    "regularization": "#946347",
    "attention": "#7a55b0",
    "recurrent": "#b0552d",
    "operation": "#868d97",
    "model": "#41506b",
    "other": "#6d7681",
}
_ARROW, _FRAME, _FRAME_EDGE = "#6b7480", "#f4f6f9", "#9aa5b5"
_TITLE, _ROW = 9.5, 8.5  # sizes of letters
_PAD, _GAP, _LABEL = 8.0, 26.0, 16.0
_TITLE_HEIGHT, _ROW_HEIGHT = 22.0, 13.0


class Scene:
    """Takes a diagram with `lay_out`, which gives its size, and draws it with `draw`."""

    def __init__(self, rankdir: str):
        self._rankdir = rankdir
        self._sideways, self._backwards = rankdir in ("LR", "RL"), rankdir in ("BT", "RL")
        self._boxes: dict = {}  # x and y of the corner, width, height
        self._frames: list[tuple] = []  # title, and the same
        self._arrows: list[tuple[list, bool]] = []  # points, and whether the arrow leads back
        self._inside: dict = {}  # of boxes that hold diagrams: scene and size

    def lay_out(self, diagram) -> tuple[float, float]:
        """Finds places; gives width and height."""
        for box in diagram.boxes:
            if box.inner is not None:
                scene = Scene(self._rankdir)
                self._inside[box] = scene, scene.lay_out(box.inner)
        pairs = list(dict.fromkeys((start, end) for start, end, _, _ in diagram.arrows))
        nodes, passed, (across, along) = placed(diagram.boxes, pairs, self._across_and_along, _GAP, _GAP)

        def point(node, shift=0.0):
            place = node.along + shift
            place = along - place if self._backwards else place
            return (place, node.across) if self._sideways else (node.across, place)

        for box, node in nodes.items():
            x, y = point(node)
            width, height = self._size(box)
            self._place(box, x - width / 2, y - height / 2, width, height)
        for start, end, first, last in diagram.arrows:
            way = passed.get((start, end))
            if way is None:
                self._arrows.append(([self._side(first), self._side(last)], True))
                continue
            self._arrows.append((self._way(way, first, last, point), False))
        width, height = (along, across) if self._sideways else (across, along)
        for way, back in self._arrows:
            for x, y in _bulge(way, self._sideways) if back else ():
                width, height = max(width, x), max(height, y)
        return width, height

    def _way(self, nodes, first, last, point) -> list[tuple[float, float]]:
        """The points of an arrow. Within a rank it runs straight, so that it bends in the gaps alone."""
        begin, end = self._end(first, True), self._end(last, False)
        axis = 0 if self._sideways else 1
        points = [begin]
        for node, side in [(node, side) for node in nodes for side in (-1, 1)][1:-1]:
            place = list(point(node, side * node.depth / 2))
            if node is nodes[0] or node is nodes[-1]:  # in line with the box, which may stand inside another
                place[1 - axis] = (begin if node is nodes[0] else end)[1 - axis]
            if abs(place[axis] - points[-1][axis]) > 1 and abs(place[axis] - end[axis]) > 1:
                points.append(tuple(place))
        return [*points, end]

    def _place(self, box, x: float, y: float, width: float, height: float) -> None:
        if box.inner is None:
            self._boxes[box] = (x, y, width, height)
            return
        scene, _ = self._inside[box]
        self._frames.append((box.title, x, y, width, height))
        dx, dy = x + _PAD, y + _PAD + _LABEL
        self._boxes.update({b: (bx + dx, by + dy, w, h) for b, (bx, by, w, h) in scene._boxes.items()})
        self._frames += [(title, fx + dx, fy + dy, w, h) for title, fx, fy, w, h in scene._frames]
        self._arrows += [([(px + dx, py + dy) for px, py in way], back) for way, back in scene._arrows]

    def _across_and_along(self, box) -> tuple[float, float]:
        width, height = self._size(box)
        return (height, width) if self._sideways else (width, height)

    def _size(self, box) -> tuple[float, float]:
        if box.inner is not None:
            _, (width, height) = self._inside[box]
            return max(width, _text_width(box.title, _TITLE)) + 2 * _PAD, height + 2 * _PAD + _LABEL
        rows = max((_text_width(f"{label}    {value}", _ROW) for label, value in box.rows), default=0.0)
        width = max(_text_width(box.title, _TITLE, bold=True), rows, 44.0) + 2 * _PAD
        return width, _TITLE_HEIGHT + (len(box.rows) * _ROW_HEIGHT + 7 if box.rows else 0)

    def _end(self, box, leaving: bool) -> tuple[float, float]:
        """Where an arrow leaves or reaches a box: the middle of the side that looks along the arrows."""
        x, y, width, height = self._boxes[box]
        far = leaving != self._backwards
        if self._sideways:
            return (x + width if far else x), y + height / 2
        return x + width / 2, (y + height if far else y)

    def _side(self, box) -> tuple[float, float]:
        """Where an arrow that leads back leaves or reaches a box."""
        x, y, width, height = self._boxes[box]
        return (x + width / 2, y + height) if self._sideways else (x + width, y + height / 2)

    # ---- drawing

    def draw(self, axes) -> None:
        """Draws on axes whose unit is the point."""
        for _, *place in self._frames:
            _rounded(axes, *place, facecolor=_FRAME, edgecolor=_FRAME_EDGE, linestyle=(0, (4, 3)), zorder=1)
        for way, back in self._arrows:
            self._draw_arrow(axes, way, back)
        for title, x, y, *_ in self._frames:
            label = axes.text(
                x + _PAD, y + _PAD + 3, title, fontsize=_TITLE, color=_COLOURS["model"], va="center"
            )
            label.set(style="italic", zorder=3, bbox={"facecolor": _FRAME, "linewidth": 0, "pad": 1.0})
        for box, place in self._boxes.items():
            _draw_box(axes, box, *place)

    def _draw_arrow(self, axes, way, back: bool) -> None:
        """A smooth line through the points, leaving and arriving along the direction of the diagram."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        points, codes = [way[0]], [Path.MOVETO]
        for (x0, y0), (x1, y1) in zip(way, way[1:], strict=False):
            if back:
                points += _bulge(way, self._sideways)
            elif self._sideways:
                points += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)]
            else:
                points += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)]
            points.append((x1, y1))
            codes += [Path.CURVE4] * 3
        arrow = FancyArrowPatch(
            path=Path(points, codes),
            arrowstyle="-|>,head_length=4.5,head_width=2.2",
            color=_ARROW,
            linewidth=1.1,
        )
        arrow.set(zorder=2, linestyle=(0, (5, 2)) if back else "solid")
        axes.add_patch(arrow)


def _bulge(way, sideways: bool) -> list[tuple[float, float]]:
    """Control points of an arrow that leads back, beside the boxes."""
    (x0, y0), (x1, y1) = way
    reach = min(22 + 0.15 * (abs(x1 - x0) + abs(y1 - y0)), 90)
    right, low = max(x0, x1) + reach, max(y0, y1) + reach
    return [(x0, low), (x1, low)] if sideways else [(right, y0), (right, y1)]


@functools.lru_cache(4096)
def _text_width(text: str, size: float, bold: bool = False) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight="bold" if bold else "normal")
    return 1.03 * TextPath((0, 0), text, size=size, prop=font).get_extents().width  # hinting widens letters


def _rounded(axes, x, y, width, height, **style):
    from matplotlib.patches import FancyBboxPatch

    patch = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=4", linewidth=1.2, **style
    )
    axes.add_patch(patch)
    return patch


def _draw_box(axes, box, x: float, y: float, width: float, height: float) -> None:
    """A white box with the title on its colour and rows of label and value below."""
    from matplotlib.patches import Rectangle

    colour = _COLOURS[box.kind]
    _rounded(axes, x, y, width, height, facecolor="white", edgecolor=colour, zorder=3)
    head = _rounded(axes, x, y, width, height, facecolor=colour, edgecolor=colour, zorder=4)
    if box.rows:
        head.set_clip_path(Rectangle((x - 1, y - 1), width + 2, _TITLE_HEIGHT + 1, transform=axes.transData))
    middle = {"va": "center_baseline", "zorder": 5}
    title = axes.text(x + width / 2, y + _TITLE_HEIGHT / 2, box.title, fontsize=_TITLE, **middle)
    title.set(color="white", weight="bold", ha="center")
    for i, (label, value) in enumerate(box.rows):
        line = y + _TITLE_HEIGHT + 3 + (i + 0.5) * _ROW_HEIGHT
        axes.text(x + _PAD, line, label, color=MUTED, ha="left", fontsize=_ROW, **middle)
        axes.text(x + width - _PAD, line, value, color=TEXT, ha="right", fontsize=_ROW, **middle)
