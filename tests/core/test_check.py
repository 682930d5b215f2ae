# SPDX-License-Identifier: Apache-2.0
"""Argument checks: the exact messages, and the overlap test against sets of addresses."""

import itertools
import random

import pytest

TOO_LARGE = "expected at most 2**59 elements"
MESSAGES = {
    "ndim": ("value", "[conv2d] w has shape (64, 3, 3), expected 4 dimensions (rows, cols, in, out)"),
    "ndim good": None,
    "ndim scalar": ("value", "[softmax] b has shape (), expected 1 dimension (out)"),
    "ndim none": ("type", "[softmax] x is None, expected an array"),
    "min ndim": ("value", "[matmul] a has shape (5,), expected at least 2 dimensions (..., M, K)"),
    "min ndim good": None,
    "shape": ("value", "[conv2d] b has shape (3,), expected (64,): one value per output channel"),
    "shape plain": ("value", "[conv2d] b has shape (3, 2), expected (64, any)"),
    "shape rank": ("value", "[conv2d] b has shape (64, 1), expected (64,)"),
    "shape any": None,
    "shape scalar": ("value", "[adam] step has shape (2,), expected ()"),
    "shape none": ("type", "[conv2d] b is None, expected an array"),
    "same shape": ("value", "[loss] y has shape (2, 3), expected (2, 4) like x"),
    "same shape good": None,
    "same shape rank": ("value", "[loss] y has shape (2,), expected (2, 1) like x"),
    "rows": ("value", "[softmax] x has strides (1, 3), expected a last axis without gaps"),
    "rows good": None,
    "rows of one": None,
    "rows scalar": ("value", "[softmax] x has shape (), expected at least 1 dimension (..., row)"),
    "dtype one": ("type", "[x] a has dtype int8, expected float32"),
    "dtype two": ("type", "[x] a has dtype bool, expected float32 or float64"),
    "dtype three": ("type", "[x] a has dtype float16, expected uint8, int32 or bfloat16"),
    "dtype good": None,
    "dtype none": ("type", "[x] a is None, expected an array"),
    "same dtype": ("type", "[matmul] b has dtype float64, expected float32 like a"),
    "same dtype good": None,
    "range": ("value", "[conv2d] stride has value 0, expected at least 1"),
    "range both": ("value", "[conv2d] groups has value 9, expected 1 to 8"),
    "range good": None,
    "axis": ("value", "[softmax] axis has value 2, expected -2 to 1"),
    "axis below": ("value", "[softmax] axis has value -3, expected -2 to 1"),
    "axis huge": ("value", f"[softmax] axis has value {-(2**63)}, expected -2 to 1"),
    "axis scalar": ("value", "[softmax] axis has value 0, expected none: the array has no axes"),
    "axis good": None,
    "size": ("value", f"[ones] shape has sizes ({2**40}, {2**40}), {TOO_LARGE}"),
    "size with zero": (
        "value",
        f"[ones] shape has sizes (0, {2**40}, {2**40}), expected at most 2**59 elements",
    ),
    "size largest": ("value", f"[ones] shape has sizes ({2**63 - 1},), {TOO_LARGE}"),
    "size negative": ("value", "[ones] shape has size -2 along axis 1, expected at least 0"),
    "size good": None,
    "fail not_implemented": ("not_implemented", "[rnn] no CUDA back end"),
    "fail runtime": ("runtime", "[rnn] text"),
    "fail memory": ("memory", "[rnn] text"),
    "writable": ("value", "[relu] out is read-only, expected a writable array"),
    "writable good": None,
    "writable none": ("type", "[relu] out is None, expected an array"),
    "writable broadcast": (
        "value",
        "[relu] out has shape (3, 4) and strides (0, 1), expected each element at its own address",
    ),
    "writable windows": (
        "value",
        "[relu] out has shape (5, 3) and strides (1, 1), expected each element at its own address",
    ),
    "writable reversed": None,
    "overlap": ("value", "[softmax] out shares memory with x, expected separate arrays"),
    "overlap none": None,
    "overlap good": None,
    "same": None,
    "same dim of one": None,
    "same but transposed": (
        "value",
        "[relu] out shares part of its memory with x, expected separate arrays or exactly the same one",
    ),
    "same but shifted": (
        "value",
        "[relu] out shares part of its memory with x, expected separate arrays or exactly the same one",
    ),
    "same but narrower": (
        "value",
        "[cast] out shares part of its memory with x, expected separate arrays or exactly the same one",
    ),
    "same apart": None,
}


def test_messages(run_driver):
    lines = [line.split("\t") for line in run_driver("check_driver", "messages").splitlines()]
    printed = {name: None if rest == ["good"] else tuple(rest) for name, *rest in lines}
    assert printed == MESSAGES


# Order of Dtype in core/view.h.
ITEM_BYTES = [1, 1, 1, 4, 8, 2, 2, 4, 8]


