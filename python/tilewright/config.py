# SPDX-License-Identifier: Apache-2.0
"""`tf.config`: devices, threads, and whether `tf.function` prepares anything."""

from __future__ import annotations

from typing import NamedTuple

from tilewright.suggestion import missing
from tilewright.tf.function import functions_run_eagerly, run_functions_eagerly

__all__ = [
    "LogicalDevice", "PhysicalDevice", "experimental", "functions_run_eagerly", "get_visible_devices",
    "list_logical_devices", "list_physical_devices", "optimizer", "run_functions_eagerly",
    "set_soft_device_placement", "set_visible_devices", "threading",
]  # fmt: skip
__getattr__ = missing(__name__, __all__)


class PhysicalDevice(NamedTuple):
    """A processor or a GPU of this machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as programs name it."""

    name: str
    device_type: str


def _gpus() -> int:
    """How many GPUs the engine can use now."""
    from tilewright import cuda

    return len(cuda.device_info()) if cuda.is_available() else 0


def _wanted(device_type, name_of, kind) -> list:
    found = [kind(name_of("CPU", 0), "CPU"), *(kind(name_of("GPU", i), "GPU") for i in range(_gpus()))]
    return [device for device in found if device_type in (None, device.device_type)]


def list_physical_devices(device_type=None) -> list[PhysicalDevice]:
    """The devices there are: one CPU, and every GPU the engine can use.

    Examples
        >>> list_physical_devices("CPU")
        [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    return _wanted(device_type, lambda kind, i: f"/physical_device:{kind}:{i}", PhysicalDevice)


def list_logical_devices(device_type=None) -> list[LogicalDevice]:
    """The same devices, by the names `tf.device` takes."""
    return _wanted(device_type, lambda kind, i: f"/device:{kind}:{i}", LogicalDevice)


get_visible_devices = list_physical_devices


def set_visible_devices(devices, device_type=None) -> None:
    """Accepted; `tilewright.set_device` chooses where arrays live."""


def set_soft_device_placement(enabled) -> None:
    """Accepted; there is nothing it could change."""


class threading:  # noqa: N801 - tf.config.threading
    """How many threads compute."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """So many threads compute one operation; 0 lets the engine choose."""
        from tilewright.threads import set_num_threads

        set_num_threads(int(num_threads) or threading._default())

    @staticmethod
    def get_intra_op_parallelism_threads() -> int:
        """How many threads compute one operation."""
        from tilewright.threads import num_threads

        return num_threads()

    @staticmethod
    def _default() -> int:
        import os

        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: int) -> None:
        """Accepted; operations run one after another."""

    @staticmethod
    def get_inter_op_parallelism_threads() -> int:
        """1: operations run one after another."""
        return 1


class optimizer:  # noqa: N801 - tf.config.optimizer
    """Accepted switches of a graph optimizer that is not there."""

    @staticmethod
    def set_jit(enabled) -> None:
        """Accepted; there is nothing it could change."""

    @staticmethod
    def get_jit() -> str:
        """Nothing is compiled at run time."""
        return ""


class experimental:  # noqa: N801 - tf.config.experimental
    """Older names."""

    list_physical_devices = staticmethod(list_physical_devices)

    @staticmethod
    def set_memory_growth(device, enable) -> None:
        """Accepted; memory always grows as it is needed."""

    @staticmethod
    def enable_op_determinism() -> None:
        """Accepted; results are the same bits in every run already."""
