# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, whole numbers bit by bit, common divisors and multiples, the next float. All on the host."""

from __future__ import annotations

from tilewright import host_functions
from tilewright.keras.operations.arguments import float_tensors, tensors
from tilewright.keras.operations.declared import called, plain
from tilewright.tf.arguments import tensor

_HOST = "`{}` of each element, on the host, which ends a recording; no gradient."


def _of_bits(function):
    return lambda x, y: function(*tensors(x, y))


def _of_two(read, function):
    return lambda x1, x2: function(*read(x1, x2))


for _name, _function in {
    "bitwise_and": _of_bits(host_functions.bitwise_and),
    "bitwise_invert": lambda x: host_functions.bitwise_invert(tensor(x)),
    "bitwise_left_shift": _of_bits(host_functions.bitwise_left_shift),
    "bitwise_not": lambda x: host_functions.bitwise_invert(tensor(x)),
    "bitwise_or": _of_bits(host_functions.bitwise_or),
    "bitwise_right_shift": _of_bits(host_functions.bitwise_right_shift),
    "bitwise_xor": _of_bits(host_functions.bitwise_xor),
    "gcd": _of_two(tensors, host_functions.gcd),
    "lcm": _of_two(tensors, host_functions.lcm),
    "left_shift": _of_bits(host_functions.bitwise_left_shift),
    "nextafter": _of_two(float_tensors, host_functions.nextafter),
    "right_shift": _of_bits(host_functions.bitwise_right_shift),
}.items():
    plain(called(_name, _function, _HOST.format(_name)))
