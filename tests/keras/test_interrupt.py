# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C during fit: the step is finished, the model stays usable, the history is kept."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tilewright import keras
from tilewright.keras import Sequential, layers


@pytest.fixture(autouse=True)
def keyboard():
    """Ctrl-C as a terminal's programs have it, where the tests were begun in the background too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def model():
    m = Sequential([layers.Input((4,)), layers.Dense(3)])
    m.compile("adam", "mse")
    return m


def test_an_interrupt_from_a_callback_leaves_the_model_usable():
    def stop(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    m = model()
    with pytest.raises(KeyboardInterrupt):
        m.fit(
            X, X[:, :3], epochs=9, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=stop)]
        )
    assert m.history.epoch == [0, 1] and len(m.history.history["loss"]) == 2
    assert np.isfinite(m.fit(X, X[:, :3], verbose=0).history["loss"][0])


def test_ctrl_c_waits_for_the_step():
    m = model()
    finished = []
    step = m._train_on

    def slow(data):
        if len(finished) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        step(data)
        finished.append(int(m.optimizer.iterations))

    m._train_on = slow
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, X[:, :3], batch_size=4, epochs=9, verbose=0)
    assert finished == [1, 2, 3, 4]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_process_of_its_own():
    program = textwrap.dedent("""
        import signal
        import numpy as np
        from tilewright.keras import Sequential, callbacks, layers

        signal.signal(signal.SIGINT, signal.default_int_handler)

        m = Sequential([layers.Input((4,)), layers.Dense(3)])
        m.compile("adam", "mse")
        x = np.ones((400, 4), np.float32)
        ready = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch, flush=True))
        try:
            m.fit(x, x[:, :3], batch_size=4, epochs=1_000_000, verbose=0, callbacks=[ready])
        except KeyboardInterrupt:
            whole = np.isfinite(m.predict(x, verbose=0)).all()
            print("stopped after", len(m.history.epoch), "epochs,", whole, flush=True)
    """)
    path = str(Path(keras.__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout.readline() == "epoch 0\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "stopped after" in out and out.endswith("epochs, True\n")
