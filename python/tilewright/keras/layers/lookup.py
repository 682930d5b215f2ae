# SPDX-License-Identifier: Apache-2.0
"""Tokens as numbers by a vocabulary: StringLookup, IntegerLookup. The vocabulary lives on the host."""

from __future__ import annotations

import os

import numpy as np

from tilewright.autograd import Tensor
from tilewright.data.hashing import bin_of
from tilewright.data.text import TokenCounts
from tilewright.keras import config
from tilewright.keras.layers.category_rows import (
    OUTPUT_MODES,
    check_output_mode,
    encoded,
    encoded_shape,
    refuse_sparse,
)
from tilewright.keras.layers.host_layer import Adapting, HostLayer, salt_pair
from tilewright.text_values import text_array


class IndexLookup(Adapting, HostLayer):
    """Base of both. Numbers in this order: mask (0, with output "int"), unknown tokens, the vocabulary.

    Parameters
        max_tokens : most numbers in all;  num_oov_indices : numbers for unknown tokens, by their hash if
            several
        mask_token : means nothing;  oov_token : what unknown numbers become with `invert`
        vocabulary : list, array or text file of tokens by falling frequency; else `adapt` finds it
        idf_weights : of the vocabulary, for output "tf_idf"
        invert : numbers to tokens
        output_mode : "int", "one_hot", "multi_hot", "count" or "tf_idf";  pad_to_max_tokens : of rows
    """

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        salt=None,
        name=None,
        **kwargs,
    ):
        # Of a configuration: how large the vocabulary is that `load_assets` reads once the model stands.
        self._awaited_size = kwargs.pop("vocabulary_size", None)
        kwargs.pop("has_input_vocabulary", None)  # in configurations that Keras wrote
        super().__init__(name=name, **{k: v for k, v in kwargs.items() if k in ("trainable",)})
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"[{self.name}] max_tokens is {max_tokens}, expected more than 1")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"[{self.name}] pad_to_max_tokens is True, expected max_tokens with it")
        if num_oov_indices < 0:
            raise ValueError(f"[{self.name}] num_oov_indices is {num_oov_indices}, expected at least 0")
        refuse_sparse(self.name, sparse)
        self.output_mode = check_output_mode(self.name, output_mode, (*OUTPUT_MODES, "tf_idf"))
        if invert and self.output_mode != "int":
            raise ValueError(f"[{self.name}] output_mode is {output_mode!r}, expected 'int' with invert")
        self.max_tokens, self.num_oov_indices, self.invert = max_tokens, num_oov_indices, invert
        self.mask_token, self.oov_token = mask_token, oov_token
        self.sparse, self.pad_to_max_tokens = sparse, pad_to_max_tokens
        self.salt = salt_pair(self.name, salt)
        self.input_vocabulary = None if isinstance(vocabulary, str) else vocabulary
        self.input_idf_weights = idf_weights
        self._fixed = vocabulary is not None
        self._tokens: list = []
        self._numbers: dict = {}
        self.idf_weights = None
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- tokens, as subclasses read them

    def _read(self, values) -> np.ndarray:
        """An array of tokens from what the layer is called on."""
        raise NotImplementedError

    def _oov_number(self, token) -> int:
        """The number of an unknown token among several."""
        raise NotImplementedError

    # ---- the vocabulary

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    def vocabulary_size(self) -> int:
        """Numbers in use, those for mask and unknown tokens included."""
        return self._token_start + len(self._tokens)

    def get_vocabulary(self, include_special_tokens=True) -> list:
        """The tokens in the order of their numbers."""
        mask = [self.mask_token] * self._oov_start
        special = [*mask, *[self.oov_token] * self.num_oov_indices] if include_special_tokens else []
        return [*special, *self._tokens]

    def set_vocabulary(self, vocabulary, idf_weights=None) -> None:
        """Sets the tokens (list, array, text file with one a line), the special ones in front or not."""
        if isinstance(vocabulary, (str, os.PathLike)):
            with open(vocabulary, encoding="utf-8") as file:
                vocabulary = file.read().splitlines()
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            needed = "expected some" if self.output_mode == "tf_idf" else "expected none"
            raise ValueError(
                f"[{self.name}] idf_weights is {idf_weights}, {needed} with output_mode {self.output_mode!r}"
            )
        tokens = self._read(vocabulary).reshape(-1).tolist()
        if not tokens:
            raise ValueError(f"[{self.name}] vocabulary is empty, expected at least one token")
        special = self.get_vocabulary()[: self._token_start]
        in_front = bool(special) and tokens[: len(special)] == special
        if in_front:
            tokens = tokens[len(special) :]
        self._set_tokens(tokens)
        if idf_weights is not None:
            weights = [float(w) for w in idf_weights]
            if len(weights) != len(tokens) + (len(special) if in_front else 0):
                raise ValueError(
                    f"[{self.name}] idf_weights has {len(weights)} entries, expected one for each of the "
                    "vocabulary"
                )
            self._set_weights(weights if in_front else [sum(weights) / len(weights)] * len(special) + weights)

    def _set_tokens(self, tokens: list) -> None:
        numbers = {}
        for i, token in enumerate(tokens):
            if token in numbers:
                raise ValueError(f"[{self.name}] vocabulary holds {token!r} twice, expected each token once")
            if token == self.mask_token or (self.invert and token == self.oov_token):
                raise ValueError(
                    f"[{self.name}] vocabulary holds {token!r} at {i}, expected special tokens only in "
                    f"front, as {self.get_vocabulary()[: self._token_start]}"
                )
            numbers[token] = self._token_start + i
        if self.max_tokens is not None and self._token_start + len(tokens) > self.max_tokens:
            raise ValueError(
                f"[{self.name}] vocabulary gives {self._token_start + len(tokens)} numbers, expected at most "
                f"max_tokens, {self.max_tokens}"
            )
        self._tokens, self._numbers = list(tokens), numbers

    def _set_weights(self, weights: list[float]) -> None:
        padded = [*weights, *[0.0] * (self._depth() - len(weights))]
        self.idf_weights = Tensor(np.asarray(padded, config.floatx()))

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._counts = TokenCounts()

    def update_state(self, data) -> None:
        """Counts the tokens of a batch; a row is a document, one axis a document each."""
        tokens = self._read(data)
        self.count(tokens.reshape(-1, 1) if tokens.ndim < 2 else tokens.reshape(len(tokens), -1))

    def count(self, documents) -> None:
        """Counts lists of tokens."""
        if self._fixed:
            raise ValueError(f"[{self.name}] adapt after a vocabulary was given, expected vocabulary=None")
        self._counts.add(list(row) for row in documents)

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        if self._fixed or not self._counts.documents:
            return
        limit = None if self.max_tokens is None else max(self.max_tokens - self._token_start, 0)
        tokens = self._counts.most_frequent({self.mask_token, self.oov_token}, limit)
        self._set_tokens(tokens)
        if self.output_mode == "tf_idf":
            weights = self._counts.inverse_frequencies(tokens)
            mean = sum(weights) / max(len(weights), 1)
            self._set_weights([mean] * self._token_start + weights)
        self.reset_state()

    # ---- looking up

    def _depth(self) -> int:
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.vocabulary_size() if self._tokens else self._awaited_size or self.vocabulary_size()

    def number_of(self, token) -> int:
        """The number of one token; -1 for the mask where it is left out."""
        if self.mask_token is not None and token == self.mask_token:
            return 0 if self.output_mode == "int" else -1
        number = self._numbers.get(token)
        if number is not None:
            return number
        if self.num_oov_indices == 0:
            raise ValueError(
                f"[{self.name}] inputs holds {token!r}, expected tokens of the vocabulary only "
                "(num_oov_indices is 0)"
            )
        return self._oov_start + (0 if self.num_oov_indices == 1 else self._oov_number(token))

    def encode(self, ids):
        """Numbers of tokens in the layer's output mode."""
        if self.output_mode == "int":
            return ids
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        rows = encoded(ids, mode, self._depth(), self._output_dtype())
        return rows * self.idf_weights if self.output_mode == "tf_idf" else rows

    def call(self, inputs):
        if not self._tokens:
            raise ValueError(
                f"[{self.name}] the vocabulary is empty, expected vocabulary= or adapt(data) before"
            )
        if self.invert:
            return self._inverted(inputs)
        tokens = self._read(inputs)
        ids = np.array([self.number_of(t) for t in tokens.reshape(-1).tolist()], np.int64)
        return self.encode(Tensor(ids.reshape(tokens.shape)))

    def _inverted(self, inputs):
        numbers = np.asarray(inputs.numpy() if isinstance(inputs, Tensor) else inputs)
        words = self.get_vocabulary()
        found = [words[n] if 0 <= n < len(words) else self.oov_token for n in numbers.reshape(-1).tolist()]
        return Tensor(self._read(found).reshape(numbers.shape))

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self._depth())

    # ---- configuration

    def get_config(self) -> dict:
        fields = (
            "max_tokens", "num_oov_indices", "mask_token", "oov_token", "invert", "output_mode", "sparse",
            "pad_to_max_tokens", "salt",
        )  # fmt: skip
        vocabulary, weights = self.input_vocabulary, self.input_idf_weights
        return {
            "name": self.name,
            "trainable": self.trainable,
            **{field: getattr(self, field) for field in fields},
            "vocabulary": None if vocabulary is None else self._read(vocabulary).reshape(-1).tolist(),
            "idf_weights": None if weights is None else [float(w) for w in weights],
            "vocabulary_size": self.vocabulary_size() if self._tokens else None,
        }

    def save_assets(self, dir_path) -> None:
        """Writes a vocabulary that was learned as vocabulary.txt, one token a line, as Keras does."""
        if self.input_vocabulary is None:
            with open(os.path.join(dir_path, "vocabulary.txt"), "w", encoding="utf-8") as file:
                file.write("\n".join(str(token) for token in self.get_vocabulary()))

    def load_assets(self, dir_path) -> None:
        """Reads what `save_assets` wrote."""
        if self.input_vocabulary is None:
            with open(os.path.join(dir_path, "vocabulary.txt"), encoding="utf-8") as file:
                tokens = self._read(file.read().split("\n")).tolist()
            self._set_tokens(tokens[self._token_start :])


