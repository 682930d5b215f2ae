# SPDX-License-Identifier: Apache-2.0
"""The activations of neural networks, each as a function and all by name."""

from __future__ import annotations

from tilewright.ops import elementwise_copy
from tilewright.ops.elementwise_unary import FLOATS, NUMBERS, apply, number


@NUMBERS
def relu(x, *, out=None):
    """y = max(x, 0), NaN for NaN. The gradient at 0 is 0.

    Examples
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    return apply("relu", x, out, integers=True)


@FLOATS
def relu6(x, *, out=None):
    """y = min(max(x, 0), 6). The gradient at 0 and 6 is 0."""
    return apply("relu6", x, out)


@FLOATS
def leaky_relu(x, slope: float = 0.2, *, out=None):
    """y = x above 0, else slope * x. The default slope is Keras's; PyTorch's is 0.01."""
    return apply("leaky_relu", x, out, number("leaky_relu", "slope", slope))


@FLOATS
def elu(x, alpha: float = 1.0, *, out=None):
    """y = x above 0, else alpha * (e ** x - 1).

    Notes     Clevert et al., arXiv:1511.07289.
    """
    return apply("elu", x, out, number("elu", "alpha", alpha))


@FLOATS
def sigmoid(x, *, out=None):
    """y = 1 / (1 + e ** -x)."""
    return apply("sigmoid", x, out)


@FLOATS
def tanh(x, *, out=None):
    """Hyperbolic tangent."""
    return apply("tanh", x, out)


@FLOATS
def softplus(x, *, out=None):
    """y = log(1 + e ** x), without overflow."""
    return apply("softplus", x, out)


@FLOATS
def silu(x, *, out=None):
    """y = x * sigmoid(x), also called swish."""
    return apply("silu", x, out)


@FLOATS
def gelu(x, *, approximate: bool = False, out=None):
    """y = x * P(normal variable <= x).

        exact        x / 2 * (1 + erf(x / sqrt(2)))                           PyTorch's and Keras's default
        approximate  x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))    JAX's default, GPT-2

    Notes     Hendrycks & Gimpel, arXiv:1606.08415.
    Examples
        >>> gelu(np.array([0.0, 100.0]))
        array([  0., 100.])
    """
    return apply("gelu_tanh" if approximate else "gelu", x, out)


@FLOATS
def gelu_tanh(x, *, out=None):
    """`gelu` in its tanh form."""
    return apply("gelu_tanh", x, out)


ACTIVATIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "gelu",
    "gelu_tanh",
    "silu",
    "softplus",
)
_DEFAULT_SLOPE = {"leaky_relu": 0.2, "elu": 1.0}


def activation_name(name: str, activation, slope=None) -> tuple[str, float]:
    """The table's name of an activation and its constant. Raises ValueError for an unknown one.

    None is "linear" and "swish" is "silu"; slope None is leaky_relu's 0.2 or elu's alpha of 1."""
    activation = {None: "linear", "swish": "silu"}.get(activation, activation)
    if activation != "linear" and activation not in ACTIVATIONS:
        raise ValueError(
            f"[{name}] activation is {activation!r}, expected None or one of {', '.join(ACTIVATIONS)}"
        )
    return activation, _DEFAULT_SLOPE.get(activation, 0.0) if slope is None else number(name, "slope", slope)


def activation(x, name, slope=None, *, out=None):
    """The activation called `name`.

    Parameters
        x : float32 or float64 array
        name : None or "linear" (x itself), "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu",
            "gelu_tanh", "silu" or "swish", "softplus"
        slope : leaky_relu's slope (0.2 if None), elu's alpha (1 if None)
        out : like x, optional; may be x
    Returns   y : like x
    Raises    ValueError: an unknown name.  TypeError: x is no array, other dtypes.
    Backends  cpu
    Examples
        >>> activation(np.array([-1.0, 2.0]), "relu")
        array([0., 2.])
    """
    name, p = activation_name("activation", name, slope)
    if name != "linear":
        return apply(name, x, out, p)
    if out is None:
        return x
    return elementwise_copy.copy(x, out=out)
