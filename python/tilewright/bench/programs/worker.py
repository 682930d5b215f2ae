# SPDX-License-Identifier: Apache-2.0
"""One library training one program in its own process: `python worker.py LIBRARY PROGRAM FOLDER THREADS`.

Reads weights.npz and batches.npz of FOLDER, then answers each line of its input with one line of JSON: "run
N" with the seconds of N steps, the loss of the last, and the memory that training has added; "predict N" with
the shortest of N predictions of one row. Started as a file, so that it runs in any interpreter that has the
library, whether Tilewright is installed there or not.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np


class Tilewright:
    """`fit` of tilewright.keras, on arrays."""

    def __init__(self, name, weights, x, y, batch, threads):
        import tilewright
        from tilewright import keras
        from tilewright.bench.programs import models

        tilewright.set_num_threads(threads)
        self.model = models.build(keras, name)
        self.model.set_weights(weights)
        self.x, self.y, self.batch = x, y, batch

    def run(self, steps):
        loss = None
        while steps > 0:
            rows = min(steps * self.batch, len(self.x))
            x, y = self.x[:rows], self.y[:rows]
            history = self.model.fit(x, y, batch_size=self.batch, shuffle=False, verbose=0)
            loss, steps = history.history["loss"][-1], steps - rows // self.batch
        return loss

    def predict(self):
        return self.model.predict(self.x[:1], verbose=0)


class Keras(Tilewright):
    """The same with Keras 3 on the back end that KERAS_BACKEND names."""

    def __init__(self, name, weights, x, y, batch, threads):
        backend = os.environ["KERAS_BACKEND"]
        if backend == "tensorflow":
            import tensorflow

            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        import keras

        sys.path.insert(0, str(Path(__file__).parent))
        import models

        self.model = models.build(keras, name)
        self.model.set_weights(weights)
        self.x, self.y, self.batch = x, y, batch


class PyTorch:
    """A training loop over tensors that are there; fused Adam; the loss is read once at the end.

    `layout` is "contiguous" or "channels_last"; `compiled` puts forward and loss through torch.compile.
    """

    def __init__(self, name, weights, x, y, batch, threads, layout="contiguous", compiled=False):
        import torch

        from tilewright.bench.programs import models, torch_models

        torch.set_num_threads(threads)
        self.torch = torch
        self.module = torch_models.build(name, weights)
        self.yes_or_no = name in ("cats_and_dogs_cnn", "tabular_mlp")
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        tensor = torch.from_numpy(x)
        if x.ndim == 4:
            self.module = self.module.to(memory_format=memory)
            tensor = tensor.permute(0, 3, 1, 2)
        parts = tensor.split(batch)
        self.x = [p.contiguous(memory_format=memory) if x.ndim == 4 else p.contiguous() for p in parts]
        if name == "char_transformer":
            self.x = [p.long() for p in self.x]
        labels = torch.from_numpy(y)
        self.y = list((labels if self.yes_or_no else labels.long()).split(batch))
        rate = models.learning_rate(name)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=rate, eps=1e-7, fused=True)
        self.correct = torch.zeros((), dtype=torch.int64)
        self.step = torch.compile(self.forward) if compiled else self.forward
        self.at = 0

    def forward(self, x, y):
        logits = self.module(x)
        functional = self.torch.nn.functional
        if self.yes_or_no:
            logits = logits.flatten()
            return functional.binary_cross_entropy_with_logits(logits, y), ((logits > 0) == (y > 0.5)).sum()
        logits = logits.flatten(0, -2)
        y = y.flatten()
        return functional.cross_entropy(logits, y), (logits.argmax(-1) == y).sum()

    def run(self, steps):
        total = 0.0
        for _ in range(steps):
            i = self.at % len(self.x)
            self.at += 1
            self.optimizer.zero_grad(set_to_none=True)
            loss, correct = self.step(self.x[i], self.y[i])
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
            self.correct += correct
        return float(total) / steps

    def predict(self):
        with self.torch.inference_mode():
            return self.module(self.x[0][:1]).numpy()


LIBRARIES = {
    "tilewright": Tilewright,
    "torch": PyTorch,
    "torch channels_last": lambda *a: PyTorch(*a, layout="channels_last"),
    "torch.compile": lambda *a: PyTorch(*a, compiled=True),
    "torch.compile channels_last": lambda *a: PyTorch(*a, layout="channels_last", compiled=True),
    "keras tensorflow": Keras,
    "keras jax": Keras,
}


def memory(kind: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at the highest. 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(kind)), 0)


def timed(call, *arguments):
    """Seconds, and what the call gave."""
    begun = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - begun, result


def main() -> None:
    library, name, folder, threads = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    weights = np.load(folder / "weights.npz")
    data = np.load(folder / "batches.npz")
    batch = int(data["batch"])
    arrays = [weights[key] for key in sorted(weights.files)]
    made = LIBRARIES[library](name, arrays, data["x"], data["y"], batch, threads)
    ready = memory("VmRSS")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        word, count = line.split()
        if word == "predict":
            answer = {"seconds": min(timed(made.predict)[0] for _ in range(int(count)))}
        else:
            seconds, loss = timed(made.run, int(count))
            answer = {"seconds": seconds, "loss": float(loss), "memory": memory("VmHWM") - ready}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
