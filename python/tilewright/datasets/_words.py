# SPDX-License-Identifier: Apache-2.0
"""What the data sets of numbered words share: Keras's options on sequences of word numbers."""

from __future__ import annotations

import json

import numpy as np


def shuffled(xs, labels, seed: int):
    """Both in the order that Keras draws for this seed."""
    order = np.arange(len(xs))
    np.random.RandomState(seed).shuffle(order)
    return xs[order], labels[order]


def renumbered(name, xs, labels, start_char, index_from, maxlen):
    """Word numbers moved up by index_from behind a start_char; sequences of maxlen and more are left out."""
    start = [] if start_char is None else [start_char]
    offset = index_from or 0
    xs = [start + [w + offset for w in x] for x in xs]
    if maxlen:
        kept = [i for i, x in enumerate(xs) if len(x) < maxlen]
        if not kept:
            raise ValueError(f"[{name}.load_data] maxlen is {maxlen}, expected more: no sequence is shorter")
        xs, labels = [xs[i] for i in kept], labels[kept]
    return xs, labels


def limited(xs, num_words, skip_top, oov_char):
    """Words outside [skip_top, num_words) replaced by oov_char, or left out where it is None."""
    if not num_words:
        num_words = max((max(x) for x in xs if x), default=0)  # which leaves it out, as Keras does
    if oov_char is not None:
        return [[w if skip_top <= w < num_words else oov_char for w in x] for x in xs]
    return [[w for w in x if skip_top <= w < num_words] for x in xs]


def ragged(xs) -> np.ndarray:
    """Lists of different lengths as an array of dtype object."""
    array = np.empty(len(xs), object)
    array[:] = xs
    return array


def read_word_index(name, path) -> dict:
    """A JSON file of word numbers. Raises ValueError for anything else."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"[{name}.get_word_index] {path} is no whole JSON file: {error}") from error
