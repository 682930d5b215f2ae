# SPDX-License-Identifier: Apache-2.0
"""tf.strings and tf.io: texts and files in pipelines, as tutorials have them."""

import gzip
import re
import string

import numpy as np
import pytest

import tilewright as tf
from tilewright import keras


def listed(x):
    found = x.numpy()
    return found if isinstance(found, str) else found.tolist()


def test_texts_are_tensors():
    texts = tf.constant(["The Movie", "was <br />great!"])
    assert texts.shape == (2,) and listed(texts[1]) == "was <br />great!"
    assert listed(tf.strings.lower(texts)) == ["the movie", "was <br />great!"]
    assert listed(tf.strings.upper("ab")) == "AB" and listed(tf.strings.strip([" a ", "b"])) == ["a", "b"]
    assert listed(tf.strings.regex_replace(texts, "<br />", " "))[1] == "was  great!"
    assert listed(tf.strings.regex_replace("aXbX", "X", "-", replace_global=False)) == "a-bX"
    assert listed(tf.strings.regex_full_match(["ab", "abc"], "[ab]+")) == [True, False]
    assert [listed(row) for row in tf.strings.split(texts)] == [["The", "Movie"], ["was", "<br", "/>great!"]]
    assert listed(tf.strings.split("a/b/c.jpg", "/")[-2]) == "b"
    assert listed(tf.strings.unicode_split("añ", "UTF-8")) == ["a", "ñ"]
    assert listed(tf.strings.length("añ")) == 3 and listed(tf.strings.length("añ", unit="UTF8_CHAR")) == 2
    assert listed(tf.strings.join(["[S] ", texts, " [E]"]))[0] == "[S] The Movie [E]"
    assert listed(tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=1, separator="-")) == ["a-b", "c-d"]
    assert listed(tf.strings.substr("hello", 1, 3)) == "ell"
    assert listed(tf.strings.to_number(["1.5", "2"])) == [1.5, 2.0]
    assert listed(tf.strings.as_string([1, 2])) == ["1", "2"]


def test_texts_are_compared():
    parts, names = tf.strings.split("a/cats/1.jpg", "/"), np.array(["cats", "dogs"])
    assert listed(parts[-2] == names) == [True, False] and listed(parts[-2] != names) == [False, True]
    assert int(tf.argmax(parts[-2] == names)) == 0


def test_cleaning_of_one_s_own_in_front_of_text_vectorization():
    def cleaned(texts):
        small = tf.strings.regex_replace(tf.strings.lower(texts), "<br />", " ")
        return tf.strings.regex_replace(small, f"[{re.escape(string.punctuation)}]", "")

    layer = keras.layers.TextVectorization(
        standardize=cleaned, split=tf.strings.split, output_sequence_length=3
    )
    layer.adapt(tf.data.Dataset.from_tensor_slices(["Good<br />film!", "good, good."]).batch(2))
    assert layer.get_vocabulary() == ["", "[UNK]", "good", "film"]
    assert listed(layer(["Film: GOOD"])) == [[3, 2, 0]]
    # A model that takes texts needs no Input in front.
    inner = keras.Sequential([keras.layers.Embedding(4, 2), keras.layers.GlobalAveragePooling1D()])
    model = keras.Sequential([layer, inner, keras.layers.Dense(1)])
    texts = tf.constant(["Film: GOOD", "film"])
    want = model.layers[2](inner(layer(texts)))
    np.testing.assert_allclose(model.predict(texts, verbose=0), want.numpy(), rtol=1e-6)


def test_images_of_a_folder_by_a_pipeline_of_one_s_own(tmp_path):
    image_module = pytest.importorskip("PIL.Image", reason="images are read by Pillow")
    pixels = np.random.default_rng(0).integers(0, 255, (6, 5, 3), np.uint8)
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(2):
            image_module.fromarray(pixels + 0).save(tmp_path / name / f"{i}.png")
    files = tf.data.Dataset.list_files(str(tmp_path / "*" / "*.png"), shuffle=False)
    names = np.array(["cats", "dogs"])

    def read(path):
        image = tf.io.decode_image(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, [3, 2]), tf.argmax(tf.strings.split(path, "/")[-2] == names)

    images, labels = next(iter(files.map(read).batch(4)))
    assert images.shape == (4, 3, 2, 3) and listed(labels) == [0, 0, 1, 1]
    content = tf.io.read_file(str(tmp_path / "cats" / "0.png"))
    np.testing.assert_array_equal(tf.image.decode_png(content).numpy(), pixels)
    assert tf.io.decode_image(content, channels=1).shape == (6, 5, 1)
    with pytest.raises(ValueError, match="no whole image"):
        tf.io.decode_jpeg(content.numpy()[:40])
    with pytest.raises(TypeError, match="contents is a str, expected bytes"):
        tf.io.decode_jpeg("a.jpg")
    with pytest.raises(FileNotFoundError, match="nothing matches"):
        tf.data.Dataset.list_files(str(tmp_path / "*.gif"))


