# SPDX-License-Identifier: Apache-2.0
"""Callbacks by Keras's names."""

from tilewright.keras.callbacks.callback import Callback, CallbackList, History, LambdaCallback
from tilewright.keras.callbacks.watching import (
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
