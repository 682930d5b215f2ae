# SPDX-License-Identifier: Apache-2.0
"""Loss: a loss function with its reduction over the batch, sample weights and masks."""

from __future__ import annotations

import math

from tilewright import nest, ops
from tilewright.autograd import Tensor
from tilewright.keras import config, naming, serialization
from tilewright.keras.annotated import Annotated, mask_of
from tilewright.keras.losses.functions import same_rank, tensor_of
from tilewright.suggestion import NamedArguments

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss(NamedArguments):
    """Base: define `call(y_true, y_pred)`, one value per sample.

    Parameters
        reduction : "sum_over_batch_size" (also "mean"): the mean over all values; "sum";
            "mean_with_sample_weight": the mean weighted by sample weights; "none"
    """

    config_fields: tuple[str, ...] = ()

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction == "auto":
            reduction = "sum_over_batch_size"
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"[{type(self).__name__}] reduction is {reduction!r}, expected one of {_REDUCTIONS}"
            )
        self.name = name or naming.auto_name(type(self))
        self.reduction = reduction
        self.dtype = dtype or config.floatx()

    def _wide(self, y_pred):
        """Predictions of 16-bit layers in the dtype of the loss; so are the logits they carry."""
        if not isinstance(y_pred, Tensor) or y_pred.array.itemsize != 2 or y_pred.dtype.kind not in "fV":
            return y_pred
        wide = ops.cast(y_pred, self.dtype)
        if type(y_pred) is not Annotated:
            return wide
        logits = None if y_pred.logits is None else ops.cast(y_pred.logits, self.dtype)
        return Annotated(wide, mask=y_pred.mask, logits=logits, logits_of=y_pred.logits_of)

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = nest.map_leaves(self._wide, y_pred)
        values = self.call(y_true, y_pred)
        masks = [ops.cast(m, "bool") for m in (mask_of(y_pred), mask_of(values)) if m is not None]
        mask = ops.logical_and(*masks) if len(masks) == 2 else masks[0] if masks else None
        if mask is None and sample_weight is None:
            return _reduced(values, None, self.reduction)
        weight = (
            None
            if sample_weight is None
            else ops.cast(tensor_of("sample_weight", sample_weight), values.dtype)
        )
        if mask is not None:
            weight = _with_mask(weight, mask, values, self.reduction)
        if weight.ndim > values.ndim or weight.ndim < values.ndim:
            values, weight = same_rank(values, weight)
        if weight.shape[: values.ndim] != values.shape[: weight.ndim]:
            raise ValueError(
                f"[{self.name}] sample_weight has shape {weight.shape}, expected {values.shape} as the "
                "losses have"
            )
        while weight.ndim < values.ndim:
            weight = ops.expand_dims(weight, -1)
        return _reduced(ops.multiply(values, weight), weight, self.reduction)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"[{type(self).__name__}] call(y_true, y_pred) is not defined")

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "reduction": self.reduction,
            **{f: getattr(self, f) for f in self.config_fields},
        }

    @classmethod
    def from_config(cls, values: dict):
        return cls(**values)


def _reduced(values, weight, reduction):
    if reduction in (None, "none") or values.ndim == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        total = ops.sum(weight)
        return ops.where(
            ops.equal(total, 0.0), 0.0, ops.divide(ops.sum(values), ops.maximum(total, config.epsilon()))
        )
    return ops.mean(values) if values.size else ops.sum(values)


def _with_mask(weight, mask, values, reduction):
    """Sample weights of 0 where the mask is False; the others grow so that means are over what counts."""
    mask = ops.cast(mask, values.dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        valid = ops.sum(mask)
        share = ops.divide(float(math.prod(mask.shape)), ops.maximum(valid, 1.0))
        mask = ops.multiply(mask, share)
    if weight is None:
        return mask
    mask, weight = same_rank(mask, weight)
    return ops.multiply(weight, mask)


class LossFunctionWrapper(Loss):
    """A loss function, with fixed arguments, as a Loss."""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn, self._arguments = fn, kwargs

    def call(self, y_true, y_pred):
        return self.fn(y_true, y_pred, **self._arguments)

    def get_config(self):
        values = {"name": self.name, "reduction": self.reduction, **self._arguments}
        if type(self) is LossFunctionWrapper:
            values["fn"] = serialization.serialize_keras_object(self.fn)
        return values
