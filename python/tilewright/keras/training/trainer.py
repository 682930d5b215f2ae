# SPDX-License-Identifier: Apache-2.0
"""Trainer: compile, and the steps of training, testing and predicting that `fit` and its kin repeat."""

from __future__ import annotations

import inspect
import warnings

from tilewright import backend, nest, ops
from tilewright.gradient_tape import GradientTape
from tilewright.keras import metrics as metrics_module
from tilewright.keras import optimizers
from tilewright.keras.layers.call_signature import call_state
from tilewright.keras.training.compiled import CompiledLoss, CompiledMetrics, MetricsOfCompile
from tilewright.keras.training.data import unpack_x_y_sample_weight
from tilewright.keras.training.loops import Loops
from tilewright.keras.training.steps import Steps
from tilewright.suggestion import unknown_argument
from tilewright.variable import Variable

# Accepted for the sake of programs that pass them; there is nothing they could change here.
_WITHOUT_EFFECT = ("jit_compile", "steps_per_execution")


class Trainer(Loops):
    """The part of a model that trains. A subclass may define its own `train_step(data)`, as in Keras."""

    def __init__(self):
        self.optimizer = None
        self.compiled = False
        self.loss = None
        self.stop_training = False
        self.history = None
        self._streams = ()  # the data of a running fit and of its validation
        self._loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = False
        self._compiled_loss: CompiledLoss | None = None
        self._compiled_metrics: CompiledMetrics | None = None
        self._trained: list[Variable] = []
        self._weights_known = False
        self._regularized: list[Variable] = []
        self._steps = Steps(self)

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        auto_scale_loss=True,
        **kwargs,
    ):
        """Says how to train.

        Parameters
            optimizer : name or Optimizer
            loss : name, function or Loss; a list or dict of them for several outputs
            loss_weights : a number, list or dict
            metrics, weighted_metrics : lists of names, functions or Metrics; dicts by output
            run_eagerly : every step is run by Python; steps are recorded and replayed otherwise
            auto_scale_loss : with the policy mixed_float16 the optimizer is wrapped in a LossScaleOptimizer
            jit_compile, steps_per_execution : accepted, without effect
        """
        for name in kwargs:
            if name not in _WITHOUT_EFFECT:
                known = inspect.signature(Trainer.compile).parameters
                raise unknown_argument("compile", name, known)
        self.optimizer = optimizers.get(optimizer)
        scales = isinstance(self.optimizer, optimizers.LossScaleOptimizer)
        if auto_scale_loss and not scales and self.dtype_policy.name == "mixed_float16":
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")
        self.loss = loss
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics)
        self.stop_training, self.compiled = False, True
        self.run_eagerly = bool(run_eagerly)
        self._steps.forget()

    def to(self, device: str):
        """Moves weights, optimizer and metrics to "cpu", "simt" or "cuda", and computes there from now on:
        what `set_device` says holds for the whole program.
        """
        backend.set_device(device)
        variables = [*self.variables, *(v for metric in self.metrics for v in metric.variables)]
        if self.optimizer is not None:
            variables += self.optimizer.moved()
        for variable in variables:
            variable.to(device)
        self._steps.forget()
        return self

    # ---- metrics

    @property
    def metrics(self) -> list:
        """The loss, the losses of single outputs, the metrics of `compile`, and those that are attributes."""
        found = [self._loss_tracker]
        if self._compiled_loss is not None:
            found += self._compiled_loss.trackers
        if self._compiled_metrics is not None:
            waits = self._compiled_metrics.given and not self._compiled_metrics.built
            found += [self.compiled_metrics] if waits else self._compiled_metrics.metrics
        own = [
            v
            for layer in self._flatten_layers()
            if layer is self or not isinstance(layer, Trainer)  # those inside track losses of their own
            for v in layer._attributes()
            if isinstance(v, metrics_module.Metric)
        ]
        return list({id(m): m for m in (*found, *own)}.values())

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Starts all metrics over."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict:
        """The metrics so far, by name."""
        found = {"loss": self._loss_tracker.result()}
        for tracker in self._compiled_loss.trackers if self._compiled_loss is not None else ():
            found[tracker.name] = tracker.result()
        if self._compiled_metrics is not None:
            found.update(self._compiled_metrics.results())
        listed = {
            id(m)
            for m in (
                self._loss_tracker,
                *(self._compiled_metrics.metrics if self._compiled_metrics else ()),
                *(self._compiled_loss.trackers if self._compiled_loss else ()),
            )
        }
        for metric in self.metrics:
            if id(metric) not in listed:
                value = metric.result()
                found.update(value if isinstance(value, dict) else {metric.name: value})
        return found

    # ---- loss

    def _output_list(self, y_pred) -> tuple[list, list[str]]:
        """Predictions as a flat list with the outputs' names."""
        if isinstance(y_pred, dict):
            return list(y_pred.values()), list(y_pred)
        if not nest.is_nested(y_pred):
            names = getattr(self, "output_names", None)
            return [y_pred], names if names and len(names) == 1 else ["output"]
        flat = nest.leaves(y_pred)
        names = getattr(self, "output_names", None)
        return flat, names if names and len(names) == len(flat) else [
            f"output_{i + 1}" for i in range(len(flat))
        ]

    def compiled_loss(self, y, y_pred, sample_weight=None, regularization_losses=None):
        """`compute_loss` by Keras 2's name, which notes the loss for the metrics too. What layers and
        regularizers add is in the sum.
        """
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        self._loss_tracker.update_state(loss, float(nest.leaves(y_pred)[0].shape[0]))
        return loss

    @property
    def compiled_metrics(self):
        """The metrics of `compile` as Keras 2 has them: `self.compiled_metrics.update_state(y, y_pred)`."""
        return MetricsOfCompile(self._update_metrics, self._compiled_metrics)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The scalar that training minimises: the compiled loss and what layers and regularizers add."""
        predictions, names = self._output_list(y_pred)
        total = None
        if self._compiled_loss is not None:
            if y is None:
                raise ValueError(f"[{self.name}.fit] y is None, expected labels for the loss")
            total = self._compiled_loss(y, predictions, sample_weight, names)
        for loss in self._added_losses():
            total = loss if total is None else ops.add(total, loss)
        if total is None:
            raise ValueError(f"[{self.name}.fit] there is no loss, expected one in compile or by add_loss")
        return total

    def _added_losses(self) -> list:
        """Losses of layers and regularizers; their places are looked up once a fit."""
        found = [loss for layer in call_state.with_losses or () for loss in layer._losses]
        return found + [v.regularizer(v) for v in self._regularized]

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Adds a batch to the metrics; gives the results so far. Override it for metrics of one's own."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y, y_pred, sample_weight=None) -> None:
        if self._compiled_metrics is not None and y is not None:
            predictions, names = self._output_list(y_pred)
            self._compiled_metrics.update(y, predictions, sample_weight, names)

    # ---- steps

    def _prepare(self, called: bool = False) -> None:
        """Looks up which variables are trained and regularized: before many steps, and once more when the
        first call has made the weights that were not there yet.
        """
        self._weights_known = called
        trained = self.trainable_variables
        if list(map(id, trained)) != list(map(id, self._trained)):
            self._trained = trained
            self._regularized = [v for v in trained if v.regularizer is not None]

    def _train_on(self, data) -> None:
        """One step of training; the metrics are updated, not read."""
        _, *compared = self._trained_on(data)
        self._update_metrics(*compared)

    def _trained_on(self, data) -> tuple:
        """A step of training but for the metrics; gives what `compute_metrics` takes."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            if not self._weights_known:
                self._prepare(called=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled = self.optimizer.scale_loss(loss)
        self._loss_tracker.update_state(loss.array, _batch_size(x))
        if self._trained:
            self.optimizer.apply(tape.gradient(scaled, self._trained), self._trained)
        else:
            warnings.warn(f"{self.name} has no trainable weights.", stacklevel=2)
        return x, y, y_pred, sample_weight

    def _test_on(self, data) -> None:
        """One step of evaluation; the metrics are updated, not read."""
        _, *compared = self._tested_on(data)
        self._update_metrics(*compared)

    def _tested_on(self, data) -> tuple:
        """A step of evaluation but for the metrics."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        if not self._weights_known:
            self._prepare(called=True)
        # compute_loss of one's own may be older than the argument.
        known = "training" in inspect.signature(self.compute_loss).parameters
        loss = self.compute_loss(x, y, y_pred, sample_weight, **({"training": False} if known else {}))
        self._loss_tracker.update_state(loss.array, _batch_size(x))
        return x, y, y_pred, sample_weight

    def _step_key(self):
        """What Python decides about a training step, apart from shapes: another key is another recording."""
        return tuple(map(id, self._trained)), getattr(self.optimizer, "step_kind", None)

    @property
    def _plain_training(self) -> bool:
        """Whether no subclass has its own training step, so that results need not be made in every step."""
        return type(self).train_step is Trainer.train_step and self._plain_metrics

    @property
    def _plain_testing(self) -> bool:
        return type(self).test_step is Trainer.test_step and self._plain_metrics

    @property
    def _plain_metrics(self) -> bool:
        return type(self).compute_metrics is Trainer.compute_metrics

    def train_step(self, data) -> dict:
        """One step of training; override it to train in another way. Gives the metrics to show."""
        return self.compute_metrics(*self._trained_on(data))

    def test_step(self, data) -> dict:
        """One step of evaluation; override it to evaluate in another way."""
        return self.compute_metrics(*self._tested_on(data))

    def predict_step(self, data):
        """One step of prediction."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _needs_compile(self, name: str) -> None:
        if not self.compiled and type(self).train_step is Trainer.train_step:
            raise ValueError(
                f"[{self.name}.{name}] the model is not compiled, expected compile(optimizer, loss) before"
            )


def _batch_size(x) -> float:
    return float(nest.leaves(x)[0].shape[0])
