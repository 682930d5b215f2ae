# SPDX-License-Identifier: Apache-2.0
"""Dataset: sources, order, batches, maps on threads, cardinality and element_spec; training from it."""

import threading
import time

import numpy as np
import pytest

import tilewright as tw
from tilewright import keras
from tilewright.data import AUTOTUNE, Dataset, TensorSpec, threads


def values(dataset):
    return [x.tolist() if isinstance(x, np.ndarray) else x for x in dataset.as_numpy_iterator()]


def count(dataset):
    return int(dataset.cardinality())


def test_slices_of_arrays_tuples_and_dicts():
    x, y = np.arange(6.0).reshape(3, 2), np.array([5, 6, 7])
    assert values(Dataset.from_tensor_slices(x)) == [[0, 1], [2, 3], [4, 5]]
    for got, i in zip(Dataset.from_tensor_slices((x, {"y": y})), range(3), strict=True):
        assert isinstance(got[0], tw.Tensor) and (got[0].numpy() == x[i]).all() and int(got[1]["y"]) == y[i]
    small = Dataset.from_tensor_slices(([1, 2], [0.5, 1.5], ["a", "bc"]))
    assert [s.dtype.kind + str(s.dtype.itemsize) for s in small.element_spec[:2]] == ["i4", "f4"]
    assert [str(e[2].numpy()) for e in small] == ["a", "bc"] and len(small) == 2
    assert values(Dataset.from_tensors([1, 2])) == [[1, 2]] and values(Dataset.range(2, 9, 3)) == [2, 5, 8]
    assert Dataset.range(4).element_spec == TensorSpec((), np.int64)
    with pytest.raises(ValueError, match=r"shapes \(3, 2\), \(2,\), expected the same number of rows"):
        Dataset.from_tensor_slices((x, y[:2]))
    with pytest.raises(ValueError, match="expected the same number of rows"):
        Dataset.from_tensor_slices(1.0)


def test_batches_and_their_spec():
    x = np.arange(7, dtype=np.float32)
    batches = Dataset.from_tensor_slices(x).batch(3)
    assert values(batches) == [[0, 1, 2], [3, 4, 5], [6]] and len(batches) == 3
    assert batches.element_spec == TensorSpec((None,), np.float32)
    dropped = Dataset.from_tensor_slices(x).batch(3, drop_remainder=True)
    assert len(dropped) == len(values(dropped)) == 2 and dropped.element_spec.shape == (3,)
    assert values(batches.unbatch()) == x.tolist()
    assert values(Dataset.range(5).map(lambda n: n * n).batch(2)) == [[0, 1], [4, 9], [16]]
    assert [b.shape for b in Dataset.range(9).batch(3).batch(2, drop_remainder=True)] == [(2, 3)]
    with pytest.raises(ValueError, match=r"shapes \(1,\), \(3,\), expected one shape; padded_batch"):
        list(Dataset.range(10).batch(3).batch(4))
    with pytest.raises(ValueError, match="batch_size is 0, expected an int of at least 1"):
        Dataset.range(3).batch(0)


def test_padded_batches():
    lengths = Dataset.from_generator(lambda: (np.arange(n) for n in (1, 3, 2)))
    assert values(lengths.padded_batch(2)) == [[[0, 0, 0], [0, 1, 2]], [[0, 1]]]
    assert values(lengths.padded_batch(3, padded_shapes=[4], padding_values=-1))[0][0] == [0, -1, -1, -1]
    pairs = lengths.map(lambda a: (a, a.shape[0]))
    (a, b), _ = pairs.padded_batch(2, padded_shapes=([None], []), padding_values=(9, 0)).as_numpy_iterator()
    assert a.tolist() == [[0, 9, 9], [0, 1, 2]] and b.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"shape \(3,\), expected at most \(2,\)"):
        list(lengths.padded_batch(3, padded_shapes=[2]))
    with pytest.raises(ValueError, match="expected 1 sizes"):
        list(lengths.padded_batch(3, padded_shapes=[2, 2]))


