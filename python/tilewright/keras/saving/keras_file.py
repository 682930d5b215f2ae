# SPDX-License-Identifier: Apache-2.0
"""`.keras` files as Keras 3 has them: a zip of metadata.json, config.json, model.weights.h5 and assets/."""

from __future__ import annotations

import datetime
import io
import json
import os
import tempfile
import zipfile
import zlib

from tilewright.keras import serialization
from tilewright.keras.saving import hdf5_store, weights_h5
from tilewright.keras.saving.files import KERAS_VERSION, write_whole
from tilewright.keras.saving.walk import placed_layers

_METADATA, _CONFIG, _WEIGHTS, _ASSETS = "metadata.json", "config.json", "model.weights.h5", "assets"
# A member may expand to more than it stores: beyond this size it is believed up to a factor.
_LARGE_BYTES, _LARGEST_FACTOR = 1 << 28, 100


def save(model, path: str, include_optimizer: bool = True) -> None:
    """Writes the whole model."""
    write_whole(path, contents(model, include_optimizer))


def contents(model, include_optimizer: bool = True) -> bytes:
    """The file."""
    config = serialization.serialize_with_sharing(model)
    if not include_optimizer:
        config.pop("compile_config", None)
    saved = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_METADATA, json.dumps({"keras_version": KERAS_VERSION, "date_saved": saved}))
        archive.writestr(_CONFIG, _as_json(config))
        archive.writestr(_WEIGHTS, weights_h5.contents(model, include_optimizer))
        _write_assets(model, archive)
    return buffer.getvalue()


def _as_json(config: dict) -> str:
    try:
        return json.dumps(config)
    except TypeError as error:
        raise TypeError(f"[save_model] a configuration cannot be written as JSON: {error}") from error


def load(path: str, custom_objects=None, compile: bool = True, safe_mode: bool = True):
    """The model in a file.

    Raises   ValueError: a truncated or foreign file, unknown classes, code of lambdas in safe mode
    """
    with _opened(path) as archive:
        return _model(path, archive, custom_objects, compile, safe_mode)


def _model(path: str, archive: zipfile.ZipFile, custom_objects, compile: bool, safe_mode: bool):
    config = _config(path, archive)
    if not compile:
        config.pop("compile_config", None)
    try:
        with serialization.sharing_scope():
            model = serialization.deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"[load_model] {_CONFIG} in {path} describes no model that fits: {error!r}"
        ) from error
    load_weights(model, path, archive)
    _read_assets(model, archive)
    return model


def pickled(model) -> tuple:
    """What `pickle` and `copy.deepcopy` keep of a model: the file, and the classes and functions of users."""
    return unpickled, (contents(model), model.own_objects())


def unpickled(data: bytes, custom_objects: dict):
    """The model that `pickled` kept."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _model("a copy of a model", archive, custom_objects, compile=True, safe_mode=False)


def load_weights(model, path: str, archive=None, skip_mismatch: bool = False) -> None:
    """Assigns the weights in a `.keras` file."""
    if archive is None:
        with _opened(path) as archive:
            return load_weights(model, path, archive, skip_mismatch)
    with hdf5_store.open_file(f"{_WEIGHTS} in {path}", _member(path, archive, _WEIGHTS)) as file:
        weights_h5.load(model, path, file, skip_mismatch)
    return None


def _opened(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"[load_model] {path} is no whole .keras file ({os.path.getsize(path)} bytes): {error}"
        ) from error


def _member(path: str, archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of the archive."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        held = ", ".join(archive.namelist()[:8])
        raise ValueError(f"[load_model] {path} holds {held or 'nothing'}, expected {name} among it") from None
    if info.file_size > _LARGE_BYTES and info.file_size > _LARGEST_FACTOR * info.compress_size:
        raise ValueError(
            f"[load_model] {name} in {path} claims {info.file_size} bytes but stores {info.compress_size}"
        )
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(f"[load_model] {name} in {path} is damaged: {error}") from error


def _config(path: str, archive: zipfile.ZipFile) -> dict:
    try:
        config = json.loads(_member(path, archive, _CONFIG))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"[load_model] {_CONFIG} in {path} is no JSON: {error}") from error
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise ValueError(
            f"[load_model] {_CONFIG} in {path} describes no model, expected a class_name and config"
        )
    return config


# ---- files that layers keep beside their variables, such as vocabularies


def _write_assets(model, archive: zipfile.ZipFile) -> None:
    for place, layer in placed_layers(model).items():
        if not hasattr(layer, "save_assets"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            for name in sorted(os.listdir(folder)):
                archive.write(os.path.join(folder, name), f"{_ASSETS}/{place}/{name}")


def _read_assets(model, archive: zipfile.ZipFile) -> None:
    for place, layer in placed_layers(model).items():
        if not hasattr(layer, "load_assets"):
            continue
        prefix = f"{_ASSETS}/{place}/"
        names = [n for n in archive.namelist() if n.startswith(prefix) and "/" not in n[len(prefix) :]]
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                with open(os.path.join(folder, os.path.basename(name)), "wb") as file:
                    file.write(_member(archive.filename, archive, name))
            layer.load_assets(folder)
