# SPDX-License-Identifier: Apache-2.0
"""Functions of whole numbers and of bits that no kernel computes: NumPy's on the host.

Values are read, so a step that holds one is not recorded. None has a gradient.
"""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "gcd", "lcm", "nextafter",
]  # fmt: skip


def _on_host(name: str, function, floats: bool = False):
    kinds, expected = ("f", "floats") if floats else ("biu", "whole numbers")

    def call(*values) -> Tensor:
        for i, x in enumerate(values, 1):
            if x.dtype.kind not in kinds:
                raise TypeError(f"[{name}] argument {i} has dtype {x.dtype}, expected {expected}")
        found = np.asarray(function(*(x.numpy() for x in values)))
        return Tensor(backend.beside(found, values[0].array))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of Tensors of {expected}, element by element, as NumPy has it."
    return call


bitwise_and = _on_host("bitwise_and", np.bitwise_and)
bitwise_invert = _on_host("bitwise_invert", np.invert)
bitwise_left_shift = _on_host("bitwise_left_shift", np.left_shift)
bitwise_or = _on_host("bitwise_or", np.bitwise_or)
bitwise_right_shift = _on_host("bitwise_right_shift", np.right_shift)
bitwise_xor = _on_host("bitwise_xor", np.bitwise_xor)
gcd = _on_host("gcd", np.gcd)
lcm = _on_host("lcm", np.lcm)
nextafter = _on_host("nextafter", np.nextafter, floats=True)
