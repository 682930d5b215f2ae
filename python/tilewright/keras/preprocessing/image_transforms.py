# SPDX-License-Identifier: Apache-2.0
"""How ImageDataGenerator changes an image: parameters drawn at random, and the map of pixels they mean."""

from __future__ import annotations

import numpy as np

from tilewright.data import augmentation

_IDENTITY = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}


def draw(options, rows: int, cols: int, rng) -> dict:
    """The parameters of one change.

    Parameters
        options : has the ranges and flips of ImageDataGenerator;  rng : a numpy.random.Generator
    """

    def either_side(limit):
        return rng.uniform(-limit, limit) if limit else 0.0

    drawn = {
        "theta": either_side(options.rotation_range),
        "tx": _shift(rng, options.height_shift_range, rows),
        "ty": _shift(rng, options.width_shift_range, cols),
        "shear": either_side(options.shear_range),
    }
    zoomed = options.zoom_range[0] != 1 or options.zoom_range[1] != 1
    drawn["zx"], drawn["zy"] = rng.uniform(*options.zoom_range, 2).tolist() if zoomed else (1.0, 1.0)
    drawn["flip_horizontal"] = bool(rng.random() < 0.5) and bool(options.horizontal_flip)
    drawn["flip_vertical"] = bool(rng.random() < 0.5) and bool(options.vertical_flip)
    shifted = options.channel_shift_range != 0
    drawn["channel_shift_intensity"] = either_side(options.channel_shift_range) if shifted else None
    drawn["brightness"] = None if options.brightness_range is None else rng.uniform(*options.brightness_range)
    return drawn


def _shift(rng, limit, size) -> float:
    """Pixels to shift by: `limit` a share of the size, a number of pixels, or a list of them."""
    if isinstance(limit, (list, tuple, np.ndarray)):
        shares = all(-1 < value < 1 for value in limit)
        pixels = float(rng.choice(np.asarray(limit, float))) * rng.choice((-1, 1))
        return pixels * size if shares else pixels
    if not limit:
        return 0.0
    if isinstance(limit, (int, np.integer)):
        return float(rng.integers(limit) * rng.choice((-1, 1)))
    pixels = rng.uniform(-limit, limit)
    return pixels * size if limit < 1 else pixels


def moves(transform: dict) -> bool:
    """Whether pixels change their places."""
    flips = transform.get("flip_horizontal") or transform.get("flip_vertical")
    return bool(flips) or any(transform.get(name, still) != still for name, still in _IDENTITY.items())


def map_of(transform: dict, rows: int, cols: int):
    """The affine map of a change, for `ops.affine_transform`."""
    moved = {name: transform.get(name, still) for name, still in _IDENTITY.items()}
    return augmentation.image_map(
        rows,
        cols,
        **moved,
        flip_rows=bool(transform.get("flip_vertical")),
        flip_cols=bool(transform.get("flip_horizontal")),
    )
