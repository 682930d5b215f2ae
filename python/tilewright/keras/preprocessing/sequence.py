# SPDX-License-Identifier: Apache-2.0
"""`keras.preprocessing.sequence`: sequences padded to one length, and windows over a series."""

from __future__ import annotations

import numpy as np

from tilewright import random
from tilewright.autograd import Tensor
from tilewright.data import AUTOTUNE, Dataset
from tilewright.keras.preprocessing.skipgrams import make_sampling_table, skipgrams  # noqa: F401
from tilewright.keras.pydataset import PyDataset
from tilewright.suggestion import missing, named_arguments


@named_arguments
def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Lists of different lengths as one array (n, maxlen, ...).

    Parameters
        maxlen : the longest one's length where None
        padding, truncating : "pre" or "post": at which end sequences are filled with `value` or cut
    Raises    ValueError: no list of sequences, other words for the ends, sequences of different inner shapes
    Examples
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
        array([[0, 1],
               [3, 4]], dtype=int32)
    """
    for argument, end in (("padding", padding), ("truncating", truncating)):
        if end not in ("pre", "post"):
            raise ValueError(f"[pad_sequences] {argument} is {end!r}, expected 'pre' or 'post'")
    if not hasattr(sequences, "__len__"):
        raise ValueError("[pad_sequences] sequences has no length, expected a list of sequences")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"[pad_sequences] sequences[{i}] is {sequence!r}, expected a sequence")
    text = np.dtype(dtype).kind in "US"
    if isinstance(value, str) and not text and np.dtype(dtype) != object:
        raise ValueError(f"[pad_sequences] dtype is {dtype}, expected object for a value that is a string")
    maxlen = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    padded = np.full((len(sequences), maxlen, *inner), value, dtype=dtype)
    for i, (row, sequence) in enumerate(zip(padded, sequences, strict=True)):
        if not len(sequence) or not maxlen:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        if kept.shape[1:] != inner:
            raise ValueError(
                f"[pad_sequences] sequences[{i}] has inner shape {kept.shape[1:]}, expected {inner} as the "
                "first"
            )
        if padding == "post":
            row[: len(kept)] = kept
        else:
            row[len(row) - len(kept) :] = kept
    return padded


class TimeseriesGenerator(PyDataset):
    """Windows of `length` steps and the target that follows each, in batches.

    Parameters
        data, targets : arrays with one entry a step;  length : steps before a target
        sampling_rate : every so many steps of a window;  stride : steps between windows
        start_index, end_index : the part of the data;  shuffle : windows at random
        reverse : each window backwards
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        super().__init__()
        if len(data) != len(targets):
            raise ValueError(
                f"[TimeseriesGenerator] targets has {len(targets)} entries, expected {len(data)} as data"
            )
        self.data, self.targets, self.length = np.asarray(data), np.asarray(targets), length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise ValueError(
                f"[TimeseriesGenerator] start_index + length is {self.start_index}, expected at most "
                f"end_index, {self.end_index}: no window fits"
            )
        self._rng = random.host_generator(random.make_seed())

    def __len__(self):
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index):
        if self.shuffle:
            rows = self._rng.integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            begin = self.start_index + self.batch_size * self.stride * index
            end = min(begin + self.batch_size * self.stride, self.end_index + 1)
            rows = np.arange(begin, end, self.stride)
        steps = np.arange(-self.length, 0, self.sampling_rate)
        samples = self.data[rows[:, None] + steps]
        return samples[:, ::-1] if self.reverse else samples, self.targets[rows]


@named_arguments
def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """A Dataset of windows over a series: (n, sequence_length, ...), with the target at each window's start.

    Parameters
        data, targets : arrays with one entry a step; targets may be None
        sequence_stride : steps between windows;  sampling_rate : every so many steps within one
        batch_size : None gives single windows;  shuffle, seed : the order
        start_index, end_index : the part of the data, all where None
    Raises    ValueError: numbers out of range, no window fits
    """
    name = "timeseries_dataset_from_array"
    if format != "tf":
        raise ValueError(f"[{name}] format is {format!r}, expected 'tf'")
    data = data.numpy() if isinstance(data, Tensor) else np.asarray(data)
    start, end = start_index or 0, end_index or len(data)
    for argument, value, lowest, highest in (
        ("start_index", start, 0, len(data) - 1),
        ("end_index", end, start + 1, len(data)),
        ("sampling_rate", sampling_rate, 1, len(data) - 1),
        ("sequence_stride", sequence_stride, 1, len(data) - 1),
        ("sequence_length", sequence_length, 1, len(data)),
    ):
        if not lowest <= value <= highest:
            raise ValueError(f"[{name}] {argument} is {value}, expected {lowest} to {highest}")
    data = data[start:end]
    windows = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = (targets.numpy() if isinstance(targets, Tensor) else np.asarray(targets))[start:end]
        windows = min(windows, len(targets))
    if windows < 1:
        raise ValueError(
            f"[{name}] sequence_length is {sequence_length}, expected one that fits {len(data)} steps"
        )
    steps = np.arange(0, sequence_length * sampling_rate, sampling_rate)
    ds = Dataset.from_tensor_slices(np.arange(0, windows, sequence_stride))
    if shuffle:
        ds = ds.shuffle(len(ds), seed=seed)

    def window(position):
        at = position.numpy()
        sequence = data[at[..., None] + steps]
        return sequence if targets is None else (sequence, np.asarray(targets[at]))

    ds = ds if batch_size is None else ds.batch(batch_size)
    return ds.map(window).prefetch(AUTOTUNE)


__getattr__ = missing(__name__)
