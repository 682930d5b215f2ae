# SPDX-License-Identifier: Apache-2.0
"""Calls of `keras.ops` that are compared with Keras: a function's name, its arguments, its options.

Several entries stand where an argument changes what is done. Arrays are Tensors to each library.
"""

import numpy as np


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


X = normal(3, 4, 6)
Y = normal(3, 4, 6, seed=1)
P = np.abs(X) + 0.5
INSIDE = np.tanh(X)
INDICES = np.array([2, 0, 1], np.int32)
WHOLE = np.random.default_rng(2).integers(-4, 9, (3, 4)).astype(np.int32)
OTHER = np.random.default_rng(3).integers(1, 5, (3, 4)).astype(np.int32)
BITS = np.abs(WHOLE)
HOLES = np.where(normal(3, 4, 6, seed=4) > 0.8, np.nan, X)
EMPTY_ROW = np.where(np.arange(3)[:, None] == 1, np.nan, X[:, :, 0])
SPECIAL = np.array([0.0, -1.0, 2.5, np.inf, -np.inf, np.nan], np.float32)
IMAGES, STEPS = normal(2, 7, 6, 4), normal(2, 9, 4)
FIRST = normal(2, 8, 7, 6)
SQUARE = normal(2, 4, 4) + 3 * np.eye(4, dtype=np.float32)
POSITIVE = SQUARE @ SQUARE.swapaxes(1, 2)
TALL = normal(2, 5, 3)

