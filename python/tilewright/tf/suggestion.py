# SPDX-License-Identifier: Apache-2.0
"""What a wrong name is answered with: the near one."""

from __future__ import annotations

from collections.abc import Iterable


def error_for(
    module: str, name: str, known: Iterable[str], reasons: dict[str, str] | None = None
) -> AttributeError:
    """The error for a name that `module` has not: why it has not, or a name like it."""
    import difflib

    text = f"module {module!r} has no attribute {name!r}"
    if reasons and name in reasons:
        text += f": {reasons[name]}"
    else:
        near = difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], 1, 0.6)
        text += f"; did you mean {near[0]!r}?" if near else ""
    return AttributeError(text)


def missing(module: str, known: Iterable[str], reasons: dict[str, str] | None = None):
    """A module's `__getattr__` that raises `error_for` the name."""

    def __getattr__(name: str):
        raise error_for(module, name, known, reasons)

    return __getattr__
