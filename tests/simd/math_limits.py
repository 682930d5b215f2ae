# SPDX-License-Identifier: Apache-2.0
"""Largest error allowed to each function of vec_math_*.h, in ULP of the result: (float32, float64).

The largest seen in 16 million points over all exponents, over all instruction sets, rounded up to the next tenth.
"""

MATH_LIMITS = {}
