# SPDX-License-Identifier: Apache-2.0
"""ProjectedAttention: what MultiHeadAttention and GroupedQueryAttention have in common."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import constraints, initializers, regularizers
from tilewright.keras.annotated import with_mask
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers import attention_mask as masks
from tilewright.keras.layers.attention_cache import current_cache
from tilewright.keras.layers.head_projection import HeadProjection
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.regularization import Dropout

# What a forbidden score becomes where the matrix of scores is held: so low that softmax gives 0, and finite
# so that a query which may look nowhere gives no NaN.
_FORBIDDEN = -1e30


class ProjectedAttention(Layer):
    """Base: softmax(q k^T / sqrt(depth)) v in heads, between learned projections."""

    supports_masking = True
    attribute_of: dict[
        str, str
    ]  # where each projection is held: Keras's names, under which files keep weights
    shared_fields = (
        "dropout",
        "use_bias",
        "use_gate",
        "sliding_window",
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
        dropout,
        use_bias,
        sliding_window,
        flash_attention,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        use_gate,
        seed,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if sliding_window is not None:
            self._check_count("sliding_window", sliding_window)
        if flash_attention and dropout > 0:
            raise ValueError(
                f"[{self.name}] flash_attention is {flash_attention} and dropout {dropout}, expected no "
                "dropout with flash attention"
            )
        self.dropout, self.use_bias, self.use_gate = dropout, use_bias, use_gate
        self.sliding_window, self.seed = sliding_window, seed
        self._flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def _check_count(self, argument: str, value) -> None:
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"[{self.name}] {argument} is {value!r}, expected an int of at least 1")

    def _projection(self, name, shape, input_shape, inputs=1, activation=None) -> HeadProjection:
        # Each projection draws its own values: an initializer gives the same ones at every call.
        layer = HeadProjection(
            shape,
            inputs,
            activation,
            self.use_bias,
            _again(self.kernel_initializer),
            _again(self.bias_initializer),
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            self._projection_activity,
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build(input_shape)
        return layer

    _projection_activity = None

    def _build_projections(self, shapes: tuple, query_heads, key_heads, value_heads, out) -> None:
        """The projections, in the order in which Keras makes them.

        Parameters
            shapes : of query, key and value;  *_heads : (heads, depth);  out : axes of the result
        """
        query, key, value = shapes
        self._hold("query", self._projection("query", query_heads, query))
        self._hold("key", self._projection("key", key_heads, key))
        if self.use_gate:
            gates = (query_heads[0], value_heads[1])
            self._gate_dense = self._projection("gate", gates, query, activation="sigmoid")
        self._hold("value", self._projection("value", value_heads, value))
        between = (*query[:-1], query_heads[0], value_heads[1])
        self._hold("output", self._projection("attention_output", out, between, 2))
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)

    def _hold(self, role: str, projection: HeadProjection) -> None:
        setattr(self, self.attribute_of[role], projection)

    def _projected(self, role: str, x):
        return getattr(self, self.attribute_of[role])(x)

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
        if return_attention_scores and self._flash_attention:
            raise ValueError(
                f"[{self.name}] return_attention_scores is True with flash attention, expected False: the "
                "matrix of scores is never made"
            )
        alone = value is query and (key is None or key is value)
        key = value if key is None else key
        query, key, value = (with_mask(x, None) for x in (query, key, value))
        gate = self._gate_dense(query) if self.use_gate else None
        q, k, v = (
            self._projected("query", query),
            self._projected("key", key),
            self._projected("value", value),
        )
        cache = current_cache() if alone and use_causal_mask else None
        offset = 0
        if cache is not None:
            offset = cache.length
            k, v, value_mask = cache.extend(self, k, v, value_mask)
            key_mask = None
        axes = masks.Axes(self.name, self._axes_of(q.ndim), tuple(q.shape), tuple(k.shape))
        mask = self._mask(axes, query_mask, (value_mask, key_mask), attention_mask, use_causal_mask, offset)
        q, k, v = axes.fold(q), axes.fold(k), axes.fold(v)
        # The kernel's causal form lets the last query see every key, which is what a cache needs, and
        # without one Keras's meaning only where there are as many of both.
        by_kernel = use_causal_mask and mask is None
        context, scores = self._attended(q, k, v, mask, by_kernel, training, return_attention_scores)
        # A query that may look nowhere looks everywhere alike, as in Keras, but where that holds the
        # weights.
        if mask is not None and axes.plain and not (self.dropout > 0 or return_attention_scores):
            context = masks.lost_look_everywhere(context, mask, v)
        context = axes.unfold(context)
        y = self._projected("output", context if gate is None else ops.multiply(context, gate))
        return (y, axes.unfold_scores(scores)) if return_attention_scores else y

    def _axes_of(self, rank: int) -> tuple[int, ...]:
        return (1,)

    def _mask(self, axes, query_mask, key_masks, attention_mask, causal, offset):
        """Bool, folded; None where everybody looks everywhere, or everywhere up to now."""
        parts = [] if query_mask is None else [ops.expand_dims(query_mask, -1)]
        parts += [ops.expand_dims(mask, -2) for mask in key_masks if mask is not None]
        window = self.sliding_window
        if (parts or causal or window) and len(axes.axes) != 1:
            raise ValueError(
                f"[{self.name}] attention_axes is {axes.axes}, expected a single axis with masked inputs, "
                "a causal mask or a sliding window; give an attention_mask"
            )
        if attention_mask is not None:
            parts.append(attention_mask)
        queries, keys = axes.queries[0], axes.keys[0]
        if causal and (parts or window or queries + offset != keys):
            parts.append(masks.causal(queries, keys, offset))
        if window:
            parts.append(masks.window(queries, keys, window, offset))
        return masks.all_of([axes.fold_mask(part) for part in parts])

    def _attended(self, q, k, v, mask, causal, training, with_scores: bool):
        """Context (batch, queries, heads, depth), and the weights where they are held.

        A query that the mask lets look nowhere gets 0.

        Parameters   mask : bool or None
        """
        scale = 1 / math.sqrt(q.shape[-1])
        dropped = bool(training) and self.dropout > 0
        if not with_scores and not dropped and q.shape[-1] == v.shape[-1]:
            return ops.attention(q, k, v, causal=causal, mask=mask, scale=scale), None
        group = q.shape[2] // k.shape[2]
        if group > 1:
            k, v = (ops.repeat(x, group, axis=2) for x in (k, v))
        if causal:
            mask = masks.causal(q.shape[1], k.shape[1], k.shape[1] - q.shape[1])
        q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
        scores = ops.matmul(q, k, transpose_b=True, alpha=scale)
        if mask is not None:
            scores = ops.where(mask, scores, ops.full((), _FORBIDDEN, scores.dtype))
        weights = ops.softmax(scores)
        weights = weights if mask is None else ops.where(mask, weights, 0.0)
        kept = self._dropout_layer(weights, training=training)
        return ops.transpose(ops.matmul(kept, v), (0, 2, 1, 3)), weights

    def _spec(self, query, value, heads: int, features: tuple, with_scores: bool):
        y = KerasTensor((*query.shape[:-1], *features), self.compute_dtype)
        if not with_scores:
            return y
        axes = self._axes_of(query.ndim + 1)
        kept = (n for i, n in enumerate(query.shape[1:-1], 1) if i not in axes)
        looks = (*(query.shape[i] for i in axes), *(value.shape[i] for i in axes))
        return y, KerasTensor((query.shape[0], *kept, heads, *looks), self.compute_dtype)


def _again(initializer):
    """An initializer of the same kind and, where it was given no seed, another seed."""
    return (
        type(initializer).from_config(initializer.get_config())
        if hasattr(initializer, "get_config")
        else initializer
    )
