# SPDX-License-Identifier: Apache-2.0
"""`tf.random`: seeds, distributions, and TensorFlow's other names around them."""

from tilewright.distributions import bernoulli, normal, orthogonal, permutation, truncated_normal, uniform
from tilewright.seeds import (
    SeedGenerator,
    get_position,
    get_state,
    global_generator,
    host_generator,
    key_for,
    make_seed,
    next_key,
    set_position,
    set_random_seed,
    set_seed,
    set_state,
)
from tilewright.suggestion import error_for

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "get_position",
    "get_state",
    "global_generator",
    "host_generator",
    "key_for",
    "make_seed",
    "next_key",
    "normal",
    "orthogonal",
    "permutation",
    "set_position",
    "set_random_seed",
    "set_seed",
    "set_state",
    "truncated_normal",
    "uniform",
]


def __getattr__(name: str):
    """What only `tf.random` has is found when first used."""
    from tilewright.tf import sampling

    if name in sampling.__all__:
        return getattr(sampling, name)
    raise error_for(__name__, name, [*globals(), *sampling.__all__])
