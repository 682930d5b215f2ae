# SPDX-License-Identifier: Apache-2.0
"""Generation: drawing tokens from logits, and going on with a sequence token by token."""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops, random
from tilewright.autograd import Tensor, raw
from tilewright.keras.annotated import logits_of
from tilewright.keras.layers.attention_cache import KeyValueCache
from tilewright.suggestion import missing

__all__ = ["KeyValueCache", "generate", "sample"]


def sample(logits, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None, seed=None):
    """One token for each row of logits.

    Parameters
        logits : (..., vocabulary)
        temperature : logits are divided by it; 0 takes the most likely token (greedy)
        top_k : only among the k most likely;  top_p : only among the likeliest that together reach this share
        seed : an int, a SeedGenerator that goes on, or None for the global generator
    Returns   (...) int64 Tensor
    Raises    ValueError: temperature below 0, top_k out of 1 to vocabulary, top_p out of (0, 1]
    Notes     Gumbel's trick: the largest of logit - log(-log(u)) is drawn by the softmax of the logits.
              Holtzman et al., "The Curious Case of Neural Text Degeneration" (top_p), arXiv:1904.09751
    Examples
        >>> sample(np.array([[0.0, 9.0, 1.0]], np.float32), temperature=0).numpy()
        array([1])
    """
    logits = Tensor(raw("sample", "logits", logits))
    vocabulary = logits.shape[-1] if logits.ndim else 0
    if not isinstance(temperature, (int, float)) or temperature < 0:
        raise ValueError(f"[sample] temperature is {temperature!r}, expected a number of at least 0")
    if top_k is not None and not 1 <= top_k <= vocabulary:
        raise ValueError(f"[sample] top_k is {top_k}, expected 1 to {vocabulary}, the size of the vocabulary")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"[sample] top_p is {top_p}, expected above 0 and at most 1")
    if temperature == 0 or top_k == 1:
        return ops.argmax(logits, axis=-1)
    logits = ops.divide(logits, float(temperature))
    if top_k is None and top_p is None:
        return ops.argmax(ops.add(logits, _gumbel(logits, seed)), axis=-1)
    ordered, ids = ops.top_k(logits, vocabulary if top_k is None else top_k)
    if top_p is not None:
        # A token stays where those before it have not reached the share yet: at least the first.
        before = ops.cumsum(ops.softmax(ordered), axis=-1, exclusive=True)
        ordered = ops.where(ops.less(before, float(top_p)), ordered, -float("inf"))
    chosen = ops.argmax(ops.add(ordered, _gumbel(ordered, seed)), axis=-1, keepdims=True)
    return ops.squeeze(ops.take_along_axis(ids, chosen, axis=-1), -1)


def _gumbel(like, seed):
    """Gumbel noise in the shape of an array."""
    u = random.uniform(like.shape, dtype=like.dtype, seed=seed)
    return ops.negative(ops.log(ops.negative(ops.log(u))))


def generate(
    model,
    prompt,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed=None,
    stop_token: int | None = None,
    context_length: int | None = None,
    cache: bool = False,
):
    """Goes on with token ids, one at a time, by a model that gives logits for every next token.

    Parameters
        model : called on ids (batch, steps) int32, gives logits (batch, steps, vocabulary), or their softmax
        prompt : ids, (steps,) or (batch, steps), at least one
        max_new_tokens : how many to add
        temperature, top_k, top_p, seed : as `sample`'s
        stop_token : a sequence that has drawn it repeats it; the end is reached when all have
        context_length : the model sees at most that many of the last tokens; all where None
        cache : keys and values of earlier tokens are kept (KeyValueCache), so that a token costs one step
            instead of the whole sequence. For models whose layers know of it: attention with
            use_causal_mask=True, RotaryEmbedding, PositionEmbedding. Beyond context_length the model runs
            without it
    Returns   int32 Tensor: the prompt and what follows
    Raises    ValueError: a prompt of other shape, an output that is no (batch, steps, vocabulary), a cache
              for a model that gives other logits with it
    """
    tokens, length, single = _room("generate", prompt, max_new_tokens)
    total = tokens.shape[1]
    room = total if context_length is None else min(int(context_length), total)
    if room < 1:
        raise ValueError(f"[generate] context_length is {context_length}, expected at least 1")
    source = random.SeedGenerator(seed) if seed is None or isinstance(seed, int) else seed
    runner = _Cached(model, room) if cache else _Whole(model, room)
    stopped = None
    for end in range(length, total):
        ids = sample(runner.next_logits(tokens, end), temperature, top_k, top_p, source)
        if stop_token is not None:
            ids = ids if stopped is None else ops.where(stopped, ops.full_like(ids, stop_token), ids)
            stopped = ops.equal(ids, stop_token)
        ops.copy(ops.cast(ids.array, "int32"), out=tokens[:, end])
        if stopped is not None and bool(ops.all(stopped)):
            tokens = tokens[:, : end + 1]
            break
    return Tensor(tokens[0] if single else tokens)


