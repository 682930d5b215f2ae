# SPDX-License-Identifier: Apache-2.0
"""By which method an operation is computed, where that is the user's choice: it trades accuracy for speed."""

from __future__ import annotations

from tilewright import _cpu


def conv2d_method() -> str:
    """How 3x3 convolutions are computed: set_conv2d_method, TILEWRIGHT_CONV2D_METHOD at import, "direct"."""
    return _cpu.conv2d_method()


class set_conv2d_method:
    """Sets how convolutions with 3 x 3 filters are computed on the CPU, for the process; as a context
    manager, puts the old method back at its end.

        "direct"     every product of the formula; the default
        "winograd"   Winograd's minimal filtering: up to four times fewer multiplications, two to three times
                     faster from 32 channels on, and larger errors

    Parameters
        method : "direct" or "winograd"
    Raises    ValueError: another name
    Numerics  "winograd" changes forward pass, data and weight gradient of float32 convolutions with 3 x 3
              filters, stride 1, no dilation, one group and 8 channels or more, where it is faster; all others
              keep the bits of "direct". Errors are at most 1e-5 of the largest value up to 512 channels
              (tested; docs/kernels/conv2d.md has what was measured). A NaN or infinity reaches all results
              of its tiles, up to 4 x 4 pixels. Bits are the same for any number of threads
    Backends  cpu; others compute directly whatever is set
    Notes     every call reads the method when it runs, that of a recorded step when it is replayed
    Examples
        >>> with set_conv2d_method("winograd"):
        ...     conv2d_method()
        'winograd'
    """

    def __init__(self, method: str):
        self._before = _cpu.conv2d_method()
        _cpu.set_conv2d_method(method)

    def __enter__(self) -> set_conv2d_method:
        return self

    def __exit__(self, *_) -> None:
        _cpu.set_conv2d_method(self._before)
