# SPDX-License-Identifier: Apache-2.0
"""KeyValueCache: keys and values of the steps so far, so that a new step computes its own only."""

from __future__ import annotations

import threading

from tilewright import ops
from tilewright.autograd import Tensor, raw

_thread = threading.local()


class KeyValueCache:
    """What causal self-attention has seen. Inside `with cache:` attention layers that are called with
    use_causal_mask=True on one sequence look at the steps so far, too, and RotaryEmbedding and
    PositionEmbedding count on from there; `advance` then says that these steps have been taken.

    Parameters
        max_length : steps there is room for; buffers of that length are made when a layer is first called
    Examples
        >>> cache = KeyValueCache(16)
        >>> with cache:
        ...     logits = model(prompt)          # the whole prompt at once  # doctest: +SKIP
        ...     cache.advance(prompt.shape[1])  # doctest: +SKIP
        ...     logits = model(next_token)      # one step, (batch, 1)  # doctest: +SKIP
        ...     cache.advance(1)  # doctest: +SKIP
    """

    def __init__(self, max_length: int):
        if not isinstance(max_length, int) or max_length < 1:
            raise ValueError(f"[KeyValueCache] max_length is {max_length!r}, expected an int of at least 1")
        self.max_length, self.length = max_length, 0
        self._held: dict = {}  # layer -> [keys, values, mask or None]

    def __enter__(self):
        _stack().append(self)
        return self

    def __exit__(self, *_):
        _stack().remove(self)

    def advance(self, steps: int) -> None:
        """The next call goes on `steps` later."""
        if self.length + steps > self.max_length:
            raise ValueError(
                f"[KeyValueCache] length is {self.length} and {steps} steps follow, expected at most "
                f"max_length = {self.max_length} together"
            )
        self.length += steps

    def reset(self) -> None:
        """Starts another sequence in the same buffers."""
        self.length = 0
        self._held = {layer: [k, v, None] for layer, (k, v, _) in self._held.items()}

    def extend(self, layer, k, v, mask=None):
        """Keys, values and mask of all steps so far, after those of the new steps are written behind them.

        Parameters
            layer : whose they are;  k, v : (batch, steps, heads, depth);  mask : bool (batch, steps) or None
        """
        batch, steps = k.shape[:2]
        end = self.length + steps
        if end > self.max_length:
            raise ValueError(
                f"[{layer.name}] key has {steps} steps after {self.length} in the cache, expected at most "
                f"max_length = {self.max_length} together"
            )
        held = self._held.get(layer)
        if held is None:
            sizes = ((batch, self.max_length, *x.shape[2:]) for x in (k, v))
            held = self._held[layer] = [*(ops.zeros(size, k.dtype) for size in sizes), None]
        if held[0].shape[0] != batch:
            raise ValueError(
                f"[{layer.name}] key has a batch of {batch}, expected {held[0].shape[0]} as the cache holds"
            )
        for buffer, new in zip(held, (k, v), strict=False):
            ops.copy(raw("extend", "new", new), out=buffer[:, self.length : end])
        if mask is not None and held[2] is None:
            held[2] = ops.full((batch, self.max_length), True, "bool")
        if held[2] is not None:
            seen = held[2][:, self.length : end]
            ops.copy(
                ops.full(seen.shape, True, "bool") if mask is None else raw("extend", "mask", mask), out=seen
            )
        keys, values = (Tensor(buffer[:, :end]) for buffer in held[:2])
        return keys, values, None if held[2] is None else Tensor(held[2][:, :end])


def _stack() -> list:
    try:
        return _thread.caches
    except AttributeError:
        _thread.caches = []
        return _thread.caches


def current_cache() -> KeyValueCache | None:
    """The cache whose `with` block is open."""
    stack = _stack()
    return stack[-1] if stack else None
