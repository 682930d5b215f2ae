# SPDX-License-Identifier: Apache-2.0
"""Every operation as a function: raw arrays in, raw arrays out; Tensors in, Tensors out.

One module a family; each says in its `__all__` what it makes public.
"""

from tilewright.ops import _tape_methods, _tensor_methods
from tilewright.ops import attention as _attention
from tilewright.ops import conv2d as _conv2d
from tilewright.ops import conv2d_layers as _conv2d_layers
from tilewright.ops import elementwise as _elementwise
from tilewright.ops import embedding as _embedding
from tilewright.ops import loss as _loss
from tilewright.ops import matmul as _matmul
from tilewright.ops import norm as _norm
from tilewright.ops import optimizer as _optimizer
from tilewright.ops import pool2d as _pool2d
from tilewright.ops import pool2d_layers as _pool2d_layers
from tilewright.ops import random as _random
from tilewright.ops import reduce as _reduce
from tilewright.ops import rnn as _rnn
from tilewright.ops import shape as _shape
from tilewright.ops import softmax as _softmax
from tilewright.ops.attention import *  # noqa: F403
from tilewright.ops.conv2d import *  # noqa: F403
from tilewright.ops.conv2d_layers import *  # noqa: F403
from tilewright.ops.elementwise import *  # noqa: F403
from tilewright.ops.embedding import *  # noqa: F403
from tilewright.ops.loss import *  # noqa: F403
from tilewright.ops.matmul import *  # noqa: F403
from tilewright.ops.norm import *  # noqa: F403
from tilewright.ops.optimizer import *  # noqa: F403
from tilewright.ops.pool2d import *  # noqa: F403
from tilewright.ops.pool2d_layers import *  # noqa: F403
from tilewright.ops.random import *  # noqa: F403
from tilewright.ops.reduce import *  # noqa: F403
from tilewright.ops.rnn import *  # noqa: F403
from tilewright.ops.shape import *  # noqa: F403
from tilewright.ops.softmax import *  # noqa: F403
from tilewright.suggestion import missing

_tensor_methods.install()
_tape_methods.install()

__all__ = [
    name
    for family in (
        _attention,
        _conv2d,
        _conv2d_layers,
        _elementwise,
        _embedding,
        _loss,
        _matmul,
        _norm,
        _optimizer,
        _pool2d,
        _pool2d_layers,
        _random,
        _reduce,
        _rnn,
        _shape,
        _softmax,
    )
    for name in family.__all__
]
__getattr__ = missing(__name__, __all__)
