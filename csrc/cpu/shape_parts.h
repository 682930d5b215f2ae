// SPDX-License-Identifier: Apache-2.0
// What the shape family's drivers share: fill_shape (shape.cpp) enters these into the table.
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

// shape_resize.cpp
void resize_forward(const View& y, const View& x, Resize method, bool align_corners, Stream);
void resize_backward(const View& dx, const View& dy, Resize method, bool align_corners, Stream);

// shape_affine.cpp
void affine_transform_forward(const View& y, const View& x, const View& matrices, const AffineParams&, Stream);
void affine_transform_backward(const View& dx, const View& dy, const View& matrices, const AffineParams&, Stream);

}  // namespace tilewright::cpu
