# SPDX-License-Identifier: Apache-2.0
"""MultiHeadAttention and the projections it is made of."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import constraints, initializers, regularizers
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.regularization import Dropout

# What a forbidden score becomes: so low that softmax gives 0, and that a query which may look nowhere looks
# everywhere alike, as in Keras.
_FORBIDDEN = -0.7 * 3.4028234663852886e38


class HeadProjection(Layer):
    """A Dense layer between features and heads.

    Parameters
        output_shape : the axes that take the place of the last `inputs` axes;  inputs : how many axes are
            summed over
    """

    def __init__(
        self,
        output_shape,
        inputs=1,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        activity_regularizer=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._shape, self._inputs, self.use_bias = tuple(output_shape), inputs, use_bias
        self._kernel = dict(
            initializer=kernel_initializer, regularizer=kernel_regularizer, constraint=kernel_constraint
        )
        self._bias = dict(
            initializer=bias_initializer, regularizer=bias_regularizer, constraint=bias_constraint
        )

    def build(self, input_shape):
        self._summed = tuple(input_shape[-self._inputs :])
        self.kernel = self.add_weight((*self._summed, *self._shape), name="kernel", **self._kernel)
        self.bias = self.add_weight(self._shape, name="bias", **self._bias) if self.use_bias else None

    def call(self, inputs):
        lead = inputs.shape[: inputs.ndim - self._inputs]
        x = ops.reshape(inputs, (*lead, math.prod(self._summed)))
        kernel = ops.reshape(self.kernel, (math.prod(self._summed), math.prod(self._shape)))
        bias = None if self.bias is None else ops.reshape(self.bias, (math.prod(self._shape),))
        return ops.reshape(ops.matmul(x, kernel, bias=bias), (*lead, *self._shape))


class MultiHeadAttention(Layer):
    """Attention in several heads: softmax(q k^T / sqrt(key_dim)) v, with learned projections.

    Parameters
        num_heads, key_dim : heads and length of queries and keys in each;  value_dim : of values, key_dim
            where None
        dropout : of the attention weights;  use_bias : in the projections
        output_shape : features of the result, those of the query where None
        kernel_initializer .. bias_constraint : of all four projections;  seed : of the dropout
    Notes   Vaswani et al., arXiv:1706.03762. Without dropout and returned scores the weights are never held
    at once.
    """

    supports_masking = True
    config_fields = (
        "num_heads",
        "key_dim",
        "value_dim",
        "dropout",
        "use_bias",
        "output_shape",
        "attention_axes",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "seed",
    )

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for argument, value in (
            ("num_heads", num_heads),
            ("key_dim", key_dim),
            ("value_dim", value_dim or key_dim),
        ):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"[{self.name}] {argument} is {value!r}, expected an int of at least 1")
        if attention_axes not in (None, 1, (1,), [1]):
            raise ValueError(
                f"[{self.name}] attention_axes is {attention_axes!r}, expected None or 1: inputs (batch, "
                "steps, features)"
            )
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self.dropout, self.use_bias, self.seed, self.attention_axes = dropout, use_bias, seed, attention_axes
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.output_shape = None if shape is None else tuple(shape)
        self.kernel_initializer, self.bias_initializer = (
            initializers.get(kernel_initializer),
            initializers.get(bias_initializer),
        )
        self.kernel_regularizer, self.bias_regularizer = (
            regularizers.get(kernel_regularizer),
            regularizers.get(bias_regularizer),
        )
        self.kernel_constraint, self.bias_constraint = (
            constraints.get(kernel_constraint),
            constraints.get(bias_constraint),
        )
        # Keras gives it to the projections rather than to the layer's own output.
        self._projection_activity, self.activity_regularizer = regularizers.get(activity_regularizer), None

    def _projection(self, name, shape, input_shape, inputs=1) -> HeadProjection:
        # Each projection draws its own values: an initializer gives the same ones at every call.
        layer = HeadProjection(
            shape,
            inputs,
            self.use_bias,
            _again(self.kernel_initializer),
            _again(self.bias_initializer),
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            self._projection_activity,
            dtype=self.dtype,
            name=name,
        )
        layer.build(input_shape)
        return layer

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        for role, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"[{self.name}] {role} has shape {tuple(shape)}, expected 3 dimensions (batch, steps, "
                    "features)"
                )
        if key_shape[1] != value_shape[1]:
            raise ValueError(
                f"[{self.name}] key has shape {tuple(key_shape)} and value {tuple(value_shape)}, expected "
                "as many steps"
            )
        self.query_dense = self._projection("query", (self.num_heads, self.key_dim), query_shape)
        self.key_dense = self._projection("key", (self.num_heads, self.key_dim), key_shape)
        self.value_dense = self._projection("value", (self.num_heads, self.value_dim), value_shape)
        out = self.output_shape or (query_shape[-1],)
        self.output_dense = self._projection(
            "attention_output", out, (None, None, self.num_heads, self.value_dim), 2
        )
        self.dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype)

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        mask = self._mask(
            query, key, query_mask, value_mask, key_mask if key is not value else None, attention_mask
        )
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        direct = (
            not return_attention_scores and not (training and self.dropout) and self.key_dim == self.value_dim
        )
        if direct and not (use_causal_mask and q.shape[1] != k.shape[1]):
            added = None if mask is None else ops.where(mask, 0.0, ops.full((), _FORBIDDEN, q.dtype))
            context = ops.attention(
                q, k, v, causal=use_causal_mask, mask=added, scale=1 / math.sqrt(self.key_dim)
            )
            return self.output_dense(context)
        context, scores = self._explicit(q, k, v, mask, use_causal_mask, training)
        y = self.output_dense(context)
        return (y, scores) if return_attention_scores else y

    def _explicit(self, q, k, v, mask, causal, training):
        """The attention with its weights held: for dropout on them, or to return them."""
        q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
        scores = ops.matmul(q, k, transpose_b=True, alpha=1 / math.sqrt(self.key_dim))
        if causal:
            seen = ops.cast(ops.tril(ops.ones(scores.shape[-2:])), "bool")
            mask = seen if mask is None else ops.logical_and(mask, seen)
        if mask is not None:
            scores = ops.where(mask, scores, ops.full((), _FORBIDDEN, scores.dtype))
        weights = ops.softmax(scores)
        kept = self.dropout_layer(weights, training=training)
        return ops.transpose(ops.matmul(kept, v), (0, 2, 1, 3)), weights

    def _mask(self, query, key, query_mask, value_mask, key_mask, attention_mask):
        """Who may look where: bool (batch, 1 or heads, queries, keys), or None for everybody everywhere."""
        parts = []
        if query_mask is not None:
            parts.append(ops.reshape(query_mask, (query.shape[0], 1, query.shape[1], 1)))
        for mask in (value_mask, key_mask):
            if mask is not None:
                parts.append(ops.reshape(mask, (key.shape[0], 1, 1, key.shape[1])))
        if attention_mask is not None:
            mask = ops.cast(attention_mask, "bool")
            while mask.ndim < 3:
                mask = ops.expand_dims(mask, 0)
            parts.append(ops.expand_dims(mask, 1) if mask.ndim == 3 else mask)
        total = None
        for mask in parts:
            mask = ops.cast(mask, "bool")
            total = mask if total is None else ops.logical_and(total, mask)
        return total

    def compute_mask(self, query, mask=None):
        return mask

    def compute_output_spec(self, query, value, key=None, return_attention_scores=False, **_):
        shape = (*query.shape[:-1], *(self.output_shape or (query.shape[-1],)))
        y = KerasTensor(shape, self.dtype)
        if not return_attention_scores:
            return y
        return y, KerasTensor((query.shape[0], self.num_heads, query.shape[1], value.shape[1]), self.dtype)


def _again(initializer):
    """An initializer of the same kind and, where it was given no seed, another seed."""
    return (
        type(initializer).from_config(initializer.get_config())
        if hasattr(initializer, "get_config")
        else initializer
    )
