# SPDX-License-Identifier: Apache-2.0
"""The examples on real data, in full: minutes each, so only where TILEWRIGHT_LONG_TESTS is set.

docs/examples.md says what each should reach.
"""

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("TILEWRIGHT_DATA")
pytestmark = pytest.mark.skipif(
    not os.environ.get("TILEWRIGHT_LONG_TESTS") or not FOLDER,
    reason="minutes of training each: set TILEWRIGHT_LONG_TESTS=1 and TILEWRIGHT_DATA",
)

# program, its flags, data set, metric, least, most
REACHES = [
    ("logistic_regression", [], None, "test_accuracy", 0.94, 1.0),
    ("mnist_mlp", [], "mnist", "test_accuracy", 0.97, 1.0),
    ("mnist_cnn", [], "mnist", "test_accuracy", 0.99, 1.0),
    ("cifar10_cnn", [], "cifar10", "test_accuracy", 0.63, 1.0),
    ("cats_and_dogs", [], "cats_dogs", "test_accuracy", 0.68, 1.0),
    ("cats_and_dogs", ["--augment"], "cats_dogs", "test_accuracy", 0.74, 1.0),
    ("transfer_learning", [], "cifar10", "gain", 0.05, 1.0),
    ("gan", [], "mnist", "share_taken_for_digits", 0.7, 1.0),
    ("dcgan", [], "mnist", "share_taken_for_digits", 0.7, 1.0),
    ("custom_loop", [], "mnist", "difference_to_sklearn", 0.0, 1e-6),
    ("char_gpt", [], "tinyshakespeare", "validation_loss", 0.0, 1.93),
    ("text_transformer", [], "tinyshakespeare", "test_accuracy", 0.2, 1.0),
    ("vit_mnist", [], "mnist", "test_accuracy", 0.96, 1.0),
    ("resnet20_cifar10", [], "cifar10", "test_accuracy", 0.75, 1.0),
    ("lstm_text", [], "tinyshakespeare", "validation_loss", 0.0, 2.0),
]


@pytest.mark.parametrize(
    ("name", "flags", "data", "metric", "least", "most"),
    [pytest.param(*row, id="".join([row[0], *row[1]])) for row in REACHES],
)
def test_reaches_what_its_page_says(run_example, name, flags, data, metric, least, most):
    if data is not None and not (Path(FOLDER) / data).is_dir():
        pytest.skip(f"{FOLDER} has no {data}/")
    found, _, _ = run_example(name, *flags, data=FOLDER)
    assert least <= found[metric] <= most
    if name in ("gan", "dcgan"):
        assert found["digits_present"] == 10
