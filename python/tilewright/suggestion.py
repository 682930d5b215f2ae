# SPDX-License-Identifier: Apache-2.0
"""What a wrong name is answered with: the near one. For modules, and for arguments."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterable
from opcode import opmap


def hint(name, known: Iterable[str], most: int = 3) -> str:
    """ "; did you mean 'relu', 'relu6'?", or nothing where no name is near."""
    import difflib

    near = difflib.get_close_matches(str(name), dict.fromkeys(known), most, 0.6)
    return f"; did you mean {', '.join(repr(n) for n in near)}?" if near else ""


# ---- names of modules


def error_for(
    module: str, name: str, known: Iterable[str], reasons: dict[str, str] | None = None
) -> AttributeError | ImportError:
    """The error for a name that `module` has not: why it has not, or a name like it."""
    why = f": {reasons[name]}" if reasons and name in reasons else ""
    why = why or hint(name, [k for k in known if not k.startswith("_")], 1)
    if _wanted_by_import():
        return ImportError(f"cannot import name {name!r} from {module!r}{why}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}{why}")


def _wanted_by_import() -> bool:
    """Whether the module's `__getattr__` was called by `from module import name`.

    Python would put words of its own in the place of an AttributeError there, and the suggestion would be
    lost; it leaves an ImportError alone. hasattr and getattr need the AttributeError.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "__getattr__":
        frame = frame.f_back
    while frame is not None and frame.f_code.co_name == "__getattr__":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


def missing(module: str, known: Iterable[str] | None = None, reasons: dict[str, str] | None = None):
    """A module's `__getattr__` that raises `error_for` the name; by default all public names are known."""

    def __getattr__(name: str):
        raise error_for(module, name, _public_names(module) if known is None else known, reasons)

    return __getattr__


def _public_names(module: str) -> list[str]:
    """The names of a module but those of the modules it imports."""
    named = vars(sys.modules[module]).items()
    return [name for name, value in named if not inspect.ismodule(value) and name != "annotations"]


# ---- arguments


@functools.cache
def _parameters(function) -> tuple[tuple[str, ...], bool]:
    """The names of a function's parameters, and whether it takes any others."""
    parameters = inspect.signature(function).parameters.values()
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    return names, any(p.kind == p.VAR_KEYWORD for p in parameters)


def unknown_argument(who: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for an argument that nobody has."""
    return TypeError(f"[{who}, argument] {name!r} is unknown{hint(name, known)}")


def check_arguments(who: str, function, kwargs: dict) -> None:
    """Raises TypeError for the first of `kwargs` that `function` does not take."""
    if not kwargs:
        return
    known, takes_any = _parameters(function)
    wrong = None if takes_any else next((name for name in kwargs if name not in known), None)
    if wrong is not None:
        raise unknown_argument(who, wrong, [name for name in known if name != "self"])


def named_arguments(function):
    """The function; a TypeError names an unknown argument and suggests the near one."""

    @functools.wraps(function)
    def called(*args, **kwargs):
        check_arguments(function.__name__, function, kwargs)
        return function(*args, **kwargs)

    return called


class NamedArguments:
    """A base whose constructors, those of subclasses too, answer unknown arguments with the near one."""

    def __new__(cls, *args, **kwargs):
        check_arguments(cls.__name__, cls.__init__, kwargs)
        return super().__new__(cls)
