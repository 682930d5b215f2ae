# SPDX-License-Identifier: Apache-2.0
"""Largest error allowed to each function of vec_math_*.h, in ULP of the result: (float32, float64).

Each is the largest seen in 6 million points (half of them over all exponents, half over the range that
matters) on every instruction set, rounded up to the next tenth. The scalar body has no fused multiply-add and
sets most.
"""

MATH_LIMITS = {
    "exp": (0.9, 0.9),
    "exp2": (1.1, 1.1),
    "expm1": (1.5, 1.6),
    "exp_nonpositive": (2.2, 0.9),  # 1.9 where multiply-add is fused
    "sigmoid": (2.0, 2.1),
    "tanh": (1.1, 2.0),
    "log": (0.9, 0.9),
    "log2": (1.5, 1.4),
    "log1p": (1.4, 0.9),
    "softplus": (1.6, 1.6),
    "rsqrt": (1.5, 1.5),
    "erf": (2.0, 1.3),
    "erfc": (3.5, 5.6),
    "normal_cdf": (3.2, 5.6),
    "sin": (1.5, 0.8),
    "cos": (1.5, 0.8),
    "sin_far": (1.5, 0.8),  # up to 2e6, past the end of the vector reduction
    "cos_far": (1.5, 0.8),
    "pow": (2.1, 1.1),
}
