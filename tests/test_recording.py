# SPDX-License-Identifier: Apache-2.0
"""tw.record: what is replayed equals what Python would have run, bit for bit, and what cannot be is not."""

import gc
import logging
import threading
import time

import numpy as np
import pytest

import tilewright as tw
from tilewright import ops, recording


def arrays(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def replayed(step):
    return sum(row.replayed for row in step.stats())


def test_results_equal_eager_bit_for_bit():
    w = tw.Variable(arrays((20, 7))[0])

    def step(x, scale):
        h = ops.softmax(ops.matmul(x, w))
        return {"h": h, "sum": (ops.sum(h * scale), 3)}

    recorded = tw.record(step)
    for i in range(6):
        x, scale = arrays((5, 20), (5, 1), seed=i)
        got, want = recorded(x, scale), step(tw.Tensor(x), tw.Tensor(scale))
        assert np.array_equal(got["h"].numpy(), want["h"].numpy())
        assert np.array_equal(got["sum"][0].numpy(), want["sum"][0].numpy()) and got["sum"][1] == 3
    (row,) = recorded.stats()
    assert (row.eager, row.recorded, row.replayed) == (1, 2, 3)
    assert row.calls == 4 and row.reason is None


def test_results_are_not_overwritten_by_later_steps():
    double = tw.record(lambda x: x * 2)
    kept = [double(np.full(3, i, np.float32)) for i in range(8)]
    assert [float(y[0]) for y in kept] == [2.0 * i for i in range(8)]


def test_variables_changed_between_steps_are_seen():
    w = tw.Variable(np.ones(3, np.float32))
    step = tw.record(lambda x: x + w)
    x = np.zeros(3, np.float32)
    for _ in range(4):
        step(x)
    w.assign(np.full(3, 5, np.float32))
    assert np.array_equal(step(x).numpy(), [5, 5, 5]) and replayed(step) == 2


def test_random_numbers_go_on_as_in_eager():
    def run(recorded):
        tw.random.set_seed(7)

        def draw(x):
            return ops.dropout(x, rate=0.5, key=tw.random.next_key(x.size))

        step = tw.record(draw) if recorded else draw
        return [step(tw.Tensor(np.ones(100, np.float32))).numpy().copy() for _ in range(6)]

    assert all(map(np.array_equal, run(True), run(False)))


def test_each_shape_and_dtype_has_its_own_recording():
    step = tw.record(lambda x: x * 2 + 1)
    for _ in range(5):
        for shape, dtype in (((3,), np.float32), ((4,), np.float32), ((3,), np.float64), ((0,), np.float32)):
            x = np.full(shape, 2, dtype)
            y = step(x)
            assert y.dtype == dtype and y.shape == shape and (y.numpy() == 5).all()
    assert [row.replayed for row in step.stats()] == [2] * 4


def test_python_arguments_choose_the_recording():
    step = tw.record(lambda x, factor, flip=False: x * factor * (-1 if flip else 1))
    x = np.ones(3, np.float32)
    for _ in range(5):
        assert float(step(x, 2)[0]) == 2
        assert float(step(x, 3)[0]) == 3
        assert float(step(x, 3, flip=True)[0]) == -3
    assert len(step.stats()) == 3


def test_strided_inputs_and_scalars():
    step = tw.record(lambda x, s: ops.transpose(x) * s)
    for i in range(5):
        x = np.arange(24, dtype=np.float32).reshape(4, 6)[::-1, ::2] + i
        assert np.array_equal(step(x, np.float32(i)).numpy(), x.T * i)
    assert replayed(step) == 2


@pytest.mark.parametrize(
    "read",
    [float, bool, lambda t: t.numpy(), lambda t: np.asarray(t), lambda t: t.item(), lambda t: f"{t}", repr],
    ids=["float", "bool", "numpy", "asarray", "item", "format", "repr"],
)
def test_a_value_read_in_the_step_keeps_it_eager(read, caplog):
    def step(x):
        total = ops.sum(x)
        read(total)
        return x * 2

    recorded = tw.record(step, name="the step")
    with caplog.at_level(logging.WARNING, "tilewright"):
        for i in range(6):
            assert float(recorded(np.full(3, i, np.float32))[0]) == 2 * i
    (row,) = recorded.stats()
    assert row.replayed == 0 and "reads a value" in row.reason
    assert len(caplog.records) == 1 and "the step is not replayed" in caplog.text


def test_a_branch_on_python_state_is_noticed():
    count = [0]

    def step(x):
        count[0] += 1
        return x * 2 if count[0] % 2 else x + 1

    recorded = tw.record(step)
    for i in range(9):
        x = np.full(3, i, np.float32)
        assert float(recorded(x)[0]) in (2 * i, i + 1)
    (row,) = recorded.stats()
    assert row.replayed == 0 and count[0] == 9 and "in the next run" in row.reason


def test_a_number_that_python_computes_anew_is_noticed():
    count = [0.0]

    def step(x):
        count[0] += 1
        return x * count[0]

    recorded = tw.record(step)
    assert [float(recorded(np.ones(2, np.float32))[0]) for _ in range(9)] == list(range(1, 10))
    assert "Python computes anew" in recorded.stats()[0].reason


def test_state_carried_by_python_is_noticed():
    state = [np.zeros(3, np.float32)]

    def step(x):
        state[0] = ops.add(state[0], x)
        return state[0] * 1

    recorded = tw.record(step)
    x = np.ones(3, np.float32)
    assert [float(recorded(tw.Tensor(x))[0]) for _ in range(9)] == list(range(1, 10))
    assert recorded.stats()[0].replayed == 0


def test_a_value_cached_by_the_first_runs_does_no_harm():
    cache = {}

    def step(x):
        if "table" not in cache:
            cache["table"] = ops.exp(np.arange(3, dtype=np.float32))
        return x * cache["table"]

    recorded = tw.record(step)
    for i in range(6):
        x = np.full(3, i, np.float32)
        assert np.allclose(recorded(x).numpy(), i * np.exp(np.arange(3)), rtol=1e-6)
    assert replayed(recorded) == 3


def test_note_change_has_the_step_looked_at_again():
    factor = [2]
    step = tw.record(lambda x: x * factor[0])
    x = np.ones(2, np.float32)
    for _ in range(5):
        step(x)
    factor[0] = 3
    recording.note_change()
    assert [float(step(x)[0]) for _ in range(4)] == [3] * 4
    assert replayed(step) > 2


def test_an_error_in_a_recorded_run_leaves_eager_mode_intact():
    fail = [False]

    def step(x):
        y = x * 2
        if fail[0]:
            raise KeyError("stop")
        return y

    recorded = tw.record(step)
    x = np.ones(2, np.float32)
    recorded(x)
    fail[0] = True
    with pytest.raises(KeyError, match="stop"):
        recorded(x)
    assert not recording.active()
    before = tw._cpu.pool_stats()["allocations"]
    ops.add(x, x)  # from the pool again, not from the arena
    assert tw._cpu.pool_stats()["allocations"] == before + 1
    fail[0] = False
    for _ in range(4):
        assert float(recorded(x)[0]) == 2
    assert replayed(recorded) == 2


def test_bad_values_raise_in_a_replay_as_in_eager():
    table = tw.Variable(arrays((5, 2))[0])
    step = tw.record(lambda ids: ops.embedding(table, ids))
    for _ in range(4):
        step(np.array([0, 4]))
    with pytest.raises(ValueError) as replay:
        step(np.array([0, 5]))
    with pytest.raises(ValueError) as eager:
        ops.embedding(table, np.array([0, 5]))
    assert str(replay.value) == str(eager.value)
    assert np.array_equal(step(np.array([1, 2])).numpy(), table.array[1:3])


def test_under_a_tape_the_function_itself_runs():
    w = tw.Variable(np.array([2.0], np.float32))
    square = tw.record(lambda: w * w)
    for _ in range(5):
        square()
    with tw.GradientTape() as tape:
        y = square()
    assert float(tape.gradient(y, w)) == 4


def test_a_tape_inside_the_step_is_recorded():
    w = tw.Variable(np.array([1.0], np.float32))

    @tw.record
    def descend(x):
        with tw.GradientTape() as tape:
            loss = ops.sum(ops.square(w * x - 3.0))
        w.assign_sub(tape.gradient(loss, w) * 0.1)
        return loss

    losses = [float(descend(np.ones(1, np.float32))) for _ in range(30)]
    assert losses[-1] < 1e-4 and abs(float(w[0]) - 3) < 0.01 and replayed(descend) == 27


def test_a_recorded_step_inside_another():
    inner = tw.record(lambda x: x * 2)
    outer = tw.record(lambda x: inner(x) + 1)
    for i in range(6):
        assert float(outer(np.full(2, i, np.float32))[0]) == 2 * i + 1
    assert replayed(outer) == 3 and replayed(inner) == 0


def test_methods_have_recordings_for_each_object():
    class Scale:
        def __init__(self, factor):
            self.factor = tw.Variable(np.array([factor], np.float32))

        @tw.record
        def apply(self, x):
            return x * self.factor

    a, b = Scale(2.0), Scale(3.0)
    for _ in range(5):
        assert float(a.apply(np.ones(1, np.float32))[0]) == 2
        assert float(b.apply(np.ones(1, np.float32))[0]) == 3
    assert a.apply.stats()[0].replayed == 2


def test_python_threads_go_on_during_a_replay():
    (x,) = arrays((1500, 1500))

    @tw.record
    def long(x):
        for _ in range(10):
            x = ops.matmul(x, x) * 1e-3
        return x

    for _ in range(3):
        long(x)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.perf_counter()
    long(x)
    ended = time.perf_counter()
    stop.set()
    thread.join()
    # Whoever holds the interpreter lock lets nobody else tick in the middle of his work.
    third = (ended - begun) / 3
    assert any(begun + third < t < ended - third for t in ticks)


def test_two_threads_may_call_one_recorded_step():
    step = tw.record(lambda x: ops.softmax(ops.matmul(x, x)))
    inputs = [arrays((64, 64), seed=i)[0] for i in range(4)]
    want = [ops.softmax(ops.matmul(x, x)) for x in inputs]
    wrong = []

    def work(i):
        for _ in range(50):
            if not np.array_equal(step(inputs[i]).numpy(), want[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_is_shared_within_a_step_and_given_back():
    def step(x):
        for _ in range(20):
            x = ops.tanh(x)
        return x

    recorded = tw.record(step)
    (x,) = arrays((256, 256))
    for _ in range(4):
        recorded(x)
    (row,) = recorded.stats()
    assert row.intermediate_bytes >= 21 * x.nbytes
    assert row.arena_bytes <= 4 * x.nbytes
    in_use = tw._cpu.pool_stats()["in_use_bytes"]
    del recorded
    gc.collect()
    assert tw._cpu.pool_stats()["in_use_bytes"] <= in_use - 2 * x.nbytes


def test_profile_sees_the_calls_of_a_replay():
    step = tw.record(lambda x: ops.softmax(ops.matmul(x, x)))
    (x,) = arrays((8, 8))
    for _ in range(4):
        step(x)
    with tw.profile(show=False) as profile:
        step(x)
    assert {"matmul", "softmax_forward"} <= {row.operation for row in profile.rows()}


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"\[record\] function is a int, expected something to call"):
        tw.record(3)


def test_another_shape_never_reads_stale_arrays():
    step = tw.record(lambda x: ops.sum(x))
    for _ in range(4):
        assert float(step(np.ones(10, np.float32))) == 10
    assert float(step(np.ones(4, np.float32))) == 4
    assert float(step(np.ones(10, np.float32))) == 10
