# SPDX-License-Identifier: Apache-2.0
"""The functions at TensorFlow's root (`tf.reshape`, `tf.reduce_mean`, ...), one module a group.

`tilewright.names` lists every one of them; `import tilewright as tf` finds them there when first used. All of
them turn their arguments into Tensors, compute through `tilewright.ops` and give Tensors, with TensorFlow's
argument names, defaults and dtypes. `name=` is accepted everywhere and changes nothing.
"""
