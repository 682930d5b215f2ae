# SPDX-License-Identifier: Apache-2.0
"""Where every public name of `import tilewright as tf` lives. Nothing here is imported until it is used."""

from __future__ import annotations

# Submodules that are themselves public names: tf.nn, tf.keras, ...
MODULES = {
    name: f"tilewright.{name}"
    for name in (
        "config", "cuda", "data", "datasets", "debug", "debugging", "image", "keras", "linalg", "math",
        "io", "nest", "nn", "plots", "random", "strings", "train",
    )
} | {
    "dtypes": "tilewright.tf.dtypes",
    "initializers": "tilewright.keras.initializers",
    "losses": "tilewright.keras.losses",
    "metrics": "tilewright.keras.metrics",
    "optimizers": "tilewright.keras.optimizers",
}  # fmt: skip

# Module -> what it gives to the root.
_FROM = {
    "tilewright.devices": "device",
    "tilewright.linalg": "norm",
    "tilewright.profiling": "profile",
    "tilewright.recording": "record",
    "tilewright.tensor_shape": "TensorShape",
    "tilewright.tensor_spec": "TensorSpec",
    "tilewright.tf.clipping": "clip_by_global_norm clip_by_norm",
    "tilewright.tf.control": (
        "TensorArray case cond foldl foldr group map_fn no_op scan switch_case vectorized_map while_loop"
    ),
    "tilewright.tf.creation": (
        "constant convert_to_tensor ensure_shape eye fill get_static_value identity is_tensor linspace "
        "meshgrid one_hot ones ones_like range rank sequence_mask shape shape_n size zeros zeros_like"
    ),
    "tilewright.tf.dtypes": (
        "DType as_dtype bool cast double float16 float32 float64 half int16 int32 int64 int8 saturate_cast "
        "string uint16 uint32 uint64 uint8"
    ),
    "tilewright.tf.elementwise": (
        "abs acosh add add_n asinh atanh clip_by_value cos cosh divide equal exp floor greater "
        "greater_equal less less_equal logical_and logical_not logical_or maximum minimum multiply "
        "negative not_equal pow round sigmoid sign sin sinh sqrt square subtract tan tanh truediv"
    ),
    "tilewright.tf.function": "executing_eagerly function numpy_function py_function",
    "tilewright.tf.gradients": "UnconnectedGradients custom_gradient grad_pass_through stop_gradient",
    "tilewright.tf.module": "Module",
    "tilewright.tf.printing": "print",
    "tilewright.tf.products": "einsum matmul tensordot",
    "tilewright.tf.reductions": (
        "argmax argmin cumsum reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min "
        "reduce_prod reduce_sum"
    ),
    "tilewright.tf.selection": (
        "IndexedSlices argsort boolean_mask gather gather_nd scatter_nd sort tensor_scatter_nd_add "
        "tensor_scatter_nd_sub tensor_scatter_nd_update unique unique_with_counts where"
    ),
    "tilewright.tf.shapes": (
        "broadcast_dynamic_shape broadcast_static_shape broadcast_to concat expand_dims pad repeat reshape "
        "reverse roll slice split squeeze stack strided_slice tile transpose unstack"
    ),
    "tilewright.tf.special": "acos asin atan atan2",
    "tilewright.methods": "conv2d_method set_conv2d_method",
    "tilewright.threads": "num_threads set_num_threads",
    "tilewright.variable": "Variable",
}
FUNCTIONS = {name: module for module, names in _FROM.items() for name in names.split()}

# Other spellings: name -> (module, name there).
ALIASES = {
    "Assert": ("tilewright.debugging", "Assert"),
    "assert_equal": ("tilewright.debugging", "assert_equal"),
    "assert_greater": ("tilewright.debugging", "assert_greater"),
    "assert_less": ("tilewright.debugging", "assert_less"),
    "assert_rank": ("tilewright.debugging", "assert_rank"),
    "bfloat16": ("tilewright.tf.dtypes", "bfloat16"),
    "constant_initializer": ("tilewright.keras.initializers", "Constant"),
    "floordiv": ("tilewright.tf.elementwise", "floordiv"),
    "mod": ("tilewright.tf.elementwise", "floormod"),
    "ones_initializer": ("tilewright.keras.initializers", "Ones"),
    "random_normal_initializer": ("tilewright.keras.initializers", "RandomNormal"),
    "random_uniform_initializer": ("tilewright.keras.initializers", "RandomUniform"),
    "zeros_initializer": ("tilewright.keras.initializers", "Zeros"),
}
NAMES = frozenset({*MODULES, *FUNCTIONS, *ALIASES, "newaxis"})


def find(name: str):
    """The object behind a public name. Raises AttributeError that suggests the near one."""
    from importlib import import_module, util

    if name in MODULES:
        return import_module(MODULES[name])
    if name in FUNCTIONS:
        return getattr(import_module(FUNCTIONS[name]), name)
    if name in ALIASES:
        module, attribute = ALIASES[name]
        return getattr(import_module(module), attribute)
    if util.find_spec(f"tilewright.{name}") is not None:
        return import_module(f"tilewright.{name}")
    from tilewright import suggestion

    known = {*NAMES, "GradientTape", "Tensor", "ops", "set_device"}
    raise suggestion.error_for("tilewright", name, known)
