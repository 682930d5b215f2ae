# SPDX-License-Identifier: Apache-2.0
"""The table that `Model.summary` prints, laid out as Keras's."""

from __future__ import annotations

import math
import re
import shutil

from tilewright import nest
from tilewright.keras import nested_shapes
from tilewright.keras.models import text_table
from tilewright.keras.models.functional_config import is_functional
from tilewright.keras.saving.weights_h5 import optimizer_variables

_CHAIN = (88, (0.45, 0.80, 1.0), ("Layer (type)", "Output Shape", "Param #"), "llr")
_GRAPH = (108, (0.3, 0.56, 0.74, 1.0), (*_CHAIN[2], "Connected to"), "llrl")


def text(
    model,
    line_length: int | None = None,
    positions=None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range=None,
) -> str:
    """The whole summary; arguments as `Model.summary` has them."""
    graph = model._graph if is_functional(model) else None
    branches = graph is not None and not graph.is_a_chain
    length, ends, header, alignment = _GRAPH if branches else _CHAIN
    ends = list(positions or ends)
    if show_trainable:
        length, ends = length + 12, [end * 0.9 for end in ends] + [1.0]
        header, alignment = (*header, "Trainable"), alignment + "c"
    if len(ends) != len(header):
        raise ValueError(f"[summary] positions has {len(ends)} numbers, expected {len(header)}, one a column")
    length = line_length or min(length, shutil.get_terminal_size().columns - 4)
    bounds = [0, *(int(end * length) for end in ends)]
    widths = [b - a for a, b in zip(bounds, bounds[1:], strict=False)]
    if min(widths) < 4:
        raise ValueError(f"[summary] line_length is {length}, expected enough for columns of at least 4")

    def rows_of(layer, depth=0):
        row = [_titled(layer, depth), shape_of(layer), _size(layer)]
        if branches:
            row.append(_connections(layer, graph) if depth == 0 else "-")
        if show_trainable:
            row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
        nested = getattr(layer, "layers", ()) if expand_nested else ()
        return [row] + [inner for below in nested for inner in rows_of(below, depth + 1)]

    layers = _ranged(graph.layers if graph is not None else model.layers, layer_range)
    rows = [row for layer in layers for row in rows_of(layer)]
    table = text_table.drawn(header, rows, widths, alignment, length)
    return "\n".join([f'Model: "{model.name}"', *table, *_totals(model)])


def _titled(layer, depth: int) -> str:
    prefix = "   " * depth + "└ " if depth else ""
    return f"{prefix}{layer.name} ({type(layer).__name__})"


def _size(layer) -> str:
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def shape_of(layer) -> str:
    """The output shape of a layer's last symbolic call, or for the shapes it was built for, or "?"."""
    shapes = output_shapes(layer)
    if shapes is None:
        return "?"
    flat = nested_shapes.flatten_shapes(shapes)
    return str(flat[0]) if len(flat) == 1 else str(shapes).replace("'", "")


def output_shapes(layer):
    """Shapes in the structure of the outputs, or None where they are unknown."""
    calls = getattr(layer, "_calls", ())
    try:
        if calls:
            return nest.map_leaves(lambda t: t.shape, calls[-1].outputs)
        if getattr(layer, "_graph", None) is not None:
            return layer.output_shape
        built_for = layer.__dict__.get("_built_for")
        return tuple(layer.compute_output_shape(*built_for.values())) if built_for else None
    except (NotImplementedError, AttributeError, TypeError, ValueError):
        return None


def _connections(layer, graph) -> str:
    """Where a layer's inputs come from: name, number of the call, number of the output."""
    calls = sorted((call for call in graph.calls if call.layer is layer), key=_number)
    sources = [tensor for call in calls for tensor in call.inputs]
    return ", ".join(f"{t.call.layer.name}[{_number(t.call)}][{t.index}]" for t in sources) or "-"


def _number(call) -> int:
    """Which call of its layer it is."""
    calls = call.layer._calls
    return calls.index(call) if call in calls else len(calls)


def _ranged(layers: list, layer_range) -> list:
    """The layers from the first that matches one pattern to the last that matches the other."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"[summary] layer_range is {layer_range!r}, expected two names or patterns")
    ends = []
    for pattern in layer_range:
        ends.append([i for i, layer in enumerate(layers) if re.match(pattern, layer.name)])
        if not ends[-1]:
            names = ", ".join(layer.name for layer in layers)
            raise ValueError(f"[summary] layer_range holds {pattern!r}, expected to match one of {names}")
    first, last = ends
    if min(first) > max(last):
        first, last = last, first
    return layers[min(first) : max(last) + 1]


def _totals(model) -> list[str]:
    optimizer = getattr(model, "optimizer", None)
    state = optimizer_variables(optimizer) if optimizer is not None and optimizer.built else []
    groups = [
        ("Total", [*model.weights, *state]),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    ]
    if state:
        groups.append(("Optimizer", state))
    return [
        f" {name} params: {sum(math.prod(v.shape) for v in variables):,}"
        f" ({readable_size(sum(v.array.nbytes for v in variables))})"
        for name, variables in groups
    ]


def readable_size(size: float) -> str:
    """Bytes with a unit: "1.50 KB"."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"