def test_elements_drawn_from_several_data_sets():
    zeros, ones = (tf.data.Dataset.from_tensor_slices(np.full(400, i)) for i in (0, 1))
    sample = tf.data.Dataset.sample_from_datasets
    drawn = [int(x) for x in sample([zeros.repeat(), ones.repeat()], [0.25, 0.75], seed=3).take(400)]
    assert 0.68 < np.mean(drawn) < 0.82
    whole = [int(x) for x in sample([zeros, ones], seed=1)]
    assert len(whole) == 800 and sum(whole) == 400
    assert len(list(sample([zeros, ones], [1.0, 0.0], stop_on_empty_dataset=True))) == 400
    again = sample([zeros, ones], seed=1, rerandomize_each_iteration=False)
    assert [int(x) for x in again] == [int(x) for x in again] == whole
    with pytest.raises(ValueError, match="expected 2 numbers of at least 0"):
        sample([zeros, ones], [1.0])
    choice = tf.data.Dataset.from_tensor_slices(np.array([1, 0, 1]))
    assert [int(x) for x in tf.data.Dataset.choose_from_datasets([zeros, ones], choice)] == [1, 0, 1]


def test_numpy_s_functions_take_tensors():
    x = tf.constant([[1.0, 2.0], [3.0, 5.0]])
    assert np.max(x) == 5 and np.mean(x) == 2.75 and np.sum(x, axis=0).tolist() == [4.0, 7.0]
    assert isinstance(np.min(x), np.floating) and np.argmax(x) == 3


def test_patches_are_tensorflow_s():
    """Whole, overlapping and with holes; the values are TensorFlow's 2.21 for the same arguments."""
    x = np.arange(2 * 5 * 4 * 1, dtype=np.float32).reshape(2, 5, 4, 1)
    whole = tf.image.extract_patches(x, (1, 2, 2, 1), (1, 2, 2, 1), (1, 1, 1, 1), "VALID")
    assert whole.shape == (2, 2, 2, 4) and listed(whole[0, 1, 1]) == [10.0, 11.0, 14.0, 15.0]
    same = tf.image.extract_patches(x, (1, 3, 3, 1), (1, 2, 2, 1), padding="SAME")
    assert same.shape == (2, 3, 2, 9)
    assert listed(same[0, 0, 0]) == [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 5.0, 6.0]
    holes = tf.image.extract_patches(x, (1, 2, 2, 1), (1, 1, 1, 1), (1, 2, 3, 1), "VALID")
    assert holes.shape == (2, 3, 1, 4) and listed(holes[0, 0, 0]) == [0.0, 3.0, 8.0, 11.0]
    with pytest.raises(ValueError, match=r"shape \(2, 5, 4, 1\), expected at least \(6, 2\)"):
        tf.image.extract_patches(x, (1, 6, 2, 1), (1, 1, 1, 1))


def test_texts_decode_as_the_bytes_do_that_tensorflow_gives():
    text = tf.constant("añ")
    assert text.dtype == tf.string and text.numpy().decode("utf-8") == "añ" == text.numpy()
    assert [t.decode() for t in tf.strings.split("a b").numpy()] == ["a", "b"]
    assert tf.constant([b"ab", b"c"]).numpy().tolist() == ["ab", "c"]
    assert keras.Input((1,), dtype=tf.string).dtype == "string"


def test_lines_of_files(tmp_path):
    for i, text in enumerate(("a,b\n1,2.5\n", "x\r\n\nlast")):
        (tmp_path / f"{i}.txt").write_bytes(text.encode())
    names = [str(tmp_path / f"{i}.txt") for i in (0, 1)]
    lines = tf.data.TextLineDataset(names)
    assert [line.numpy() for line in lines] == ["a,b", "1,2.5", "x", "", "last"]
    assert [line.numpy() for line in lines.skip(1).take(1)] == ["1,2.5"]
    packed = tmp_path / "p.gz"
    packed.write_bytes(gzip.compress(b"one\ntwo\n"))
    files = tf.data.Dataset.from_tensor_slices([str(packed)])
    assert [x.numpy() for x in tf.data.TextLineDataset(files, "GZIP")] == ["one", "two"]
    with pytest.raises(ValueError, match=r"\[TextLineDataset\] compression_type is 'LZ'"):
        tf.data.TextLineDataset(names, "LZ")
    with pytest.raises(FileNotFoundError):
        list(tf.data.TextLineDataset(str(tmp_path / "none")))


def test_columns_of_lines():
    rules = [0.0, tf.constant([], tf.int32), "none", tf.constant(7, tf.int64)]
    got = tf.io.decode_csv(['1.5,2,"a,b",4', ",3,,"], rules)
    assert [listed(column) for column in got] == [[1.5, 0.0], [2, 3], ["a,b", "none"], [4, 7]]
    assert [column.dtype for column in got] == [tf.float32, tf.int32, tf.string, tf.int64]
    one = tf.io.decode_csv("1;2;NA", [0, 0], field_delim=";", na_value="NA", select_cols=[0, 2])
    assert [listed(column) for column in one] == [1, 0]
    for line, error in (
        ("1,2", "has 2 fields, expected 4"),
        ("1,,a,4", "field 1 is empty, expected a value"),
        ("1,x,a,4", "expected int32 values"),
    ):
        with pytest.raises(ValueError, match=error):
            tf.io.decode_csv(line, rules)


def test_arrays_of_texts_are_texts():
    for values in (np.array([["a"], ["b"]]), np.array([["a"], ["b"]], object)):
        for made in (tf.constant(values), tf.convert_to_tensor(values), tf.constant(tf.constant(values))):
            assert made.dtype == tf.string and listed(made) == [["a"], ["b"]]
