# SPDX-License-Identifier: Apache-2.0
"""`tf.math`: functions of each element, reductions, and a few that count."""

from tilewright.linalg import l2_normalize
from tilewright.nn.activations import log_softmax, softmax
from tilewright.nn.layers import in_top_k, top_k
from tilewright.suggestion import missing
from tilewright.tf import elementwise as _elementwise
from tilewright.tf import reductions as _reductions
from tilewright.tf import special as _special
from tilewright.tf.elementwise import *  # noqa: F403
from tilewright.tf.reductions import *  # noqa: F403
from tilewright.tf.special import *  # noqa: F403

__all__ = [
    "in_top_k",
    "l2_normalize",
    "log_softmax",
    "softmax",
    "top_k",
    *_elementwise.__all__,
    *_reductions.__all__,
    *_special.__all__,
]
_NO_KERNEL = "there is no kernel for it"
__getattr__ = missing(
    __name__,
    __all__,
    {
        name: _NO_KERNEL
        for name in (
            "digamma",
            "igamma",
            "igammac",
            "lbeta",
            "lgamma",
            "polygamma",
            "zeta",
        )
    },
)