@pytest.mark.parametrize("mapped", [False, True])
def test_shuffles_are_permutations_that_a_seed_repeats(mapped):
    source = Dataset.range(100).map(lambda n: n) if mapped else Dataset.from_tensor_slices(np.arange(100))
    for buffer in (1, 7, 100, 1000):
        one = values(source.shuffle(buffer, seed=3))
        assert sorted(one) == list(range(100)) and one == values(source.shuffle(buffer, seed=3))
        assert (one == list(range(100))) == (buffer == 1)
        assert all(got <= place + buffer for place, got in enumerate(one))
    again = source.shuffle(50, seed=1)
    assert values(again) != values(again)
    kept = source.shuffle(50, seed=1, reshuffle_each_iteration=False)
    assert values(kept) == values(kept)
    assert values(source.shuffle(50, seed=1)) != values(source.shuffle(50, seed=2))
    keras.utils.set_random_seed(5)
    unseeded = values(source.shuffle(50))
    keras.utils.set_random_seed(5)
    assert values(source.shuffle(50)) == unseeded != values(source.shuffle(50))


def test_every_place_is_as_likely():
    first = [values(Dataset.range(5).shuffle(5, seed=s))[0] for s in range(2000)]
    assert np.abs(np.bincount(first) - 400).max() < 5 * np.sqrt(2000 * 0.2 * 0.8)


def test_repeat_take_skip_shard_concatenate_and_their_lengths():
    ds = Dataset.range(5)
    for got, want in (
        (ds.repeat(2), [0, 1, 2, 3, 4] * 2),
        (ds.repeat(0), []),
        (ds.take(3), [0, 1, 2]),
        (ds.take(9), [0, 1, 2, 3, 4]),
        (ds.take(-1), [0, 1, 2, 3, 4]),
        (ds.skip(3), [3, 4]),
        (ds.skip(9), []),
        (ds.skip(-1), []),
        (ds.shard(2, 1), [1, 3]),
        (ds.concatenate(ds.take(1)), [0, 1, 2, 3, 4, 0]),
        (ds.repeat().take(7), [0, 1, 2, 3, 4, 0, 1]),
    ):
        assert values(got) == want and len(got) == len(want)
    assert count(ds.repeat()) == tw.data.INFINITE_CARDINALITY == count(ds.repeat(-1).batch(2))
    assert count(ds.filter(lambda n: n > 1)) == tw.data.UNKNOWN_CARDINALITY
    assert values(ds.filter(lambda n: n > 1)) == [2, 3, 4] and values(ds.take_while(lambda n: n < 2)) == [
        0,
        1,
    ]
    assert values(ds.filter(lambda n: n > 9).repeat()) == []
    with pytest.raises(TypeError, match="the length is infinite"):
        len(ds.repeat())
    with pytest.raises(ValueError, match="index is 2, expected 0 to 1"):
        ds.shard(2, 2)
    reshuffled = values(ds.shuffle(5, seed=1).repeat(2))
    assert (
        sorted(reshuffled[:5]) == sorted(reshuffled[5:]) == [0, 1, 2, 3, 4]
        and reshuffled[:5] != reshuffled[5:]
    )


