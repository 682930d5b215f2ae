# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of the `tf` names run and print what they say."""

import doctest
import importlib

import numpy as np
import pytest

import tilewright as tf
from tilewright import names

MODULES = sorted({*names.FUNCTIONS.values(), "tilewright.linalg", "tilewright.nest", "tilewright.config"})


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(module, extraglobs={"np": np, "tf": tf, "tw": tf})
    assert failures == 0
