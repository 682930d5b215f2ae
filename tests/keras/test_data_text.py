# SPDX-License-Identifier: Apache-2.0
"""Texts: TextVectorization, lookups and hashes (known answers), Tokenizer and pad_sequences against Keras's
own.
"""

import warnings

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras
from tilewright.data import Dataset, hashing
from tilewright.keras import layers

TEXTS = ["The cat sat.", "the DOG sat on the cat!", "", "Éclair, a dog-house?"]


def rows(result):
    return result.numpy().tolist()


def test_texts_become_numbers_by_frequency():
    layer = layers.TextVectorization(output_sequence_length=5)
    layer.adapt(TEXTS)
    # By falling frequency, equal ones by falling token; non-ASCII letters keep their case, as in TensorFlow.
    assert layer.get_vocabulary() == (
        ["", "[UNK]", "the", "sat", "cat", "Éclair", "on", "doghouse", "dog", "a"]
    )
    vocabulary = layer.get_vocabulary()
    assert layer.vocabulary_size() == len(vocabulary) and layer.get_vocabulary(False) == vocabulary[2:]
    number = vocabulary.index
    assert rows(layer(TEXTS)) == [
        [number("the"), number("cat"), number("sat"), 0, 0],
        [number("the"), number("dog"), number("sat"), number("on"), number("the")],
        [0] * 5,
        [number("Éclair"), number("a"), number("doghouse"), 0, 0],
    ]
    assert rows(layer(["bird"])) == [[1, 0, 0, 0, 0]] and layer(TEXTS).dtype == np.int64
    for same in (
        np.array(TEXTS),
        np.array(TEXTS, object)[:, None],
        [t.encode() for t in TEXTS],
        tw.Tensor(np.array(TEXTS)),
    ):
        assert rows(layer(same)) == rows(layer(TEXTS))
    assert rows(layer("the cat")) == [number("the"), number("cat"), 0, 0, 0]
    open_length = layers.TextVectorization(vocabulary=vocabulary)
    assert open_length(TEXTS).shape == (4, 6) and open_length.get_vocabulary() == vocabulary


