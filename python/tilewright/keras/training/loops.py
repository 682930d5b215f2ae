# SPDX-License-Identifier: Apache-2.0
"""fit, evaluate, predict and their single-batch forms: loops over steps, with callbacks and progress."""

from __future__ import annotations

from functools import partial

from tilewright import backend, nest, ops
from tilewright.autograd import Tensor
from tilewright.keras.callbacks import CallbackList, History
from tilewright.keras.training import arguments, label_warning
from tilewright.keras.training import data as batches_module
from tilewright.keras.training.interrupt import StopBetweenSteps
from tilewright.keras.training.nan_warning import NanWarning
from tilewright.keras.training.progress import Progress
from tilewright.keras.training.resume import go_on
from tilewright.keras.training.stream import Stream


class Loops:
    """The loops of a Trainer."""

    @arguments.named
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ) -> History:
        """Trains for epochs over the data.

        Parameters
            x, y : arrays (or lists, dicts of them), or x a generator, iterable or sequence of (x, y[,
                sample_weight])
            batch_size : 32 where None;  epochs : the last epoch's number;  initial_epoch : the first one's
            verbose : "auto" or 1: a bar on a terminal, else a line an epoch;  2: a line an epoch;  0: nothing
            callbacks : list of Callbacks
            validation_split : share of the samples, from the end, kept for validation
            validation_data : (x, y[, sample_weight]), or batches
            shuffle : other order each epoch;  class_weight : {class: weight};  sample_weight : one per sample
            steps_per_epoch, validation_steps : batches in an epoch, for data without end
            validation_batch_size : batch_size where None;  validation_freq : validates after so many epochs,
                or these
        Returns   History: its `history` holds lists of metrics, one number an epoch
        Raises    ValueError: no compile, arrays of different lengths, shapes the model does not take, labels
        out of
                  range.  KeyboardInterrupt: Ctrl-C, between two steps; the model stays usable,
                  `model.history` holds the finished epochs
        """
        self._needs_compile("fit")
        if validation_split and validation_data is None:
            if isinstance(x, batches_module.Batches) or y is None and not hasattr(x, "shape"):
                raise ValueError(
                    f"[{self.name}.fit] validation_split needs arrays, expected x and y to be arrays"
                )
            (x, y, sample_weight), validation_data = batches_module.split_validation(
                "fit", x, y, sample_weight, validation_split
            )
        if class_weight:
            if sample_weight is not None:
                raise ValueError(
                    f"[{self.name}.fit] got class_weight and sample_weight, expected one of them"
                )
            if y is not None:
                sample_weight = batches_module.class_weights_as_sample_weights("fit", y, class_weight)
        batches = batches_module.batches_of("fit", x, y, sample_weight, batch_size, shuffle)
        label_warning.look(self.loss, batches)
        if class_weight and y is None:
            batches = batches_module.ClassWeighted("fit", batches, class_weight)
        stream = Stream("fit", batches, steps_per_epoch)
        validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        listed = CallbackList(callbacks, True, model=self, verbose=verbose, epochs=epochs, steps=stream.steps)
        history = self.history = listed.history
        self._prepare()
        self.stop_training = False
        progress, nan = Progress(verbose, epochs), NanWarning(listed.callbacks)
        self._streams = (stream, validation)
        listed.run("on_train_begin", {})
        initial_epoch, done = go_on(self, listed, initial_epoch)
        logs = {}
        try:
            with StopBetweenSteps() as interrupt:
                for epoch in range(initial_epoch, epochs):
                    found = self._fit_epoch(epoch, stream, listed, progress, interrupt, done)
                    if found is None:
                        break
                    logs, done = found, 0
                    if validation is not None and _due(epoch + 1, validation_freq):
                        found = self._evaluate(validation, listed, None, interrupt)
                        logs.update({f"val_{name}": value for name, value in found.items()})
                    progress.end(logs)
                    nan.look(epoch, logs)
                    listed.run("on_epoch_end", epoch, logs)
                    if self.stop_training:
                        break
        finally:
            progress.close()
            self._streams = ()
        if self.optimizer is not None:
            self.optimizer.finalize_variable_values(self._trained)
        listed.run("on_train_end", logs)
        return history

    def _validation(self, given, batch_size, steps):
        if given is None:
            return None
        if isinstance(given, (tuple, list)) and len(given) in (2, 3):
            source = batches_module.batches_of("fit, validation_data", *given, batch_size=batch_size)
        else:
            source = batches_module.batches_of("fit, validation_data", given, batch_size=batch_size)
        return Stream("fit, validation_data", source, steps)

    def _fit_epoch(self, epoch, stream, listed, progress, interrupt, done) -> dict | None:
        """One epoch's steps but for those done; the metrics at its end, None where there was no batch."""
        if not done:
            self.reset_metrics()
        listed.run("on_epoch_begin", epoch, {})
        progress.begin(epoch, stream.steps)
        run = self._steps.of("_train_on" if self._plain_training else "train_step")
        results, steps = self._run_steps(run, stream, listed, "train", progress, interrupt, done)
        if not self.stop_training and stream.ran_out(epoch, steps):
            self.stop_training = True
        return self._read(results) if steps else None

    def _run_steps(self, run, stream, listed, phase, progress, interrupt, steps=0) -> tuple:
        """The steps of an epoch after the first `steps`; what the last returned, and how many they are."""
        begins, ends = listed.wants(f"on_{phase}_batch_begin"), listed.wants(f"on_{phase}_batch_end")
        batches, results = stream.epoch(steps), {}
        while True:
            done = 0 if begins or ends else run.ahead(batches)
            if done == 0:
                batch = next(batches, None)
                if batch is None:
                    break
                if begins:
                    listed.run(f"on_{phase}_batch_begin", steps, {})
                results, done = run(_given(batch)) or {}, 1
                if ends:
                    listed.run(f"on_{phase}_batch_end", steps, numbers(self._shown(results)))
            steps += done
            if progress is not None:
                progress.step(partial(self._read, results), done)
            interrupt.check()
            if phase == "train" and self.stop_training:
                break
        return results, steps

    def _read(self, results) -> dict:
        """The metrics' values, by name in the order of the alphabet, as Keras logs them."""
        return dict(sorted(numbers(self._shown(results)).items()))

    def _shown(self, results) -> dict:
        """What a step of one's own returned, or the metrics of the model."""
        return results if results else self.get_metrics_result()

    @arguments.named
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """Loss and metrics on data: a list (a number for the loss alone), or with `return_dict` a dict."""
        self._needs_compile("evaluate")
        stream = Stream(
            "evaluate", batches_module.batches_of("evaluate", x, y, sample_weight, batch_size), steps
        )
        listed = CallbackList(callbacks, model=self, verbose=verbose, steps=stream.steps)
        progress = Progress(verbose)
        self._prepare()
        try:
            with StopBetweenSteps() as interrupt:
                logs = self._evaluate(stream, listed, progress, interrupt)
        finally:
            progress.close()
        if return_dict:
            return logs
        return _as_list(
            {name: logs[name] for name in self._shown({}) if name in logs} if self._plain_testing else logs
        )

    def _evaluate(self, stream, listed, progress, interrupt) -> dict:
        self.reset_metrics()
        listed.run("on_test_begin", {})
        if progress is not None:
            progress.begin(0, stream.steps)
        run = self._steps.of("_test_on" if self._plain_testing else "test_step")
        results, steps = self._run_steps(run, stream, listed, "test", progress, interrupt)
        if steps == 0:
            raise ValueError(f"[{self.name}.evaluate] x gave no batch, expected at least one sample")
        logs = self._read(results)
        if progress is not None:
            progress.end(logs)
        listed.run("on_test_end", logs)
        return logs

    @arguments.named
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for all samples, as NumPy arrays in the structure of the model's outputs."""
        stream = Stream("predict", batches_module.batches_of("predict", x, batch_size=batch_size), steps)
        run = self._steps.of("predict_step")
        if stream.steps == 1 and not callbacks:  # nothing to show, to call or to interrupt in between
            return nest.map_leaves(_copied, run(_given(next(stream.epoch()))))
        listed = CallbackList(callbacks, model=self, verbose=verbose, steps=stream.steps)
        progress = Progress(verbose if stream.steps != 1 else 0)
        listed.run("on_predict_begin", {})
        progress.begin(0, stream.steps)
        parts: list = []
        structure = None
        try:
            with StopBetweenSteps() as interrupt:
                for step, batch in enumerate(stream.epoch()):
                    listed.run("on_predict_batch_begin", step, {})
                    structure = run(_given(batch))
                    parts.append([_array(leaf) for leaf in nest.leaves(structure)])
                    listed.run("on_predict_batch_end", step, {"outputs": structure})
                    progress.step(dict)
                    interrupt.check()
        finally:
            progress.close()
        listed.run("on_predict_end", {})
        if not parts:
            raise ValueError(f"[{self.name}.predict] x gave no batch, expected at least one sample")
        return nest.pack(structure, [_joined([part[i] for part in parts]) for i in range(len(parts[0]))])

    @arguments.named
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on one batch; the metrics since the last reset."""
        self._needs_compile("train_on_batch")
        if class_weight:
            sample_weight = batches_module.class_weights_as_sample_weights("train_on_batch", y, class_weight)
        self._prepare()
        logs = numbers(self._steps.of("train_step")(_single("train_on_batch", x, y, sample_weight)))
        return logs if return_dict else _as_list(logs)

    @arguments.named
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """One step of evaluation on one batch; the metrics since the last reset."""
        self._needs_compile("test_on_batch")
        logs = numbers(self._steps.of("test_step")(_single("test_on_batch", x, y, sample_weight)))
        return logs if return_dict else _as_list(logs)

    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy arrays."""
        return nest.map_leaves(_copied, self._steps.of("predict_step")(_single("predict_on_batch", x)))


