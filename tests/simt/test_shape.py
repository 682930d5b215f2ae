# SPDX-License-Identifier: Apache-2.0
"""The shape and embedding kernels on the emulator: the operation tests of tests/ops, and both ways to add rows."""

import numpy as np
import pytest

from ops.test_embedding import (  # noqa: F401
    test_every_size,
    test_large_ids_are_named_by_the_first,
    test_tables_and_ids_of_any_strides,
)
from ops.test_shape import (  # noqa: F401
    test_every_dtype_moves_unchanged,
    test_indexing_with_one_array,
    test_no_share_of_infinity_is_taken,
    test_out_may_be_strided,
    test_resize_agrees_with_pytorch,
)
from tilewright import _cpu, _simt

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, vocabulary, width", [(1, 1, 1), (33, 5, 40), (300, 7, 33), (2100, 50, 3), (2049, 9, 34)])
def test_rows_are_added_in_the_order_of_ids(n, vocabulary, width, dtype):
    """Few ids read by every warp, many sorted first: the same bits as the CPU, which adds one after another."""
    rng = np.random.default_rng(1)
    dy, start = rng.standard_normal((n, width)).astype(dtype), rng.standard_normal((vocabulary, width)).astype(dtype)
    for ids in (rng.integers(0, vocabulary, n), np.zeros(n, np.int32), np.arange(n, dtype=np.int32) % vocabulary):
        want = start.copy()
        _cpu.embedding_scatter_add(want, dy, ids)
        for schedule in SCHEDULES[:3]:
            _simt.set_schedule(schedule)
            got = start.copy()
            _simt.embedding_scatter_add(got, dy, ids)
            assert got.tobytes() == want.tobytes()


def test_an_id_out_of_range_touches_no_foreign_memory_and_is_named():
    table, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match=r"\[embedding\] ids has value 9 at \(1,\), expected 0 to 2"):
        _simt.embedding_gather(y, table, np.array([0, 9, -5, 2]))
    assert np.array_equal(y, table[[0, 2, 0, 2]])  # brought into range
    _simt.embedding_gather(y, table, np.array([0, 1, 1, 2]))  # and forgotten
