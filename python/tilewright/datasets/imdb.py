# SPDX-License-Identifier: Apache-2.0
"""IMDB: 25,000 training and 25,000 test film reviews as word numbers, good or bad (Maas et al., ACL 2011)."""

from __future__ import annotations

import numpy as np

from tilewright.datasets import _words
from tilewright.datasets._files import keras_file
from tilewright.datasets._unpickle import load_npz

_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_INDEX_MD5 = "bfafd718b763782e994055a2d397834f"


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """IMDB as ((x_train, y_train), (x_test, y_test)): arrays of lists of word numbers, int64 labels 0 and 1.

    Parameters
        path : an .npz file, or its name in the cache
        num_words, skip_top : words from skip_top to below num_words are kept, by frequency
        maxlen : reviews of so many words and more are left out
        seed : of the order
        start_char : put before each review;  oov_char : in place of other words (None: they are left out)
        index_from : added to the numbers of words
    Raises    ValueError: a broken file, no review short enough.  OSError: no connection
    """
    file = keras_file("imdb", path, "imdb.npz", _SHA256)
    arrays = load_npz(file, ("x_train", "y_train", "x_test", "y_test"), "imdb.load_data")
    parts = [_words.shuffled(*pair, seed) for pair in (arrays[:2], arrays[2:])]
    parts = [_words.renumbered("imdb", *part, start_char, index_from, maxlen) for part in parts]
    xs = _words.limited([*parts[0][0], *parts[1][0]], num_words, skip_top, oov_char)
    labels = np.concatenate([parts[0][1], parts[1][1]])
    cut = len(parts[0][0])
    return (_words.ragged(xs[:cut]), labels[:cut]), (_words.ragged(xs[cut:]), labels[cut:])


def get_word_index(path="imdb_word_index.json"):
    """The number of each word, 1 for the most frequent; `load_data` adds index_from to it."""
    return _words.read_word_index("imdb", keras_file("imdb", path, "imdb_word_index.json", _INDEX_MD5))
