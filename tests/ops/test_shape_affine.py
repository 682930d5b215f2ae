# SPDX-License-Identifier: Apache-2.0
"""Images read through affine maps: cases for the catalogue, scipy.ndimage as the judge, bytes, odd places."""

import numpy as np
import pytest

import tilewright as tw
from ops.harness import Bad, Case, compare, f32
from tilewright import ops
from tilewright.reference import shape as reference

MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "grid-constant", "grid-wrap")


def turned(degrees, zoom=1.0, shift=(0.0, 0.0), centre=(2.0, 3.0)):
    t = np.deg2rad(degrees)
    m = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) * zoom
    return np.concatenate([m, (centre - m @ centre + shift)[:, None]], axis=1)


def warped(rng):
    return rng.standard_normal((3, 5, 7, 3)), MAPS


MAPS = np.stack([turned(33, 1.4), turned(-80, 2.7, (1.25, -6.0)), turned(5, 0.6, (7.7, 11.1))])
BAD = [
    Bad(lambda: (f32(2, 3), f32(2, 3)), ValueError, "images has shape (2, 3), expected 4 dimensions"),
    Bad(lambda: (f32(2, 3, 3, 1), f32(3, 2)), ValueError, "matrices has shape (3, 2), expected (2, 3)"),
    Bad(
        lambda: (f32(2, 3, 3, 1), f32(3, 2, 3)),
        ValueError,
        "matrices has shape (3, 2, 3), expected (2, 2, 3)",
    ),
    Bad(lambda: (f32(2, 3, 3, 1), np.ones((2, 3), np.int64)), TypeError, "matrices has dtype int64"),
    Bad(lambda: (np.ones((2, 3, 3, 1), np.int32), f32(2, 3)), TypeError, "images has dtype int32"),
    Bad(lambda: (f32(1, 3, 3, 1), f32(2, 3)), ValueError, "fill_mode is 'edge'", {"fill_mode": "edge"}),
    Bad(
        lambda: (f32(1, 3, 3, 1), f32(2, 3)),
        ValueError,
        "interpolation is 'cubic'",
        {"interpolation": "cubic"},
    ),
    Bad(
        lambda: (f32(1, 0, 3, 1), f32(2, 3)), ValueError, "at least 1 row and column", {"output_size": (2, 2)}
    ),
    Bad(lambda: (f32(1, 3, 3, 1), f32(2, 3)), ValueError, "output_size is 3", {"output_size": 3}),
]

CASES = [
    *(
        Case(
            f"affine_transform-{mode}-{interpolation}",
            "shape",
            ["affine_transform_forward"],
            ops.affine_transform,
            reference.affine_transform,
            warped,
            {"fill_mode": mode, "interpolation": interpolation, "fill_value": 0.7},
            differentiable=[0],
            second_order=interpolation == "bilinear",
            bad=BAD if mode == "constant" and interpolation == "bilinear" else (),
        )
        for mode in MODES
        for interpolation in ("bilinear", "nearest")
    ),
    Case(
        "affine_transform-output_size",
        "shape",
        ["affine_transform_forward"],
        ops.affine_transform,
        reference.affine_transform,
        lambda rng: (rng.standard_normal((2, 5, 7, 9)), turned(20, 0.7)),
        {"output_size": (8, 3)},
        differentiable=[0],
    ),
    Case(
        "affine_transform_backward",
        "shape",
        ["affine_transform_backward"],
        ops.affine_transform_backward,
        reference.affine_transform_backward,
        lambda rng: (rng.standard_normal((3, 4, 9, 2)), MAPS, (5, 7)),
        {"fill_mode": "reflect"},
        differentiable=[0],
        second_order=True,
        bad=[
            Bad(lambda: (f32(2, 3), f32(2, 3), (2, 2)), ValueError, "dy has shape (2, 3), expected 4 dim"),
            Bad(lambda: (f32(1, 2, 2, 1), f32(2, 3), (0, 2)), ValueError, "at least 1 row and column"),
        ],
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation,order", [("nearest", 0), ("bilinear", 1)])
@pytest.mark.parametrize("shape", [(5, 7), (1, 6), (4, 1), (2, 2), (1, 1)])
def test_every_border_is_scipys(mode, interpolation, order, shape):
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is a judge, not a dependency")
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1, *shape, 2))
    maps = [turned(*rng.uniform((-180, 0.2), (180, 4)), rng.uniform(-20, 20, 2)) for _ in range(4)]
    maps += [np.array([[1.0, 0, s], [0, 1, -s]]) for s in (0, 1, -1, 2, -3, 5, -7, 14, 0.5, -1.5, 3.25)]
    for m in maps:
        got = ops.affine_transform(
            x, m, fill_mode=mode, interpolation=interpolation, fill_value=-2.5, output_size=(6, 8)
        )
        for c in range(2):
            want = ndimage.affine_transform(
                x[0, :, :, c], m[:, :2], m[:, 2], (6, 8), order=order, mode=mode, cval=-2.5, prefilter=False
            )
            compare(got[0, :, :, c], want, "shape", np.float64, f"{mode} {shape} by {m.tolist()}")


@pytest.mark.parametrize("channels", [1, 3, 4, 8, 17])
def test_bytes_give_the_bits_of_their_floats(channels, isa):
    x = np.random.default_rng(5).integers(0, 256, (3, 5, 7, channels)).astype(np.uint8)
    for mode in MODES:
        got = ops.affine_transform(x, MAPS.astype(np.float32), fill_mode=mode, fill_value=9)
        want = ops.affine_transform(
            x.astype(np.float32), MAPS.astype(np.float32), fill_mode=mode, fill_value=9
        )
        assert got.dtype == np.float32 and (got == want).all()


def test_places_that_are_no_numbers_are_outside():
    x = f32(1, 3, 3, 1)
    for mode in MODES:
        for bad in (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e18):
            m = np.array([[1, 0, bad], [0, 1, 0]])
            y = ops.affine_transform(x, m, fill_mode=mode, fill_value=0)
            assert np.isin(y, (0, 1)).all(), (mode, bad)


def test_no_share_of_infinity_is_taken():
    x = np.array([1, np.inf, 2, np.nan], np.float32).reshape(1, 1, 4, 1)
    shift = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert np.array_equal(
        ops.affine_transform(x, shift, fill_mode="grid-constant", fill_value=np.inf), x, equal_nan=True
    )


def test_strides_matrices_of_three_rows_and_out():
    x = np.random.default_rng(6).standard_normal((3, 8, 7, 3)).astype(np.float32)
    maps = np.concatenate([MAPS, np.broadcast_to([[[0, 0, 1.0]]], (3, 1, 3))], axis=1)
    want = ops.affine_transform(x[:, ::-2].copy(), MAPS)
    assert (ops.affine_transform(x[:, ::-2], maps) == want).all()
    assert (ops.affine_transform(x[:, ::-2], maps.transpose(0, 2, 1).copy().transpose(0, 2, 1)) == want).all()
    out = np.zeros((3, 4, 14, 3), np.float32)
    assert ops.affine_transform(x[:, ::-2], maps, out=out[:, :, ::2]).base is out
    assert (out[:, :, ::2] == want).all() and not out[:, :, 1::2].any()
    assert isinstance(ops.affine_transform(tw.Tensor(x.astype(np.uint8)), MAPS), tw.Tensor)
    assert ops.affine_transform(x[:0], MAPS[:1]).shape == (0, 8, 7, 3)
    assert ops.affine_transform(x, MAPS, output_size=(0, 4)).shape == (3, 0, 4, 3)
