# SPDX-License-Identifier: Apache-2.0
"""Objects by name and as plain data: {"module", "class_name", "config", "registered_name"},
as Keras writes them.
"""

from __future__ import annotations

import difflib
import types
from contextlib import contextmanager

_custom: dict[str, object] = {}
_exported: dict[tuple[str, str], object] = {}  # by public module and name
_modules: dict[object, str] = {}


def exported(module: str, objects) -> None:
    """Makes classes and functions findable when configurations are read, as names of `module`
    ("keras.layers").
    """
    for thing in objects:
        _exported[module, thing.__name__] = thing
        _modules[thing] = module


def _by_name(name: str):
    """An exported class or function by its name alone."""
    return next((thing for (_, known), thing in _exported.items() if known == name), None)


@contextmanager
def custom_object_scope(objects: dict[str, object]):
    """Inside, names in configurations may mean `objects`."""
    before = dict(_custom)
    _custom.update(objects or {})
    try:
        yield
    finally:
        _custom.clear()
        _custom.update(before)


def register_keras_serializable(package: str = "Custom", name: str | None = None):
    """A decorator: the class or function may be named in configurations."""

    def register(target):
        _custom[f"{package}>{name or target.__name__}"] = target
        _custom[name or target.__name__] = target
        return target

    return register


def unknown(what: str, identifier, known) -> ValueError:
    """The error for a name nobody has, with the near ones."""
    near = difflib.get_close_matches(str(identifier), list(known), 3, 0.6)
    hint = f"; did you mean {', '.join(repr(n) for n in near)}?" if near else ""
    return ValueError(f"[{what}] {identifier!r} is unknown{hint}")


def get(what: str, identifier, table: dict[str, object]):
    """What `identifier` (None, name, configuration, class or object) means among `table` and custom objects.

    A class found by name, or given, is called without arguments; a function comes back as it is.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize_keras_object(identifier)
    if isinstance(identifier, str):
        found = _custom.get(identifier, table.get(identifier))
        if found is None:
            raise unknown(what, identifier, table)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise TypeError(
        f"[{what}] got a {type(identifier).__name__}, expected a name, a configuration or an object"
    )


def serialize_keras_object(thing):
    """`thing` as plain data that JSON can hold."""
    if thing is None or isinstance(thing, (str, bool, int, float)):
        return thing
    if isinstance(thing, (list, tuple)):
        return [serialize_keras_object(part) for part in thing]
    if isinstance(thing, dict):
        return {key: serialize_keras_object(value) for key, value in thing.items()}
    if isinstance(thing, types.FunctionType):
        if thing in _modules:
            return thing.__name__
        return {
            "module": thing.__module__,
            "class_name": "function",
            "config": thing.__name__,
            "registered_name": thing.__name__,
        }
    if hasattr(thing, "get_config"):
        cls = type(thing)
        return {
            "module": _modules.get(cls, cls.__module__),
            "class_name": cls.__name__,
            "config": thing.get_config(),
            "registered_name": None if cls in _modules else cls.__name__,
        }
    if hasattr(thing, "item") and getattr(thing, "size", 0) == 1:
        return thing.item()
    raise TypeError(
        f"[serialize] a {type(thing).__name__} has no configuration, expected an object with get_config"
    )


def _known_names() -> list[str]:
    return [*(name for _, name in _exported), *_custom]


def deserialize_keras_object(config, custom_objects: dict | None = None):
    """The object that `serialize_keras_object` wrote down."""
    with custom_object_scope(custom_objects):
        return _deserialize(config)


def _deserialize(config):
    if isinstance(config, str):
        found = _custom.get(config, _by_name(config))
        if found is None:
            raise unknown("deserialize", config, _known_names())
        return found
    if not isinstance(config, dict) or "class_name" not in config:
        return config
    name = config["config"] if config["class_name"] == "function" else config["class_name"]
    found = _custom.get(config.get("registered_name") or name, _custom.get(name))
    found = found or _exported.get((config.get("module"), name)) or _by_name(name)
    if found is None:
        raise unknown("deserialize", name, _known_names())
    if config["class_name"] == "function":
        return found
    return found.from_config(config.get("config", {}))
