# SPDX-License-Identifier: Apache-2.0
"""Attention and AdditiveAttention: without projections, on a list [query, value] or [query, value, key]."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers import attention_mask as masks
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.regularization import Dropout

_HIDDEN = -1e9  # added to the score of a key that the mask hides


class Attention(Layer):
    """softmax(scores) value, scores = query key^T, on [query, value] or [query, value, key].

    Parameters
        use_scale : scores are multiplied by a learned number
        score_mode : "dot", or "concat": sum(tanh(query + key)) times a learned number
        dropout : of the weights;  seed : of the dropout
    Notes   Luong et al., arXiv:1508.04025
    """

    casts_integers = True
    supports_masking = True
    config_fields = ("use_scale", "score_mode", "dropout", "seed")

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"[{self.name}] score_mode is {score_mode!r}, expected 'dot' or 'concat'")
        self.use_scale, self.score_mode, self.seed = use_scale, score_mode, seed
        self.dropout_layer = Dropout(dropout, seed=seed)
        self.dropout = dropout
        self.scale = self.concat_score_weight = None

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _check(self, inputs, what: str = "inputs"):
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            count = len(inputs) if isinstance(inputs, (list, tuple)) else type(inputs).__name__
            raise ValueError(
                f"[{self.name}] {what} has {count} entries, expected a list [query, value] or [query, value, "
                "key]"
            )

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check(inputs)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        if mask is not None:
            self._check(mask, "mask")
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        seen = [] if value_mask is None else [ops.expand_dims(ops.cast(value_mask, "bool"), -2)]
        if use_causal_mask:
            seen.append(masks.causal(query.shape[-2], key.shape[-2]))
        seen = masks.all_of(seen)
        dropped = bool(training) and self.dropout > 0
        if self._has_kernel(query, key, value) and not (dropped or return_attention_scores):
            y, weights = self._by_kernel(query, key, value, seen), None
        else:
            scores = self._scores(query, key)
            scores = scores if seen is None else ops.where(seen, scores, ops.add(scores, _HIDDEN))
            weights = self.dropout_layer(ops.softmax(scores), training=training)
            y = ops.matmul(weights, value)
        if query_mask is not None:
            y = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), y, 0.0)
        return (y, weights) if return_attention_scores else y

    def _has_kernel(self, query, key, value) -> bool:
        return self.score_mode == "dot" and query.ndim == 3 and key.shape[-1] == value.shape[-1]

    def _by_kernel(self, query, key, value, seen):
        """The same without ever holding the scores, as attention in one head."""
        query = query if self.scale is None else ops.multiply(query, self.scale)
        q, k, v = (ops.expand_dims(x, 2) for x in (query, key, value))
        added = None
        if seen is not None:
            added = ops.where(seen, 0.0, ops.full((), _HIDDEN, query.dtype))
            added = ops.expand_dims(added, -3)
        return ops.squeeze(ops.attention(q, k, v, mask=added, scale=1.0), 2)

    def _scores(self, query, key):
        if self.score_mode == "dot":
            scores = ops.matmul(query, key, transpose_b=True)
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        total = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        total = total if self.scale is None else ops.multiply(total, self.scale)
        return ops.multiply(ops.sum(ops.tanh(total), axis=-1), self.concat_score_weight)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[0]

    def compute_output_spec(self, inputs, return_attention_scores=False, **_):
        self._check(inputs)
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) > 2 else inputs[1]
        y = KerasTensor((*query.shape[:-1], value.shape[-1]), self.compute_dtype)
        if not return_attention_scores:
            return y
        return y, KerasTensor((*query.shape[:-1], key.shape[-2]), self.compute_dtype)


class AdditiveAttention(Attention):
    """Attention with scores sum(scale * tanh(query + key)). Bahdanau et al., arXiv:1409.0473.

    Parameters
        use_scale : whether `scale` is learned, one number for each feature;  dropout : of the weights
    """

    config_fields = ("use_scale", "dropout", "seed")

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _has_kernel(self, query, key, value):
        return False

    def _scores(self, query, key):
        total = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        return ops.sum(total if self.scale is None else ops.multiply(total, self.scale), axis=-1)
