# SPDX-License-Identifier: Apache-2.0
"""TextVectorization: strings as numbered tokens, on the host."""

from __future__ import annotations

import numpy as np

from tilewright.autograd import Tensor
from tilewright.data.text import STANDARDIZATIONS, standardized, tokens_of, with_ngrams
from tilewright.keras import serialization
from tilewright.keras.layers.category_rows import OUTPUT_MODES, check_output_mode
from tilewright.keras.layers.host_layer import Adapting, HostLayer
from tilewright.keras.layers.lookup import StringLookup
from tilewright.text_values import text_array


class TextVectorization(Adapting, HostLayer):
    """Texts (n,) or (n, 1) as rows of numbers.

    Parameters
        max_tokens : size of the vocabulary, with the number 0 for padding and 1 for unknown tokens ("int")
        standardize : "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function of an
            array
        split : "whitespace", "character", None (what is given are tokens: (n, m), or (m,) of one text), or a
            function from an array of texts to lists of tokens
        ngrams : n for runs of up to n tokens, or a tuple of lengths
        output_mode : "int", "multi_hot", "count" or "tf_idf"
        output_sequence_length : of "int": rows are filled with 0 or cut; to the longest text where None
        pad_to_max_tokens : rows of the other modes have max_tokens entries
        vocabulary, idf_weights : given instead of `adapt`
    Examples
        >>> layer = TextVectorization(vocabulary=["hello", "world"], output_sequence_length=3)
        >>> layer(["Hello, you!", "World"]).numpy()
        array([[2, 1, 0],
               [3, 0, 0]])
    """

    input_dtype = "string"

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        for given in ("has_input_vocabulary", "dtype"):
            kwargs.pop(given, None)
        super().__init__(name=name, **kwargs)
        if not (standardize is None or callable(standardize) or standardize in STANDARDIZATIONS):
            raise ValueError(
                f"[{self.name}] standardize is {standardize!r}, expected one of "
                f"{', '.join(STANDARDIZATIONS)}, None or a function"
            )
        if not (split is None or callable(split) or split in ("whitespace", "character")):
            raise ValueError(
                f"[{self.name}] split is {split!r}, expected 'whitespace', 'character', None or a function"
            )
        if ngrams is not None and not isinstance(ngrams, (int, tuple, list)):
            raise ValueError(f"[{self.name}] ngrams is {ngrams!r}, expected an int, a tuple of ints or None")
        self.output_mode = check_output_mode(self.name, output_mode, (*OUTPUT_MODES, "tf_idf"))
        if output_sequence_length is not None and (
            self.output_mode != "int" or not isinstance(output_sequence_length, int)
        ):
            raise ValueError(
                f"[{self.name}] output_sequence_length is {output_sequence_length!r}, expected an int with "
                "output_mode 'int', else None"
            )
        if ragged:
            raise NotImplementedError(
                f"[{self.name}] ragged is True, expected False: there are no ragged arrays"
            )
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self._sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self.output_sequence_length, self.encoding = output_sequence_length, encoding
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=self.output_mode,
            sparse=sparse,
            encoding=encoding,
            vocabulary_size=size,
        )

    def tokens(self, inputs) -> list[list[str]]:
        """The tokens of each text."""
        texts = standardized(text_array(inputs, self.encoding), self.standardize)
        if texts.ndim > 1 and self.split is not None:
            if texts.shape[-1] != 1:
                raise ValueError(
                    f"[{self.name}] inputs has shape {texts.shape}, expected texts (n,) or (n, 1) to split"
                )
            texts = texts.reshape(-1)
        texts = texts.reshape(1) if texts.ndim == 0 else texts
        if self.split is not None:
            rows = tokens_of(texts, self.split)
        else:
            rows = (
                [texts.tolist()] if texts.ndim == 1 else texts.tolist()
            )  # a vector is the tokens of one text
        return rows if self._sizes is None else [with_ngrams(row, self._sizes) for row in rows]

    def call(self, inputs):
        if not self._lookup._tokens:
            raise ValueError(
                f"[{self.name}] the vocabulary is empty, expected vocabulary= or adapt(data) before"
            )
        rows = [[self._lookup.number_of(token) for token in row] for row in self.tokens(inputs)]
        as_numbers = self.output_mode == "int"
        length = self.output_sequence_length if as_numbers else None
        if length is None:
            length = max((len(row) for row in rows), default=0)
        # Where tokens are counted, -1 fills up: it counts nowhere.
        ids = np.full((len(rows), length), 0 if as_numbers else -1, np.int64)
        for filled, row in zip(ids, rows, strict=True):
            kept = row[:length]
            filled[: len(kept)] = kept
        result = self._lookup.encode(Tensor(ids))
        rank = np.ndim(inputs.numpy() if isinstance(inputs, Tensor) else inputs)
        return result[0] if rank == 0 or rank == 1 and self.split is None else result

    def adapt(self, data, batch_size=None, steps=None) -> None:
        """Finds the vocabulary in an array or list of texts, or in batches of them (up to `steps`)."""
        super().adapt(data, steps)

    def update_state(self, data) -> None:
        """Counts the tokens of a batch."""
        self._lookup.count(self.tokens(data))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        self._lookup.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._lookup.reset_state()

    def get_vocabulary(self, include_special_tokens=True) -> list:
        """The tokens in the order of their numbers."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Numbers in use, padding and unknown included."""
        return self._lookup.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None) -> None:
        """Sets the tokens; see `StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return input_shape[0], self.output_sequence_length
        return input_shape[0], self._lookup._depth()

    def get_config(self) -> dict:
        found = self._lookup.get_config()
        return {
            "name": self.name,
            "trainable": self.trainable,
            "standardize": serialization.serialize_keras_object(self.standardize),
            "split": serialization.serialize_keras_object(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "ragged": False,
            "encoding": self.encoding,
            **{
                name: found[name]
                for name in (
                    "max_tokens",
                    "pad_to_max_tokens",
                    "sparse",
                    "vocabulary",
                    "idf_weights",
                    "vocabulary_size",
                )  # fmt: skip
            },
        }

    @classmethod
    def from_config(cls, values: dict):
        values = dict(values)
        for name in ("standardize", "split"):
            if isinstance(values.get(name), dict):
                values[name] = serialization.deserialize_keras_object(values[name])
        if isinstance(values.get("ngrams"), list):
            values["ngrams"] = tuple(values["ngrams"])
        return cls(**values)

    def save_assets(self, dir_path) -> None:
        """Writes a vocabulary that was learned as vocabulary.txt."""
        self._lookup.save_assets(dir_path)

    def load_assets(self, dir_path) -> None:
        """Reads what `save_assets` wrote."""
        self._lookup.load_assets(dir_path)
