# SPDX-License-Identifier: Apache-2.0
"""Products of matrices and of tensors: matmul, tensordot, einsum."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import as_shape, operands, tensor

__all__ = ["einsum", "matmul", "matvec", "outer", "tensordot"]


def matmul(
    a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, output_type=None, name=None
):
    """The product of matrices over the last two axes; the axes before them are a batch.

    Raises    ValueError: sizes that do not fit, vectors (use `tf.linalg.matvec` or `tf.tensordot`)
    """
    a, b = (tensor(x) for x in operands(a, b))
    for argument, x in (("a", a), ("b", b)):
        if x.ndim < 2:
            raise ValueError(f"[matmul] {argument} has shape {x.shape}, expected at least 2 dimensions")
    transpose_a, transpose_b = transpose_a or adjoint_a, transpose_b or adjoint_b
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        return ops.matmul_integers(
            ops.swapaxes(a, -1, -2) if transpose_a else a, ops.swapaxes(b, -1, -2) if transpose_b else b
        )
    return ops.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def matvec(a, b, transpose_a=False, adjoint_a=False, name=None) -> Tensor:
    """The product of matrices and vectors: the last axis of `b` with the last of `a`."""
    a, b = (tensor(x) for x in operands(a, b))
    return ops.squeeze(ops.matmul(a, ops.expand_dims(b, -1), transpose_a=transpose_a or adjoint_a), -1)


def outer(a, b, name=None) -> Tensor:
    """Every product of an entry of one vector with one of another."""
    a, b = (tensor(x) for x in operands(a, b))
    return ops.multiply(ops.expand_dims(a, -1), ops.expand_dims(b, -2))


def tensordot(a, b, axes, name=None) -> Tensor:
    """Products summed over axes of both.

    Parameters
        axes : a number n, the last n axes of a with the first n of b; or (axes of a, axes of b)
    Examples
        >>> float(tensordot([1.0, 2.0], [3.0, 4.0], 1))
        11.0
    """
    a, b = (tensor(x) for x in operands(a, b))
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"[tensordot] axes is {axes}, expected 0 to {min(a.ndim, b.ndim)}")
        of_a, of_b = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    else:
        of_a, of_b = (as_shape(part) for part in axes)
        of_a, of_b = tuple(i % a.ndim for i in of_a), tuple(i % b.ndim for i in of_b)
    if len(of_a) != len(of_b) or any(a.shape[i] != b.shape[j] for i, j in zip(of_a, of_b, strict=True)):
        raise ValueError(
            f"[tensordot] a has shape {a.shape} and b {b.shape}, expected equal sizes of axes {of_a} and "
            f"{of_b}"
        )
    left = [i for i in range(a.ndim) if i not in of_a]
    right = [i for i in range(b.ndim) if i not in of_b]
    inner = math.prod(a.shape[i] for i in of_a)
    rows, columns = [a.shape[i] for i in left], [b.shape[i] for i in right]
    y = ops.matmul(
        ops.reshape(ops.transpose(a, (*left, *of_a)), (math.prod(rows), inner)),
        ops.reshape(ops.transpose(b, (*of_b, *right)), (inner, math.prod(columns))),
    )
    return ops.reshape(y, (*rows, *columns))


# ---- einsum


def einsum(equation, *inputs, **kwargs) -> Tensor:
    """Products and sums by the letters of axes (Einstein's convention), through matmul, transpose and sum.

    Parameters
        equation : "ij,jk->ik": one letter an axis; "..." are axes that broadcast; a letter twice in one
            operand takes its diagonal. Without "->" letters that appear once are kept, in alphabetical order
        inputs : one Tensor an operand; more than two are joined from left to right
    Raises    ValueError: letters that do not fit the operands
    Examples
        >>> einsum("ij,jk->ki", [[1.0, 2.0]], [[3.0], [4.0]]).numpy()
        array([[11.]], dtype=float32)
    """
    terms, wanted = _parsed(equation, [tensor(x) for x in inputs])
    while len(terms) > 1:
        (a, of_a), (b, of_b), *others = terms
        later = set(wanted).union(*(letters for _, letters in others))
        terms = [_joined(a, of_a, b, of_b, later), *others]
    x, letters = _summed(*terms[0], set(wanted))
    return ops.transpose(x, [letters.index(c) for c in wanted]) if letters != wanted else x


def _parsed(equation: str, inputs: list) -> tuple:
    """([(Tensor, its letters), ...], letters of the result); broadcast axes get letters of their own."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(inputs):
        raise ValueError(
            f"[einsum] equation {equation!r} names {len(parts)} operands, expected {len(inputs)}"
        )
    free = [chr(c) for c in range(0x3B1, 0x3C9)]  # Greek letters stand for the axes of "..."
    most = 0
    terms = []
    for part, x in zip(parts, inputs, strict=True):
        named = part.replace("...", "")
        extra = x.ndim - len(named)
        if extra < 0 or (extra and "..." not in part) or not named.isalpha() and named:
            raise ValueError(
                f"[einsum] {part!r} of equation {equation!r} does not fit an operand of shape {x.shape}"
            )
        most = max(most, extra)
        terms.append((x, part, extra))
    dots = "".join(free[:most])
    terms = [(x, part.replace("...", dots[most - extra :])) for x, part, extra in terms]
    if arrow:
        wanted = right.replace("...", dots)
    else:
        letters = "".join(of for _, of in terms)
        wanted = dots + "".join(sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1))
    known = set().union(*(of for _, of in terms))
    if len(set(wanted)) != len(wanted) or not set(wanted) <= known:
        raise ValueError(
            f"[einsum] the result {right!r} of {equation!r}, expected letters of the operands, each once"
        )
    return _broadcast([_diagonal(x, of, equation) for x, of in terms], dots, equation), wanted


