# SPDX-License-Identifier: Apache-2.0
"""Optimizer steps over whole lists of parameters, in place, one call each."""

from __future__ import annotations

import numpy as np

from tilewright.ops import optimizer_adaptive
from tilewright.ops.optimizer_adaptive import *  # noqa: F403
from tilewright.ops.optimizer_arguments import gradient_options, module, one, rates, raw_list

__all__ = ["adam_update", "rmsprop_update", "sgd_update", *optimizer_adaptive.__all__]


def adam_update(
    params,
    grads,
    m,
    v,
    *,
    v_max=None,
    step,
    learning_rate=1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Adam or AdamW over lists of arrays, in place.

        m += (1 - beta_1) * (g - m);   v += (1 - beta_2) * (g^2 - v)
        p -= learning_rate * m / (1 - beta_1^step) / (sqrt(v / (1 - beta_2^step)) + epsilon)

    Parameters
        params, grads, m, v : lists of arrays, float32 or float64, alike in shape and dtype; all but grads are
            written
        v_max : list like params, optional: amsgrad, the largest v so far takes the place of v
        step : int or (1,) int64 array, counts from 1
        learning_rate : float or (1,) array of the parameters' dtype
        beta_1, beta_2 : decay of the two means, 0 <= beta < 1
        epsilon : added to the root; beside sqrt(v / (1 - beta_2^step)) as in PyTorch and the paper's
            algorithm 1, or, with epsilon_hat, beside sqrt(v) before the correction, as in Keras and the
            paper's section 2
        weight_decay : decoupled (AdamW): p -= learning_rate * weight_decay * p first, as PyTorch and Keras do
        l2 : added to the gradient: g += l2 * p (weight_decay of PyTorch's Adam)
        clip_value, clip_norm, global_clip_norm : limits for each element, the L2 norm of each array, that of
            all; 0 is no limit (Keras's clipvalue, clipnorm, global_clipnorm)
        gradient_scale : float or (1,) array that gradients are multiplied with before anything else
        maximize : climb instead of descend
    Returns   None; params, m, v (and v_max) hold the new values
    Raises    ValueError: lists of different lengths or shapes, arrays with gaps, shared memory, a step below
              1, a rate out of range.  TypeError: other dtypes, read-only or missing lists.
    Numerics  coefficients in float64, elements in the dtype of params; norms summed in float64 in a fixed
              order
    Backends  cpu
    Notes     Kingma & Ba, arXiv:1412.6980; Loshchilov & Hutter, arXiv:1711.05101; Reddi et al.,
              arXiv:1904.09237.
    Examples
        >>> p, g = [np.ones(2, np.float32)], [np.ones(2, np.float32)]
        >>> m, v = [np.zeros(2, np.float32)], [np.zeros(2, np.float32)]
        >>> adam_update(p, g, m, v, step=1, learning_rate=0.5)
        >>> p[0]
        array([0.5, 0.5], dtype=float32)
    """
    name = "adam_update"
    lists = [
        raw_list(name, argument, arrays)
        for argument, arrays in (("params", params), ("grads", grads), ("m", m), ("v", v), ("v_max", v_max))
    ]
    options = dict(
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        epsilon_hat=epsilon_hat,
        weight_decay=weight_decay,
        **gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )
    rate, scale = rates(name, lists, learning_rate, gradient_scale)
    module(lists).adam_update(*lists, one(name, "step", step, np.int64, rate), rate, scale, options)


def sgd_update(
    params,
    grads,
    velocity=None,
    *,
    learning_rate=0.01,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    velocity_scaled: bool = False,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of stochastic gradient descent over lists of arrays, in place.

        velocity = momentum * velocity + (1 - dampening) * g;   p -= learning_rate * velocity

    With nesterov p -= learning_rate * (g + momentum * velocity).

    Parameters
        params, grads : lists of arrays, float32 or float64, alike in shape and dtype
        velocity : list like params, starts as zeros; None without momentum
        learning_rate : float or (1,) array of the parameters' dtype
        momentum, dampening : factors of the velocity and, as 1 - dampening, of the gradient in it
        nesterov : looks ahead
        velocity_scaled : velocity holds -learning_rate * g (Keras: p += velocity) instead of g (PyTorch).
            They part when the learning rate changes. PyTorch's first velocity is g itself, without dampening.
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and velocity hold the new values
    Raises    as `adam_update`; ValueError: momentum without velocity
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
              2013.
    Examples
        >>> p = [np.ones(1, np.float32)]
        >>> sgd_update(p, [np.ones(1, np.float32)], learning_rate=0.25)
        >>> p[0]
        array([0.75], dtype=float32)
    """
    name = "sgd_update"
    lists = [
        raw_list(name, argument, arrays)
        for argument, arrays in (("params", params), ("grads", grads), ("velocity", velocity))
    ]
    options = dict(
        momentum=momentum,
        dampening=dampening,
        nesterov=nesterov,
        velocity_scaled=velocity_scaled,
        weight_decay=weight_decay,
        **gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )
    module(lists).sgd_update(*lists, *rates(name, lists, learning_rate, gradient_scale), options)


def rmsprop_update(
    params,
    grads,
    mean_square,
    *,
    velocity=None,
    mean_gradient=None,
    learning_rate=1e-3,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    epsilon_inside: bool = True,
    velocity_scaled: bool = True,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of RMSprop over lists of arrays, in place.

        mean_square = rho * mean_square + (1 - rho) * g^2
        p -= learning_rate * g / sqrt(mean_square + epsilon)

    Parameters
        params, grads, mean_square : lists of arrays, float32 or float64, alike in shape and dtype
        velocity : list like params, for momentum > 0: velocity = momentum * velocity + step, p -= velocity
        mean_gradient : list like params: centered, mean_square - mean_gradient^2 takes the place of
            mean_square
        learning_rate : float or (1,) array of the parameters' dtype
        rho : decay of the means, 0 <= rho < 1
        epsilon : under the root (Keras) or, with epsilon_inside=False, beside it (PyTorch)
        velocity_scaled : velocity holds learning_rate * g / root (Keras) or, if False, g / root (PyTorch)
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and the state lists hold the new values
    Raises    as `adam_update`; ValueError: momentum without velocity
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Tieleman & Hinton, Coursera lecture 6.5, 2012; Graves, arXiv:1308.0850 (centered).
    Examples
        >>> p, s = [np.ones(1, np.float32)], [np.zeros(1, np.float32)]
        >>> rmsprop_update(p, [np.full(1, 2, np.float32)], s, learning_rate=0.1, rho=0.75, epsilon=0.0)
        >>> p[0]
        array([0.8], dtype=float32)
    """
    name = "rmsprop_update"
    lists = [
        raw_list(name, argument, arrays)
        for argument, arrays in (
            ("params", params),
            ("grads", grads),
            ("velocity", velocity),
            ("mean_square", mean_square),
            ("mean_gradient", mean_gradient),
        )
    ]
    options = dict(
        rho=rho,
        momentum=momentum,
        epsilon=epsilon,
        epsilon_inside=epsilon_inside,
        velocity_scaled=velocity_scaled,
        weight_decay=weight_decay,
        **gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )
    module(lists).rmsprop_update(*lists, *rates(name, lists, learning_rate, gradient_scale), options)
