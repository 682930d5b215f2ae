# SPDX-License-Identifier: Apache-2.0
"""Objects as plain data and back: {"module", "class_name", "config", "registered_name"}, as Keras does.

Reading looks names up among what Tilewright exports and what users register; it imports nothing and runs no
code from the data.
"""

from __future__ import annotations

import inspect
import threading
import types
from contextlib import contextmanager

import numpy as np

from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras import lambda_code, registration
from tilewright.keras.registration import (
    custom_object_scope,
    exported,
    register_keras_serializable,
    unknown,
)

__all__ = [
    "custom_object_scope",
    "deserialize_keras_object",
    "exported",
    "get",
    "read_arguments",
    "register_keras_serializable",
    "serialize_keras_object",
    "serialize_with_sharing",
    "sharing_scope",
    "unknown",
]

_thread = threading.local()
_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy")
# Arguments of Keras that have no part here, with what they hold where they are not used.
_UNUSED = {
    "decay": (0.0, None),
    "ema_momentum": (0.99,),
    "is_legacy_optimizer": (False,),
    "jit_compile": (True, False, None),
    "optional": (False,),
    "quantization_config": (None,),
    "ragged": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "sparse": (False,),
    "synchronized": (False,),
}


def get(what: str, identifier, table: dict[str, object]):
    """What `identifier` (None, name, configuration, class or object) means among `table` and custom objects.

    A class found by name, or given, is called without arguments; a function comes back as it is.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        with custom_object_scope({} if "module" in identifier else table):  # Keras 2 wrote no modules
            return deserialize_keras_object(identifier)
    if isinstance(identifier, str):
        found = registration.find_custom(identifier) or table.get(identifier)
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


@contextmanager
def sharing_scope():
    """Inside, an object that stands in several places is written with a number, and read as one object."""
    before = _shared()
    _thread.shared = {}
    try:
        yield
    finally:
        _thread.shared = before


def _shared() -> dict | None:
    """In a scope: written objects by id, or read objects by their number."""
    return getattr(_thread, "shared", None)


# ---- writing


def serialize_with_sharing(thing) -> dict:
    """`thing` as plain data, where an object that stands in several places has a number."""
    with sharing_scope():
        config = serialize_keras_object(thing)
    counts: dict[int, int] = {}
    for part in _dicts(config):
        number = part.get("shared_object_id")
        counts[number] = counts.get(number, 0) + 1
    for part in _dicts(config):
        if counts[part.get("shared_object_id")] == 1:
            part.pop("shared_object_id", None)
    return config


def _dicts(config):
    """All dicts in plain data."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def serialize_keras_object(thing):
    """`thing` as plain data that JSON can hold."""
    if thing is None or isinstance(thing, (str, bool, int, float)):
        return thing
    if isinstance(thing, (list, tuple)):
        return [serialize_keras_object(part) for part in thing]
    if isinstance(thing, dict):
        return {key: serialize_keras_object(value) for key, value in thing.items()}
    if isinstance(thing, types.FunctionType):
        return _describe_function(thing)
    if hasattr(thing, "get_config") and not isinstance(thing, type):
        return _describe_object(thing)
    special = _describe_special(thing)
    if special is None:
        raise TypeError(
            f"[serialize] a {type(thing).__name__} has no configuration, expected an object with get_config"
        )
    return special