ELEMENTWISE = [
    ("abs", (X,), {}), ("absolute", (WHOLE,), {}), ("add", (X, Y), {}), ("add", (X, WHOLE[:, :, None]), {}),
    ("add", (WHOLE, 2.5), {}), ("arccos", (INSIDE,), {}), ("arccosh", (P + 1,), {}),
    ("arcsin", (INSIDE,), {}), ("arcsinh", (X,), {}), ("arctan", (X * 5,), {}), ("arctan", (WHOLE,), {}),
    ("arctan2", (X, Y), {}), ("arctanh", (X / 4,), {}), ("cast", (X * 3, "int32"), {}), ("cbrt", (X,), {}),
    ("ceil", (X,), {}), ("clip", (X, -0.5, 0.5), {}), ("copy", (X,), {}), ("cos", (X,), {}),
    ("cosh", (X,), {}), ("deg2rad", (X,), {}), ("divide", (X, P), {}), ("divide", (WHOLE, OTHER), {}),
    ("divide_no_nan", (X, np.where(Y > 0, Y, 0).astype(np.float32)), {}), ("equal", (WHOLE, OTHER), {}),
    ("erf", (X,), {}), ("erfc", (X * 3,), {}), ("erfinv", (INSIDE,), {}), ("exp", (X,), {}),
    ("exp", (WHOLE,), {}), ("exp2", (X,), {}), ("expm1", (X,), {}), ("fabs", (WHOLE,), {}),
    ("floor", (X,), {}), ("floor_divide", (X, P), {}), ("floor_divide", (WHOLE, OTHER), {}),
    ("fmax", (HOLES, Y), {}), ("fmin", (HOLES, Y), {}), ("fmod", (X * 5, P), {}),
    ("fmod", (WHOLE, OTHER), {}), ("greater", (X, Y), {}), ("greater_equal", (X, 0.1), {}),
    ("heaviside", (np.round(X), P), {}), ("hypot", (X, Y), {}), ("isclose", (X, X + 1e-7), {}),
    ("isfinite", (SPECIAL,), {}), ("isinf", (SPECIAL,), {}), ("isnan", (SPECIAL,), {}),
    ("isneginf", (SPECIAL,), {}), ("isposinf", (SPECIAL,), {}), ("isreal", (X,), {}),
    ("ldexp", (X[:, :, 0], WHOLE), {}), ("less", (WHOLE, 2), {}), ("less_equal", (X, Y), {}),
    ("log", (P,), {}), ("log10", (P,), {}), ("log1p", (P,), {}), ("log2", (P,), {}),
    ("logaddexp", (X, Y), {}), ("logaddexp2", (X, Y), {}), ("logical_and", (X > 0, Y > 0), {}),
    ("logical_not", (X > 0,), {}), ("logical_or", (WHOLE, OTHER), {}), ("logical_xor", (X > 0, X > 0.5), {}),
    ("maximum", (X, Y), {}), ("maximum", (WHOLE, 0), {}), ("minimum", (X, 0.3), {}), ("mod", (X, P), {}),
    ("mod", (WHOLE, OTHER), {}), ("multiply", (X, Y), {}), ("nan_to_num", (SPECIAL,), {}),
    ("nan_to_num", (SPECIAL,), {"nan": 1.0, "posinf": 2.0, "neginf": 3.0}), ("negative", (X,), {}),
    ("not_equal", (WHOLE, OTHER), {}), ("power", (P, Y), {}), ("power", (P, 2.0), {}), ("rad2deg", (X,), {}),
    ("reciprocal", (P,), {}), ("round", (X,), {}), ("round", (X, 2), {}), ("rsqrt", (P,), {}),
    ("saturate_cast", (X * 200, "uint8"), {}), ("sign", (X,), {}), ("signbit", (X,), {}), ("sin", (X,), {}),
    ("sinc", (np.where(X > 1, 0, X).astype(np.float32),), {}), ("sinh", (X,), {}), ("sqrt", (P,), {}),
    ("sqrt", (OTHER,), {}), ("square", (X,), {}), ("subtract", (X, Y), {}), ("tan", (X,), {}),
    ("tanh", (X,), {}), ("true_divide", (X, P), {}), ("trunc", (X * 3,), {}), ("where", (X > 0, X, Y), {}),
    ("where", (X > 0, X, 0.0), {}),
]  # fmt: skip
REDUCTIONS = [
    ("all", (X > -1,), {"axis": 1}), ("amax", (X, 1), {}), ("amin", (X,), {}), ("any", (X > 1, (0, 2)), {}),
    ("argmax", (X,), {}), ("argmax", (X, -1), {}), ("argmin", (X,), {"axis": 1, "keepdims": True}),
    ("average", (X,), {}), ("average", (X, 1), {}), ("average", (X, 2, normal(6, seed=5) + 3), {}),
    ("bincount", (BITS[0],), {}), ("bincount", (BITS,), {"minlength": 12}),
    ("bincount", (BITS[0],), {"weights": P[0, 0, :4]}), ("corrcoef", (X[0],), {}),
    ("count_nonzero", (WHOLE,), {"axis": 1}), ("cumprod", (X,), {"axis": 1}), ("cumsum", (X,), {}),
    ("cumsum", (X, 2), {}), ("cumsum", (WHOLE, 1), {}), ("diff", (X,), {}), ("diff", (X, 2, 1), {}),
    ("histogram", (X[0, 0],), {}), ("histogram", (X[0, 1], 5, (-1.0, 1.5)), {}), ("logsumexp", (X,), {}),
    ("logsumexp", (X, 1), {"keepdims": True}), ("max", (X, 1), {}), ("max", (X, 1), {"initial": 0.5}),
    ("mean", (X, (0, 1)), {}), ("mean", (WHOLE,), {}), ("median", (X,), {}), ("median", (X, 1, True), {}),
    ("min", (WHOLE, 0), {}), ("moments", (X, [0, 2]), {}), ("nanargmax", (HOLES, 1), {}),
    ("nanargmin", (HOLES, 2), {}), ("nancumprod", (HOLES, 1), {}), ("nancumsum", (HOLES, 2), {}),
    ("nanmax", (HOLES, 1), {}), ("nanmean", (HOLES, 2), {}), ("nanmean", (EMPTY_ROW, 1), {}),
    ("nanmedian", (HOLES, 1), {}), ("nanmin", (HOLES,), {}), ("nanpercentile", (HOLES, 30.0, 2), {}),
    ("nanprod", (HOLES, 1), {}), ("nanquantile", (HOLES, 0.3, 1), {"keepdims": True}),
    ("nanstd", (HOLES, 2), {}), ("nansum", (HOLES, (0, 1)), {}), ("nanvar", (HOLES,), {}),
    ("percentile", (X, 37.5, 1), {}), ("prod", (X, 1), {}), ("prod", (WHOLE, 0), {}), ("ptp", (X, 1), {}),
    ("quantile", (X, 0.35), {}), ("quantile", (X, np.array([0.1, 0.5, 1.0], np.float32), 2), {}),
    ("quantile", (X, 0.3, 1), {"method": "lower", "keepdims": True}),
    ("quantile", (X, 0.3, 1, "higher"), {}), ("quantile", (X, 0.3, 1, "midpoint"), {}),
    ("quantile", (X, 0.3, 1, "nearest"), {}), ("std", (X,), {}), ("std", (X, 1), {"keepdims": True}),
    ("sum", (X, -1), {}), ("sum", (WHOLE,), {}), ("trapezoid", (X,), {}),
    ("trapezoid", (X,), {"dx": 0.5, "axis": 1}), ("trapezoid", (X, np.cumsum(P[0, 0])), {}),
    ("var", (X,), {}), ("var", (X, (0, 2)), {}),
]  # fmt: skip
SHAPES = [
    ("append", (X, Y), {}), ("append", (X, Y, 1), {}), ("array_split", (X, 4), {"axis": 2}),
    ("broadcast_to", (X[:1], (3, 4, 6)), {}), ("concatenate", ([X, Y],), {"axis": 1}),
    ("depth_to_space", (IMAGES, 2), {}), ("depth_to_space", (FIRST, 2, "channels_first"), {}),
    ("diag", (X[0, 0],), {}), ("diag", (X[0, 0], -2), {}), ("diag", (X[0], 1), {}),
    ("diagflat", (X[0], 1), {}), ("diagonal", (X,), {}), ("diagonal", (X, 1, 1, 2), {}),
    ("diagonal", (X, -1), {"axis1": 2, "axis2": 0}), ("dsplit", (X, 3), {}), ("dstack", ([X[0], Y[0]],), {}),
    ("expand_dims", (X, (0, 2)), {}), ("extract_sequences", (X, 3, 2), {}), ("flip", (X,), {}),
    ("flip", (X, 1), {}), ("fliplr", (X,), {}), ("flipud", (X,), {}), ("full_like", (X, 2.5), {}),
    ("hsplit", (X, 2), {}), ("hsplit", (X[0, 0], [2, 3]), {}), ("hstack", ([X[0], Y[0]],), {}),
    ("moveaxis", (X, 0, 2), {}), ("ones_like", (X,), {}), ("pad", (X, ((1, 0), (0, 2), (1, 1))), {}),
    ("pad", (X, ((1, 1), (0, 1), (2, 0)), "constant", 2.0), {}),
    ("pad", (X, ((0, 0), (2, 0), (0, 3))), {"mode": "reflect"}), ("ravel", (X,), {}),
    ("rearrange", (X, "a b c -> c (a b)"), {}),
    ("rearrange", (X, "a (b d) (c e) -> a b c (d e)"), {"d": 2, "e": 3}), ("repeat", (X, 2), {"axis": 1}),
    ("repeat", (X, 3), {}), ("reshape", (X, (-1, 8)), {}), ("roll", (X, 2), {"axis": 1}),
    ("roll", (X, 5), {}), ("rot90", (X,), {}), ("rot90", (X, 3, (1, 2)), {}), ("rot90", (X, 2, (2, 0)), {}),
    ("space_to_depth", (IMAGES[:, :6], 2), {}),
    ("space_to_depth", (FIRST[:, :, :6], 2), {"data_format": "channels_first"}),
    ("split", (X, 2), {"axis": 1}), ("split", (X, [1, 4]), {"axis": 2}),
    ("squeeze", (X[:, :1],), {"axis": 1}), ("stack", ([X, Y],), {"axis": 1}), ("swapaxes", (X, 0, 2), {}),
    ("tile", (X, (2, 1, 2)), {}), ("tile", (X, 2), {}), ("trace", (X,), {}), ("trace", (X, 1, 1, 2), {}),
    ("transpose", (X,), {}), ("transpose", (X, (1, 0, 2)), {}), ("tril", (X,), {}), ("triu", (X,), {"k": 1}),
    ("unstack", (X,), {"axis": 1}), ("view", (X, "int32"), {}), ("vsplit", (X, 3), {}),
    ("vstack", ([X[0, 0], Y[0, 0]],), {}), ("zeros_like", (X,), {}),
]  # fmt: skip
SELECTION = [
    ("argsort", (X,), {}), ("argsort", (X,), {"axis": None}),
    ("digitize", (X, np.array([-1.0, 0.0, 0.5], np.float32)), {}), ("get_item", (X, 1), {}),
    ("in_top_k", (INDICES, X[:, 0], 2), {}), ("isin", (WHOLE, [1, 2, 8]), {}),
    ("isin", (WHOLE, OTHER), {"invert": True}), ("multi_hot", (BITS, 9), {}), ("one_hot", (INDICES, 4), {}),
    ("one_hot", (INDICES, 4), {"axis": 0, "dtype": "int32"}),
    ("scatter", (np.array([[0, 1], [2, 0], [0, 1]], np.int32), X[0, 0, :3], (3, 2)), {}),
    ("scatter", (INDICES[:, None], X, (5, 4, 6)), {}),
    ("scatter_update", (X[0], np.array([[0, 1], [2, 3]], np.int32), Y[0, 0, :2]), {}),
    ("scatter_update", (X, INDICES[:2, None], Y[:2]), {}), ("searchsorted", (np.sort(X[0, 0]), Y), {}),
    ("searchsorted", (np.array([1, 1, 3, 5], np.int32), WHOLE, "right"), {}),
    ("segment_max", (X, INDICES, 4), {}), ("segment_min", (X[:, 0], np.array([0, 2, 0], np.int32)), {}),
    ("segment_prod", (X, np.array([1, 1, 0], np.int32), 3), {}),
    ("segment_sum", (X, np.array([1, -1, 1], np.int32), 3), {}), ("segment_sum", (WHOLE, INDICES), {}),
    ("select", ([X > 1, X > 0], [X, Y]), {"default": -1.0}), ("slice", (X, (0, 1, 2), (2, 2, 3)), {}),
    ("slice_update", (X, (1, 0, 2), Y[:2, :2, :3]), {}),
    ("slice_update", (X, np.array([1, 2, 0], np.int32), Y[:2, :2]), {}), ("sort", (X,), {}),
    ("sort", (X, 0), {}), ("take", (X, INDICES, 1), {}), ("take", (X, INDICES), {}),
    ("take_along_axis", (X, np.argsort(X, 1), 1), {}), ("top_k", (X, 3), {}), ("unique", (WHOLE,), {}),
    ("unravel_index", (np.array([5, 17, 71], np.int32), (3, 4, 6)), {}),
]  # fmt: skip
REDUCED_UPDATES = [
    ("scatter_update", (X[0], np.array([[0, 1], [2, 3], [0, 1]], np.int32), Y[0, 0, :3], reduction), {})
    for reduction in ("add", "max", "min", "mul")
]
PRODUCTS = [
    ("cdist", (X, Y), {}), ("correlate", (X[0, 0], Y[0, 0, :3]), {}),
    ("correlate", (X[0, 0], Y[0, 0, :4], "same"), {}), ("correlate", (X[0, 0], Y[0, 0, :3], "full"), {}),
    ("cross", (X[0, :, :3], Y[0, :, 3:]), {}), ("cross", (X[:, :3], Y[:, 1:]), {"axis": 1}),
    ("dot", (X, X[0].T.copy()), {}), ("dot", (X[0], X[0, 0]), {}), ("einsum", ("ijk,ljk->il", X, Y), {}),
    ("einsum", ("bij->bji", X), {}), ("inner", (X, Y[0]), {}), ("inner", (X[0, 0], Y[0, 0]), {}),
    ("kron", (X[0], Y[:2, :2, 0]), {}), ("kron", (X[0, 0], Y[0]), {}), ("matmul", (X, X[0].T.copy()), {}),
    ("outer", (X[0, 0], X[0, 1]), {}), ("tensordot", (X, X[0].T.copy()), {"axes": 1}),
    ("vander", (X[0, 0],), {}), ("vander", (X[0, 0], 3), {"increasing": True}),
    ("vdot", (X[0, 0], Y[0, 0]), {}),
]  # fmt: skip
LINEAR_ALGEBRA = [
    ("cholesky", (POSITIVE,), {}), ("cholesky", (POSITIVE,), {"upper": True}),
    ("cholesky_inverse", (np.linalg.cholesky(POSITIVE),), {}), ("det", (SQUARE,), {}),
    ("inv", (SQUARE,), {}), ("logdet", (POSITIVE,), {}), ("lstsq", (TALL[0], normal(5, 2)), {}),
    ("lu_factor", (SQUARE,), {}), ("matrix_rank", (SQUARE,), {}), ("norm", (X[0],), {}),
    ("norm", (X,), {"axis": -1, "keepdims": True}), ("norm", (X,), {"ord": 1, "axis": 1}),
    ("norm", (X, -np.inf, 2), {}), ("norm", (X, 3, 2), {}), ("norm", (X, 0, 2), {}),
    ("norm", (X, "fro", (1, 2)), {}), ("norm", (X, 1, (0, 2)), {"keepdims": True}),
    ("norm", (X, np.inf, (0, 2)), {}), ("norm", (X, 2, (1, 2)), {}),
    ("norm", (X, "nuc", (2, 1)), {"keepdims": True}), ("pinv", (TALL,), {}), ("slogdet", (SQUARE,), {}),
    ("solve", (SQUARE, normal(2, 4, 3)), {}), ("solve", (SQUARE, normal(2, 4)), {}),
    ("solve_triangular", (SQUARE, normal(2, 4, 2)), {}),
    ("solve_triangular", (SQUARE, normal(2, 4, 2)), {"lower": True}),
    ("svd", (TALL,), {"compute_uv": False}),
]  # fmt: skip
ACTIVATIONS = [
    ("celu", (X,), {"alpha": 1.5}), ("elu", (X, 0.7), {}), ("gelu", (X,), {}), ("gelu", (X, False), {}),
    ("glu", (X,), {}), ("glu", (X, 1), {}), ("hard_shrink", (X,), {}), ("hard_sigmoid", (X,), {}),
    ("hard_silu", (X,), {}), ("hard_tanh", (X,), {}), ("leaky_relu", (X, 0.3), {}),
    ("log_sigmoid", (X,), {}), ("log_softmax", (X,), {}), ("normalize", (X,), {}),
    ("normalize", (X,), {"axis": 1, "order": 1}), ("relu", (X,), {}), ("relu6", (X * 5,), {}),
    ("selu", (X,), {}), ("sigmoid", (X,), {}), ("silu", (X,), {}), ("soft_shrink", (X,), {}),
    ("softmax", (X, 1), {}), ("softmax", (X, (0, 2)), {}), ("softplus", (X,), {}), ("softsign", (X,), {}),
    ("sparse_plus", (X * 2,), {}), ("sparse_sigmoid", (X * 2,), {}), ("squareplus", (X,), {}),
    ("squareplus", (X, 2), {}), ("stop_gradient", (X,), {}), ("tanh_shrink", (X,), {}),
    ("threshold", (X, 0.2, -1.0), {}),
]  # fmt: skip
Q, K, V = normal(2, 5, 4, 8), normal(2, 7, 4, 8, seed=1), normal(2, 7, 4, 8, seed=2)
SEEN = np.random.default_rng(1).random((2, 1, 5, 7)) > 0.3
SEEN[..., 0] = True
LAYERS = [
    ("adaptive_average_pool", (IMAGES, (3, 4)), {}), ("adaptive_average_pool", (STEPS, 4), {}),
    ("adaptive_average_pool", (FIRST, 3, "channels_first"), {}), ("adaptive_max_pool", (IMAGES, 3), {}),
    ("adaptive_max_pool", (STEPS, 2), {}), ("average_pool", (STEPS, 2, 1), {}),
    ("average_pool", (IMAGES, (3, 2)), {"padding": "same"}),
    ("batch_normalization", (X, X[0, 0], P[0, 0], -1), {}),
    ("batch_normalization", (X, X[0, :, 0], P[0, :, 0], 1, Y[0, :, 0], Y[1, :, 0], 0.1), {}),
    ("binary_crossentropy", ((X > 0) * np.float32(1), INSIDE / 2 + 0.5), {}),
    ("categorical_crossentropy", (P / P.sum(-1, keepdims=True), X, True), {}),
    ("conv", (STEPS, normal(3, 4, 5)), {"padding": "same"}), ("conv", (IMAGES, normal(3, 2, 4, 5), 2), {}),
    ("conv", (IMAGES, normal(3, 2, 2, 6)), {"dilation_rate": (1, 2)}),
    ("conv", (FIRST, normal(3, 2, 8, 5)), {"data_format": "channels_first"}),
    ("conv_transpose", (STEPS, normal(3, 5, 4), 2), {}),
    ("conv_transpose", (IMAGES, normal(3, 2, 5, 4), 2, "same"), {}),
    ("conv_transpose", (IMAGES, normal(3, 3, 5, 4), 2, "same", 1), {}),
    ("depthwise_conv", (STEPS, normal(3, 4, 2)), {}),
    ("depthwise_conv", (IMAGES, normal(3, 3, 4, 2), 2, "same"), {}),
    ("dot_product_attention", (Q, K, V), {}), ("dot_product_attention", (Q, K, V), {"is_causal": True}),
    ("dot_product_attention", (Q, K, V), {"mask": SEEN, "scale": 0.3}),
    ("dot_product_attention", (Q, K, V), {"mask": SEEN, "is_causal": True}),
    ("dot_product_attention", (Q, K, V, normal(2, 4, 5, 7)), {}),
    ("fold", (normal(2, 12, 20), (6, 5), 2), {}),
    ("fold", (normal(2, 12, 4), (6, 5), 2), {"padding": 1, "stride": (3, 3), "dilation": 2}),
    ("layer_normalization", (X,), {}), ("layer_normalization", (X, X[0, 0], Y[0, 0]), {"epsilon": 0.1}),
    ("layer_normalization", (X, X[0], Y[0], (1, 2)), {}), ("max_pool", (IMAGES, 2), {"padding": "same"}),
    ("max_pool", (STEPS, 3, 2), {}), ("psnr", (X, Y, 4.0), {}),
    ("rms_normalization", (X,), {"epsilon": 1e-5}), ("rms_normalization", (X, X[0, 0]), {"epsilon": 1e-3}),
    ("separable_conv", (IMAGES, normal(3, 3, 4, 2), normal(1, 1, 8, 5)), {"padding": "same"}),
    ("separable_conv", (STEPS, normal(3, 4, 2), normal(1, 8, 5), 2), {}),
    ("sparse_categorical_crossentropy", (np.array([1, 2, 0, 3]), X[0], True), {}),
    ("unfold", (FIRST, 2), {}),
    ("unfold", (FIRST, (3, 2)), {"padding": (1, 2), "stride": 2, "dilation": (1, 2)}),
]  # fmt: skip
BIT_BY_BIT = [
    (name, (BITS, OTHER), {})
    for name in ("bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
                 "gcd", "lcm",
                 "left_shift", "right_shift")
] + [("bitwise_not", (WHOLE,), {}), ("bitwise_invert", (WHOLE,), {}), ("nextafter", (X, Y), {})]  # fmt: skip
CASES = [
    *ELEMENTWISE, *REDUCTIONS, *SHAPES, *SELECTION, *REDUCED_UPDATES, *PRODUCTS, *LINEAR_ALGEBRA,
    *ACTIVATIONS, *LAYERS, *BIT_BY_BIT,
]  # fmt: skip
