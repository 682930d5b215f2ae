# SPDX-License-Identifier: Apache-2.0
"""Random numbers: Random123's known answers, kernels against the reference, distributions."""

import numpy as np
import pytest

from ops.harness import SIZES, Bad, Case, compare
from tilewright import _cpu, ops
from tilewright.reference import random as reference

KEY = np.array([0x123456789ABCDEF, 41])
NO_GRADIENT = "a key has no gradient"
BAD = [
    Bad(lambda: ((2, -1),), ValueError, "shape is (2, -1)"),
    Bad(lambda: ((2,),), TypeError, "key is a list", {"key": [1, 2]}),
    Bad(lambda: ((2,),), TypeError, "key has dtype float64, expected int64", {"key": np.ones(2)}),
    Bad(lambda: ((2,),), ValueError, "key has shape (3,), expected (2,)", {"key": np.arange(3)}),
    Bad(lambda: ((2,),), TypeError, "int32", {"dtype": np.int32}),
    Bad(lambda: ((2,),), ValueError, "out has shape (3,), expected (2,)", {"out": np.ones(3, np.float32)}),
]


def case(name, bad, **parameters):
    return Case(
        name,
        "random",
        [name],
        getattr(ops, name),
        getattr(reference, name),
        lambda rng: ((7, 123),),
        {"key": KEY, **parameters},
        differentiable=NO_GRADIENT,
        bad=BAD + bad,
        dtypes=[np.float32],
    )


CASES = [
    case(
        "random_uniform",
        [
            Bad(lambda: ((2,),), ValueError, "low is 3", {"low": 3.0, "high": 1.0}),
            Bad(lambda: ((2,),), ValueError, "expected a finite number", {"high": np.inf}),
        ],
        low=-1.5,
        high=2.0,
    ),
    case(
        "random_normal",
        [
            Bad(lambda: ((2,),), ValueError, "stddev is -1", {"stddev": -1.0}),
            Bad(lambda: ((2,),), TypeError, "got a str", {"mean": "x"}),
        ],
        mean=0.5,
        stddev=2.0,
    ),
    case(
        "random_truncated_normal",
        [Bad(lambda: ((2,),), ValueError, "stddev is -1", {"stddev": -1.0})],
        stddev=0.1,
    ),
    case(
        "random_bernoulli",
        [Bad(lambda: ((2,),), ValueError, "probability is 2", {"probability": 2.0})],
        probability=0.3,
    ),
]


def test_reference_gives_the_known_answers_of_random123():
    ones, pi = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    answers = [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones,) * 4, (ones,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (pi, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ]
    for counter, key, words in answers:
        assert tuple(int(w) for w in reference.philox(counter, key)) == words


@pytest.mark.parametrize("key", [(0, 0), (-1, 5), (2**63 - 1, 2**32 - 3), (1, -2)], ids=str)
def test_kernel_draws_the_words_of_the_reference(key, isa):
    """Uniform float32 numbers show the upper 24 bits of each word; the keys cross both carries."""
    key = np.array(key, np.int64)
    for n in SIZES:
        got = ops.random_uniform(n, key=key)
        assert np.array_equal(
            got, (reference.words(n, key) >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
        )
        got = ops.random_uniform(n, key=key, dtype=np.float64)
        assert np.array_equal(got, reference.random_uniform(n, key=key, dtype=np.float64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_follow_the_reference(dtype, isa):
    for n in (1, 5, 64, 1003):
        for name in ("random_normal", "random_truncated_normal"):
            compare(
                getattr(ops, name)(n, key=KEY, dtype=dtype),
                getattr(reference, name)(n, key=KEY, dtype=dtype),
                "random",
                dtype,
                name,
            )


def test_bernoulli_dtypes_and_certainty(isa):
    for dtype in (np.float32, np.float64, np.bool_):
        got = ops.random_bernoulli((3, 50), key=KEY, probability=0.4, dtype=dtype)
        assert got.dtype == dtype and np.array_equal(
            got, reference.random_bernoulli((3, 50), key=KEY, probability=0.4)
        )
        assert ops.random_bernoulli(99, key=KEY, probability=1.0, dtype=dtype).all()
        assert not ops.random_bernoulli(99, key=KEY, probability=0.0, dtype=dtype).any()


def test_a_later_offset_continues_the_stream():
    whole = ops.random_uniform(100, key=ops.random_key(5, 10))
    used = ops.random_blocks(40)
    assert np.array_equal(whole[40:], ops.random_uniform(60, key=ops.random_key(5, 10 + used)))


def test_same_bits_for_any_thread_count():
    bits = []
    for threads in (1, 2, 3):
        _cpu.set_num_threads(threads)
        bits.append(
            [
                ops.random_normal(100_003, key=KEY).tobytes(),
                ops.random_uniform(100_003, key=KEY).tobytes(),
                ops.dropout(np.ones(100_003, np.float32), 0.5, key=KEY).tobytes(),
            ]
        )
    assert bits[0] == bits[1] == bits[2]


def test_uniform_never_reaches_the_upper_end():
    y = ops.random_uniform(1 << 18, key=KEY, low=1.0, high=1.0 + 2.0**-22)
    assert y.min() >= 1 and y.max() < np.float32(1 + 2.0**-22)
    assert (ops.random_uniform(9, key=KEY, low=2.0, high=2.0) == 2).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distributions(dtype):
    stats = pytest.importorskip("scipy.stats", reason="scipy judges the distributions")
    n, key = 200_000, ops.random_key(2024)
    draws = {
        "uniform": (ops.random_uniform(n, key=key, low=-1, high=3, dtype=dtype), stats.uniform(-1, 4)),
        "normal": (ops.random_normal(n, key=key, mean=1, stddev=2, dtype=dtype), stats.norm(1, 2)),
        "truncated": (
            ops.random_truncated_normal(n, key=key, mean=1, stddev=2, dtype=dtype),
            stats.truncnorm(-2, 2, loc=1, scale=2),
        ),
    }
    for name, (y, law) in draws.items():
        assert stats.kstest(y.astype(np.float64), law.cdf).pvalue > 1e-3, name
        assert abs(y.mean(dtype=np.float64) - law.mean()) < 4 * law.std() / np.sqrt(n), name
        assert abs(y.std(dtype=np.float64) / law.std() - 1) < 0.01, name
        pairs = np.corrcoef(y[0::2], y[1::2])[0, 1]
        assert abs(pairs) < 4 / np.sqrt(n / 2), f"{name}: neighbours are correlated"


def test_key_is_checked():
    assert ops.random_key(2**64 - 1).tolist() == [-1, 0]
    for seed, error in ((1.5, TypeError), (2**64, ValueError), ("x", TypeError)):
        with pytest.raises(error, match="seed"):
            ops.random_key(seed)


def test_out_may_be_strided():
    y = np.zeros((10, 20), np.float32)
    ops.random_uniform((10, 10), key=KEY, out=y[:, ::2])
    assert np.array_equal(y[:, ::2], ops.random_uniform((10, 10), key=KEY)) and not y[:, 1::2].any()
