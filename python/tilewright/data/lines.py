# SPDX-License-Identifier: Apache-2.0
"""Files of text, a line an element."""

from __future__ import annotations

import gzip

import numpy as np

from tilewright.data.dataset import Dataset
from tilewright.tensor_spec import TensorSpec
from tilewright.text_values import text_array

_OPENERS = {None: open, "": open, "GZIP": gzip.open}


class TextLineDataset(Dataset):
    """The lines of files, one file after another, without the ends of lines.

    Parameters
        filenames : a name, several, or a Dataset of names
        compression_type : None, "" or "GZIP"
    Raises   ValueError: another compression.  FileNotFoundError: when it comes to a file that is not there
    """

    def __init__(
        self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None
    ):
        if compression_type not in _OPENERS:
            raise ValueError(
                f"[TextLineDataset] compression_type is {compression_type!r}, expected None, '' or 'GZIP'"
            )
        opened = _OPENERS[compression_type]

        def start():
            groups = filenames if isinstance(filenames, Dataset) else (filenames,)
            for path in (str(p) for group in groups for p in text_array(group).reshape(-1)):
                with opened(path, "rt", encoding="utf-8", newline="\n") as lines:
                    for line in lines:
                        yield np.array(line.removesuffix("\n").removesuffix("\r"), object)

        super().__init__(start, spec=TensorSpec((), np.dtype(object)))