def _due(epoch: int, frequency) -> bool:
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency


def _given(parts: tuple):
    """A batch as `train_step` gets it: Tensors, without what is missing at the end."""
    x, y, sample_weight = parts
    x, y, sample_weight = (
        part if part is None else nest.map_leaves(Tensor, part) for part in (x, y, sample_weight)
    )
    return batches_module.pack_x_y_sample_weight(x, y, sample_weight)


def _single(name: str, x, y=None, sample_weight=None):
    source = batches_module.ArrayBatches(name, x, y, sample_weight, batch_size=2**62)
    batch = next(source.epoch(), None)
    if batch is None:
        raise ValueError(f"[{name}] x has no samples, expected at least one")
    return _given(batch)


def numbers(logs: dict) -> dict:
    """Metrics as Python floats: the moment their values are read. A metric that gives several in a dict is
    taken apart.
    """
    found = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            found.update(numbers(value))
        else:
            found[name] = float(value) if getattr(value, "ndim", 0) == 0 else value.numpy()
    return found


def _as_list(logs: dict):
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _array(value):
    return value.numpy() if isinstance(value, Tensor) else value


def _copied(value):
    return _array(value).copy()


def _joined(parts: list):
    """Arrays one after the other in a new one."""
    if len(parts) == 1:
        return parts[0].copy()
    if parts[0].ndim == 0:
        return ops.stack(parts)
    total = backend.empty((sum(p.shape[0] for p in parts), *parts[0].shape[1:]), parts[0].dtype, parts[0])
    start = 0
    for part in parts:
        ops.copy(part, out=total[start : start + part.shape[0]])
        start += part.shape[0]
    return total