class StringLookup(IndexLookup):
    """Strings as numbers; see `IndexLookup`."""

    input_dtype = "string"

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            sparse, pad_to_max_tokens, salt, name, **kwargs,
        )  # fmt: skip

    def _read(self, values):
        return text_array(values, self.encoding)

    def _oov_number(self, token):
        return bin_of(token, self.num_oov_indices, None if self.salt is None else tuple(self.salt))

    def _output_dtype(self) -> str:
        return "string" if self.invert else super()._output_dtype()

    def get_config(self) -> dict:
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """Integers as numbers of a vocabulary; see `IndexLookup`.

    oov_method : where several numbers stand for unknown ones: "floormod", or "farmhash" (with `salt`,
        SipHash)
    """

    input_dtype = "int64"

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if oov_method not in ("floormod", "farmhash") or (salt is not None and oov_method == "floormod"):
            raise ValueError(
                f"[IntegerLookup] oov_method is {oov_method!r} and salt {salt}, expected 'floormod' or "
                "'farmhash', the latter with a salt"
            )
        self.vocabulary_dtype, self.oov_method = np.dtype(vocabulary_dtype).name, oov_method
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            sparse, pad_to_max_tokens, salt, name, **kwargs,
        )  # fmt: skip

    def _read(self, values):
        values = values.numpy() if isinstance(values, Tensor) else values
        return np.asarray(values).astype(self.vocabulary_dtype)

    def _oov_number(self, token):
        if self.oov_method == "floormod":
            return token % self.num_oov_indices
        return bin_of(str(token), self.num_oov_indices, None if self.salt is None else tuple(self.salt))

    def get_config(self) -> dict:
        own = {"vocabulary_dtype": self.vocabulary_dtype, "oov_method": self.oov_method}
        return {**super().get_config(), **own}
