# SPDX-License-Identifier: Apache-2.0
"""Keras 3 on its torch back end as the judge, imported once; tests that need it are skipped without it."""

import os
import warnings

import pytest
from keras_judge import Judge

from tilewright import keras


@pytest.fixture(scope="session")
def judge():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip(
            "torch", reason="the parity tests compare with Keras on PyTorch, which is not installed"
        )
        pytest.importorskip(  # not "keras" alone: where Keras is absent that name finds this folder
            "keras.layers", reason="the parity tests compare with Keras, which is not installed"
        )
        import keras as module

        if module.backend.backend() != "torch":
            pytest.skip(
                f"Keras runs on {module.backend.backend()} here; the parity tests need KERAS_BACKEND=torch"
            )
    return Judge(module, torch)


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
