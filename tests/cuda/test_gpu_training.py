# SPDX-License-Identifier: Apache-2.0
"""Models on a GPU, on the stand-in of conftest.py: the CPU's bits, eager and replayed as a graph."""

import numpy as np
import pytest
from stand_in_cupy import asarray, ndarray

import tilewright as tw
from tilewright import backend, keras

layers = keras.layers


def data(samples=24):
    rng = np.random.default_rng(3)
    return rng.standard_normal((samples, 8, 8, 1)).astype(np.float32), rng.integers(0, 3, samples)


def network():
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )


def fitted(model, **options):
    x, y = data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9))
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], **options)
    history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
    return history, model.evaluate(x, y, verbose=0), model.predict(x, verbose=0), model.get_weights()


def same(got, want):
    assert got[0] == want[0]
    assert got[1] == want[1]
    for g, w in zip([got[2], *got[3]], [want[2], *want[3]], strict=True):
        assert type(g) is np.ndarray
        np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("eager", [True, False])
def test_training_gives_the_bits_of_the_cpu(cupy, eager):
    want = fitted(network(), run_eagerly=eager)
    backend.set_device("cuda")
    model = network()
    got = fitted(model, run_eagerly=eager)
    same(got, want)
    assert all(type(v.array) is ndarray for v in (*model.variables, *model.optimizer.variables))


def test_a_model_is_moved(cupy):
    want = fitted(network())
    model = network().to("cuda")
    assert all(type(v.array) is ndarray for v in model.variables)
    same(fitted(model), want)
    model.to("cpu")
    assert all(type(v.array) is np.ndarray for v in (*model.variables, *model.optimizer.variables))
    x, _ = data()
    np.testing.assert_array_equal(model.predict(x, verbose=0), want[2])


def test_a_recorded_step_is_one_graph_that_nothing_waits_for(gpu):
    w = tw.Variable(np.zeros((5, 3), np.float32))

    @tw.record
    def step(x, y):
        with tw.GradientTape() as tape:
            loss = tw.ops.softmax_cross_entropy(x @ w, y, reduction="mean")
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    rng = np.random.default_rng(1)
    batches = [
        (asarray(rng.standard_normal((4, 5)).astype(np.float32)), asarray(rng.integers(0, 3, 4)))
        for _ in range(6)
    ]
    gpu.counts.reads = gpu.counts.uploads = 0
    losses = [step(*batch) for batch in batches]
    assert (gpu.counts.reads, gpu.counts.uploads) == (0, 0)
    row = step.stats()[0]
    assert (row.replayed, row.recorded, row.eager, row.reason) == (3, 2, 1, None)

    weights = np.zeros((5, 3))
    for (x, y), loss in zip(batches, losses, strict=True):
        p = np.exp(x._a @ weights)
        p /= p.sum(1, keepdims=True)
        labels = np.eye(3)[y._a]
        assert float(loss) == pytest.approx(-np.log((p * labels).sum(1)).mean(), rel=1e-5)
        weights -= 0.1 * x._a.T @ (p - labels) / 4
    np.testing.assert_allclose(w.numpy(), weights, rtol=1e-4, atol=1e-6)


def test_capturing_runs_nothing_and_the_graph_is_launched_on_the_callers_stream(gpu, monkeypatch):
    total, launched = tw.Variable(np.zeros(2, np.float32)), []
    launch = gpu.Graph.launch

    def noted(graph, stream=None):
        launched.append(stream.ptr)
        launch(graph, stream)

    monkeypatch.setattr(gpu.Graph, "launch", noted)

    @tw.record
    def step(x):
        total.assign_add(x)
        return total * 1

    stream = gpu.cuda.Stream()
    with stream:
        values = [step(asarray(np.ones(2, np.float32))).numpy()[0] for _ in range(6)]
    assert values == [1, 2, 3, 4, 5, 6]
    assert launched == [stream.ptr] * 3


def test_constants_that_a_step_uploads_stay_where_they_are(gpu):
    @tw.record
    def step(x):
        return x + backend.to_gpu(np.arange(3, dtype=np.float32))

    results = [step(asarray(np.full(3, i, np.float32))).numpy() for i in range(6)]
    np.testing.assert_array_equal(results[5], [5, 6, 7])
    row = step.stats()[0]
    assert (row.replayed, row.reason) == (3, None)


def test_a_value_read_within_a_step_keeps_it_in_python(gpu):
    @tw.record
    def step(x):
        return x * float(x[0])

    for i in range(5):
        assert step(asarray(np.full(3, i, np.float32))).numpy()[0] == i * i
    assert "reads a value" in step.stats()[0].reason


def test_numpy_arguments_of_a_step_are_moved(gpu):
    w = tw.Variable(np.full(3, 2, np.float32))
    step = tw.record(lambda x: x * w)
    for i in range(5):
        assert step(np.full(3, i, np.float32)).numpy()[0] == 2 * i
    assert step.stats()[0].replayed == 2


def test_memory_of_a_recording_is_reused_and_given_back(gpu):
    w = tw.Variable(np.ones(1000, np.float32))

    def chain(x):
        for _ in range(20):
            x = x * w
        return x

    step = tw.record(chain)
    for _ in range(5):
        step(asarray(np.ones(1000, np.float32)))
    row = step.stats()[0]
    assert row.replayed == 2
    assert row.arena_bytes < row.intermediate_bytes / 3


def test_the_reason_is_said_where_there_is_no_gpu(monkeypatch):
    if not tw.cuda.unavailable_reason():
        pytest.skip("there is a GPU")
    assert not tw.cuda.is_available()
    with pytest.raises(
        RuntimeError, match=r"\[set_device\] (no GPU can be used|the cuda back end|arrays on the GPU)"
    ):
        tw.set_device("cuda")
    with pytest.raises(RuntimeError, match=r"\[cuda\] no GPU can be used: ."):
        tw.cuda.device_info()


def test_the_gpu_is_described(cupy):
    assert tw.cuda.is_available()
    assert tw.cuda.device_info()[0]["compute_capability"] == (9, 0)
