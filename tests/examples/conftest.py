# SPDX-License-Identifier: Apache-2.0
"""A folder of small data sets, made once; a runner of examples that reads their result lines."""

import importlib
import re

import pytest

from examples.small_data import MAKERS


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Called with the name of a data set, gives the folder that holds it."""
    folder = tmp_path_factory.mktemp("data")

    def make(name):
        if not (folder / name).exists():
            MAKERS[name](folder / name)
        return folder

    return make


@pytest.fixture
def run_example(tmp_path, capsys, monkeypatch):
    """Runs an example's main; gives its results {metric: value}, its output, its folder of pictures."""
    monkeypatch.delenv("TILEWRIGHT_DATA", raising=False)

    def run(name, *flags, data=None):
        module = importlib.import_module(f"tilewright.examples.{name}")
        if data is not None:
            monkeypatch.setenv("TILEWRIGHT_DATA", str(data))
        module.main([*map(str, flags), "--out", str(tmp_path)])
        text = capsys.readouterr().out
        found = re.findall(r"^result: (\S+) (\S+) (\S+)$", text, re.M)
        assert found, f"{name} printed no result"
        return {metric: float(value) for _, metric, value in found}, text, tmp_path

    return run