class Array:
    """An array that owns no memory: where it begins and how it steps, in elements."""

    def __init__(self, dtype, address, shape, strides):
        self.dtype, self.address, self.shape, self.strides = dtype, address, shape, strides

    def element_addresses(self):
        item = ITEM_BYTES[self.dtype]
        for index in itertools.product(*map(range, self.shape)):
            yield self.address + item * sum(i * s for i, s in zip(index, self.strides, strict=True))

    def byte_addresses(self):
        item = ITEM_BYTES[self.dtype]
        return {address + k for address in self.element_addresses() for k in range(item)}

    def overlaps_itself(self):
        addresses = list(self.element_addresses())
        return len(set(addresses)) < len(addresses)

    def line(self):
        return " ".join(map(str, [self.dtype, self.address, len(self.shape), *self.shape, *self.strides]))


def answers(run_driver, pairs):
    """(a overlaps b, a overlaps itself, b overlaps itself) as the engine has it, for each pair."""
    stdin = "".join(f"{a.line()}\n{b.line()}\n" for a, b in pairs)
    lines = run_driver("check_driver", "overlap", stdin=stdin).splitlines()
    assert len(lines) == len(pairs)
    return [tuple(map(bool, map(int, line.split()))) for line in lines]


def random_array(rng, reach):
    dtype = rng.randrange(len(ITEM_BYTES))
    ndim = rng.randint(0, 4)
    shape = [rng.choice([0, 1, 2, 2, 3, 3, 4, 5]) if rng.random() < 0.9 else 7 for _ in range(ndim)]
    kind = rng.random()
    if kind < 0.4:  # anything, zero and negative included
        strides = [rng.randint(-12, 12) for _ in shape]
    else:  # a slice of a contiguous array with steps, axes in any order
        step, strides = rng.choice([1, 1, 2, 3]), []
        for size in shape:
            strides.append(step * rng.choice([1, 1, -1]))
            step *= max(1, size) * rng.choice([1, 1, 1, 2])
        if kind < 0.7:
            strides.reverse()
    # Any byte, so that dtypes also meet at odd offsets.
    return Array(dtype, 1_000_000 + rng.randint(-reach, reach), shape, strides)


@pytest.mark.parametrize("reach", [3, 40, 400])
def test_overlap_is_exact(run_driver, reach):
    rng = random.Random(reach)
    pairs = [(random_array(rng, reach), random_array(rng, reach)) for _ in range(2500)]
    expected = [
        (bool(a.byte_addresses() & b.byte_addresses()), a.overlaps_itself(), b.overlaps_itself())
        for a, b in pairs
    ]
    # The sample decides something: both answers are common.
    assert all(200 < sum(row[k] for row in expected) < 2300 for k in range(3))
    got = answers(run_driver, pairs)
    wrong = [(a.line(), b.line(), g, e) for (a, b), g, e in zip(pairs, got, expected, strict=True) if g != e]
    assert not wrong, f"{len(wrong)} wrong, the first: {wrong[0]}"


F32 = 7


def test_large_interleaved_arrays(run_driver):
    """Halves of one big array that share no element: columns, channels, even and odd."""
    n = 1 << 20
    columns = [Array(F32, 4096 + 4 * k * 512, [n, 512], [1024, 1]) for k in (0, 1)]
    touching = [columns[0], Array(F32, 4096 + 4 * 511, [n, 512], [1024, 1])]
    channels = [Array(F32, 4096 + 4 * k, [64, 224, 224, 3], [301056, 1344, 6, 1]) for k in (0, 3)]
    parity = [Array(F32, 4096 + 4 * k, [n], [2]) for k in (0, 1)]
    reversed_parity = [parity[0], Array(F32, 4096 + 4 * (2 * n - 1), [n], [-2])]
    reversed_same = [parity[0], Array(F32, 4096 + 4 * (2 * n - 2), [n], [-2])]
    cases = [columns, touching, channels, parity, reversed_parity, reversed_same]
    got = [row[0] for row in answers(run_driver, cases)]
    assert got == [False, True, False, False, False, True]


def test_absurd_arrays_are_answered(run_driver):
    """Sizes and strides no memory has: an answer, at once, and no overflow."""
    big = 2**62
    arrays = [
        Array(F32, 0, [big, big], [big, big]),
        Array(F32, 2**47, [2, 2], [-(2**63), 2**63 - 1]),
        Array(F32, 64, [1], [-(2**63)]),
        Array(F32, 64, [big, 3], [0, 1]),
        Array(0, 0, [2**31] * 8, [1] * 8),
        Array(0, 0, [1000] * 8, [999_983, 999_979, 999_961, 999_959, 999_953, 999_931, 999_917, 999_907]),
    ]
    pairs = list(itertools.product(arrays, arrays))
    got = answers(run_driver, pairs)
    for (a, b), row in zip(pairs, got, strict=True):
        assert row[0] or a is not b
