# SPDX-License-Identifier: Apache-2.0
"""What `compile` is given, sorted by the model's outputs: a loss with its weight, and metrics, for each."""

from __future__ import annotations

from tilewright import nest, ops
from tilewright.keras import losses, serialization
from tilewright.keras import metrics as metrics_module

_ACCURACY, _CROSSENTROPY = ("accuracy", "acc"), ("crossentropy", "ce")


def by_output(role: str, structure, names: list[str], single_list: bool = False) -> list:
    """One entry per output from a value for all, a list in the outputs' order, or a dict by their names.

    With `single_list` a list belongs to the only output as a whole.
    """
    count = len(names)
    if isinstance(structure, dict):
        unknown = [key for key in structure if key not in names]
        if unknown and names == ["output"] and len(structure) == 1:  # an output without a name of its own
            return list(structure.values())
        if unknown:
            raise serialization.unknown(f"compile, {role} for output", unknown[0], names)
        return [structure.get(name) for name in names]
    if isinstance(structure, (list, tuple)) and not (single_list and count == 1):
        if len(structure) != count:
            raise ValueError(
                f"[compile] {role} has {len(structure)} entries, expected {count}, one for each output: "
                f"{', '.join(names)}"
            )
        return list(structure)
    return [structure] * count


def targets_of(y, y_pred: list, names: list[str], given: list[bool]) -> list:
    """y as one entry per output; outputs without a loss need none."""
    if isinstance(y, dict):
        missing = [n for n, g in zip(names, given, strict=True) if g and n not in y]
        if missing:
            raise ValueError(f"[fit] y has keys {sorted(y)}, expected {names}")
        return [y.get(name) for name in names]
    values = nest.leaves(y)
    if len(values) == len(y_pred):
        return values
    if len(values) == sum(given):
        left = iter(values)
        return [next(left) if g else None for g in given]
    raise ValueError(
        f"[fit] y has {len(values)} parts, expected {len(y_pred)}, one for each output: {', '.join(names)}"
    )


def _binary_or_sparse(y_true, y_pred) -> tuple[bool, bool]:
    """Whether labels are yes-or-no, or class numbers, judged by shapes as Keras does."""
    last = y_pred.shape[-1] if len(y_pred.shape) else 1
    sparse = len(y_true.shape) < len(y_pred.shape) or (
        len(y_true.shape) > 0 and y_true.shape[-1] == 1 and last > 1
    )
    return last == 1, sparse


def loss_of(identifier, y_true, y_pred):
    """The Loss that a name, function or object of `compile` means for these shapes."""
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        binary, sparse = _binary_or_sparse(y_true, y_pred)
        identifier = (
            "binary_crossentropy"
            if binary
            else "sparse_categorical_crossentropy"
            if sparse
            else "categorical_crossentropy"
        )
    found = losses.get(identifier)
    return found if isinstance(found, losses.Loss) else losses.LossFunctionWrapper(found)


def metric_of(identifier, y_true, y_pred):
    """The Metric that a name, function or object of `compile` means for these shapes."""
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in _ACCURACY + _CROSSENTROPY:
        binary, sparse = _binary_or_sparse(y_true, y_pred)
        kind = "Accuracy" if name.lower() in _ACCURACY else "Crossentropy"
        prefix = "Binary" if binary else "SparseCategorical" if sparse else "Categorical"
        metric = getattr(metrics_module, prefix + kind)()
    else:
        metric = metrics_module.get(identifier)
    if not isinstance(metric, metrics_module.Metric):
        metric = metrics_module.MeanMetricWrapper(metric)
    if name is not None:
        metric.name = name
    return metric