def test_ties_are_broken_by_falling_tokens():
    layer = layers.TextVectorization()
    layer.adapt(["b a c", "c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "b", "a"]
    small = layers.TextVectorization(max_tokens=4)
    small.adapt(["b a c", "c"])
    assert small.get_vocabulary() == ["", "[UNK]", "c", "b"]


@pytest.mark.parametrize(
    "options,want",
    [
        ({"standardize": None}, ["The", "cat", "sat."]),
        ({"standardize": "lower"}, ["the", "cat", "sat."]),
        ({"standardize": "strip_punctuation"}, ["The", "cat", "sat"]),
        ({"standardize": lambda a: np.char.replace(a, "cat", "dog")}, ["The", "dog", "sat."]),
        ({"split": "character", "standardize": "lower"}, list("the cat sat.")),
        ({"split": lambda a: [t.split("a") for t in a]}, ["the c", "t s", "t"]),
        ({"split": None}, ["the cat sat"]),
        ({"ngrams": 2}, ["the", "cat", "sat", "the cat", "cat sat"]),
        ({"ngrams": (3, 1)}, ["the cat sat", "the", "cat", "sat"]),
    ],
    ids=lambda v: str(v)[:30],
)
def test_cleaning_and_cutting(options, want):
    layer = layers.TextVectorization(**options)
    assert layer.tokens(["The cat sat."]) == [want]
    layer.adapt(["The cat sat."])
    assert sorted(layer.get_vocabulary(False)) == sorted(set(want)) and layer([["The cat sat."]]).shape == (
        1,
        len(want),
    )


def test_modes_of_output():
    for mode, want in (
        ("multi_hot", [[0, 1, 1, 0], [1, 1, 0, 0]]),
        ("count", [[0, 2, 1, 0], [2, 1, 0, 0]]),
    ):
        layer = layers.TextVectorization(output_mode=mode, vocabulary=["a", "b", "c"])
        assert layer.get_vocabulary() == ["[UNK]", "a", "b", "c"]
        y = layer(["a a b", "x y a"])
        assert rows(y) == want and y.dtype == np.int64
    padded = layers.TextVectorization(
        output_mode="count", vocabulary=["a"], max_tokens=5, pad_to_max_tokens=True
    )
    assert rows(padded(["a a"])) == [[0, 2, 0, 0, 0]]
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(["a b", "a a c", "a"])
    weights = dict(zip(layer.get_vocabulary(), layer._lookup.idf_weights.numpy(), strict=True))
    assert weights["a"] == pytest.approx(np.log(1 + 3 / (1 + 3))) and weights["b"] == pytest.approx(
        np.log(1 + 3 / 2)
    )
    assert weights["[UNK]"] == pytest.approx(np.mean([weights[t] for t in "abc"]))
    y = dict(zip(layer.get_vocabulary(), rows(layer(["a a b x"]))[0], strict=True))
    assert y == pytest.approx({"[UNK]": weights["[UNK]"], "a": 2 * weights["a"], "b": weights["b"], "c": 0})
    given = layers.TextVectorization(output_mode="tf_idf", vocabulary=["a", "b"], idf_weights=[0.5, 1.5])
    assert rows(given(["a b b x"])) == [[1.0, 0.5, 3.0]]


def test_vocabularies_from_datasets_generators_and_files(tmp_path):
    want = layers.TextVectorization()
    want.adapt(TEXTS)
    labelled = Dataset.from_tensor_slices((TEXTS, [0, 1, 0, 1])).map(lambda text, label: text)
    for data in (labelled.batch(3), labelled, (np.array(TEXTS[i : i + 2]) for i in (0, 2))):
        layer = layers.TextVectorization()
        layer.adapt(data)
        assert layer.get_vocabulary() == want.get_vocabulary()
    few = layers.TextVectorization()
    few.adapt(labelled.batch(1), steps=1)
    assert sorted(few.get_vocabulary(False)) == ["cat", "sat", "the"]
    (tmp_path / "words.txt").write_text("hello\nworld", encoding="utf-8")
    layer = layers.TextVectorization(vocabulary=str(tmp_path / "words.txt"))
    assert layer.get_vocabulary() == ["", "[UNK]", "hello", "world"]
    want.save_assets(tmp_path)
    read = layers.TextVectorization.from_config(want.get_config())
    read.load_assets(tmp_path)
    assert read.get_vocabulary() == want.get_vocabulary() and rows(read(TEXTS)) == rows(want(TEXTS))
    copy = layers.TextVectorization.from_config(
        layers.TextVectorization(vocabulary=["x"], ngrams=2).get_config()
    )
    assert copy.get_vocabulary() == ["", "[UNK]", "x"] and copy.ngrams == 2


def test_string_lookup():
    layer = layers.StringLookup(vocabulary=["a", "b", "c"])
    assert rows(layer([["a", "x"], ["c", "b"]])) == [[1, 0], [3, 2]] and layer.get_vocabulary()[0] == "[UNK]"
    masked = layers.StringLookup(vocabulary=["a", "b"], mask_token="")
    assert rows(masked(["", "b", "x"])) == [0, 3, 1]
    back = layers.StringLookup(vocabulary=["a", "b"], mask_token="", invert=True)
    assert rows(back([0, 3, 1, 9])) == ["", "b", "[UNK]", "[UNK]"]
    hot = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    assert rows(hot(["b", "x"])) == [[0, 0, 1], [1, 0, 0]]
    several = layers.StringLookup(vocabulary=["a"], num_oov_indices=3)
    assert rows(several(["A", "B", "a"])) == [hashing.bin_of("A", 3), hashing.bin_of("B", 3), 3]
    learned = layers.StringLookup()
    learned.adapt([["b", "a"], ["b", "c"]])
    assert learned.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    with pytest.raises(ValueError, match="inputs holds 'x', expected tokens of the vocabulary only"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["x"])


def test_integer_lookup():
    layer = layers.IntegerLookup(vocabulary=[12, 36, 1138, 42])
    assert rows(layer([[12, 1138, 42], [42, 1000, 36]])) == [[1, 3, 4], [4, 0, 2]]  # Keras's example
    several = layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], num_oov_indices=2)
    assert rows(several([[12, 1138, 42], [37, 1000, 36]])) == [[2, 4, 5], [1, 0, 3]]  # Keras's example
    back = layers.IntegerLookup(vocabulary=[12, 36], invert=True)
    assert rows(back([1, 2, 0])) == [12, 36, -1]
    learned = layers.IntegerLookup(max_tokens=3)
    learned.adapt(np.array([[7, 7, 5], [5, 9, 7]]))
    assert learned.get_vocabulary() == [-1, 7, 5]
    counts = layers.IntegerLookup(vocabulary=[12, 36], output_mode="count")
    assert rows(counts([[12, 12], [36, 3]])) == [[0, 2, 0], [1, 0, 1]]
    copy = layers.IntegerLookup.from_config(several.get_config())
    assert rows(copy([[37, 42]])) == [[1, 5]]


