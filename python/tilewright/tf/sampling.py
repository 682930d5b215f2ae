# SPDX-License-Identifier: Apache-2.0
"""The rest of `tf.random`: shuffle, categorical, stateless draws, Generator."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tilewright import distributions, ops, seeds
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.tf.arguments import as_shape, tensor

__all__ = [
    "Generator", "categorical", "get_global_generator", "log_uniform_candidate_sampler", "shuffle",
    "stateless_normal",
    "stateless_truncated_normal", "stateless_uniform",
]  # fmt: skip


def shuffle(value, seed=None, name=None) -> Tensor:
    """The entries along the first axis in random order."""
    x = tensor(value)
    if x.ndim == 0:
        raise ValueError("[shuffle] value has shape (), expected at least 1 dimension")
    # The order of random numbers is a random order; of two equal ones (2^-52) the first stays first.
    _, order = ops.top_k(distributions.uniform((x.shape[0],), dtype="float64", seed=seed), x.shape[0])
    return ops.take(x, order, axis=0)


def categorical(logits, num_samples, dtype="int64", seed=None, name=None) -> Tensor:
    """Class numbers drawn by softmax(logits), `num_samples` a row, by the Gumbel-max trick.

    Parameters
        logits : (rows, classes), logarithms of probabilities of any sum
    Returns   (rows, num_samples) of `dtype`
    """
    x = tensor(logits, argument="logits")
    if x.ndim != 2:
        raise ValueError(f"[categorical] logits has shape {x.shape}, expected (rows, classes)")
    rows, classes = x.shape
    drawn = distributions.uniform((rows, int(num_samples), classes), dtype="float64", seed=seed)
    # u = 0 would give -inf: half a step of the generator is added.
    noise = ops.negative(ops.log(ops.negative(ops.log(ops.add(drawn, 2.0**-54)))))
    scores = ops.add(ops.expand_dims(ops.cast(x, "float64"), 1), noise)
    return ops.cast(ops.argmax(scores, axis=-1), dtype_of(dtype or "int64"))


class CandidateSamples(NamedTuple):
    """Classes that were drawn, and how often the true ones and these were to be expected."""

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def log_uniform_candidate_sampler(
    true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None
) -> CandidateSamples:
    """Class numbers below `range_max`, number c with probability log((c + 2) / (c + 1)) / log(range_max + 1):
    words numbered by falling frequency, as they come up. Drawn on the host.

    Parameters
        true_classes : (rows, num_true) int64, of which only the expected counts are given
        unique : each class at most once
    Raises    ValueError: more unique samples than classes
    """
    if unique and num_sampled > range_max:
        raise ValueError(
            f"[log_uniform_candidate_sampler] num_sampled is {num_sampled}, expected at most {range_max} "
            "unique ones"
        )
    rng = seeds.host_generator(seeds.make_seed() if seed is None else seed)
    scale, drawn, tries = math.log1p(range_max), [], 0
    while len(drawn) < num_sampled:
        tries += 1
        candidate = min(int(math.expm1(rng.random() * scale)), range_max - 1)
        if not unique or candidate not in drawn:
            drawn.append(candidate)

    def expected(class_number: int) -> float:
        share = math.log1p(1 / (class_number + 1)) / scale
        return -math.expm1(tries * math.log1p(-share)) if tries != num_sampled else share * tries

    known = np.asarray(tensor(true_classes, argument="true_classes").numpy())
    counts = [expected(int(c)) for c in known.reshape(-1)]
    return CandidateSamples(
        Tensor(np.array(drawn, np.int64)),
        Tensor(np.array(counts, np.float32).reshape(known.shape)),
        Tensor(np.array([expected(c) for c in drawn], np.float32)),
    )


def _key(seed) -> np.ndarray:
    """A key from TensorFlow's pair of ints: the same pair gives the same numbers."""
    first, second = (int(s) for s in (seed.numpy() if isinstance(seed, Tensor) else seed))
    return ops.random_key((first * 0x9E3779B97F4A7C15 + second) % 2**64)


