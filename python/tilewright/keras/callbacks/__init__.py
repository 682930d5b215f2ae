# SPDX-License-Identifier: Apache-2.0
"""Callbacks by Keras's names."""

from tilewright.keras.callbacks.callback import Callback, History, LambdaCallback
from tilewright.keras.callbacks.callback_list import CallbackList
from tilewright.keras.callbacks.logs import CSVLogger, ProgbarLogger
from tilewright.keras.callbacks.saving import BackupAndRestore, ModelCheckpoint
from tilewright.keras.callbacks.tensorboard import TensorBoard
from tilewright.keras.callbacks.watching import (
    EarlyStopping,
    LearningRateScheduler,
    MonitorCallback,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from tilewright.keras.callbacks.weights import SwapEMAWeights
from tilewright.suggestion import missing

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
__getattr__ = missing(__name__, __all__)
