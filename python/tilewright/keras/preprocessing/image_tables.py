# SPDX-License-Identifier: Apache-2.0
"""Tables of image files and their labels, as flow_from_dataframe takes them: DataFrames, dicts of lists."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tilewright import ops

_MODES = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)
_NAME = "flow_from_dataframe"


@dataclass
class Table:
    """File names as given, their paths, and what each class_mode needs of the rest, row by row."""

    names: list[str]
    paths: list[str]
    classes: Any = None
    class_indices: dict | None = None
    targets: Any = None
    weights: Any = None

    def part(self, rows) -> Table:
        """The rows of a slice or a list of numbers."""
        numbers = range(len(self.names))[rows] if isinstance(rows, slice) else rows

        def chosen(column):
            if column is None:
                return None
            if isinstance(column, tuple):
                return tuple(chosen(part) for part in column)
            return column[list(numbers)] if isinstance(column, np.ndarray) else [column[i] for i in numbers]

        columns = ("names", "paths", "classes", "targets", "weights")
        return replace(self, **{column: chosen(getattr(self, column)) for column in columns})


def read_table(
    dataframe, directory, x_col, y_col, weight_col, classes, class_mode, validate_filenames, suffixes
) -> Table:
    """The table's rows that can be used.

    Raises   ValueError: unknown class_mode, a missing column, not two classes for "binary".  TypeError: names
             or labels that are no strings
    """
    if class_mode not in _MODES:
        raise ValueError(f"[{_NAME}] class_mode is {class_mode!r}, expected one of {_MODES}")
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f"[{_NAME}] y_col is a {type(y_col).__name__}, expected a list with class_mode 'multi_output'"
        )
    names = _column(dataframe, x_col)
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise TypeError(f"[{_NAME}] column {x_col} holds a {type(wrong).__name__}, expected file names")
    table = Table(names, [os.path.join(directory, name) for name in names])
    if weight_col is not None:
        table.weights = np.array(_column(dataframe, weight_col))
        if table.weights.dtype.kind not in "fiu":
            raise TypeError(
                f"[{_NAME}] column {weight_col} has dtype {table.weights.dtype}, expected numbers"
            )
    if class_mode == "multi_output":
        table.targets = tuple(np.array(_column(dataframe, column)) for column in y_col)
    elif class_mode == "raw":
        table.targets = (
            np.array([_column(dataframe, c) for c in y_col]).T
            if isinstance(y_col, list)
            else (np.array(_column(dataframe, y_col)))
        )
    elif class_mode in ("binary", "categorical", "sparse"):
        table.classes = _column(dataframe, y_col)
    if validate_filenames:
        table = _existing(table, x_col, suffixes)
    return _numbered(table, y_col, classes, class_mode) if table.classes is not None else table


def _column(dataframe, name) -> list:
    try:
        return list(dataframe[name])
    except KeyError:
        raise ValueError(f"[{_NAME}] dataframe has no column {name!r}, expected one of that name") from None


def _existing(table, x_col, suffixes) -> Table:
    kept = [
        i for i, path in enumerate(table.paths) if path.lower().endswith(suffixes) and os.path.isfile(path)
    ]
    lost = len(table.paths) - len(kept)
    if lost:
        warnings.warn(
            f"[{_NAME}] {lost} of the image files that column {x_col!r} names do not exist and are left out",
            stacklevel=5,
        )
    return table.part(kept)


def _numbered(table, y_col, classes, class_mode) -> Table:
    """Class numbers instead of names; rows of other classes than `classes` are left out."""
    labels = table.classes
    kinds = (str, list, tuple) if class_mode == "categorical" else (str,)
    wrong = next((label for label in labels if not isinstance(label, kinds)), None)
    if wrong is not None:
        expected = "strings or lists of them" if class_mode == "categorical" else "strings"
        raise TypeError(
            f"[{_NAME}] column {y_col} holds a {type(wrong).__name__}, expected {expected} with class_mode "
            f"{class_mode!r}; class_mode='raw' takes numbers"
        )
    lists = [[label] if isinstance(label, str) else list(label) for label in labels]
    known = list(dict.fromkeys(classes)) if classes else sorted({label for row in lists for label in row})
    if class_mode == "binary" and len(known) != 2:
        raise ValueError(
            f"[{_NAME}] column {y_col} holds {len(known)} classes, expected 2 with class_mode 'binary'"
        )
    indices = {label: i for i, label in enumerate(known)}
    numbers = [[indices[label] for label in row if label in indices] for row in lists]
    kept = [i for i, row in enumerate(numbers) if row]
    single = all(isinstance(label, str) for label in labels)
    table = replace(table.part(kept), class_indices=indices)
    table.classes = [numbers[i][0] if single else numbers[i] for i in kept]
    return table


def one_hot_labels(labels: list, depth: int, dtype):
    """Rows with ones at the class numbers, each one number or a list of them."""
    ids = [[label] if isinstance(label, (int, np.integer)) else list(label) for label in labels]
    longest = max(len(row) for row in ids)
    padded = np.array([row + [-1] * (longest - len(row)) for row in ids], np.int64)
    return ops.max(ops.one_hot(padded, depth, dtype=dtype), axis=1)
