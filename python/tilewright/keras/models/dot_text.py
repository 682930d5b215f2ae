# SPDX-License-Identifier: Apache-2.0
"""A model as text in Graphviz's language: what `model_to_dot` gives."""

from __future__ import annotations

import json

from tilewright.keras.models.diagram import Box, Diagram, Shown, diagram_of


def of_model(model, shown: tuple, rankdir: str = "TB", dpi: int = 200, subgraph: bool = False) -> str:
    """The text; `shown` as the fields of `diagram.Shown`."""
    if not model.built:
        raise ValueError(
            f"[model_to_dot] {model.name} is not built, expected it to be (call it, or give it an Input)"
        )
    shapes, dtype, names, activations, trainable, nested = shown
    diagram = diagram_of(model, Shown(shapes, dtype, names, activations, trainable, nested))
    numbers: dict[int, int] = {}
    head = f"subgraph {_quoted('cluster_' + model.name)} {{" if subgraph else "digraph {"
    lines = [head, f"graph [rankdir={rankdir}, dpi={dpi}, splines=ortho, label={_quoted(model.name)}];"][
        : 1 if subgraph else 2
    ]
    lines += ["node [shape=box, fontname=Helvetica];", *_lines(diagram, numbers), "}"]
    return "\n".join(lines) + "\n"


def _lines(diagram: Diagram, numbers: dict[int, int]) -> list[str]:
    lines = []
    for box in diagram.boxes:
        if box.inner is None:
            lines.append(f"{_node(box, numbers)} [label={_quoted(_label(box))}];")
        else:
            name = _quoted(f"cluster_{box.inner.name}")
            lines += [f"subgraph {name} {{", f"label={_quoted(box.title)};", *_lines(box.inner, numbers), "}"]
    return lines + [
        f"{_node(first, numbers)} -> {_node(last, numbers)};" for _, _, first, last in diagram.arrows
    ]


def _node(box: Box, numbers: dict[int, int]) -> str:
    return f"n{numbers.setdefault(id(box), len(numbers))}"


def _label(box: Box) -> str:
    return "\n".join([box.title, *(f"{label}: {value}" for label, value in box.rows)])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
