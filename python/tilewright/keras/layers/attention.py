# SPDX-License-Identifier: Apache-2.0
"""MultiHeadAttention and GroupedQueryAttention."""

from __future__ import annotations

from tilewright.keras import serialization
from tilewright.keras.layers.projected_attention import ProjectedAttention


class MultiHeadAttention(ProjectedAttention):
    """Attention in several heads: softmax(q k^T / sqrt(key_dim)) v, with learned projections.

    Parameters
        num_heads, key_dim : heads and length of queries and keys in each;  value_dim : of values, key_dim
            where None
        dropout : of the attention weights;  use_bias : in the projections
        output_shape : features of the result, those of the query where None
        attention_axes : those that attention goes over; None for all but batch and features
        sliding_window : a query sees only keys less than that many steps away
        flash_attention : accepted; without dropout and returned scores weights are never held at once anyway
        kernel_initializer .. bias_constraint : of all projections
        use_gate : the heads are multiplied by sigmoid of one more projection of the query (arXiv:2505.06708)
        seed : of the dropout
    Notes   Vaswani et al., arXiv:1706.03762.
    """

    attribute_of = {role: f"{role}_dense" for role in ("query", "key", "value", "output")}
    config_fields = (
        "num_heads",
        "key_dim",
        "value_dim",
        "output_shape",
        "attention_axes",
        *ProjectedAttention.shared_fields,
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
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
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
        )
        # Keras gives it to the projections rather than to the layer's own output.
        self._projection_activity, self.activity_regularizer = self.activity_regularizer, None
        for argument, value in (
            ("num_heads", num_heads),
            ("key_dim", key_dim),
            ("value_dim", key_dim if value_dim is None else value_dim),
        ):
            self._check_count(argument, value)
        if attention_axes is not None and not isinstance(attention_axes, (int, list, tuple)):
            raise ValueError(
                f"[{self.name}] attention_axes is a {type(attention_axes).__name__}, expected an int, a "
                "list or a tuple"
            )
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.output_shape = None if shape is None else tuple(shape)
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = None if axes is None else tuple(axes)

    def _axes_of(self, rank: int) -> tuple[int, ...]:
        """Attention axes of projected inputs of this rank, counted from the front."""
        if self.attention_axes is None:
            return tuple(range(1, rank - 2))
        return tuple(axis % (rank - 1) for axis in self.attention_axes)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        for role, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) < 3:
                raise ValueError(
                    f"[{self.name}] {role} has shape {tuple(shape)}, expected at least 3 dimensions "
                    "(batch, steps, features)"
                )
        if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
            raise ValueError(
                f"[{self.name}] key has shape {tuple(key_shape)} and value {tuple(value_shape)}, expected "
                "as many steps"
            )
        axes = self._axes_of(len(query_shape) + 1)
        if any(not 0 < axis < len(query_shape) - 1 for axis in axes):
            raise ValueError(
                f"[{self.name}] attention_axes is {self.attention_axes}, expected axes between the batch "
                f"and the features of shape {tuple(query_shape)}"
            )
        heads = self.num_heads
        self._build_projections(
            (query_shape, key_shape, value_shape),
            (heads, self.key_dim),
            (heads, self.key_dim),
            (heads, self.value_dim),
            self.output_shape or (query_shape[-1],),
        )

    def compute_output_spec(self, query, value, key=None, return_attention_scores=False, **_):
        features = self.output_shape or (query.shape[-1],)
        return self._spec(query, value, self.num_heads, features, return_attention_scores)

    def get_config(self):
        regularizer = serialization.serialize_keras_object(self._projection_activity)
        return {**super().get_config(), "activity_regularizer": regularizer}


class GroupedQueryAttention(ProjectedAttention):
    """Attention whose query heads share fewer heads of keys and values. Ainslie et al., arXiv:2305.13245.

    Parameters
        head_dim : length of queries, keys and values in each head
        num_query_heads : a multiple of  num_key_value_heads
        dropout .. seed : as MultiHeadAttention's
    Notes   The kernel reads each head of keys and values for its whole group, without repeating them.
    """

    attribute_of = {role: f"_{role}_dense" for role in ("query", "key", "value", "output")}
    config_fields = (
        "head_dim",
        "num_query_heads",
        "num_key_value_heads",
        *ProjectedAttention.shared_fields,
    )

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
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
        )
        self._projection_activity = self.activity_regularizer
        for argument, value in (
            ("head_dim", head_dim),
            ("num_query_heads", num_query_heads),
            ("num_key_value_heads", num_key_value_heads),
        ):
            self._check_count(argument, value)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"[{self.name}] num_query_heads is {num_query_heads}, expected a multiple of "
                f"num_key_value_heads = {num_key_value_heads}"
            )
        self.head_dim, self.num_query_heads = head_dim, num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        for role, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"[{self.name}] {role} has shape {tuple(shape)}, expected 3 dimensions (batch, steps, "
                    "features)"
                )
        shared = (self.num_key_value_heads, self.head_dim)
        heads = (self.num_query_heads, self.head_dim)
        shapes = (query_shape, key_shape, value_shape)
        self._build_projections(shapes, heads, shared, shared, (query_shape[-1],))

    def compute_output_spec(self, query, value, key=None, return_attention_scores=False, **_):
        features = (query.shape[-1],)
        return self._spec(query, value, self.num_query_heads, features, return_attention_scores)
