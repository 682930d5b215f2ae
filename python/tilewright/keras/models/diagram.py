# SPDX-License-Identifier: Apache-2.0
"""A model as boxes and arrows: what `plot_model` draws, without a word about where it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

from tilewright import nest
from tilewright.keras import nested_shapes
from tilewright.keras.layers.input import InputLayer
from tilewright.keras.layers.operation import Operation
from tilewright.keras.models.functional_config import is_functional
from tilewright.keras.models.summary import output_shapes

# The first word that the name of a class holds decides the kind of its box.
_KINDS = (
    ("Conv", "convolution"),
    ("Pooling", "pooling"),
    ("Attention", "attention"),
    ("Normalization", "normalization"),
    ("Dropout", "regularization"),
    ("Noise", "regularization"),
    ("LSTM", "recurrent"),
    ("GRU", "recurrent"),
    ("RNN", "recurrent"),
    ("Bidirectional", "recurrent"),
    ("Dense", "dense"),
    ("Embedding", "dense"),
    ("Activation", "activation"),
    ("ReLU", "activation"),
    ("Softmax", "activation"),
    ("ELU", "activation"),
)
_MERGING = ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract")


@dataclass(eq=False)
class Box:
    """A layer: its title, its kind, rows of (label, value), and what is inside of a model."""

    title: str
    kind: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    inner: Diagram | None = None


@dataclass(eq=False)
class Diagram:
    """Boxes, and arrows between them. An arrow names the boxes of this diagram that it joins, and the boxes,
    perhaps inside these, where it begins and ends.
    """

    name: str
    boxes: list[Box]
    arrows: list[tuple[Box, Box, Box, Box]]


@dataclass
class Shown:
    """What the boxes tell."""

    shapes: bool = False
    dtype: bool = False
    layer_names: bool = False
    activations: bool = False
    trainable: bool = False
    nested: bool = False


def diagram_of(model, shown: Shown) -> Diagram:
    """The diagram of a model; one that is a class of its own is a single box."""
    boxes: dict[int, Box] = {}
    if is_functional(model):
        layers = model._graph.layers
    elif hasattr(model, "_stack"):
        layers = model.layers
    else:
        return Diagram(model.name, [_box(model, shown)], [])
    for layer in layers:
        boxes[id(layer)] = _box(layer, shown)
    joined = _joined_in_graph(model) if is_functional(model) else _joined_in_a_row(model)
    arrows: dict[tuple, tuple] = {}
    for source, output, target, position in joined:
        start, end = boxes[id(source)], boxes[id(target)]
        first = _where_it_leaves(source, output, start) if start.inner else start
        last = _where_it_enters(target, position, end) if end.inner else end
        arrows[id(first), id(last)] = (start, end, first, last)
    return Diagram(model.name, list(boxes.values()), list(arrows.values()))


def _joined_in_graph(model):
    """(source, which output, target, which input) for each value between layers."""
    for call in model._graph.calls:
        for position, tensor in enumerate(call.inputs):
            yield tensor.call.layer, tensor.index, call.layer, position


def _joined_in_a_row(model):
    for first, second in zip(model.layers, model.layers[1:], strict=False):
        yield first, 0, second, 0


def _layer_boxes(model, inner: Diagram) -> dict[int, Box]:
    layers = model._graph.layers if is_functional(model) else model.layers
    return {id(layer): box for layer, box in zip(layers, inner.boxes, strict=True)}


def _where_it_leaves(model, output: int, box: Box) -> Box:
    """The box inside `box` that makes an output of the model."""
    while box.inner is not None:
        boxes = _layer_boxes(model, box.inner)
        if is_functional(model):
            tensor = model._graph.flat_outputs[output]
            model, output = tensor.call.layer, tensor.index
        else:
            model = model.layers[-1]
        box = boxes[id(model)]
    return box


def _where_it_enters(model, position: int, box: Box) -> Box:
    """The box inside `box` that takes an input of the model."""
    while box.inner is not None:
        boxes = _layer_boxes(model, box.inner)
        model = model._graph.flat_inputs[position].call.layer if is_functional(model) else model.layers[0]
        box = boxes[id(model)]
    return box


def _box(layer, shown: Shown) -> Box:
    name = type(layer).__name__
    inner = None
    if shown.nested and (is_functional(layer) or (hasattr(layer, "_stack") and layer.layers)):
        inner = diagram_of(layer, shown)
    title = f"{layer.name} ({name})" if shown.layer_names else name
    return Box(title, _kind(layer, name), _rows(layer, shown), inner)


def _kind(layer, name: str) -> str:
    if isinstance(layer, InputLayer):
        return "input"
    if hasattr(layer, "_graph"):
        return "model"
    if isinstance(layer, Operation) or name in _MERGING:
        return "operation"
    return next((kind for word, kind in _KINDS if word in name), "other")


def _rows(layer, shown: Shown) -> list[tuple[str, str]]:
    rows = []
    activation = getattr(layer, "activation", None)
    if shown.activations and activation is not None:
        rows.append(("activation", getattr(activation, "__name__", type(activation).__name__)))
    if shown.shapes:
        if not isinstance(layer, InputLayer):
            rows.append(("input", _shape_text(_input_shapes(layer))))
        rows.append(("output", _shape_text(output_shapes(layer))))
    if shown.dtype:
        rows.append(("dtype", _dtypes(layer)))
    if shown.trainable and layer.weights:
        rows.append(("trainable", "yes" if layer.trainable else "no"))
    return rows


def _input_shapes(layer):
    if layer._calls:
        return [tensor.shape for tensor in layer._calls[0].inputs]
    if getattr(layer, "_graph", None) is not None:
        return layer.input_shape
    built_for = layer.__dict__.get("_built_for")
    return next(iter(built_for.values())) if built_for else None


def _shape_text(shapes) -> str:
    if shapes is None:
        return "?"
    if nested_shapes.is_shape(shapes):
        return str(tuple(shapes))
    return ", ".join(str(shape) for shape in nested_shapes.flatten_shapes(shapes))


def _dtypes(layer) -> str:
    try:
        return ", ".join(dict.fromkeys(str(t.dtype) for t in nest.leaves(layer.output)))
    except AttributeError:
        return layer.dtype
