# SPDX-License-Identifier: Apache-2.0
"""`tf.debugging`: assertions on values, shapes and dtypes. They read values, so they end a recording."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.suggestion import missing
from tilewright.tf.arguments import operands, tensor

__all__ = [
    "Assert", "assert_all_finite", "assert_equal", "assert_greater", "assert_greater_equal", "assert_less",
    "assert_less_equal", "assert_near", "assert_negative", "assert_non_negative", "assert_non_positive",
    "assert_none_equal", "assert_positive", "assert_rank", "assert_rank_at_least", "assert_scalar",
    "assert_shapes", "assert_type", "check_numerics",
]  # fmt: skip
__getattr__ = missing(__name__, __all__)


def _must_hold(holds, name: str, message, told: str) -> None:
    """Raises AssertionError naming the first place where `holds` is false."""
    if bool(ops.all(holds)):
        return
    places = np.argwhere(~holds.numpy())
    where = f", first at {tuple(int(i) for i in places[0])}" if holds.ndim else ""
    text = f"[{name}] {told} fails for {len(places)} of {holds.size} entries{where}"
    raise AssertionError(f"{message}: {text}" if message else text)


def _comparison(name: str, compare, told: str):
    def check(x, y, message=None, summarize=None, name_=None) -> None:
        _must_hold(compare(*operands(x, y)), name, message, told)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raises AssertionError unless {told} everywhere."
    return check


assert_equal = _comparison("assert_equal", ops.equal, "x == y")
assert_none_equal = _comparison("assert_none_equal", ops.not_equal, "x != y")
assert_less = _comparison("assert_less", ops.less, "x < y")
assert_less_equal = _comparison("assert_less_equal", ops.less_equal, "x <= y")
assert_greater = _comparison("assert_greater", ops.greater, "x > y")
assert_greater_equal = _comparison("assert_greater_equal", ops.greater_equal, "x >= y")


def _sign(name: str, compare, told: str):
    def check(x, message=None, summarize=None, name_=None) -> None:
        _must_hold(compare(tensor(x), 0), name, message, told)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raises AssertionError unless {told} everywhere."
    return check


assert_positive = _sign("assert_positive", ops.greater, "x > 0")
assert_negative = _sign("assert_negative", ops.less, "x < 0")
assert_non_negative = _sign("assert_non_negative", ops.greater_equal, "x >= 0")
assert_non_positive = _sign("assert_non_positive", ops.less_equal, "x <= 0")


def assert_near(x, y, rtol=None, atol=None, message=None, summarize=None, name=None) -> None:
    """Raises AssertionError unless |x - y| <= atol + rtol * |y|; both ten steps of the dtype by default."""
    a, b = (tensor(v) for v in operands(x, y))
    step = 10 * float(np.finfo(a.dtype).eps)
    limit = ops.add(ops.multiply(ops.abs(b), step if rtol is None else rtol), step if atol is None else atol)
    _must_hold(
        ops.less_equal(ops.abs(ops.subtract(a, b)), limit),
        "assert_near",
        message,
        "|x - y| <= atol + rtol |y|",
    )


def Assert(condition, data=(), summarize=None, name=None) -> None:  # noqa: N802 - tf.debugging.Assert
    """Raises AssertionError with `data` unless the condition holds."""
    if not bool(condition):
        raise AssertionError(f"[Assert] the condition is false; data: {[str(d) for d in data]}")


def check_numerics(tensor, message="", name=None) -> Tensor:
    """`tensor` itself. Raises AssertionError where it holds NaN or infinity."""
    x = _tensor(tensor)
    if x.dtype.kind == "f":
        _must_hold(ops.isfinite(x), "check_numerics", message, "being finite")
    return x


_tensor = tensor


def assert_all_finite(x, message="", name=None) -> Tensor:
    """`check_numerics`."""
    return check_numerics(x, message)


def assert_rank(x, rank, message=None, name=None) -> None:
    """Raises ValueError unless x has so many axes."""
    given = _tensor(x).ndim
    if given != int(rank):
        raise ValueError(f"{message or ''}[assert_rank] x has {given} dimensions, expected {int(rank)}")


def assert_rank_at_least(x, rank, message=None, name=None) -> None:
    """Raises ValueError unless x has at least so many axes."""
    given = _tensor(x).ndim
    if given < int(rank):
        raise ValueError(
            f"{message or ''}[assert_rank_at_least] x has {given} dimensions, expected {int(rank)} or more"
        )


def assert_scalar(tensor, message=None, name=None) -> Tensor:
    """`tensor` itself. Raises ValueError unless it has no axes."""
    assert_rank(tensor, 0, message)
    return _tensor(tensor)


def assert_type(tensor, tf_type, message=None, name=None) -> None:
    """Raises TypeError unless the dtype is `tf_type`."""
    given = _tensor(tensor).dtype
    if given != dtype_of(tf_type):
        raise TypeError(
            f"{message or ''}[assert_type] tensor has dtype {given}, expected {dtype_of(tf_type)}"
        )


def assert_shapes(shapes, data=None, summarize=None, message=None, name=None) -> None:
    """Raises ValueError unless each tensor has its shape; equal letters stand for equal sizes, None for any.

    Parameters
        shapes : list of (tensor, shape), such as [(x, ("N", 3)), (y, ("N",))]
    """
    sizes: dict = {}
    for x, wanted in shapes.items() if isinstance(shapes, dict) else shapes:
        given = _tensor(x).shape
        fits = len(given) == len(wanted)
        for n, size in zip(given, wanted, strict=False):
            expected = sizes.setdefault(size, n) if isinstance(size, str) else size
            fits = fits and expected in (None, n)
        if not fits:
            raise ValueError(
                f"{message or ''}[assert_shapes] a tensor has shape {given}, expected {tuple(wanted)}; "
                f"{sizes}"
            )
