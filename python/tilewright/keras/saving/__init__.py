# SPDX-License-Identifier: Apache-2.0
"""Weights and whole models in files, by Keras's names.

| ends with | holds |
|---|---|
| .safetensors | weights |
| .weights.h5 | weights, and the state of the optimizer, as Keras 3 writes them |
| .keras | whole models as Keras 3 writes them |
| .h5, .hdf5 | weights or whole models as Keras 2 wrote them |

Every file is written whole or not at all, and what is read changes a model only after all of it was found
to fit.
"""

from __future__ import annotations

import os

from tilewright.keras.lambda_code import enable_unsafe_deserialization
from tilewright.keras.registration import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from tilewright.keras.saving import safetensors_file
from tilewright.keras.saving.files import check_target, existing, write_whole
from tilewright.keras.saving.safetensors_file import named_weights
from tilewright.keras.serialization import deserialize_keras_object, serialize_keras_object
from tilewright.suggestion import missing

CustomObjectScope = custom_object_scope
_HDF5 = (".h5", ".hdf5")


def save_model(
    model, filepath, overwrite: bool = True, zipped: bool | None = None, include_optimizer: bool = True
) -> None:
    """Writes a whole model: structure, weights, compile arguments, state of the optimizer.

    Parameters
        filepath : ends with .keras, or with .h5 for the format of Keras 2
        overwrite : whether a file that is there may be replaced
        zipped : True or None: one file; folders are not written
        include_optimizer : whether compile arguments and the state of the optimizer are written
    Raises   ValueError: another suffix, a model that is not built.  FileExistsError
    """
    from tilewright.keras.saving import keras_file, legacy_h5

    path = os.fspath(filepath)
    if zipped is not None and not zipped:
        raise NotImplementedError(f"[save_model] zipped is {zipped!r}, expected True or None: one file")
    if not path.endswith((".keras", *_HDF5)):
        raise ValueError(f"[save_model] filepath is {path!r}, expected it to end with .keras (or .h5)")
    if path.endswith(".weights.h5"):
        raise ValueError(
            f"[save_model] filepath is {path!r}, a name for weights; expected it to end with .keras"
        )
    _needs_weights("save_model", model)
    check_target("save_model", path, overwrite)
    if path.endswith(".keras"):
        keras_file.save(model, path, include_optimizer)
    else:
        legacy_h5.save(model, path, include_optimizer)


def load_model(filepath, custom_objects=None, compile: bool = True, safe_mode: bool = True):
    """The model in a .keras file, or in an .h5 file of Keras 2.

    Parameters
        custom_objects : classes and functions of one's own by name
        compile : whether to compile it as it was
        safe_mode : refuses files that hold the code of Python lambdas; False runs that code
    Raises   FileNotFoundError.  ValueError: a truncated or foreign file, unknown classes, other weights
    """
    from tilewright.keras.saving import keras_file, legacy_h5

    path = existing("load_model", filepath)
    if path.endswith(".keras"):
        return keras_file.load(path, custom_objects, compile, safe_mode)
    if path.endswith(_HDF5):
        return legacy_h5.load(path, custom_objects, compile, safe_mode)
    raise ValueError(f"[load_model] filepath is {path!r}, expected it to end with .keras or .h5")


def save_weights(model, filepath, overwrite: bool = True) -> None:
    """Writes a model's weights.

    Raises   ValueError: another suffix, a model without weights.  FileExistsError: the file is there and
             overwrite is False.  ImportError: the package for the format is missing
    """
    from tilewright.keras.saving import weights_h5

    path = os.fspath(filepath)
    if not path.endswith((".safetensors", ".weights.h5")):
        raise ValueError(
            f"[save_weights] filepath is {path!r}, expected it to end with .safetensors or .weights.h5"
        )
    _needs_weights("save_weights", model)
    check_target("save_weights", path, overwrite)
    if path.endswith(".safetensors"):
        safetensors_file.save(model, path)
    else:
        write_whole(path, weights_h5.contents(model))


def load_weights(model, filepath, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Reads weights into a model; every name and shape is checked before the first is assigned.

    Parameters
        filepath : .safetensors, .weights.h5, .keras, or .h5 as Keras 2 wrote it
        skip_mismatch : leaves variables as they are where the file has none for them, or of other shapes
        by_name : for .h5 files: by the names of layers instead of their order
    Raises   FileNotFoundError.  ValueError: a truncated or foreign file, other variables or shapes than the
             model's
    """
    from tilewright.keras.saving import hdf5_store, keras_file, legacy_h5, weights_h5

    path = os.fspath(filepath)
    if not path.endswith((".safetensors", ".keras", *_HDF5)):
        raise ValueError(
            f"[load_weights] filepath is {path!r}, expected it to end with .safetensors, .weights.h5, "
            ".keras or .h5"
        )
    if by_name and (not path.endswith(_HDF5) or path.endswith(".weights.h5")):
        raise ValueError(f"[load_weights] by_name is True for {path!r}, expected an .h5 file of Keras 2")
    existing("load_weights", path)
    _needs_weights("load_weights", model)
    if path.endswith(".safetensors"):
        safetensors_file.load(model, path, skip_mismatch)
    elif path.endswith(".keras"):
        keras_file.load_weights(model, path, skip_mismatch=skip_mismatch)
    elif path.endswith(".weights.h5"):
        with hdf5_store.open_file(path) as file:
            weights_h5.load(model, path, file, skip_mismatch)
    else:
        legacy_h5.load_weights(model, path, by_name, skip_mismatch)


def _needs_weights(function: str, model) -> None:
    if not model.built:
        raise ValueError(
            f"[{function}] model {model.name} is not built, so it has no weights, expected it to be built "
            "(call it, or give it an Input)"
        )


__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "enable_unsafe_deserialization",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "named_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
__getattr__ = missing(__name__, __all__)