class CompiledLoss:
    """The loss of all outputs together.

    Parameters
        loss, loss_weights : as `compile` got them
    """

    def __init__(self, loss, loss_weights=None):
        self._given, self._given_weights = loss, loss_weights
        self._parts: list = []  # per output: (Loss, weight) or None
        self._names: list[str] = []
        self.trackers: list = []

    def build(self, y_true, y_pred: list, names: list[str]) -> None:
        """Finds out, from the first batch, which loss belongs to which output."""
        wanted = by_output("loss", self._given, names)
        weights = by_output("loss_weights", self._given_weights, names)
        self._wanted = [w is not None for w in wanted]
        targets = targets_of(y_true, y_pred, names, self._wanted)
        self._parts = [
            None if w is None else (loss_of(w, t, p), weight)
            for w, weight, t, p in zip(wanted, weights, targets, y_pred, strict=True)
        ]
        self._names = names
        if len(names) > 1:
            self.trackers = [
                metrics_module.Mean(name=f"{name}_loss")
                for name, part in zip(names, self._parts, strict=True)
                if part is not None
            ]

    def __call__(self, y_true, y_pred: list, sample_weight, names: list[str]):
        """The weighted sum of the losses of all outputs."""
        if not self._parts:
            self.build(y_true, y_pred, names)
        if len(y_pred) == 1 and not nest.is_nested(y_true):
            loss, weight = self._parts[0]
            value = loss(y_true, y_pred[0], sample_weight)
            return value if weight is None else ops.multiply(value, float(weight))
        targets = targets_of(y_true, y_pred, self._names, self._wanted)
        weights = by_output("sample_weight", sample_weight, self._names)
        total, trackers = None, iter(self.trackers)
        for part, target, prediction, sample in zip(self._parts, targets, y_pred, weights, strict=True):
            if part is None:
                continue
            loss, weight = part
            value = loss(target, prediction, sample)
            if self.trackers:
                next(trackers).update_state(value, float(prediction.shape[0]))
            if weight is not None:
                value = ops.multiply(value, float(weight))
            total = value if total is None else ops.add(total, value)
        return total

    @property
    def wanted(self) -> list[bool]:
        """Which outputs have a loss."""
        return self._wanted


class CompiledMetrics:
    """The metrics of all outputs.

    Parameters
        metrics, weighted_metrics : as `compile` got them; the weighted ones see sample weights
    """

    def __init__(self, metrics=None, weighted_metrics=None):
        for role, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    f"[compile] {role} is a {type(given).__name__}, expected a list, tuple or dict"
                )
        self._given = ((metrics, False), (weighted_metrics, True))
        self._entries: list[tuple] = []  # (shown name, metric, output index, weighted)
        self.built = False

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return any(given for given, _ in self._given)

    @property
    def metrics(self) -> list:
        """All metrics, in order."""
        return [metric for _, metric, _, _ in self._entries]

    def build(self, y_true, y_pred: list, names: list[str]) -> None:
        """Finds out, from the first batch, which metric belongs to which output."""
        targets = targets_of(y_true, y_pred, names, [True] * len(names)) if self.given else []
        taken: set[str] = set()
        for given, weighted in self._given:
            if not given:
                continue
            for i, wanted in enumerate(by_output("metrics", given, names, single_list=True)):
                for identifier in (
                    wanted if isinstance(wanted, (list, tuple)) else [] if wanted is None else [wanted]
                ):
                    metric = metric_of(identifier, targets[i], y_pred[i])
                    prefix = "" if len(names) == 1 else f"{names[i]}_"
                    shown = f"{prefix}{metric.name}"
                    if shown in taken and weighted:
                        shown = f"{prefix}weighted_{metric.name}"
                    self._entries.append((_unused(shown, taken), metric, i, weighted))
        self._names, self.built = names, True

    def update(self, y_true, y_pred: list, sample_weight, names: list[str]) -> None:
        """Adds a batch."""
        if not self.built:
            self.build(y_true, y_pred, names)
        if not self._entries:
            return
        simple = len(y_pred) == 1 and not nest.is_nested(y_true)
        targets = [y_true] if simple else targets_of(y_true, y_pred, names, [True] * len(names))
        weights = [sample_weight] if simple else by_output("sample_weight", sample_weight, names)
        for _, metric, i, weighted in self._entries:
            if targets[i] is None:
                continue
            if weighted:
                metric.update_state(targets[i], y_pred[i], weights[i])
            else:
                metric.update_state(targets[i], y_pred[i])

    def results(self) -> dict:
        """Values by shown name; a metric may give a dict of several."""
        found: dict = {}
        for name, metric, _, _ in self._entries:
            value = metric.result()
            found.update(value if isinstance(value, dict) else {name: value})
        return found


class MetricsOfCompile:
    """What stands for the metrics of `compile` in `model.metrics` until a batch has told which there are: a
    train step of one's own updates each metric it finds there, this one too.

    Parameters
        update : called as update(y_true, y_pred, sample_weight)
        metrics : the CompiledMetrics
    """

    name = "compile_metrics"
    variables = ()

    def __init__(self, update, metrics: CompiledMetrics):
        self.update_state, self._metrics = update, metrics

    def result(self) -> dict:
        """The values by name."""
        return self._metrics.results()

    def reset_state(self) -> None:
        """Starts all over."""
        for metric in self._metrics.metrics:
            metric.reset_state()


def _unused(name: str, taken: set[str]) -> str:
    """`name`, or name_1, name_2 ... where it is taken."""
    shown, index = name, 0
    while shown in taken:
        index += 1
        shown = f"{name}_{index}"
    taken.add(shown)
    return shown
