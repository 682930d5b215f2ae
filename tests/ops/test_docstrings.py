# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of tilewright.ops run and print what they say."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import tilewright as tw
from tilewright import ops

MODULES = sorted(m.name for m in pkgutil.iter_modules(ops.__path__) if not m.name.startswith("_"))


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(f"tilewright.ops.{name}")
    failures, _ = doctest.testmod(module, extraglobs={"np": np, "tw": tw, "ops": ops})
    assert failures == 0
