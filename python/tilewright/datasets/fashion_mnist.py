# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST: 60,000 and 10,000 images of clothes, 28x28 (Xiao et al., arXiv:1708.07747; MIT)."""

from __future__ import annotations

from tilewright.datasets._files import KERAS_FILES, data_folder, find, folders, obtain
from tilewright.datasets.mnist import FILES, read_folder

LABELS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
# The MD5 sums that its authors publish, in the order of FILES.
_MD5 = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)


def load_data(path=None):
    """Fashion-MNIST as ((x_train, y_train), (x_test, y_test)): uint8 images (n, 28, 28) and labels (n,).

    Parameters
        path : folder of the four .gz files; where None, $TILEWRIGHT_DATA/fashion_mnist, the cache, or fetched
    Raises    FileNotFoundError: a file is missing.  ValueError: a file is truncated.  OSError: no connection
    """
    name = "fashion_mnist"
    if path is not None:
        return read_folder(name, data_folder(name, path))
    folder = find(name, FILES)
    if folder is None:
        for file, md5 in zip(FILES, _MD5, strict=True):
            obtain(name, file, KERAS_FILES + file, md5)
        folder = find(name, FILES) or folders(name)[-1]
    return read_folder(name, folder)
