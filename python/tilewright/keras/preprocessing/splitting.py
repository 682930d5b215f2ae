# SPDX-License-Identifier: Apache-2.0
"""split_dataset: data in two parts, as two Datasets."""

from __future__ import annotations

from tilewright import random
from tilewright.data import Dataset


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two Datasets of the samples of arrays (alone, in tuples or dicts), a list of samples, or a Dataset.

    Parameters
        left_size, right_size : numbers of samples, or shares between 0 and 1; one of them is enough
        shuffle : draws the samples of the parts at random;  seed : of it
        preferred_backend : accepted, without effect: there is one kind of Dataset
    Raises    ValueError: sizes that are missing or do not fit.  TypeError: other data
    """
    if isinstance(dataset, Dataset):
        elements = list(dataset.as_numpy_iterator())
    elif isinstance(dataset, list) and not any(hasattr(part, "shape") for part in dataset):
        elements = dataset
    elif isinstance(dataset, (tuple, list, dict)) or hasattr(dataset, "shape"):
        elements = list(Dataset.from_tensor_slices(dataset).as_numpy_iterator())
    else:
        raise TypeError(
            f"[split_dataset] dataset is a {type(dataset).__name__}, expected arrays, a list or a Dataset"
        )
    left, right = _sizes(len(elements), left_size, right_size)
    order = range(len(elements))
    if shuffle:
        order = random.host_generator(random.make_seed() if seed is None else seed).permutation(len(elements))
    picked = [elements[i] for i in order]
    return _of(picked[:left]), _of(picked[len(picked) - right :])


def _of(elements: list) -> Dataset:
    return Dataset.from_generator(lambda: iter(elements)).describe(count=len(elements))


def _sizes(n: int, left, right) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError("[split_dataset] left_size and right_size are None, expected at least one of them")
    for name, size in (("left_size", left), ("right_size", right)):
        whole = isinstance(size, int) and 0 < size < n
        if size is not None and not whole and not (isinstance(size, float) and 0 < size < 1):
            raise ValueError(
                f"[split_dataset] {name} is {size!r}, expected an int from 1 to {n - 1}, or a share"
            )
    counts = [round(size * n) if isinstance(size, float) else size for size in (left, right)]
    counts[0] = n - counts[1] if counts[0] is None else counts[0]
    counts[1] = n - counts[0] if counts[1] is None else counts[1]
    if min(counts) < 1 or sum(counts) > n:
        raise ValueError(
            f"[split_dataset] left_size {left} and right_size {right} are {counts[0]} and {counts[1]} "
            f"samples, expected parts of {n}, each with one at least"
        )
    return counts[0], counts[1]
