# SPDX-License-Identifier: Apache-2.0
"""Which classes and functions configurations may name: those of Tilewright, and those that users register."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from tilewright.suggestion import hint

_registered: dict[str, object] = {}  # "package>name" to the class or function
_registered_names: dict[object, str] = {}
_exported: dict[tuple[str, str], object] = {}  # by public module and name
_modules: dict[object, str] = {}
_public_names: dict[object, str] = {}
_thread = threading.local()


def exported(module: str, objects) -> None:
    """Makes classes and functions findable when configurations are read, as names of `module`
    ("keras.layers"). In a dict they stand under other names than their own.
    """
    named = objects.items() if isinstance(objects, dict) else ((thing.__name__, thing) for thing in objects)
    for name, thing in named:
        _exported[module, name] = thing
        _modules[thing], _public_names[thing] = module, name


def public_name_of(thing) -> str:
    """The name that configurations have for a class or function."""
    return _public_names.get(thing, thing.__name__)


def module_of(thing) -> str | None:
    """The public module of an exported class or function."""
    return _modules.get(thing)


def find_exported(module: str | None, name: str):
    """The exported class or function of a module and name; without a module the first of that name."""
    found = _exported.get((module, name))
    if found is not None:
        return found
    if module is not None and module.startswith("keras.src."):  # "keras.src.losses.losses" is keras.losses
        found = _exported.get((f"keras.{module.split('.')[2]}", name))
    if found is not None:
        return found
    others = [(where, thing) for (where, known), thing in _exported.items() if known == name]
    others.sort(key=lambda pair: pair[0].startswith("keras.src.ops"))  # layers before operations
    return others[0][1] if others else None


def register_keras_serializable(package: str = "Custom", name: str | None = None):
    """A decorator: the class or function may be named in configurations, as "package>name".

    Raises   ValueError: a class without get_config, a name that is taken
    """

    def register(target):
        if isinstance(target, type) and not hasattr(target, "get_config"):
            raise ValueError(
                f"[register_keras_serializable] {target.__name__} has no get_config, expected the method"
            )
        full_name = f"{package}>{name or target.__name__}"
        _registered[full_name] = target
        _registered_names[target] = full_name
        return target

    return register


def get_registered_name(thing) -> str:
    """ "package>name" of what was registered, the plain name of anything else."""
    return _registered_names.get(thing, getattr(thing, "__name__", str(thing)))


def get_registered_object(name: str | None, custom_objects=None, module_objects=None):
    """What a name stands for: in the scopes around, among registered names, in the two dicts; else None."""
    if name is None:
        return None
    for table in (_scope(), _registered, custom_objects or {}, module_objects or {}):
        if name in table:
            return table[name]
    return None


def find_custom(name: str | None):
    """What users mean by a name in a configuration: with its package, or by the bare name."""
    found = get_registered_object(name)
    if found is None and name is not None and ">" not in name:
        found = next((thing for full, thing in _registered.items() if full.endswith(f">{name}")), None)
    return found


def get_custom_objects() -> dict:
    """The registered names; what is added to this dict counts as registered."""
    return _registered


def _scope() -> dict:
    return getattr(_thread, "scope", {})


@contextmanager
def custom_object_scope(*objects):
    """Inside, names in configurations may mean those of the dicts `objects`."""
    before = _scope()
    _thread.scope = {**before, **{name: thing for table in objects for name, thing in (table or {}).items()}}
    try:
        yield
    finally:
        _thread.scope = before


def known_names() -> list[str]:
    """All names that configurations may hold."""
    return [*(name for _, name in _exported), *_registered, *_scope()]


def unknown(what: str, identifier, known) -> ValueError:
    """The error for a name nobody has, with the near ones."""
    return ValueError(f"[{what}] {identifier!r} is unknown{hint(identifier, known)}")
