# SPDX-License-Identifier: Apache-2.0
"""Reuters-21578: 11,228 newswires as word numbers, in 46 topics."""

from __future__ import annotations

from tilewright.datasets import _words
from tilewright.datasets._files import keras_file
from tilewright.datasets._unpickle import load_npz

LABELS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee",
    "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx",
    "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock",
    "retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem",
    "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip
_SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_INDEX_MD5 = "4d44cc38712099c9e383dc6e5f11a921"


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """Reuters as ((x_train, y_train), (x_test, y_test)): arrays of lists of word numbers, and topics 0 to 45.

    Parameters and errors as those of `imdb.load_data`; the last test_split of the newswires are the test
    part.
    """
    file = keras_file("reuters", path, "reuters.npz", _SHA256)
    xs, labels = _words.shuffled(*load_npz(file, ("x", "y"), "reuters.load_data"), seed)
    xs, labels = _words.renumbered("reuters", xs, labels, start_char, index_from, maxlen)
    xs = _words.limited(xs, num_words, skip_top, oov_char)
    cut = int(len(xs) * (1 - test_split))
    return (_words.ragged(xs[:cut]), labels[:cut]), (_words.ragged(xs[cut:]), labels[cut:])


def get_word_index(path="reuters_word_index.json"):
    """The number of each word, 1 for the most frequent; `load_data` adds index_from to it."""
    return _words.read_word_index(
        "reuters", keras_file("reuters", path, "reuters_word_index.json", _INDEX_MD5)
    )


def get_label_names():
    """The names of the 46 topics."""
    return LABELS
