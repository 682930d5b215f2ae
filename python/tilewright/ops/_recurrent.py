# SPDX-License-Identifier: Apache-2.0
"""What recurrent cells share: inputs as the back end reads them, destinations of gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, recording, result, tracked
from tilewright.ops import _common


def packed(name: str, **arguments) -> list:
    """The arrays behind the arguments in C order, None for what is absent."""
    return [
        None if a is None else _common.contiguous(raw(name, argument, a)) for argument, a in arguments.items()
    ]


def sizes(x, u) -> tuple[int, int, int]:
    """(B, T, U); of a wrong rank, which the back end names, something to go on with."""
    return (x.shape[0], x.shape[1], u.shape[0]) if x.ndim == 3 and u.ndim == 2 else (0, 0, 0)


def kept(inputs: tuple) -> bool:
    """Whether a tape will ask for the gradient."""
    return recording() and any(tracked(a) for a in inputs)


def dense(a):
    """`a` where the back end can write into it, else a fresh array beside it."""
    return a if a is None or a.flags.c_contiguous else backend.empty(a.shape, a.dtype, a)


def settle(out, y, direct):
    """What the caller gets: the values of `direct` in `y`, his `out` where he gave one."""
    if direct is not y:
        backend.module_of(y).copy(y, direct)
    return _common.given_back(out, y)


def gradients(name: str, like, shapes: list, needs, out, inputs: tuple, compute):
    """Runs `compute` on destinations for gradients of these shapes; None where a shape is or none is needed.

    Parameters
        like : the array whose dtype and device the gradients have
        shapes : of each gradient, None for an argument that was not given
        needs : which of them are wanted, or None for all
        out : the caller's destinations, a tuple with an array or None for each, or None
        inputs : what a tape tracks
        compute : called with the list of destinations; those for states are always arrays
    """
    count = len(shapes)
    needs = (True,) * count if needs is None else tuple(needs)
    if len(needs) != count:
        raise ValueError(f"[{name}] needs has {len(needs)} entries, expected {count}, one per result")
    if out is not None and not (isinstance(out, (tuple, list)) and len(out) == count):
        raise ValueError(f"[{name}] out is a {type(out).__name__}, expected a tuple of {count} arrays")
    outs = out or (None,) * count
    wanted = [need and shape is not None for need, shape in zip(needs, shapes, strict=True)]
    written = [
        _common.destination(name, o, shape, like.dtype, like) if want else None
        for o, shape, want in zip(outs, shapes, wanted, strict=True)
    ]
    direct = [dense(g) for g in written]
    compute(direct)
    ys = tuple(settle(o, g, d) for o, g, d, want in zip(outs, written, direct, wanted, strict=True) if want)
    found = iter(result(ys, inputs, _no_second_gradient(name)) if ys else ())
    return tuple(next(found) if want else None for want in wanted)


def _no_second_gradient(name: str):
    def gradient(dys, ys, needs):
        raise NotImplementedError(
            f"[{name}] has no gradient of its own: recurrent layers differentiate once. For a second "
            "gradient write the time steps with matmul, sigmoid and tanh"
        )

    return gradient