def test_zip_enumerate_window_flat_map_interleave_reduce():
    a, b = Dataset.range(1, 4), Dataset.range(4, 8)
    assert [tuple(map(int, e)) for e in Dataset.zip((a, b))] == [(1, 4), (2, 5), (3, 6)]
    assert len(Dataset.zip(a, b)) == 3 and [int(e["x"]) for e in Dataset.zip({"x": a})] == [1, 2, 3]
    assert [tuple(map(int, e)) for e in a.enumerate(5)] == [(5, 1), (6, 2), (7, 3)]
    windows = Dataset.range(7).window(3, shift=2, drop_remainder=True)
    assert values(windows.flat_map(lambda w: w.batch(3))) == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert [values(w) for w in Dataset.range(7).window(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [values(w) for w in Dataset.range(7).window(2, 1, 2, True)] == [[i, i + 2] for i in range(5)]
    assert [values(w) for w in Dataset.range(9).window(2, 4)] == [[0, 1], [4, 5], [8]]
    # The example of tf.data.Dataset.interleave.
    spread = Dataset.range(1, 6).interleave(
        lambda n: Dataset.from_tensors(n).repeat(6), cycle_length=2, block_length=4
    )
    want = [1] * 4 + [2] * 4 + [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [3] * 2 + [4] * 2 + [5] * 6
    assert values(spread) == want
    assert int(Dataset.range(5).reduce(np.int64(0), lambda s, n: s + n)) == 10
    assert values(Dataset.range(3).apply(lambda ds: ds.take(1))) == [0]
    assert int(Dataset.range(1).get_single_element()) == 0
    with pytest.raises(TypeError, match="map_func gave a Tensor, expected a Dataset"):
        list(a.flat_map(lambda n: n))


def test_generators_are_cast_and_checked():
    def pairs():
        for i in range(3):
            yield [i, i + 1], float(i)

    signature = (TensorSpec((2,), np.float32), TensorSpec((), np.float64))
    ds = Dataset.from_generator(pairs, output_signature=signature)
    for _ in range(2):
        assert [e[0].tolist() for e in ds.as_numpy_iterator()] == [[0, 1], [1, 2], [2, 3]]
    assert ds.element_spec == signature and [e.dtype for e in next(iter(ds))] == [np.float32, np.float64]
    old = Dataset.from_generator(pairs, (np.float32, np.int32), ((2,), ()))
    assert [e.dtype for e in next(iter(old))] == [np.float32, np.int32]
    assert values(Dataset.from_generator(lambda n: iter(range(n)), args=(3,))) == [0, 1, 2]
    wrong = Dataset.from_generator(pairs, output_signature=(TensorSpec((3,)), TensorSpec(())))
    with pytest.raises(ValueError, match=r"an element has shape \(2,\), expected \(3,\)"):
        next(iter(wrong))
    with pytest.raises(TypeError, match="generator is a generator, expected a function"):
        Dataset.from_generator(pairs())


@pytest.mark.parametrize("parallel", [None, 3, AUTOTUNE])
def test_maps_keep_their_order_on_threads(parallel):
    seen = set()

    def slow(n):
        assert isinstance(n, tw.Tensor)
        seen.add(threading.get_ident())
        time.sleep(0.002 * (int(n) % 3))
        return n * 2, {"again": n}

    ds = Dataset.range(40).map(slow, num_parallel_calls=parallel)
    assert [int(a) for a, _ in ds] == list(range(0, 80, 2)) and len(ds) == 40
    assert (len(seen) > 1) == (parallel is not None and (parallel > 1 or threads.usable_cores() > 1))


def test_errors_come_where_their_element_would():
    def fails(n):
        if int(n) == 3:
            raise KeyError("three")
        return n

    for ds in (
        Dataset.range(9).map(fails),
        Dataset.range(9).map(fails, num_parallel_calls=2),
        Dataset.range(9).map(fails).prefetch(2),
    ):
        iterator, got = iter(ds), []
        with pytest.raises(KeyError, match="three"):
            for n in iterator:
                got.append(int(n))
        assert got == [0, 1, 2]


def test_threads_end_with_their_iterator():
    def running():
        return [t for t in threading.enumerate() if t.name.startswith("tilewright-data")]

    for ds in (Dataset.range(10**6).prefetch(3), Dataset.range(10**6).map(lambda n: n, num_parallel_calls=2)):
        iterator = iter(ds)
        next(iterator), next(iterator)
        del iterator
        deadline = time.time() + 5
        while running() and time.time() < deadline:
            time.sleep(0.01)
        assert not running()


def test_cache_and_prefetch():
    calls = []
    ds = Dataset.range(5).map(lambda n: (calls.append(1), n)[1]).cache().prefetch(AUTOTUNE)
    assert values(ds) == values(ds) == [0, 1, 2, 3, 4] and len(calls) == 5 and len(ds) == 5
    partly = Dataset.range(5).cache()
    assert values(partly.take(2)) == [0, 1] and values(partly) == [0, 1, 2, 3, 4]
    with pytest.raises(NotImplementedError, match="filename is given"):
        ds.cache("file")


def small_model():
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_training_from_a_dataset():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [2], [3]], np.float32)
    ds = Dataset.from_tensor_slices((x, y))
    keras.utils.set_random_seed(1)
    model = small_model()
    history = model.fit(ds.shuffle(64, seed=2).batch(8), epochs=40, validation_data=ds.batch(32), verbose=0)
    assert history.history["val_loss"][-1] < 1e-2 * history.history["val_loss"][0]
    assert model.evaluate(ds.batch(16), verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    np.testing.assert_allclose(
        model.predict(ds.map(lambda a, b: a).batch(10), verbose=0), model.predict(x, verbose=0), rtol=1e-6
    )
    twins = [small_model(), small_model()]
    twins[1].set_weights(twins[0].get_weights())
    twins[0].fit(x, y, batch_size=8, shuffle=False, epochs=2, verbose=0)
    twins[1].fit(ds.batch(8).prefetch(2), epochs=2, verbose=0)
    for a, b in zip(*(m.get_weights() for m in twins), strict=True):
        np.testing.assert_array_equal(a, b)


def test_endless_data_needs_steps():
    x = np.ones((4, 3), np.float32)
    ds = Dataset.from_tensor_slices((x, x[:, :1])).repeat().batch(2)
    with pytest.raises(ValueError, match="is without end, expected steps_per_epoch to be given"):
        small_model().fit(ds, verbose=0)
    assert len(small_model().fit(ds, steps_per_epoch=3, epochs=2, verbose=0).history["loss"]) == 2
    with pytest.raises(ValueError, match="expected steps"):
        small_model().evaluate(ds, verbose=0)
    assert small_model().predict(ds.map(lambda a, b: a), steps=2, verbose=0).shape == (4, 1)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pydataset_is_read_ahead_by_its_workers_in_order(workers):
    threads_seen, order = set(), []

    class Numbers(keras.utils.PyDataset):
        ended = 0

        def __len__(self):
            return 8

        def __getitem__(self, index):
            threads_seen.add(threading.get_ident())
            time.sleep(0.002 * (index % 3))
            return np.full((2, 3), index, np.float32), np.zeros((2, 1), np.float32)

        def on_epoch_end(self):
            self.ended += 1

    class Order(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            order.append(logs["loss"])

    numbers = Numbers(workers=workers, max_queue_size=4)
    model = small_model()
    model.set_weights([np.ones((3, 1), np.float32), np.zeros(1, np.float32)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(numbers, epochs=2, shuffle=False, verbose=0, callbacks=[Order()])
    running = [np.mean([9.0 * i * i for i in range(n + 1)]) for n in range(8)]
    np.testing.assert_allclose(order, running * 2, rtol=1e-5)
    assert numbers.ended == 2 and (len(threads_seen) > 1) == (workers > 1)
    with pytest.raises(NotImplementedError, match="__len__ is not defined"):
        len(keras.utils.Sequence())


def test_short_epochs_go_through_the_data_before_they_start_again():
    generator = keras.preprocessing.image.ImageDataGenerator()
    x = np.arange(12, dtype=np.float32).reshape(12, 1, 1, 1)
    seen = []

    class Watching(keras.Model):
        def train_step(self, data):
            seen.extend(data[0].numpy().ravel().astype(int).tolist())
            return {"loss": data[0][0, 0, 0, 0]}

    model = Watching()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(generator.flow(x, x[:, 0, 0], batch_size=2, seed=1), steps_per_epoch=2, epochs=6, verbose=0)
    assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12)) and seen[:12] != seen[12:]


def test_windows_are_data_sets_wherever_they_stand():
    numbers = Dataset.range(8)
    assert [[int(x) for x in w] for w in numbers.window(4, shift=2).take(2)] == [[0, 1, 2, 3], [2, 3, 4, 5]]
    batches = numbers.window(3, shift=1, drop_remainder=True).map(lambda w: w.batch(3)).flat_map(lambda w: w)
    assert values(batches)[-1] == [5, 6, 7]

    def windows(data, length):
        return data.window(length, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(length))

    pairs = windows(windows(numbers, 3), 2).map(lambda part: (part[:, 0], part[:, 1:]))
    first = next(pairs.as_numpy_iterator())
    assert first[0].tolist() == [0, 1] and first[1].tolist() == [[1, 2], [2, 3]]


def test_a_pass_answers_to_next_by_its_older_names():
    running = iter(Dataset.range(4))
    got = [next(running), running.get_next(), running.next(), *running]
    assert [int(x) for x in got] == [0, 1, 2, 3] and Dataset.range(2).as_numpy_iterator().next() == 0


def test_counters_have_no_end():
    numbers = tw.data.experimental.Counter(3, 2)
    assert count(numbers) == -1 and values(numbers.take(3)) == [3, 5, 7]
    assert Dataset.counter().element_spec == TensorSpec((), np.int64)
