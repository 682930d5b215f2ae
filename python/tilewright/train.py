# SPDX-License-Identifier: Apache-2.0
"""`tf.train`: checkpoints of training loops of one's own, each a safetensors file, whole or not there."""

from __future__ import annotations

import glob
import json
import os

import numpy as np

from tilewright.keras.layers import Layer
from tilewright.keras.metrics import Metric
from tilewright.keras.optimizers import Optimizer
from tilewright.keras.saving import named_weights
from tilewright.keras.saving.files import write_whole
from tilewright.keras.saving.fitting import assign_all
from tilewright.keras.saving.safetensors_file import read_arrays, write_arrays
from tilewright.suggestion import missing
from tilewright.tf.module import Module
from tilewright.variable import Variable

__all__ = ["Checkpoint", "CheckpointManager", "latest_checkpoint"]

_LIST = "checkpoint"  # the file in a folder that names its checkpoints, oldest first


class Checkpoint:
    """Saves and restores Variables, models, layers, optimizers, metrics and `tf.Module`s, by the names given.

    Examples
        >>> import tempfile, tilewright as tf
        >>> step, folder = tf.Variable(1), tempfile.mkdtemp()
        >>> path = Checkpoint(step=step).save(folder + "/ckpt")
        >>> _ = step.assign(5)
        >>> _ = Checkpoint(step=step).restore(latest_checkpoint(folder))
        >>> int(step)
        1
    """

    def __init__(self, root=None, **objects):
        self.save_counter = Variable(np.array(0, np.int64), False, "save_counter")
        self._objects = dict(objects) if root is None else {"root": root, **objects}
        self.__dict__.update(objects)

    def save(self, file_prefix, options=None) -> str:
        """Writes `<file_prefix>-<number>`, the number one more each time; gives that path."""
        self.save_counter.assign_add(1)
        path = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        folder = os.path.dirname(path)
        _write_list(folder, [*(p for p in _listed(folder) if p != path), path])
        return path

    def write(self, file_prefix, options=None) -> str:
        """Writes the file of this name."""
        path = os.fspath(file_prefix)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        write_arrays(_file(path), {name: v.numpy() for name, v in self._variables().items()})
        return path

    def restore(self, save_path, options=None) -> Restored:
        """Assigns what `save` wrote. None, as of a folder without checkpoints, leaves all as it is.

        Raises   FileNotFoundError: no such checkpoint.  ValueError: another architecture (lists what
                 differs), a model that has no weights yet
        """
        if save_path is None:
            return Restored()
        path = _file(os.fspath(save_path))
        if not os.path.exists(path):
            raise FileNotFoundError(f"[Checkpoint.restore] {path} does not exist")
        arrays, wanted = read_arrays(path), self._variables()
        for name, thing in self._objects.items():
            if isinstance(thing, Layer) and not thing.weights and _part(arrays, name):
                raise ValueError(
                    f"[Checkpoint.restore] {name} has no weights yet, expected {thing.name} to be built: "
                    "call it once, or give it an Input"
                )
            if isinstance(thing, Optimizer) and not thing.built and _part(arrays, name):
                later = _part(arrays, name)
                _restore_when_built(thing, path, name, later)
                wanted = {key: v for key, v in wanted.items() if not key.startswith(f"{name}/")}
                arrays = {key: a for key, a in arrays.items() if key not in later}
        assign_all(path, "the checkpoint", wanted, arrays)
        return Restored()

    read = restore

    def _variables(self) -> dict[str, Variable]:
        found = {"save_counter": self.save_counter}
        for name, thing in self._objects.items():
            if isinstance(thing, Variable):
                found[name] = thing
            else:
                found.update((f"{name}/{part}", v) for part, v in _held(name, thing).items())
        return found


class Restored:
    """What `restore` gives: its checks have passed when it is there."""

    def assert_consumed(self) -> Restored:
        return self

    assert_existing_objects_matched = expect_partial = assert_consumed


class CheckpointManager:
    """Numbered checkpoints in a folder, of which the last `max_to_keep` stay."""

    def __init__(self, checkpoint, directory, max_to_keep, checkpoint_name="ckpt"):
        self.directory = os.fspath(directory)
        self._checkpoint, self._kept = checkpoint, max_to_keep
        self._prefix = os.path.join(self.directory, checkpoint_name)

    @property
    def checkpoints(self) -> list[str]:
        """Paths, oldest first."""
        return _listed(self.directory)

    @property
    def latest_checkpoint(self) -> str | None:
        return latest_checkpoint(self.directory)

    def save(self, checkpoint_number=None, options=None) -> str:
        """Writes a checkpoint and removes those beyond `max_to_keep`; gives its path."""
        if checkpoint_number is None:
            path = self._checkpoint.save(self._prefix)
        else:
            path = self._checkpoint.write(f"{self._prefix}-{int(checkpoint_number)}")
        paths = [*(p for p in self.checkpoints if p != path), path]
        kept = paths[-self._kept :] if self._kept else paths
        _write_list(self.directory, kept)
        for old in set(paths) - set(kept):
            os.remove(_file(old))
        return path

    def restore_or_initialize(self) -> str | None:
        """Restores the latest checkpoint, if there is one; gives its path."""
        latest = self.latest_checkpoint
        self._checkpoint.restore(latest)
        return latest


def latest_checkpoint(checkpoint_dir, latest_filename=None) -> str | None:
    """The path of the newest checkpoint in a folder, None without one."""
    paths = _listed(os.fspath(checkpoint_dir))
    return paths[-1] if paths else None


def _held(name: str, thing) -> dict[str, Variable]:
    """The Variables of an object, by names that do not depend on the session."""
    if isinstance(thing, Layer):
        return named_weights(thing)
    if isinstance(thing, (Optimizer, Metric, Module)):
        return {str(i): v for i, v in enumerate(thing.variables)}
    raise TypeError(
        f"[Checkpoint] {name} is a {type(thing).__name__}, expected a Variable, Layer, Model, Optimizer, "
        "Metric or Module"
    )


def _part(arrays: dict, name: str) -> dict:
    return {key: a for key, a in arrays.items() if key.startswith(f"{name}/")}


def _restore_when_built(optimizer, path: str, name: str, arrays: dict) -> None:
    """Has an optimizer take its state when its first step, or `build`, makes the variables."""
    build = optimizer.build

    def built(variables):
        del optimizer.build
        build(variables)
        assign_all(path, name, {f"{name}/{i}": v for i, v in enumerate(optimizer.variables)}, arrays)

    optimizer.build = built


def _file(path: str) -> str:
    return path if path.endswith(".safetensors") else f"{path}.safetensors"


def _listed(folder: str) -> list[str]:
    """The checkpoints that the list of a folder names and that are there."""
    path = os.path.join(folder, _LIST)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        names = json.load(file)["checkpoints"]
    return [p for p in (os.path.join(folder, n) for n in names) if glob.glob(glob.escape(_file(p)))]


def _write_list(folder: str, paths: list[str]) -> None:
    text = json.dumps({"checkpoints": [os.path.basename(p) for p in paths]}, indent=1)
    write_whole(os.path.join(folder, _LIST), text.encode())


__getattr__ = missing(__name__, __all__)
