# SPDX-License-Identifier: Apache-2.0
"""Python lambdas in configurations: written as bytecode, read only where the user allows it.

A lambda has no name to look up, so a file can only hold its code, and code from a file can do anything.
So reading is refused unless `safe_mode=False` is given or `enable_unsafe_deserialization()` was called.
"""

from __future__ import annotations

import base64
import marshal
import threading
import types
import warnings
from contextlib import contextmanager

_thread = threading.local()
_allowed_everywhere = False


def enable_unsafe_deserialization() -> None:
    """Lets configurations hold code from now on. Only for files whose origin is trusted."""
    global _allowed_everywhere
    _allowed_everywhere = True


@contextmanager
def safe_mode_scope(safe_mode: bool):
    """Inside, lambdas are read only where `safe_mode` is False; an outer scope wins over an inner one."""
    before = getattr(_thread, "safe_mode", None)
    _thread.safe_mode = safe_mode if before is None else before
    try:
        yield
    finally:
        _thread.safe_mode = before


def describe(function) -> dict:
    """A lambda as data."""
    warnings.warn(
        "a configuration holds a Python lambda; reading it needs safe_mode=False. A named function, "
        "registered by keras.saving.register_keras_serializable, needs nothing",
        stacklevel=4,
    )
    cells = function.__closure__
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    return {
        "class_name": "__lambda__",
        "config": {
            "code": code,
            "defaults": function.__defaults__,
            "closure": tuple(c.cell_contents for c in cells) if cells else None,
        },
    }


def load(values):
    """The lambda that `describe` wrote down.

    Raises   ValueError: code from files is not allowed here, or is none that this Python reads
    """
    safe = getattr(_thread, "safe_mode", None)
    if safe is not False and not _allowed_everywhere:
        raise ValueError(
            "[load_model] the file holds the code of a Python lambda, which could do anything when it runs, "
            "expected none; if you trust where the file comes from, load it with safe_mode=False"
        )
    if isinstance(values, dict) and "value" in values:  # lambdas outside of Lambda layers
        values = values["value"]
    if isinstance(values, dict):
        values = (values["code"], values.get("defaults"), values.get("closure"))
    code, defaults, closure = values
    try:
        code = marshal.loads(base64.b64decode(code))
    except (ValueError, EOFError, TypeError) as error:
        raise ValueError(
            "[load_model] the code of a lambda was written by another version of Python, expected this one's"
        ) from error
    cells = None if closure is None else tuple(types.CellType(value) for value in closure)
    defaults = None if defaults is None else tuple(defaults)
    from tilewright import ops

    return types.FunctionType(code, {"__builtins__": __builtins__, "ops": ops}, code.co_name, defaults, cells)
