# SPDX-License-Identifier: Apache-2.0
"""PyDataset: batches by number, as a program defines them. Keras 2 calls it Sequence."""

from __future__ import annotations


class PyDataset:
    """Define `__len__`, the number of batches, and `__getitem__(index)`: (x, y) or (x, y, sample_weight).

    Parameters
        workers : threads that make batches ahead of training; 1 makes each when it is needed
        use_multiprocessing : accepted; threads do the work
        max_queue_size : batches made in advance at most
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing = workers, use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index):
        raise NotImplementedError(f"[{type(self).__name__}] __getitem__ is not defined")

    def __len__(self):
        raise NotImplementedError(f"[{type(self).__name__}] __len__ is not defined")

    @property
    def num_batches(self) -> int:
        """The number of batches."""
        return len(self)

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    on_epoch_begin = on_epoch_end


Sequence = PyDataset
