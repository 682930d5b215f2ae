# SPDX-License-Identifier: Apache-2.0
"""`keras.preprocessing.text`: texts as numbered words, on the host."""

from __future__ import annotations

import collections
import hashlib
import json
import math

import numpy as np

from tilewright.suggestion import missing

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(input_text, filters=_FILTERS, lower=True, split=" "):
    """The words of a text.

    Parameters
        filters : characters that stand for the separator;  split : the separator
    """
    text = input_text.lower() if lower else input_text
    return [
        word for word in text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split) if word
    ]


def hashing_trick(text, n, hash_function=None, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """Words as numbers from 1 to n - 1 by their hash: Python's (another each process), "md5", a function."""
    if hash_function == "md5":

        def hash_function(word):
            return int(hashlib.md5(word.encode()).hexdigest(), 16)

    number = hash if hash_function is None else hash_function
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [number(word) % (n - 1) + 1 for word in words]


def one_hot(input_text, n, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """`hashing_trick` with Python's hash."""
    return hashing_trick(input_text, n, None, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers words by how often they occur: 1 is the most frequent, 0 is kept for padding.

    Parameters
        num_words : only numbers below it are given
        filters, lower, split : of `text_to_word_sequence`
        char_level : characters instead of words;  analyzer : a function from text to words, instead of those
        oov_token : stands for unknown words and gets the number 1; without it they are left out
    """

    def __init__(
        self,
        num_words=None,
        filters=_FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        document_count=0,
    ):
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict = collections.OrderedDict()
        self.word_docs: dict = collections.defaultdict(int)
        self.index_docs: dict = collections.defaultdict(int)
        self.word_index: dict = {}
        self.index_word: dict = {}

    def _words(self, text):
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [part.lower() for part in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts) -> None:
        """Counts the words of texts (strings, or lists of words) and numbers them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        if self.oov_token is not None:
            ordered.insert(0, self.oov_token)
        self.word_index = dict(zip(ordered, range(1, len(ordered) + 1), strict=True))
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences) -> None:
        """Counts in how many sequences each number occurs, for `sequences_to_matrix`."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def _unknown(self):
        """The number of oov_token, or None."""
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def texts_to_sequences(self, texts) -> list:
        """Texts as lists of numbers."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """`texts_to_sequences`, one after another."""
        unknown = self._unknown()
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            numbers = (
                n if n is not None and (not self.num_words or n < self.num_words) else unknown
                for n in numbers
            )
            yield [n for n in numbers if n is not None]

    def sequences_to_texts(self, sequences) -> list:
        """Lists of numbers as texts."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """`sequences_to_texts`, one after another."""
        unknown = self._unknown()
        for sequence in sequences:
            known = (
                n if n in self.index_word and (not self.num_words or n < self.num_words) else unknown
                for n in sequence
            )
            yield " ".join(self.index_word[n] for n in known if n is not None)

    def texts_to_matrix(self, texts, mode="binary"):
        """Texts as rows with an entry for each word."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """Lists of numbers as rows (n, num_words), float64.

        Parameters
            mode : "binary" (occurs), "count", "freq" (share of the text) or "tfidf"
        """
        if mode not in _MODES:
            raise ValueError(f"[Tokenizer] mode is {mode!r}, expected one of {', '.join(_MODES)}")
        if not self.num_words and not self.word_index:
            raise ValueError("[Tokenizer] num_words is None, expected a number or fit_on_texts before")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("[Tokenizer] mode is 'tfidf', expected fit_on_texts before")
        size = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), size))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in collections.Counter(n for n in sequence if n < size).items():
                row[number] = self._entry(mode, number, count, len(sequence))
        return matrix

    def _entry(self, mode, number, count, length) -> float:
        if mode == "tfidf":
            documents = 1 + self.document_count / (1 + self.index_docs.get(number, 0))
            return (1 + math.log(count)) * math.log(documents)
        return {"binary": 1.0, "count": count, "freq": count / length}[mode]

    def get_config(self) -> dict:
        """Arguments and counts as plain data; dicts as JSON."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        counts = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: json.dumps(getattr(self, name)) for name in counts},
        }

    def to_json(self, **kwargs) -> str:
        """A text that `tokenizer_from_json` reads."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string) -> Tokenizer:
    """The Tokenizer that `to_json` wrote."""
    config = json.loads(json_string)["config"]
    counts = {
        name: json.loads(config.pop(name))
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    }
    tokenizer = Tokenizer(**config)
    for name, values in counts.items():
        numbered = name in ("index_docs", "index_word")
        setattr(tokenizer, name, {int(k): v for k, v in values.items()} if numbered else values)
    return tokenizer


__getattr__ = missing(__name__)
