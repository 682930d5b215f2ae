# SPDX-License-Identifier: Apache-2.0
"""Where random numbers come from: seeds, the keys drawn from them, one global generator.

Numbers are counter-based (Philox): a key holds a seed and an offset, and a block of four numbers costs one
step of the offset. The same key gives the same numbers for any thread count, in eager code and in replay.
(Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.)
"""

from __future__ import annotations

import os
import random as python_random

import numpy as np

from tilewright import backend, ops
from tilewright.variable import Variable

_MAX_SEED = 2**63 - 1


def seed_from_system() -> int:
    return int.from_bytes(os.urandom(4), "little")


class SeedGenerator:
    """A source of keys. Its state is an array that changes by operations, so recorded steps draw new numbers.

    Parameters
        seed : int, or None for one from the global generator
    Examples
        >>> a, b = SeedGenerator(1), SeedGenerator(1)
        >>> bool((a.next_key(10) == b.next_key(10)).all())
        True
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        if seed is None:
            seed = make_seed()
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise TypeError(f"[SeedGenerator] seed is a {type(seed).__name__}, expected an int or None")
        if not 0 <= seed <= _MAX_SEED:
            raise ValueError(f"[SeedGenerator] seed is {seed}, expected 0 to {_MAX_SEED}")
        self.seed = int(seed)
        self.name = name or "seed_generator"
        self.state = Variable(
            np.array([self.seed, 0], np.int64),
            trainable=False,
            name="seed_generator_state",
            path=f"{self.name}/seed_generator_state",
        )
        self._steps: dict[int, np.ndarray] = {}

    def next_key(self, n: int) -> np.ndarray:
        """The key, (2,) int64, for `n` numbers; the next call gets another."""
        state = self.state.array
        key = ops.copy(state)
        step = self._steps.get(n)
        if step is None or type(step) is not type(state):  # the state was moved to another device
            step = self._steps[n] = backend.beside(np.array([0, ops.random_blocks(n)], np.int64), state)
        ops.add(state, step, out=state)
        return key

    def get_config(self) -> dict:
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict) -> SeedGenerator:
        return cls(**config)


_global: SeedGenerator | None = None


def global_generator() -> SeedGenerator:
    """The generator behind every draw without a seed; seeded by the system unless `set_seed` was called."""
    global _global
    if _global is None:
        _global = SeedGenerator(seed_from_system(), name="global_seed_generator")
    elif backend.on_device(_global.state.array) is not _global.state.array:
        _global.state.to("cuda")  # the device was chosen after the first draw
    return _global


def set_seed(seed: int) -> None:
    """Starts the global generator from `seed`: what follows draws the same numbers in every run."""
    global _global
    _global = SeedGenerator(seed, name="global_seed_generator")


def set_random_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and Tilewright's random numbers."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"[set_random_seed] seed is {seed!r}, expected an int from 0 to 2^32 - 1")
    python_random.seed(seed)
    np.random.seed(seed)
    set_seed(seed)


def get_position() -> list[int]:
    """Where the global generator stands: seed and offset."""
    return [int(part) for part in backend.to_host(global_generator().state.array)]


def set_position(position) -> None:
    """Goes on from what `get_position` gave."""
    backend.copy_values(global_generator().state.array, np.array(position, np.int64))


def get_state() -> dict:
    """The states of Python's, NumPy's and Tilewright's global generators, as plain data."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, next_gauss = python_random.getstate()
    return {
        "tilewright": get_position(),
        "numpy": [kind, [int(k) for k in keys], int(place), int(has_gauss), float(gauss)],
        "python": [version, list(words), next_gauss],
    }


def set_state(state: dict) -> None:
    """Goes on from what `get_state` gave."""
    set_position(state["tilewright"])
    kind, keys, place, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), place, has_gauss, gauss))
    version, words, next_gauss = state["python"]
    python_random.setstate((version, tuple(words), next_gauss))


def next_key(n: int = 1) -> np.ndarray:
    """The global generator's next key for `n` numbers: (2,) int64, seed and offset."""
    return global_generator().next_key(n)


def make_seed() -> int:
    """A new seed for a generator of its own, drawn from the global one."""
    seed, offset = (int(part) for part in backend.to_host(next_key(1)))
    return int(np.random.Philox(key=(seed << 64) | offset).random_raw()) >> 33


def key_for(seed, n: int) -> np.ndarray:
    """The key for `n` numbers from a seed: an int, a SeedGenerator, or None for the global generator."""
    if isinstance(seed, SeedGenerator):
        return seed.next_key(n)
    if seed is None:
        return next_key(n)
    return SeedGenerator(seed).state.array


def host_generator(seed: int, *counters: int) -> np.random.Generator:
    """NumPy's generator for choices made on the host, one stream for each seed and counters (up to 2).

    Examples
        >>> bool(host_generator(1, 2).integers(100) == host_generator(1, 2).integers(100))
        True
    """
    return np.random.Generator(np.random.Philox(key=int(seed) % 2**128, counter=[0, 0, *counters, 0, 0][:4]))
