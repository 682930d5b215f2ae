# SPDX-License-Identifier: Apache-2.0
"""TensorBoard: metrics, weights and embeddings as event files, written by tensorboardX."""

from __future__ import annotations

import json
import os
import time

from tilewright import ops
from tilewright.keras.callbacks.callback import Callback


def _writer_class():
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "[TensorBoard] tensorboardX is not installed, expected it: pip install tilewright[tensorboard]"
        ) from error
    return SummaryWriter


class TensorBoard(Callback):
    """Writes event files below `log_dir`, in `train` and `validation`.

    Parameters
        log_dir : where to
        histogram_freq : every so many epochs the weights are written as histograms;  write_images : and as
            pictures
        write_graph : the model's configuration is written as text
        write_steps_per_second : how fast epochs and batches are
        update_freq : "epoch", or "batch" or a number of batches, after which metrics are written too
        embeddings_freq : every so many epochs the weights of Embedding layers are written for the projector;
            embeddings_metadata : labels of their rows: a file of lines, or a dict of files by layer name
        profile_batch : 0; `tilewright.profile` measures operations
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        if profile_batch:
            raise ValueError(
                f"[TensorBoard] profile_batch is {profile_batch!r}, expected 0; "
                "use `with tilewright.profile():`"
            )
        self._writer_class = _writer_class()
        self.log_dir, self.histogram_freq, self.write_graph = os.fspath(log_dir), histogram_freq, write_graph
        self.write_images, self.write_steps_per_second = write_images, write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._writers: dict = {}
        self._batches = {"train": 0, "validation": 0}
        if self.update_freq != "epoch":
            self.on_train_batch_end = self._after_train_batch
            self.on_test_batch_end = self._after_test_batch
        if self.update_freq != "epoch" and write_steps_per_second:
            self.on_train_batch_begin = self._before_train_batch

    def get_state(self):
        return {"batches": self._batches}

    def set_state(self, state):
        self._batches = dict(state["batches"])

    def _writer(self, name: str):
        if name not in self._writers:
            self._writers[name] = self._writer_class(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _scalars(self, name: str, prefix: str, values: dict, step: int) -> None:
        for key, value in values.items():
            if not getattr(value, "ndim", 0):
                self._writer(name).add_scalar(f"{prefix}_{key}", value, step)

    def on_train_begin(self, logs=None):
        self._batches = {"train": 0, "validation": 0}
        if self.write_graph and hasattr(self.model, "get_config"):
            try:
                text = json.dumps(self.model.get_config(), indent=2, default=str)
            except NotImplementedError:  # a model of one's own, without configuration
                return
            self._writer("train").add_text("keras", f"```\n{text}\n```", 0)

    def _before_train_batch(self, batch, logs=None):
        self._begun = time.perf_counter()

    def _after_train_batch(self, batch, logs=None):
        self._batches["train"] += 1
        step = self._batches["train"]
        if step % self.update_freq:
            return
        self._scalars("train", "batch", logs or {}, step)
        if self.write_steps_per_second:
            pace = 1.0 / (time.perf_counter() - self._begun)
            self._scalars("train", "batch", {"steps_per_second": pace}, step)

    def _after_test_batch(self, batch, logs=None):
        self._batches["validation"] += 1
        if self._batches["validation"] % self.update_freq == 0:
            self._scalars("validation", "batch", logs or {}, self._batches["validation"])

    def on_test_end(self, logs=None):
        if self.model.optimizer is not None:
            step = int(self.model.optimizer.iterations)
            values = {f"{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._scalars("validation", "evaluation", values, step)

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._epoch_begun = time.perf_counter(), int(self.model.optimizer.iterations)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            begun, iterations = self._epoch_begun
            done = int(self.model.optimizer.iterations) - iterations
            train["steps_per_second"] = done / (time.perf_counter() - begun)
        self._scalars("train", "epoch", train, epoch)
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        self._scalars("validation", "epoch", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._log_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._log_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _log_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            values = weight.numpy()
            writer.add_histogram(f"{weight.path}/histogram", values, epoch)
            picture = _picture(weight) if self.write_images else None
            if picture is not None:
                writer.add_images(f"{weight.path}/image", picture, epoch, dataformats="NHWC")

    def _log_embeddings(self, epoch: int) -> None:
        for layer in self.model._flatten_layers():
            if type(layer).__name__ != "Embedding":
                continue
            path = self.embeddings_metadata
            path = path.get(layer.name) if isinstance(path, dict) else path
            labels = None
            if path is not None:
                with open(path) as file:
                    labels = file.read().splitlines()
            rows = layer.weights[0].numpy()
            self._writer("train").add_embedding(rows, metadata=labels, global_step=epoch, tag=layer.name)

    def on_train_end(self, logs=None):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _picture(weight):
    """A weight as pictures (number, rows, columns, 1 or 3), or None where it has another number of axes."""
    shape = tuple(n for n in weight.shape if n != 1)
    values = ops.reshape(weight.array, shape)
    if len(shape) == 1:
        return ops.reshape(values, (1, 1, shape[0], 1))
    if len(shape) == 2:
        if shape[0] > shape[1]:
            values = ops.copy(ops.transpose(values, (1, 0)))
        return ops.reshape(values, (1, *values.shape, 1))
    if len(shape) == 3:
        values = ops.copy(ops.transpose(values, (2, 0, 1)))
        return ops.reshape(values, (*values.shape, 1))
    return values if len(shape) == 4 and shape[-1] in (1, 3) else None
