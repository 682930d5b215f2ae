# SPDX-License-Identifier: Apache-2.0
"""Layers that read texts and tables against Keras's own, which need TensorFlow: they run where it can be
imported. Known answers by Keras's documented rules are in test_data_text.py.
"""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tilewright.keras import layers

TEXTS = [
    "The cat sat.", "the DOG sat on the cat!", "", "  Two   spaces\tand\ttabs\n",
    "Éclair, a dog-house? (yes)",
    "don't stop_me now: 3.14 -- 100%", "the the the", "Straße ÄÖÜ İstanbul", "a\u00a0b c",
    "[brackets] {and} ~tilde~",
]  # fmt: skip
NUMBERS = [[3, 1, 4], [1, 5, 9], [2, 6, 5], [3, 5, 8]]
# class, arguments, what it adapts to, what it is called on
CASES = {
    "TextVectorization": ("TextVectorization", {}, TEXTS, TEXTS),
    "standardize lower": ("TextVectorization", {"standardize": "lower"}, TEXTS, TEXTS),
    "standardize punctuation": ("TextVectorization", {"standardize": "strip_punctuation"}, TEXTS, TEXTS),
    "standardize None": ("TextVectorization", {"standardize": None}, TEXTS, TEXTS),
    "characters": ("TextVectorization", {"split": "character", "standardize": "lower"}, TEXTS, TEXTS),
    "no split": ("TextVectorization", {"split": None, "output_sequence_length": 1}, TEXTS, TEXTS),
    "no split, rows": ("TextVectorization", {"split": None}, [["a b", "c"], ["c", "d"]], [["a b", "d"]]),
    "ngrams": ("TextVectorization", {"ngrams": 2}, TEXTS, TEXTS),
    "ngrams of lengths": ("TextVectorization", {"ngrams": [1, 3]}, TEXTS, TEXTS),
    "max_tokens": ("TextVectorization", {"max_tokens": 6, "output_sequence_length": 4}, TEXTS, TEXTS),
    "long sequences": ("TextVectorization", {"output_sequence_length": 9}, TEXTS, TEXTS),
    "multi_hot": ("TextVectorization", {"output_mode": "multi_hot"}, TEXTS, TEXTS),
    "multi_hot padded": (
        "TextVectorization", {"output_mode": "multi_hot", "max_tokens": 50, "pad_to_max_tokens": True},
        TEXTS, TEXTS
    ),
    "count": ("TextVectorization", {"output_mode": "count"}, TEXTS, TEXTS),
    "tf_idf": ("TextVectorization", {"output_mode": "tf_idf"}, TEXTS, TEXTS),
    "tf_idf, few": ("TextVectorization", {"output_mode": "tf_idf", "max_tokens": 5}, TEXTS, ["a new cat"]),
    "vocabulary": ("TextVectorization", {"vocabulary": ["cat", "dog"]}, None, TEXTS),
    "StringLookup": ("StringLookup", {}, ["a", "b", "a", "c"], ["c", "a", "z"]),
    "StringLookup, hashed": ("StringLookup", {"num_oov_indices": 3}, ["a", "b"], ["x", "y", "z", "w", "a"]),
    "StringLookup, mask": ("StringLookup", {"mask_token": ""}, ["a", "", "b"], ["", "b", "q"]),
    "StringLookup, one_hot": ("StringLookup", {"output_mode": "one_hot"}, ["a", "b"], ["b", "q"]),
    "StringLookup, multi_hot": ("StringLookup", {"output_mode": "multi_hot"}, ["a", "b"], [["b", "q"]]),
    "StringLookup, invert": ("StringLookup", {"invert": True, "vocabulary": ["a", "b"]}, None, [1, 2, 0, 7]),
    "IntegerLookup": ("IntegerLookup", {}, NUMBERS, NUMBERS),
    "IntegerLookup, few": ("IntegerLookup", {"max_tokens": 4, "num_oov_indices": 2}, NUMBERS, NUMBERS),
    "IntegerLookup, count": ("IntegerLookup", {"output_mode": "count"}, NUMBERS, NUMBERS),
    "Hashing": ("Hashing", {"num_bins": 7}, None, ["a", "bc", "déf", ""]),
    "Hashing, salt": ("Hashing", {"num_bins": 7, "salt": 133}, None, ["a", "bc", "déf", ""]),
    "Hashing, mask": ("Hashing", {"num_bins": 7, "mask_value": "a"}, None, ["a", "bc"]),
    "Discretization": ("Discretization", {"bin_boundaries": [2.0, 4.5]}, None, NUMBERS),
    "Discretization, one_hot": (
        "Discretization", {"bin_boundaries": [2.0, 4.5], "output_mode": "multi_hot"}, None, NUMBERS
    ),
    "CategoryEncoding": ("CategoryEncoding", {"num_tokens": 10, "output_mode": "count"}, None, NUMBERS),
    "Normalization": ("Normalization", {"axis": -1}, [[1.0, 2.0], [3.0, 8.0]], [[2.0, 2.0]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs():
    """Keras's results, by a Python that has TensorFlow: this, or TILEWRIGHT_TENSORFLOW_PYTHON."""
    python = os.environ.get("TILEWRIGHT_TENSORFLOW_PYTHON")
    if python is None and importlib.util.find_spec("tensorflow") is None:
        pytest.skip(
            "TensorFlow is not installed, and TILEWRIGHT_TENSORFLOW_PYTHON names no Python that has it"
        )
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(
        [python or sys.executable, "-c", _PROGRAM], input=json.dumps(CASES), capture_output=True, text=True,
        env=environment, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


_PROGRAM = """
import json, sys
import numpy as np
import keras
CASES = json.loads(sys.stdin.read())
found = {}
for name, (cls, options, seen, given) in CASES.items():
    if isinstance(options.get("ngrams"), list):
        options["ngrams"] = tuple(options["ngrams"])
    layer = getattr(keras.layers, cls)(**options)
    if seen is not None:
        layer.adapt(np.array(seen))
    values = np.asarray(layer(np.array(given)))
    if values.dtype.kind in "OSU":
        values = np.array([v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()])
    vocabulary = layer.get_vocabulary() if hasattr(layer, "get_vocabulary") else []
    found[name] = [[str(v) for v in vocabulary], values.tolist(), values.dtype.name]
print(json.dumps(found))
"""


@pytest.mark.parametrize("name", CASES)
def test_layers_that_read_are_keras_s(name, theirs):
    cls, options, seen, given = CASES[name]
    if isinstance(options.get("ngrams"), list):
        options = {**options, "ngrams": tuple(options["ngrams"])}
    layer = getattr(layers, cls)(**options)
    if seen is not None:
        layer.adapt(np.array(seen))
    values = layer(np.array(given)).numpy()
    vocabulary, want, dtype = theirs[name]
    if hasattr(layer, "get_vocabulary"):
        assert [str(v) for v in layer.get_vocabulary()] == vocabulary
    if values.dtype.kind in "OSU":
        assert values.ravel().tolist() == want
    else:
        np.testing.assert_allclose(values, np.array(want), rtol=1e-6)
        assert values.dtype.name == dtype
