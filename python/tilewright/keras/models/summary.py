# SPDX-License-Identifier: Apache-2.0
"""The table that `Model.summary` prints, laid out as Keras's."""

from __future__ import annotations

import math

from tilewright.keras import nest

_HEADER = ("Layer (type)", "Output Shape", "Param #")


def text(
    model, line_length: int | None = None, expand_nested: bool = False, show_trainable: bool = False
) -> str:
    """The whole summary."""
    rows = [row for layer in model.layers for row in _rows(layer, expand_nested, show_trainable, 0)]
    header = [*_HEADER, "Trainable"] if show_trainable else list(_HEADER)
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    if line_length is not None:
        spare = line_length - sum(widths) - 3 * len(widths) - 1
        widths[0] += max(spare, 0)

    def line(left, fill, middle, right):
        return left + middle.join(fill * (w + 2) for w in widths) + right

    def cells(values, bar):
        aligned = [
            v.rjust(w) if i == 2 else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))
        ]
        return bar + bar.join(f" {v} " for v in aligned) + bar

    lines = [f'Model: "{model.name}"', line("┏", "━", "┳", "┓"), cells(header, "┃"), line("┡", "━", "╇", "┩")]
    for i, row in enumerate(rows):
        lines += [line("├", "─", "┼", "┤")] if i else []
        lines.append(cells(row, "│"))
    lines.append(line("└", "─", "┴", "┘"))
    return "\n".join(lines + _totals(model))


def _rows(layer, expand_nested: bool, show_trainable: bool, depth: int) -> list[list[str]]:
    indent = "    " * depth
    row = [
        f"{indent}{layer.name} ({type(layer).__name__})",
        _shape_of(layer),
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
    ]
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    nested = getattr(layer, "layers", ()) if expand_nested else ()
    return [row] + [r for inner in nested for r in _rows(inner, expand_nested, show_trainable, depth + 1)]


def _shape_of(layer) -> str:
    calls = getattr(layer, "_calls", ())
    try:
        outputs = calls[0].outputs if calls else layer.output
    except AttributeError:
        return "?"
    return ", ".join(str(t.shape) for t in nest.flatten(outputs))


def _totals(model) -> list[str]:
    if not model.weights:
        return [
            " Total params: 0 (0.00 B)",
            " Trainable params: 0 (0.00 B)",
            " Non-trainable params: 0 (0.00 B)",
        ]
    groups = [
        ("Total", [*model.weights]),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    ]
    optimizer = getattr(model, "optimizer", None)
    state = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    if state:
        groups[0][1].extend(state)
        groups.append(("Optimizer", state))
    return [
        f" {name} params: {_count(vs):,} ({_readable(sum(v.array.nbytes for v in vs))})"
        for name, vs in groups
    ]


def _count(variables) -> int:
    return sum(math.prod(v.shape) for v in variables)


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024
    return ""