def test_what_vocabularies_may_not_hold():
    for call, message in (
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "holds 'a' twice"),
        (lambda: layers.StringLookup(vocabulary=[]), "vocabulary is empty"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), "special tokens only in front"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), "expected at most max_tokens, 2"),
        (lambda: layers.StringLookup(max_tokens=1), "max_tokens is 1"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"),
            "idf_weights is None, expected some",
        ),
        (lambda: layers.StringLookup()(["a"]), "vocabulary is empty, expected vocabulary= or adapt"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), "after a vocabulary was given"),
        (lambda: layers.TextVectorization()(["a"]), "vocabulary is empty"),
        (lambda: layers.TextVectorization(split="words"), "split is 'words'"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize is 'upper'"),
        (
            lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
            "output_sequence_length",
        ),
        (
            lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]),
            r"expected texts \(n,\) or \(n, 1\)",
        ),
        (lambda: layers.IntegerLookup(salt=3), "oov_method is 'floormod'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_hashes_are_farmhash_and_siphash():
    # Of the prefixes of "tilewright tilewright ...", by Google's own implementation.
    known = {
        0: 0x9AE16A3B2F90404F, 3: 0x2BCC31C0B64EE96D, 7: 0xA9EB48EDDEA73845, 12: 0xB3CE0938AA3B2D7F,
        20: 0x3E2EFA2F7AC8B32A, 50: 0x2ADC7642618419BD, 64: 0xE0A77E1135293E83, 65: 0x1242DADCE88B2ABA,
        128: 0xF187CF368F708C34, 200: 0x24C47BFF5505FCD7,
    }  # fmt: skip
    text = b"tilewright " * 20
    assert {n: hashing.fingerprint64(text[:n]) for n in known} == known
    # The example of the SipHash paper, appendix A.
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert hashing.siphash24(bytes(range(15)), key) == 0xA129CA6149BE45E5


def test_hashing_gives_tensorflows_bins():
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]  # the examples in Keras's documentation
    assert rows(layers.Hashing(3)(letters)) == [[1], [0], [1], [1], [2]]
    assert rows(layers.Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]])) == [
        [1],
        [1],
        [0],
        [2],
        [2],
    ]
    assert rows(layers.Hashing(3, salt=[133, 137])(letters)) == [[1], [2], [1], [0], [2]]
    assert rows(layers.Hashing(3, salt=133)(letters)) == [[0], [0], [2], [1], [0]]
    assert layers.Hashing(4, output_mode="one_hot")(letters).shape == (5, 4)
    assert rows(layers.Hashing(2)([["omar"], ["stringer"], ["marlo"], ["wire"]])) == [[0], [0], [1], [0]]
    with pytest.raises(ValueError, match="num_bins is 0"):
        layers.Hashing(0)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_model_reads_texts(recorded):
    texts = np.array(["good film", "bad film", "very good", "very bad"] * 8)
    y = np.array([1, 0, 1, 0] * 8)
    vectorize = layers.TextVectorization(output_sequence_length=3)
    vectorize.adapt(texts)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((1,), dtype="string"),
            vectorize,
            layers.Embedding(vectorize.vocabulary_size(), 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.run_eagerly = not recorded
    history = model.fit(texts, y, batch_size=8, epochs=12, verbose=0)
    assert history.history["accuracy"][-1] == 1
    assert (model.predict(np.array(["good", "bad"]), verbose=0)[:, 0] > 0.5).tolist() == [True, False]
    ds = Dataset.from_tensor_slices((texts, y)).batch(8)
    assert model.evaluate(ds, verbose=0, return_dict=True)["accuracy"] == 1
    numbered = ds.map(lambda t, label: (vectorize(t), label))
    assert [s.shape for s in numbered.element_spec] == [(8, 3), (8,)]


@pytest.fixture(scope="module")
def theirs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("torch", reason="Keras runs on PyTorch here")
        pytest.importorskip("keras.layers", reason="the judge is Keras's Tokenizer, which is not installed")
        from keras.src.legacy.preprocessing import sequence, text
        from keras.src.utils import sequence_utils
    return text, sequence, sequence_utils


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_words": 4},
        {"oov_token": "<oov>", "num_words": 4},
        {"char_level": True},
        {"lower": False, "filters": "!"},
    ],
    ids=str,
)
def test_the_tokenizer_is_keras_tokenizer(theirs, options):
    made = [module.Tokenizer(**options) for module in (theirs[0], keras.preprocessing.text)]
    texts = [*TEXTS, ["Already", "cut", "the"]]
    unseen = [*texts, "a bird sat"]
    for tokenizer in made:
        tokenizer.fit_on_texts(texts)
    want, got = made
    assert got.word_index == want.word_index and got.index_word == want.index_word
    assert dict(got.word_counts) == dict(want.word_counts) and dict(got.word_docs) == dict(want.word_docs)
    assert dict(got.index_docs) == dict(want.index_docs) and got.document_count == want.document_count
    numbers = want.texts_to_sequences(unseen)
    assert got.texts_to_sequences(unseen) == numbers
    assert got.sequences_to_texts([[1, 2, 99]]) == want.sequences_to_texts([[1, 2, 99]])
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(got.texts_to_matrix(unseen, mode), want.texts_to_matrix(unseen, mode))
    again = keras.preprocessing.text.tokenizer_from_json(want.to_json())
    assert again.texts_to_sequences(unseen) == numbers and got.to_json() == again.to_json()
    with pytest.raises(ValueError, match="mode is 'half'"):
        got.texts_to_matrix(unseen, "half")


