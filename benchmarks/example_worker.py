# SPDX-License-Identifier: Apache-2.0
"""Runs one example program, in Tilewright or in Keras, and says how long its epochs took.

    python benchmarks/example_worker.py tilewright mnist_cnn --seed 2
    python benchmarks/example_worker.py keras "cats_and_dogs" --augment

In Keras the program is the same source with other imports: `tensorflow` for `tilewright`, and tf.keras for
`tilewright.keras`; data sets and plots stay ours. $KERAS_BACKEND names Keras's back end (programs that call
tf functions need tensorflow). After the program's own output comes `epochs: [seconds, ...]`, a line for each
call of `fit`, and one for a loop of the program's own, which says `epoch ...` after each.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import itertools
import re
import sys
import time
from pathlib import Path

EXAMPLES = "tilewright.examples"
# What the programs import, and the same thing of Keras 3's tf.keras. The data sets are read by Tilewright.
IMPORTS = (
    (re.compile(r"^import tilewright as tf$", re.M), "import tensorflow as tf"),
    (re.compile(r"^from tilewright\.keras(?!\.datasets)\b", re.M), "from keras._tf_keras.keras"),
)


class InKeras(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports the modules of tilewright.examples with Keras's imports in place of ours."""

    def find_spec(self, name, path, target=None):
        if not name.startswith(EXAMPLES + "."):
            return None
        return importlib.util.spec_from_loader(name, self)

    def get_filename(self, name):
        import tilewright.examples

        return str(Path(tilewright.examples.__file__).with_name(name.rpartition(".")[2] + ".py"))

    def get_data(self, path):
        text = Path(path).read_text()
        for ours, theirs in IMPORTS:
            text = ours.sub(theirs, text)
        return text.encode()


def time_epochs(keras) -> list[list[float]]:
    """The seconds of every epoch, one list for each call of `fit` from now on."""
    runs: list[list[float]] = []
    fit = keras.Model.fit

    def timed(model, *args, **kwargs):
        seconds, begun = [], []
        runs.append(seconds)
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: begun.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: seconds.append(time.perf_counter() - begun[-1]),
        )
        callbacks = kwargs.pop("callbacks", None)
        callbacks = [] if callbacks is None else callbacks if isinstance(callbacks, list) else [callbacks]
        return fit(model, *args, callbacks=[*callbacks, clock], **kwargs)

    keras.Model.fit = timed
    return runs


class EpochLines:
    """Standard output that notes when a line begins with the word epoch."""

    def __init__(self, stream):
        self._stream, self.times = stream, [time.perf_counter()]

    def write(self, text: str) -> int:
        if text.startswith("epoch "):
            self.times.append(time.perf_counter())
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def main() -> None:
    library, program, *arguments = sys.argv[1:]
    if library == "keras":
        sys.meta_path.insert(0, InKeras())
        from keras._tf_keras import keras
    elif library == "tilewright":
        from tilewright import keras
    else:
        sys.exit(f"example_worker.py: {library} is no library, expected tilewright or keras")
    runs = time_epochs(keras)
    sys.stdout = lines = EpochLines(sys.stdout)
    importlib.import_module(f"{EXAMPLES}.{program}").main(arguments)
    if len(lines.times) > 1:
        runs.append([after - before for before, after in itertools.pairwise(lines.times)])
    for seconds in runs:
        print("epochs:", [round(s, 4) for s in seconds], flush=True)


if __name__ == "__main__":
    main()
