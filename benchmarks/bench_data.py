# SPDX-License-Identifier: Apache-2.0
"""Does loading photos slow training down? The cats-and-dogs network on folders, and on photos in memory.

    python benchmarks/bench_data.py --data ~/data --steps 20 --rounds 3

Measured, each as the best of the rounds, the rivals of a pair in turn:
    images a second of the generator alone: decoding, decoding and augmenting, augmenting of kept photos;
    with one and two threads
    seconds of an epoch from folders, whose photos are decoded in it, of a later one, whose photos are kept,
    and from arrays in memory; without and with augmentation
Written to benchmarks/records/data.json with --record.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import date
from pathlib import Path

import numpy as np

from tilewright import info
from tilewright.examples.cats_and_dogs import AUGMENTATION, build_model
from tilewright.keras import utils
from tilewright.keras.preprocessing.image import ImageDataGenerator

RECORD = Path(__file__).parent / "records" / "data.json"
BATCH = 20


def photos(folder: Path, augment: bool, workers: int):
    """An iterator over the photos, none of them decoded yet."""
    generator = ImageDataGenerator(rescale=1.0 / 255, **(AUGMENTATION if augment else {}))
    batches = generator.flow_from_directory(
        folder, target_size=(150, 150), batch_size=BATCH, class_mode="binary", seed=1
    )
    batches.workers = workers
    return batches


def images_per_second(batches, steps: int) -> float:
    """Of the iterator alone. Its threads have started nothing before, and finish nothing after."""
    begun = time.perf_counter()
    for _ in range(steps):
        next(batches)
    return steps * BATCH / (time.perf_counter() - begun)


def generator_alone(folder: Path, steps: int, rounds: int) -> list[dict]:
    """Images a second for each kind of work and number of threads."""
    rows = []
    for workers in (1, 2):
        best: dict[str, float] = {}
        for _ in range(rounds):
            for augment in (False, True):
                kind = "decode and augment" if augment else "decode"
                batches = photos(folder, augment, workers)
                best[kind] = max(best.get(kind, 0.0), images_per_second(batches, steps))
            kept = photos(folder, True, workers)
            for i in range(len(kept)):
                kept[i]  # decodes every photo
            best["augment kept photos"] = max(
                best.get("augment kept photos", 0.0), images_per_second(kept, steps)
            )
        rows.append({"workers": workers, **{kind: round(rate, 1) for kind, rate in best.items()}})
    return rows


def arrays_of(folder: Path):
    """All photos and labels in memory, as bytes."""
    batches = photos(folder, False, 1)
    x = np.stack([batches._image(i) for i in range(batches.n)])
    return x, np.asarray(batches.classes, np.float32)


def epoch_seconds(model, data, steps: int, **options) -> float:
    """One epoch of `steps` steps."""
    begun = time.perf_counter()
    model.fit(data, steps_per_epoch=steps, verbose=0, **options)
    return time.perf_counter() - begun


def training(folder: Path, augment: bool, steps: int, rounds: int) -> dict:
    """Seconds of an epoch from folders, decoding or not, and from arrays in memory, changed alike."""
    utils.set_random_seed(1)
    model = build_model(0.5 if augment else 0.0)
    x, y = arrays_of(folder)
    generator = ImageDataGenerator(rescale=1.0 / 255, **(AUGMENTATION if augment else {}))
    memory = generator.flow(x, y, batch_size=BATCH, seed=1)
    ready = (x.astype(np.float32) / 255, y)
    kept = photos(folder, augment, memory.workers)
    for i in range(len(kept)):
        kept[i]
    epoch_seconds(model, memory, 5)  # the steps are recorded here
    seconds: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in (
            (
                "folders, decoded in this epoch",
                lambda: epoch_seconds(model, photos(folder, augment, 2), steps),
            ),
            ("folders, decoded before", lambda: epoch_seconds(model, kept, steps)),
            ("bytes in memory, changed alike", lambda: epoch_seconds(model, memory, steps)),
            ("float arrays in memory, unchanged", lambda: _of_arrays(model, *ready, steps)),
        ):
            seconds[name] = min(seconds.get(name, float("inf")), run())
    fastest = seconds["float arrays in memory, unchanged"]
    return {
        "augment": augment,
        "steps": steps,
        "seconds": {name: round(s, 3) for name, s in seconds.items()},
        "share_of_in_memory_speed": {name: round(fastest / s, 3) for name, s in seconds.items()},
    }


def _of_arrays(model, x, y, steps: int) -> float:
    begun = time.perf_counter()
    model.fit(x[: steps * BATCH], y[: steps * BATCH], batch_size=BATCH, verbose=0)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("TILEWRIGHT_DATA", "data"))
    parser.add_argument("--steps", type=int, default=20, help="in an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/data.json")
    options = parser.parse_args()
    folder = Path(options.data) / "cats_dogs" / "train"
    alone = generator_alone(folder, options.steps, options.rounds)
    for row in alone:
        print("images/s", row, flush=True)
    epochs = [training(folder, augment, options.steps, options.rounds) for augment in (False, True)]
    for row in epochs:
        print("augmented" if row["augment"] else "plain")
        for name, seconds in row["seconds"].items():
            print(f"  {name:36s} {seconds:7.3f} s  {row['share_of_in_memory_speed'][name]:6.1%}")
    if options.record:
        found = {
            "date": date.today().isoformat(),
            "machine": info.collect(),
            "batch": BATCH,
            "size": [150, 150, 3],
            "images_per_second": alone,
            "epochs": epochs,
        }
        RECORD.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