def _drawn(draw, shape, seed, dtype, **parameters) -> Tensor:
    return Tensor(draw(as_shape(shape), key=_key(seed), dtype=dtype_of(dtype), **parameters))


def stateless_uniform(shape, seed, minval=0, maxval=None, dtype="float32", name=None, alg=None) -> Tensor:
    """Numbers from [minval, maxval) that the pair `seed` alone decides."""
    if dtype_of(dtype).kind in "iu":
        if maxval is None:
            raise ValueError(
                f"[stateless_uniform] maxval is None, expected a number for dtype {dtype_of(dtype)}"
            )
        share = _drawn(ops.random_uniform, shape, seed, "float64")
        return distributions.whole_numbers(share, minval, maxval, dtype_of(dtype))
    high = 1.0 if maxval is None else maxval
    return _drawn(ops.random_uniform, shape, seed, dtype, low=float(minval), high=float(high))


def stateless_normal(shape, seed, mean=0.0, stddev=1.0, dtype="float32", name=None, alg=None) -> Tensor:
    """Normal numbers that the pair `seed` alone decides."""
    return _drawn(ops.random_normal, shape, seed, dtype, mean=float(mean), stddev=float(stddev))


def stateless_truncated_normal(
    shape, seed, mean=0.0, stddev=1.0, dtype="float32", name=None, alg=None
) -> Tensor:
    """Normal numbers within two standard deviations that the pair `seed` alone decides."""
    return _drawn(ops.random_truncated_normal, shape, seed, dtype, mean=float(mean), stddev=float(stddev))


class Generator:
    """A generator of its own: `Generator.from_seed(1).normal((2, 3))`.

    Examples
        >>> a, b = Generator.from_seed(1), Generator.from_seed(1)
        >>> bool((a.normal((3,)).numpy() == b.normal((3,)).numpy()).all())
        True
    """

    def __init__(self, source: seeds.SeedGenerator):
        self._source = source

    @classmethod
    def from_seed(cls, seed, alg=None) -> Generator:
        """One that draws the same numbers for the same seed."""
        return cls(seeds.SeedGenerator(int(seed)))

    @classmethod
    def from_non_deterministic_state(cls, alg=None) -> Generator:
        """One seeded by the system."""
        return cls(seeds.SeedGenerator(seeds.seed_from_system()))

    @property
    def state(self):
        """Seed and offset, a Variable."""
        return self._source.state

    def reset_from_seed(self, seed) -> None:
        """Starts over from a seed."""
        self._source = seeds.SeedGenerator(int(seed))

    def make_seeds(self, count=1) -> Tensor:
        """Seeds for the stateless functions, (2, count) int64: a pair in each column."""
        return self.uniform((2, int(count)), 0, 2**31 - 1, "int64")

    def split(self, count=1) -> list[Generator]:
        """New generators, each with a seed drawn from this one."""
        drawn = self.uniform((int(count),), 0, 2**31 - 1, "int32").numpy()
        return [Generator.from_seed(int(seed)) for seed in drawn]

    def normal(self, shape, mean=0.0, stddev=1.0, dtype="float32", name=None) -> Tensor:
        """Normal numbers."""
        return distributions.normal(shape, mean, stddev, dtype, self._source)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype="float32", name=None) -> Tensor:
        """Normal numbers within two standard deviations."""
        return distributions.truncated_normal(shape, mean, stddev, dtype, self._source)

    def uniform(self, shape, minval=0, maxval=None, dtype="float32", name=None) -> Tensor:
        """Numbers from [minval, maxval)."""
        return distributions.uniform(shape, minval, maxval, dtype, self._source)


def get_global_generator() -> Generator:
    """The generator behind every draw without a seed."""
    return Generator(seeds.global_generator())
