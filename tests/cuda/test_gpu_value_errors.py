# SPDX-License-Identifier: Apache-2.0
"""What kernels on a GPU find wrong with ids and labels is raised where values reach the host, only there."""

import numpy as np
import pytest
from stand_in_cupy import asarray

import tilewright as tw
from tilewright import backend, keras

FOUND = "[embedding] ids has value 9 at flat position 1, expected 0 to 2"


def one(kind=np.float32):
    return tw.Tensor(asarray(np.ones((), kind)))


def many(kind=np.float32):
    return tw.Tensor(asarray(np.ones(3, kind)))


READS = {
    "numpy": lambda: many().numpy(),
    "asarray": lambda: np.asarray(many()),
    "item": lambda: one().item(),
    "float": lambda: float(one()),
    "int": lambda: int(one()),
    "index": lambda: range(one(np.int64)),
    "bool": lambda: bool(one()),
    "repr": lambda: repr(many()),
    "str": lambda: str(many()),
    "format of one": lambda: f"{one():.2f}",
    "format of many": lambda: f"{many()}",
    "DLPack to the host": lambda: many().__dlpack__(dl_device=(1, 0)),
    "variable": lambda: tw.Variable(many()).numpy(),
    "repr of a variable": lambda: repr(tw.Variable(many())),
    "variable to the CPU": lambda: tw.Variable(many()).to("cpu"),
    "copy to the host": lambda: backend.copy_values(np.empty(3, np.float32), many().array),
    "boolean mask": lambda: many()[asarray(np.array([[True, False, True]]))[0]],
    "mask as an index": lambda: many()[tw.Tensor(asarray(np.array([True, False, True])))],
    "keras of a Tensor": lambda: keras.ops.convert_to_numpy(many()),
    "keras of an array": lambda: keras.ops.convert_to_numpy(many().array),
    "synchronize": tw.cuda.synchronize,
}


@pytest.fixture
def module(gpu):
    return backend.load("cuda")


@pytest.mark.parametrize("how", READS)
def test_a_read_raises_once(module, how):
    READS[how]()
    module.found = FOUND
    with pytest.raises(ValueError, match=r"\[embedding\] ids has value 9"):
        READS[how]()
    READS[how]()


def test_what_stays_on_the_gpu_does_not_ask(module, gpu):
    x = many()
    module.found, gpu.counts.reads = FOUND, 0
    y = tw.ops.exp(x + x)
    assert y.shape == (3,) and y.array.__cuda_array_interface__["shape"] == (3,)
    with pytest.raises(BufferError):  # the stand-in's memory is the host's; CuPy's is handed on
        y.__dlpack__()
    assert (module.found, gpu.counts.reads) == (FOUND, 0)


def test_replays_of_a_graph_are_asked_when_their_results_are_read(module):
    step = tw.record(lambda x: x * 2)
    x = asarray(np.ones(3, np.float32))
    results = [step(x) for _ in range(4)]
    assert step.stats()[0].replayed >= 1
    module.found = FOUND
    results.append(step(x))
    with pytest.raises(ValueError, match="ids has value 9"):
        results[-1].numpy()


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_training_loops_raise_when_they_show_numbers(module, call):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 4), np.float32), np.ones((8, 2), np.float32)
    model.fit(x, y, batch_size=4, verbose=0)
    given = (x,) if call == "predict" else (x, y)
    module.found = FOUND
    with pytest.raises(ValueError, match="ids has value 9"):
        getattr(model, call)(*given, batch_size=4, verbose=0)