def _room(name: str, prompt, count: int):
    """An array (batch, steps + count) that begins with the prompt, steps, whether there was no batch axis."""
    prompt = backend.on_device(
        np.asarray(prompt) if isinstance(prompt, (list, tuple)) else raw(name, "prompt", prompt)
    )
    if prompt.ndim not in (1, 2) or prompt.shape[-1] < 1 or prompt.dtype.kind not in "iu":
        raise ValueError(
            f"[{name}] prompt has shape {prompt.shape} and dtype {prompt.dtype}, expected ids (steps,) or "
            "(batch, steps), at least one step"
        )
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"[{name}] max_new_tokens is {count!r}, expected an int of at least 0")
    rows = prompt if prompt.ndim == 2 else prompt[None]
    tokens = ops.zeros((rows.shape[0], rows.shape[1] + count), "int32")
    ops.copy(ops.cast(rows, "int32"), out=tokens[:, : rows.shape[1]])
    return tokens, rows.shape[1], prompt.ndim == 1


def _last_logits(model, ids):
    """Logits after the last of the ids, (batch, vocabulary)."""
    y = model(Tensor(ops.copy(ids)), training=False)
    y = y if logits_of(y, "softmax") is None else logits_of(y, "softmax")
    if not isinstance(y, Tensor) or y.ndim != 3 or y.shape[:2] != ids.shape:
        shape = getattr(y, "shape", type(y).__name__)
        raise ValueError(
            f"[generate] model gives shape {shape} for ids {ids.shape}, expected (batch, steps, vocabulary)"
        )
    return y[:, -1]


class _Whole:
    """Runs the model over all tokens for each new one."""

    def __init__(self, model, room: int):
        self.model, self.room = model, room

    def next_logits(self, tokens, end: int):
        return _last_logits(self.model, tokens[:, max(end - self.room, 0) : end])


class _Cached(_Whole):
    """Runs the model over the tokens that are new since the last call, as long as there is room."""

    def __init__(self, model, room: int):
        super().__init__(model, room)
        self.cache, self.checked = KeyValueCache(room), False

    def next_logits(self, tokens, end: int):
        if end > self.room:
            return super().next_logits(tokens, end)
        start = self.cache.length
        with self.cache:
            logits = _last_logits(self.model, tokens[:, start:end])
        self.cache.advance(end - start)
        if start and not self.checked:
            self._check(logits, super().next_logits(tokens, end))
        return logits

    def _check(self, logits, want) -> None:
        """Once: a layer that takes its first token for the first of the sequence must not go unseen."""
        self.checked = True
        apart = float(ops.max(ops.abs(ops.subtract(logits, want))))
        scale = float(ops.max(ops.abs(want)))
        if not apart <= 1e-3 * max(scale, 1.0):
            raise ValueError(
                f"[generate] cache is True, and the logits differ by {apart:.3g} from those of the whole "
                "sequence, expected the same: some layer knows nothing of the cache. Use attention with "
                "use_causal_mask=True, RotaryEmbedding or PositionEmbedding, or cache=False"
            )


__getattr__ = missing(__name__, __all__)
