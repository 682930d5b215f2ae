# SPDX-License-Identifier: Apache-2.0
"""Turns, shifts, shears and zooms as one 2x3 matrix, put together the way Keras 2's image generator does."""

from __future__ import annotations

import math

import numpy as np


def image_map(
    rows, cols, theta=0.0, tx=0.0, ty=0.0, shear=0.0, zx=1.0, zy=1.0, flip_rows=False, flip_cols=False
):
    """From places of the result to places of the image, in rows and columns: R T S Z about the centre, flips.

    Keras builds the matrix for (x, y), with the number of rows as the extent of x, and exchanges the axes at
    the end; both are kept, so images that are not square turn about the point that Keras turns them about.

    Parameters
        theta, shear : degrees;  tx, ty : pixels;  zx, zy : factors
        flip_rows, flip_cols : the result is turned upside down, or left to right
    Returns   (2, 3) float64
    """
    m = np.eye(3)
    if theta:
        c, s = math.cos(math.radians(theta)), math.sin(math.radians(theta))
        m = m @ [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    if tx or ty:
        m = m @ [[1, 0, tx], [0, 1, ty], [0, 0, 1]]
    if shear:
        c, s = math.cos(math.radians(shear)), math.sin(math.radians(shear))
        m = m @ [[1, -s, 0], [0, c, 0], [0, 0, 1]]
    if zx != 1 or zy != 1:
        m = m @ np.diag([zx, zy, 1.0])
    centre = np.array([rows / 2 - 0.5, cols / 2 - 0.5])
    m[:2, 2] += centre - m[:2, :2] @ centre
    m = m[[1, 0, 2]][:, [1, 0, 2]]
    if flip_rows:
        m = m @ [[-1, 0, rows - 1], [0, 1, 0], [0, 0, 1]]
    if flip_cols:
        m = m @ [[1, 0, 0], [0, -1, cols - 1], [0, 0, 1]]
    return m[:2]


def whitening(x: np.ndarray, epsilon: float) -> np.ndarray:
    """The matrix that makes features of x (n, features) uncorrelated and of variance 1, close to x (ZCA)."""
    u, s, _ = np.linalg.svd(x.T, full_matrices=False)
    return ((u * (math.sqrt(len(x)) / (s + epsilon))) @ u.T).astype(x.dtype)
