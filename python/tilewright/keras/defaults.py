# SPDX-License-Identifier: Apache-2.0
"""Defaults that all layers share: the float dtype, the small epsilon of probabilities, the image layout."""

from __future__ import annotations

_settings = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "interactive_logging": True,
}


def floatx() -> str:
    """The dtype layers use unless told otherwise."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Sets `floatx` to "float32" or "float64"."""
    if value not in ("float32", "float64"):
        raise ValueError(f"[set_floatx] value is {value!r}, expected 'float32' or 'float64'")
    _settings["floatx"] = value


def epsilon() -> float:
    """What keeps losses and metrics from dividing by zero or taking the logarithm of zero."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Sets `epsilon`."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """ "channels_last" or "channels_first"."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Sets `image_data_format`."""
    _settings["image_data_format"] = standard_data_format(data_format)


def backend() -> str:
    """What computes."""
    return "tilewright"


def is_interactive_logging_enabled() -> bool:
    """Whether verbose="auto" draws a bar where there can be one."""
    return _settings["interactive_logging"]


def enable_interactive_logging() -> None:
    """verbose="auto" draws a bar where there can be one."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """verbose="auto" writes lines, one an epoch."""
    _settings["interactive_logging"] = False


def standard_data_format(value: str | None) -> str:
    """`value` checked; the default where it is None."""
    value = image_data_format() if value is None else str(value).lower()
    if value not in ("channels_last", "channels_first"):
        raise ValueError(f"[data_format] value is {value!r}, expected 'channels_last' or 'channels_first'")
    return value