def _describe_function(function):
    if registration.module_of(function) is not None:
        return function.__name__
    if function.__name__ == "<lambda>":
        return lambda_code.describe(function)
    name = registration.get_registered_name(function)
    return {
        "module": function.__module__,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def function_config(function):
    """As `serialize_keras_object`, but a function of ours becomes a configuration instead of its name."""
    if not isinstance(function, types.FunctionType) or registration.module_of(function) is None:
        return serialize_keras_object(function)
    name = function.__name__
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _describe_object(thing) -> dict:
    cls = type(thing)
    public = registration.module_of(cls)
    found = {
        "module": public or (None if cls.__module__ == "__main__" else cls.__module__),
        "class_name": registration.public_name_of(cls),
        "config": serialize_keras_object(thing.get_config()),
        "registered_name": None if public else registration.get_registered_name(cls),
    }
    for part in ("build_config", "compile_config"):
        values = getattr(thing, f"get_{part}", dict)()
        if values:
            found[part] = serialize_keras_object(values)
    shared = _shared()
    if shared is not None:
        shared[id(thing)] = thing  # kept alive, so that no other object gets its id
        found["shared_object_id"] = id(thing)
    return found


def _describe_special(thing):
    if isinstance(thing, np.generic) or (isinstance(thing, np.ndarray) and thing.ndim == 0):
        return thing.item()
    if isinstance(thing, Tensor):
        values = thing.numpy()
        kind = "__tensor__"
    elif isinstance(thing, np.ndarray):
        values, kind = thing, "__numpy__"
    elif isinstance(thing, bytes):
        return {"class_name": "__bytes__", "config": {"value": thing.decode("utf-8")}}
    elif isinstance(thing, slice):
        parts = {"start": thing.start, "stop": thing.stop, "step": thing.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(parts)}
    elif thing is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    elif isinstance(thing, np.dtype):
        return thing.name
    else:
        return None
    return {"class_name": kind, "config": {"value": values.tolist(), "dtype": values.dtype.name}}


# ---- reading


def read_arguments(values: dict) -> dict:
    """Arguments of a call that were written down; strings among them stay strings."""
    return _deserialize(values)


def deserialize_keras_object(config, custom_objects: dict | None = None, safe_mode: bool = True, **_):
    """The object that `serialize_keras_object` wrote; for a string the function or class of that name."""
    with custom_object_scope(custom_objects), lambda_code.safe_mode_scope(safe_mode):
        if isinstance(config, str):
            found = registration.find_custom(config) or registration.find_exported(None, config)
            if found is None:
                raise unknown("deserialize", config, registration.known_names())
            return found
        return _deserialize(config)


def _deserialize(config):
    """The object a configuration means; strings are strings here."""
    if isinstance(config, (list, tuple)):
        return [_deserialize(part) for part in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value) for key, value in config.items()}
    name = config["class_name"]
    if name in _SPECIAL:
        return _SPECIAL[name](config["config"])
    if name in _POLICIES:
        return config["config"]["name"]
    if name == "function":
        return _find(config, config["config"], config.get("registered_name") or config["config"])
    number, shared = config.get("shared_object_id"), _shared()
    if number is None or shared is None:
        return _make(config, _find(config, name, config.get("registered_name")))
    if number not in shared:
        shared[number] = _make(config, _find(config, name, config.get("registered_name")))
    return shared[number]


def _find(config: dict, name: str, registered_name: str | None):
    """The class or function of a name: custom ones first, then those of the module."""
    if not isinstance(name, str):
        raise ValueError(f"[deserialize] a name is {name!r}, expected a string")
    module = config.get("module")
    ours = module is not None and module.split(".")[0] in ("keras", "builtins")
    found = registration.find_custom(registered_name or (None if ours else name))
    found = found or registration.find_custom(name if config["class_name"] == "function" else None)
    if found is None:
        found = registration.find_exported(module, name)
    if found is None:
        error = unknown("deserialize", registered_name or name, registration.known_names())
        if not ours:
            error.add_note(
                "classes and functions of one's own are found when they are given as custom_objects={name: "
                "class}, or registered by keras.saving.register_keras_serializable before loading"
            )
        raise error
    return found


def _make(config: dict, cls):
    """An object of a class by its configuration, built and compiled where that was written down."""
    if not isinstance(cls, type):
        return cls
    values = config["config"] or {}
    if not isinstance(values, dict):
        raise ValueError(
            f"[deserialize] config of {cls.__name__} is a {type(values).__name__}, expected a dict"
        )
    if not hasattr(cls, "from_config"):
        raise TypeError(f"[deserialize] {cls.__name__} has no from_config, expected the method")
    if isinstance(values.get("dtype"), dict):
        values = {**values, "dtype": _deserialize(values["dtype"])}
    if registration.module_of(cls) is not None:
        values = _understood(cls, values)
    made = cls.from_config(values)
    if config.get("build_config") and not getattr(made, "built", True):
        made.build_from_config(config["build_config"])
    if config.get("compile_config") and hasattr(made, "compile_from_config"):
        made.compile_from_config(config["compile_config"])
    return made


def _understood(cls, values: dict) -> dict:
    """`values` without arguments that only Keras has, where they ask for nothing."""
    known = {
        "layers",
        "input_layers",
        "output_layers",
        "build_input_shape",
        *inspect.signature(cls).parameters,
    }
    for base in cls.__mro__:
        if "__init__" in base.__dict__:
            known.update(inspect.signature(base.__init__).parameters)
    kept = {}
    for key, value in values.items():
        if (
            key == "axis"
            and isinstance(value, list)
            and len(value) == 1
            and cls.__name__ == "BatchNormalization"
        ):
            value = value[0]  # as Keras 2 wrote it
        if key in known or key not in _UNUSED and value is not None and value is not False:
            kept[key] = value
        elif key in _UNUSED and value not in _UNUSED[key]:
            raise ValueError(f"[{cls.__name__}] {key} is {value!r}, expected {_UNUSED[key][0]!r}")
    return kept


_SPECIAL = {
    "__bytes__": lambda values: values["value"].encode("utf-8"),
    "__ellipsis__": lambda _: Ellipsis,
    "__lambda__": lambda_code.load,
    "__numpy__": lambda values: np.array(values["value"], dtype_of(values["dtype"])),
    "__slice__": lambda values: slice(values["start"], values["stop"], values["step"]),
    "__tensor__": lambda values: Tensor(np.array(values["value"], dtype_of(values["dtype"]))),
}