def test_small_text_functions(theirs):
    ours = keras.preprocessing.text
    assert ours.text_to_word_sequence("Hello, you!") == theirs[0].text_to_word_sequence("Hello, you!")
    assert ours.hashing_trick("a b c", 50, "md5") == theirs[0].hashing_trick("a b c", 50, "md5")
    assert ours.one_hot("a b", 9) == theirs[0].one_hot("a b", 9)
    with pytest.raises(ValueError, match="num_words is None"):
        ours.Tokenizer().sequences_to_matrix([[1]])


def test_padding_is_keras_padding(theirs):
    for sequences in ([[1, 2, 3], [4], []], [[[1, 2]], [[3, 4], [5, 6]]], [[], []], []):
        for options in (
            {},
            {"maxlen": 2},
            {"maxlen": 5, "padding": "post", "value": -1.0, "dtype": "float32"},
            {"maxlen": 1, "truncating": "post"},
        ):
            if not sequences and "maxlen" not in options:
                continue
            want = theirs[2].pad_sequences(sequences, **options)
            got = keras.utils.pad_sequences(sequences, **options)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
    words = keras.preprocessing.sequence.pad_sequences([["a"], ["b", "c"]], dtype=object, value="pad")
    assert words.tolist() == [["pad", "a"], ["b", "c"]]
    for call, message in (
        (lambda: keras.utils.pad_sequences([[1]], padding="mid"), "padding is 'mid'"),
        (lambda: keras.utils.pad_sequences([1, 2]), r"sequences\[0\] is 1"),
        (lambda: keras.utils.pad_sequences([[[1, 2]], [[1]]]), "inner shape"),
        (lambda: keras.utils.pad_sequences([[1]], value="x"), "expected object"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_windows_over_series_are_keras_windows(theirs):
    data, targets = np.arange(30).reshape(15, 2), np.arange(15)
    for options in (
        {},
        {"sampling_rate": 2},
        {"stride": 3, "reverse": True},
        {"start_index": 2, "end_index": 9},
    ):
        options = {"length": 4, "batch_size": 3, **options}
        want = theirs[1].TimeseriesGenerator(data, targets, **options)
        got = keras.preprocessing.sequence.TimeseriesGenerator(data, targets, **options)
        assert len(got) == len(want)
        for i in range(len(want)):
            for a, b in zip(got[i], want[i], strict=True):
                np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="no window fits"):
        keras.preprocessing.sequence.TimeseriesGenerator(data, targets, length=20)


def test_skipgrams_are_keras_s():
    legacy = pytest.importorskip("keras.src.legacy.preprocessing.sequence", reason="not part of this Keras")
    sequence = [1, 2, 0, 3, 4, 1, 5]
    options = {"vocabulary_size": 6, "window_size": 2, "negative_samples": 0, "shuffle": False}
    ours = keras.preprocessing.sequence.skipgrams(sequence, **options)
    assert ours == tuple(legacy.skipgrams(sequence, **options))
    table = keras.preprocessing.sequence.make_sampling_table(50, 1e-4)
    np.testing.assert_allclose(table, legacy.make_sampling_table(50, 1e-4), rtol=1e-12)


def test_chance_pairs_are_added_and_shuffled():
    skipgrams = keras.preprocessing.sequence.skipgrams
    couples, labels = skipgrams(list(range(1, 20)), 20, 1, negative_samples=2.0, seed=3)
    assert len(couples) == len(labels) == 36 * 3 and sum(labels) == 36
    true = [pair for pair, label in zip(couples, labels, strict=True) if label]
    assert all(abs(a - b) == 1 for a, b in true) and labels != sorted(labels, reverse=True)
    assert all(1 <= word < 20 for pair in couples for word in pair)
    assert (couples, labels) == skipgrams(list(range(1, 20)), 20, 1, negative_samples=2.0, seed=3)
    _, both = skipgrams([1, 2], 3, categorical=True, seed=0)
    assert sorted(both) == [[0, 1], [0, 1], [1, 0], [1, 0]]
    assert skipgrams([1, 2, 3], 4, sampling_table=np.zeros(4)) == ([], [])