def _diagonal(x, letters: str, equation: str) -> tuple:
    """The entries with equal positions along axes of one letter."""
    for letter in sorted(set(letters)):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            n = x.shape[i]
            if x.shape[j] != n:
                raise ValueError(
                    f"[einsum] {letter!r} of {equation!r} has sizes {n} and {x.shape[j]}, expected one"
                )
            rest = [k for k in range(x.ndim) if k not in (i, j)]
            flat = ops.reshape(ops.transpose(x, (*rest, i, j)), (*(x.shape[k] for k in rest), n * n))
            x = flat[..., :: n + 1]
            letters = "".join(letters[k] for k in rest) + letter
    return x, letters


def _broadcast(terms: list, dots: str, equation: str) -> list:
    """The terms with axes of "..." spread to their common sizes, and the sizes of letters checked."""
    sizes: dict = {}
    for x, letters in terms:
        for letter, n in zip(letters, x.shape, strict=True):
            if letter in dots and sizes.get(letter, 1) == 1:
                sizes[letter] = n
            elif sizes.setdefault(letter, n) != n and not (letter in dots and n == 1):
                raise ValueError(
                    f"[einsum] {letter!r} of {equation!r} has sizes {sizes[letter]} and {n}, expected one "
                    "size"
                )
    return [(ops.broadcast_to(x, tuple(sizes[c] for c in letters)), letters) for x, letters in terms]


def _summed(x, letters: str, kept: set) -> tuple:
    """x summed over the axes whose letters nobody needs."""
    gone = tuple(i for i, c in enumerate(letters) if c not in kept)
    return (ops.sum(x, axis=gone) if gone else x), "".join(c for c in letters if c in kept)


def _joined(a, of_a: str, b, of_b: str, later: set) -> tuple:
    """The product of two operands, summed over the letters that only they have."""
    a, of_a = _summed(a, of_a, later | set(of_b))
    b, of_b = _summed(b, of_b, later | set(of_a))
    sizes = dict(zip(of_a + of_b, (*a.shape, *b.shape), strict=True))
    batch = "".join(c for c in of_a if c in of_b and c in later)
    inner = "".join(c for c in of_a if c in of_b and c not in later)
    left, right = ("".join(c for c in of if c not in batch + inner) for of in (of_a, of_b))

    def arranged(x, letters, order, shape):
        return ops.reshape(ops.transpose(x, [letters.index(c) for c in order]), shape)

    count = {group: math.prod(sizes[c] for c in group) for group in (batch, inner, left, right)}
    whole = batch + left + right
    if not inner:
        x = arranged(a, of_a, batch + left, (count[batch], count[left], 1))
        y = arranged(b, of_b, batch + right, (count[batch], 1, count[right]))
        product = ops.multiply(x, y)
    else:
        x = arranged(a, of_a, batch + left + inner, (count[batch], count[left], count[inner]))
        y = arranged(b, of_b, batch + inner + right, (count[batch], count[inner], count[right]))
        product = ops.matmul(x, y)
    return ops.reshape(product, tuple(sizes[c] for c in whole)), whole
