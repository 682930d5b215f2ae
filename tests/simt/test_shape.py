# SPDX-License-Identifier: Apache-2.0
"""The shape and embedding kernels on the emulator: the tests of tests/ops, and both ways to add rows."""

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
from ops.test_shape_affine import (  # noqa: F401
    MAPS,
    MODES,
    test_bytes_give_the_bits_of_their_floats,
    test_every_border_is_scipys,
    test_places_that_are_no_numbers_are_outside,
    test_strides_matrices_of_three_rows_and_out,
)

from tilewright import _cpu, _simt

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "n, vocabulary, width", [(1, 1, 1), (33, 5, 40), (300, 7, 33), (2100, 50, 3), (2049, 9, 34)]
)
def test_rows_are_added_in_the_order_of_ids(n, vocabulary, width, dtype):
    """Few ids read by every warp, many sorted first: the bits of the CPU, which adds one after another."""
    rng = np.random.default_rng(1)
    dy, start = (
        rng.standard_normal((n, width)).astype(dtype),
        rng.standard_normal((vocabulary, width)).astype(dtype),
    )
    for ids in (
        rng.integers(0, vocabulary, n),
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32) % vocabulary,
    ):
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


@pytest.mark.parametrize(
    "size, made, channels, modes",
    [((5, 7), (6, 8), 1, MODES), ((5, 7), (6, 8), 4, MODES), ((33, 31), (29, 37), 3, ("reflect",))],
)
def test_a_maps_gradient_has_the_same_bits_under_every_schedule(size, made, channels, modes):
    """Few taps and more than one sorted tile of them; all places near one pixel; places that reach none."""
    rng = np.random.default_rng(3)
    dy = rng.standard_normal((3, *made, channels)).astype(np.float32)
    squeezed = np.array([[0.01, 0.0, 2.0], [0.0, 0.01, 3.0]])
    away = np.array([[1.0, 0.0, 1000.0], [0.0, 1.0, 0.0]])
    for mode in modes:
        for maps in (MAPS, squeezed, away):
            want, bits = _affine_gradient(_cpu, dy, maps, size, mode), set()
            for schedule in SCHEDULES[:3]:
                _simt.set_schedule(schedule)
                got = _affine_gradient(_simt, dy, maps, size, mode)
                np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5, err_msg=mode)
                bits.add(got.tobytes())
            assert len(bits) == 1, mode


def _affine_gradient(module, dy, maps, size, mode):
    dx = np.full((dy.shape[0], *size, dy.shape[3]), np.nan, np.float32)
    maps = maps[None] if maps.ndim == 2 else maps
    module.affine_transform_backward(dx, dy, maps, "bilinear", mode)
    return dx


def test_the_gradient_of_many_images_is_sorted_in_batches():
    """An image takes 1024 entries at least and a batch 2^20."""
    dy = np.random.default_rng(4).standard_normal((1030, 1, 2, 1)).astype(np.float32)
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.25]])
    got, want = (_affine_gradient(module, dy, shift, (1, 3), "nearest") for module in (_simt, _cpu))
    np.testing.assert_array_equal(got, want)
