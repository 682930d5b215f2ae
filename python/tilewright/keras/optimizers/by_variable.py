# SPDX-License-Identifier: Apache-2.0
"""Steps of optimizers that define `update_step(gradient, variable, learning_rate)`, as Keras's own do: one
variable after the other, gradients clipped and weights decayed by operations on tensors.
"""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor


def apply_by_variable(optimizer, arrays: list, variables: list, scale) -> None:
    """One step of `optimizer.update_step` for each variable."""
    grads = [Tensor(a if scale is None else ops.multiply(a, scale)) for a in arrays]
    if optimizer.clipnorm:
        grads = [clipped_together([g], optimizer.clipnorm)[0] for g in grads]
    elif optimizer.global_clipnorm:
        grads = clipped_together(grads, optimizer.global_clipnorm)
    elif optimizer.clipvalue:
        grads = [ops.clip(g, -float(optimizer.clipvalue), float(optimizer.clipvalue)) for g in grads]
    rate = Tensor(optimizer._rate.array)
    for gradient, variable in zip(grads, variables, strict=True):
        if optimizer._decays(variable):
            share = ops.multiply(ops.cast(rate, variable.dtype), float(optimizer.weight_decay))
            variable.assign_sub(ops.multiply(Tensor(variable.array), share))
        optimizer.update_step(gradient, variable, rate)


def clipped_together(grads: list, limit: float) -> list:
    """Gradients scaled so that the norm over all is at most `limit`."""
    norm = ops.reshape(ops.global_norm(grads), ())
    factor = ops.divide(float(limit), ops.maximum(norm, float(limit)))
    return [ops.multiply(g, ops.cast(factor, g.dtype)) for g in grads]
