# SPDX-License-Identifier: Apache-2.0
"""Texts on the host: as arrays of str, cleaned, cut into tokens, counted into vocabularies."""

from __future__ import annotations

import collections
import math
import re
import string

import numpy as np

from tilewright.autograd import Tensor
from tilewright.text_values import text_array

_PUNCTUATION = str.maketrans(dict.fromkeys("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'", None))
# TensorFlow makes ASCII letters small and leaves the others.
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_WORDS = re.compile(r"[^ \t\n\v\f\r]+")  # other spaces do not part words there either
STANDARDIZATIONS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")


def standardized(texts: np.ndarray, how) -> np.ndarray:
    """Each text cleaned: one of STANDARDIZATIONS, None, or a function of an array of str."""
    if how is None:
        return texts
    if callable(how):
        return text_array(how(texts.astype(str)))
    table = {
        "lower": _SMALL,
        "strip_punctuation": _PUNCTUATION,
        "lower_and_strip_punctuation": {**_SMALL, **_PUNCTUATION},
    }[how]
    cleaned = np.empty(texts.size, object)
    cleaned[:] = [text.translate(table) for text in texts.reshape(-1)]
    return cleaned.reshape(texts.shape)


def tokens_of(texts: np.ndarray, split) -> list[list[str]]:
    """The tokens of each text of a (n,) array: by "whitespace", "character", or a function of the array."""
    if callable(split):
        rows = split(texts.astype(str))
        return [[str(token) for token in (row.numpy() if isinstance(row, Tensor) else row)] for row in rows]
    return [_WORDS.findall(text) if split == "whitespace" else list(text) for text in texts]


def with_ngrams(tokens: list[str], sizes) -> list[str]:
    """Runs of tokens joined by spaces, those of the first size first."""
    return [" ".join(tokens[i : i + size]) for size in sizes for i in range(len(tokens) - size + 1)]


class TokenCounts:
    """How often tokens occur, and in how many documents."""

    def __init__(self):
        self.occurrences: collections.Counter = collections.Counter()
        self.in_documents: collections.Counter = collections.Counter()
        self.documents = 0

    def add(self, documents) -> None:
        """Counts lists of tokens, one a document."""
        for tokens in documents:
            self.occurrences.update(tokens)
            self.in_documents.update(set(tokens))
            self.documents += 1

    def most_frequent(self, without, limit: int | None) -> list:
        """Tokens by falling count, equal counts by falling token; at most `limit`."""
        known = [token for token in self.occurrences if token not in without]
        known.sort(key=lambda token: (self.occurrences[token], token), reverse=True)
        return known[:limit]

    def inverse_frequencies(self, tokens) -> list[float]:
        """log(1 + documents / (1 + documents with the token))."""
        return [math.log(1 + self.documents / (1 + self.in_documents[token])) for token in tokens]


class Quantiles:
    """A summary of many numbers, good to `epsilon`, from which bins of equal share are cut, as Keras's."""

    def __init__(self, epsilon: float):
        self._epsilon, self._summary = epsilon, np.zeros((2, 0), np.float32)

    def add(self, values) -> None:
        """Takes in an array of numbers."""
        values = np.sort(np.asarray(values, np.float32).reshape(-1))
        step = max(values.size * self._epsilon, 1)
        places = values[int(step - 1) :: int(step)]
        new = np.stack([places, np.full_like(places, step)])
        merged = np.concatenate([new, self._summary], axis=1)
        self._summary = _compressed(merged[:, np.argsort(merged[0])], self._epsilon)

    def boundaries(self, bins: int) -> list[float]:
        """Where `bins` bins of equal share meet."""
        return _compressed(self._summary, 1.0 / bins)[0, :-1].tolist()


def _compressed(summary, epsilon):
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    shares = weights / weights[-1]
    places, weights = np.interp(wanted, shares, summary[0]), np.interp(wanted, shares, weights)
    return np.stack([places, np.diff(weights, prepend=0.0)]).astype(np.float32)
