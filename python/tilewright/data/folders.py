# SPDX-License-Identifier: Apache-2.0
"""Files in folders, a folder a class: listed in order, split, and looked through for broken images."""

from __future__ import annotations

import os
import sys

import numpy as np

from tilewright.data import images
from tilewright.data.threads import ordered_map, usable_cores


def class_folders(name: str, directory) -> list[str]:
    """The names of the folders in a folder, in order. Raises where there is no such folder."""
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"[{name}] directory is {os.fspath(directory)!r}, expected a folder")
    return sorted(
        entry
        for entry in os.listdir(directory)
        if not entry.startswith(".") and os.path.isdir(os.path.join(directory, entry))
    )


def files_below(folder, suffixes: tuple[str, ...], follow_links: bool) -> list[str]:
    """Paths, relative to the folder, of all files with these suffixes, in order."""
    found = []
    for root, _, files in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
        for file in sorted(files):
            if file.lower().endswith(suffixes):
                found.append(os.path.relpath(os.path.join(root, file), folder))
    return found


def list_by_class(name: str, directory, classes: list[str], suffixes, follow_links: bool, share=None):
    """Files of each class, relative to `directory`, and their class numbers (int32).

    Parameters
        share : (from, to) of each class's files, as fractions; all where None
    Raises    ValueError: a class without files
    """
    files, numbers = [], []
    for number, folder in enumerate(classes):
        found = files_below(os.path.join(directory, folder), suffixes, follow_links)
        if not found:
            raise ValueError(
                f"[{name}] {os.path.join(directory, folder)} holds no files, expected some that end in "
                f"{', '.join(suffixes)}"
            )
        if share is not None:
            found = found[int(share[0] * len(found)) : int(share[1] * len(found))]
        files += [os.path.join(folder, file) for file in found]
        numbers += [number] * len(found)
    return files, np.array(numbers, np.int32)


def index_directory(
    name: str, directory, labels, suffixes, class_names=None, shuffle=True, seed=None, follow_links=False
):
    """Paths, labels (int32 array, or None) and class names of a folder, in Keras's order for this seed.

    Parameters
        labels : "inferred" (a folder a class), None, or a list with a label for each file in order
        class_names : of the folders to read, in their order; all where None
    Raises    ValueError: no files, one class only, names of no folders, another number of labels
    """
    directory = os.fspath(directory)
    found = class_folders(name, directory)
    if isinstance(labels, str) and labels == "inferred":
        unknown = [c for c in class_names or () if c not in found]
        if unknown:
            raise ValueError(f"[{name}] class_names holds {', '.join(unknown)}, expected some of {found}")
        names = list(class_names) if class_names else found
        if not names:
            raise ValueError(
                f"[{name}] {directory} holds no folders, expected one for each class (or labels=None)"
            )
        files, numbers = list_by_class(name, directory, names, suffixes, follow_links)
    else:
        if class_names is not None:
            raise ValueError(f"[{name}] class_names is given, expected labels='inferred' with it")
        files = files_below(directory, suffixes, follow_links)
        names = None if labels is None else [str(label) for label in sorted(set(labels))]
        if labels is not None and len(labels) != len(files):
            raise ValueError(
                f"[{name}] labels has {len(labels)} entries, expected {len(files)}, one per file"
            )
        numbers = None if labels is None else np.array(labels, np.int32)
    if not files:
        raise ValueError(
            f"[{name}] {directory} holds no files, expected some that end in {', '.join(suffixes)}"
        )
    paths = [os.path.join(directory, file) for file in files]
    if shuffle:
        order = np.arange(len(paths))
        np.random.RandomState(seed).shuffle(order)
        paths = [paths[i] for i in order]
        numbers = None if numbers is None else numbers[order]
    return paths, numbers, names


def split_off(name: str, paths, labels, share, subset: str):
    """The training part (the first) or the validation part (the last `share`) of shuffled files."""
    if not share:
        return paths, labels
    held = int(share * len(paths))
    cut = len(paths) - held
    part = slice(0, cut) if subset == "training" else slice(cut, None)
    if not paths[part]:
        raise ValueError(
            f"[{name}] validation_split is {share} of {len(paths)} files, expected to leave both parts some"
        )
    return paths[part], None if labels is None else labels[part]


def check_split(name: str, share, subset, shuffle, seed) -> None:
    """Raises ValueError for a share, a subset or a missing seed that cannot split files in two."""
    if share and not 0 < share < 1:
        raise ValueError(f"[{name}] validation_split is {share}, expected between 0 and 1")
    if bool(share) != bool(subset):
        raise ValueError(
            f"[{name}] validation_split is {share} and subset is {subset!r}, expected both or neither"
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f"[{name}] subset is {subset!r}, expected 'training', 'validation' or 'both'")
    if share and shuffle and seed is None:
        raise ValueError(
            f"[{name}] seed is None, expected one where shuffled files are split: the parts would overlap"
        )


def whole_images(name: str, paths: list[str]) -> list[int]:
    """Which files are whole images, by reading all of them; the others are counted and named on stderr."""

    def problem(path):
        try:
            images.load_img(path)
        except images.BrokenImage as error:
            return str(error).removeprefix("[load_img] ")
        return None

    problems = list(ordered_map(problem, paths, usable_cores(), 64))
    bad = [text for text in problems if text is not None]
    if bad:
        print(f"[{name}] skipped {len(bad)} of {len(paths)} images: {'; '.join(bad)}", file=sys.stderr)
    return [i for i, text in enumerate(problems) if text is None]
