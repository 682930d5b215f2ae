# SPDX-License-Identifier: Apache-2.0
"""What every example needs: flags, a folder for pictures, the line with the result."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tilewright.keras.utils import set_random_seed
from tilewright.plots import plot_history, plot_predictions


def flags(description: str, epochs: int, **switches: str) -> argparse.ArgumentParser:
    """The flags of all examples; `switches` are flags of one example that are on or off, with their help."""
    parser = argparse.ArgumentParser(description=description.strip().partition("\n")[0])
    parser.add_argument(
        "--epochs", type=int, default=epochs, help="how often all data is seen (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of weights, order and random numbers (default: 1)"
    )
    parser.add_argument("--out", type=Path, default=Path("tilewright-examples"), help="folder for pictures")
    parser.add_argument("--data", help="folder with data sets; $TILEWRIGHT_DATA where not given")
    parser.add_argument("--limit", type=int, help="train on so many samples only, to try a program out")
    for name, text in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser


def begin(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the flags, seeds the random numbers, makes the folder for pictures."""
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error(f"--epochs is {options.epochs}, expected at least 1")
    if options.data:
        os.environ["TILEWRIGHT_DATA"] = str(options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    set_random_seed(options.seed)
    return options


def scaled(data, limit: int | None = None):
    """((images, classes), (images, classes)): floats from 0 to 1, the training part cut to `limit`."""
    (x_train, y_train), (x_test, y_test) = data
    x_train, x_test = (x.astype("float32") / 255 for x in (x_train[:limit], x_test))
    return (x_train, y_train[:limit]), (x_test, y_test)


def show_classifier(name: str, title: str, model, history, test: tuple, out: Path, **pictures) -> None:
    """The share of test images that is right, in a picture of the training and in the line with the result.

    Parameters
        title : of the picture, with {accuracy:.2%} in it;  test : (images, classes)
        pictures : for `plot_predictions`
    """
    _, accuracy = model.evaluate(*test, verbose=0)
    plot_history(history, out / f"{name}.png", title=title.format(accuracy=accuracy))
    guesses = model.predict(test[0], verbose=0)
    plot_predictions(*test, guesses, out / f"{name}_predictions.png", **pictures)
    result(name, "test_accuracy", accuracy)


def result(name: str, metric: str, value: float) -> None:
    """The line that benchmarks/bench_examples.py collects."""
    print(f"result: {name} {metric} {value:.6g}", flush=True)
