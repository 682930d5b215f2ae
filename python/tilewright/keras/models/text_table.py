# SPDX-License-Identifier: Apache-2.0
"""A table of text in box-drawing characters, of a given width, with words wrapped and long ones cut."""

from __future__ import annotations

import re


def drawn(header, rows, widths: list[int], alignment: str, total: int) -> list[str]:
    """The lines of the table.

    Parameters
        widths : of the columns; taken from, or added to, until all with their borders fill `total`
        alignment : "l", "r" or "c" for each column
    """
    widths = _fitted([width + 2 for width in widths], total - len(widths) - 1)

    def line(left, fill, middle, right):
        return left + middle.join(fill * width for width in widths) + right

    lines = [line("┏", "━", "┳", "┓"), *_cells(header, widths, alignment, "┃"), line("┡", "━", "╇", "┩")]
    for i, row in enumerate(rows):
        lines += [line("├", "─", "┼", "┤")] if i else []
        lines += _cells(row, widths, alignment, "│")
    return [*lines, line("└", "─", "┴", "┘")]


def _fitted(widths: list[int], total: int) -> list[int]:
    """Widths that sum up to `total`: as many cells are taken from each, or added in proportion."""
    excess, left = sum(widths) - total, len(widths)
    if excess > 0:
        fitted = []
        for width in widths:
            taken = min(width, round(excess / left))
            fitted.append(width - taken)
            excess, left = excess - taken, left - 1
        return fitted
    spare, remaining = -excess, sum(widths)
    fitted = []
    for width in widths:
        added = -(-width * spare // remaining) if remaining else 0
        fitted.append(width + added)
        spare, remaining = spare - added, remaining - width
    return fitted


def _cells(texts, widths: list[int], alignment: str, bar: str) -> list[str]:
    """A row as lines of text, as many as its longest cell needs."""
    wrapped = [_wrapped(text, width - 2) for text, width in zip(texts, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    found = []
    for i in range(height):
        parts = [lines[i] if i < len(lines) else "" for lines in wrapped]
        aligned = [
            f" {_aligned(part, width - 2, kind)} "
            for part, width, kind in zip(parts, widths, alignment, strict=True)
        ]
        found.append(bar + bar.join(aligned) + bar)
    return found


def _aligned(text: str, width: int, kind: str) -> str:
    if kind == "c":
        return (" " * ((width - len(text)) // 2) + text).ljust(width)
    return text.rjust(width) if kind == "r" else text.ljust(width)


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, broken between words; a word that is longer ends in an ellipsis."""
    lines, line = [], ""
    for word in re.findall(r"\s*\S+\s*", text):
        if line and len(line) + len(word.rstrip()) > width:
            lines.append(line)
            line = ""
        line += word
    lines.append(line)
    lines = [line.rstrip() for line in lines]
    return [line if len(line) <= width else line[: max(width - 1, 0)] + "…" for line in lines]
