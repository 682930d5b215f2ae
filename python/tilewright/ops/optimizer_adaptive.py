# SPDX-License-Identifier: Apache-2.0
"""Steps of Adagrad, Adadelta, Adamax, Nadam, Lion and FTRL over whole lists of parameters, one call each."""

from __future__ import annotations

import numpy as np

from tilewright.ops.optimizer_arguments import gradient_options, module, one, rates, raw_list

__all__ = [
    "adadelta_update",
    "adagrad_update",
    "adamax_update",
    "ftrl_update",
    "lion_update",
    "nadam_update",
]

_DEFAULTS = {
    "beta_1": 0.0,
    "beta_2": 0.0,
    "epsilon": 0.0,
    "momentum_decay": 1.0,
    "learning_rate_power": 0.0,
    "l1_regularization": 0.0,
    "l2_regularization": 0.0,
    "l2_shrinkage": 0.0,
    "beta": 0.0,
}


def adagrad_update(
    params,
    grads,
    accumulator,
    *,
    learning_rate=1e-3,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Adagrad over lists of arrays, in place.

        accumulator += g^2;   p -= learning_rate * g / sqrt(accumulator + epsilon)

    Parameters
        params, grads, accumulator : lists of arrays, float32 or float64, alike in shape and dtype
        learning_rate : float or (1,) array of the parameters' dtype
        epsilon : under the root, as Keras has it
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and accumulator hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Duchi, Hazan & Singer, JMLR 12 (2011).
    Examples
        >>> p, a = [np.ones(1, np.float32)], [np.zeros(1, np.float32)]
        >>> adagrad_update(p, [np.full(1, 2, np.float32)], a, learning_rate=0.25, epsilon=0.0)
        >>> p[0]
        array([0.75], dtype=float32)
    """
    _update(
        "adagrad",
        params,
        grads,
        {"accumulator": accumulator},
        learning_rate,
        gradient_scale,
        {"epsilon": epsilon, "weight_decay": weight_decay},
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )


def adadelta_update(
    params,
    grads,
    mean_square,
    mean_square_step,
    *,
    learning_rate=1.0,
    rho: float = 0.95,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Adadelta over lists of arrays, in place.

        mean_square = rho * mean_square + (1 - rho) * g^2
        d = g * sqrt(mean_square_step + epsilon) / sqrt(mean_square + epsilon);   p -= learning_rate * d
        mean_square_step = rho * mean_square_step + (1 - rho) * d^2

    Parameters
        params, grads, mean_square, mean_square_step : lists of arrays, float32 or float64, alike in shape and
            dtype
        learning_rate : float or (1,) array of the parameters' dtype
        rho : decay of both means, 0 <= rho < 1;  epsilon : under both roots
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and the state lists hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Zeiler, arXiv:1212.5701. Keras and PyTorch agree on this form.
    Examples
        >>> p, a, b = [np.ones(1, np.float32)], [np.zeros(1, np.float32)], [np.ones(1, np.float32)]
        >>> adadelta_update(p, [np.ones(1, np.float32)], a, b, learning_rate=0.25, rho=0.0, epsilon=0.0)
        >>> p[0]
        array([0.75], dtype=float32)
    """
    _update(
        "adadelta",
        params,
        grads,
        {"mean_square": mean_square, "mean_square_step": mean_square_step},
        learning_rate,
        gradient_scale,
        {"beta_2": rho, "epsilon": epsilon, "weight_decay": weight_decay},
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )


def adamax_update(
    params,
    grads,
    m,
    norm,
    *,
    step,
    learning_rate=1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Adamax over lists of arrays, in place.

        m += (1 - beta_1) * (g - m);   norm = max(beta_2 * norm, |g|)
        p -= learning_rate / (1 - beta_1^step) * m / (norm + epsilon)

    Parameters
        params, grads, m, norm : lists of arrays, float32 or float64, alike in shape and dtype
        step : int or (1,) int64 array, counts from 1
        learning_rate : float or (1,) array of the parameters' dtype
        beta_1, beta_2 : decay of mean and norm, 0 <= beta < 1;  epsilon : beside the norm
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and the state lists hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Kingma & Ba, arXiv:1412.6980, section 7.1.
    Examples
        >>> p, m, u = [np.ones(1, np.float32)], [np.zeros(1, np.float32)], [np.zeros(1, np.float32)]
        >>> adamax_update(p, [np.ones(1, np.float32)], m, u, step=1, learning_rate=0.5, epsilon=0.0)
        >>> p[0]
        array([0.5], dtype=float32)
    """
    _update(
        "adamax",
        params,
        grads,
        {"m": m, "norm": norm},
        learning_rate,
        gradient_scale,
        {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "weight_decay": weight_decay},
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
        step=step,
    )


def nadam_update(
    params,
    grads,
    m,
    v,
    *,
    step,
    product,
    learning_rate=1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    momentum_decay: float = 1.0,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Nadam over lists of arrays, in place.

        m += (1 - beta_1) * (g - m);   v += (1 - beta_2) * (g^2 - v)
        u_t = beta_1 * (1 - 0.5 * 0.96^(t * momentum_decay))
        d = u_(t+1) m / (1 - product u_(t+1)) + (1 - u_t) g / (1 - product)
        p -= learning_rate * d / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Parameters
        params, grads, m, v : lists of arrays, float32 or float64, alike in shape and dtype
        step : int or (1,) int64 array, t, counts from 1
        product : float or (1,) array of the parameters' dtype: u_1 u_2 ... u_t
        learning_rate : float or (1,) array of the parameters' dtype
        beta_1, beta_2 : decay of the two means, 0 <= beta < 1;  epsilon : beside the root
        momentum_decay : 1 in Keras; 0.004 is PyTorch's default
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params, m and v hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`
    Backends  cpu
    Notes     Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
    Examples
        >>> p, m, v = [np.ones(1, np.float32)], [np.zeros(1, np.float32)], [np.zeros(1, np.float32)]
        >>> g, options = [np.ones(1, np.float32)], dict(learning_rate=0.5, beta_1=0.0, epsilon=0.0)
        >>> nadam_update(p, g, m, v, step=1, product=0.0, **options)
        >>> p[0]
        array([0.5], dtype=float32)
    """
    _update(
        "nadam",
        params,
        grads,
        {"m": m, "v": v},
        learning_rate,
        gradient_scale,
        {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "momentum_decay": momentum_decay,
            "weight_decay": weight_decay,
        },
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
        step=step,
        product=product,
    )


def lion_update(
    params,
    grads,
    m,
    *,
    learning_rate=1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of Lion over lists of arrays, in place.

        p -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g);   m = beta_2 * m + (1 - beta_2) * g

    Parameters
        params, grads, m : lists of arrays, float32 or float64, alike in shape and dtype
        learning_rate : float or (1,) array of the parameters' dtype
        beta_1, beta_2 : share of the mean in the direction, and its decay, 0 <= beta < 1
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and m hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`; a direction of 0 moves nothing, NaN makes the parameter NaN
    Backends  cpu
    Notes     Chen et al., "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675.
    Examples
        >>> p, m = [np.ones(1, np.float32)], [np.zeros(1, np.float32)]
        >>> lion_update(p, [np.full(1, 3, np.float32)], m, learning_rate=0.25)
        >>> p[0]
        array([0.75], dtype=float32)
    """
    _update(
        "lion",
        params,
        grads,
        {"m": m},
        learning_rate,
        gradient_scale,
        {"beta_1": beta_1, "beta_2": beta_2, "weight_decay": weight_decay},
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )


def ftrl_update(
    params,
    grads,
    accumulator,
    linear,
    *,
    learning_rate=1e-3,
    learning_rate_power: float = -0.5,
    l1_regularization: float = 0.0,
    l2_regularization: float = 0.0,
    l2_shrinkage: float = 0.0,
    beta: float = 0.0,
    weight_decay: float = 0.0,
    l2: float = 0.0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    global_clip_norm: float = 0.0,
    gradient_scale=None,
    maximize: bool = False,
) -> None:
    """One step of "follow the regularized leader" over lists of arrays, in place.

        a' = a + g^2;   linear += g + 2 l2_shrinkage p - (a'^-power - a^-power) / learning_rate * p;   a = a'
        p = (clip(linear, -l1, l1) - linear) / (a'^-power / learning_rate + 2 l2 + beta / learning_rate)

    Parameters
        params, grads, accumulator, linear : lists of arrays, float32 or float64, alike in shape and dtype;
            a is the accumulator, which starts above 0
        learning_rate : float or (1,) array of the parameters' dtype
        learning_rate_power : power, at most 0
        l1_regularization, l2_regularization : l1 and l2 of the formula
        l2_shrinkage : acts on the gradient alone
        beta : the paper's beta
        weight_decay, l2, clip_value, clip_norm, global_clip_norm, gradient_scale, maximize : as in
            `adam_update`
    Returns   None; params and the state lists hold the new values
    Raises    as `adam_update`
    Numerics  as `adam_update`
    Backends  cpu
    Notes     McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013.
    Examples
        >>> p, a, z = [np.zeros(1, np.float32)], [np.zeros(1, np.float32)], [np.zeros(1, np.float32)]
        >>> ftrl_update(p, [np.full(1, 2, np.float32)], a, z, learning_rate=0.5)
        >>> p[0]
        array([-0.5], dtype=float32)
    """
    _update(
        "ftrl",
        params,
        grads,
        {"accumulator": accumulator, "linear": linear},
        learning_rate,
        gradient_scale,
        {
            "learning_rate_power": learning_rate_power,
            "l1_regularization": l1_regularization,
            "l2_regularization": l2_regularization,
            "l2_shrinkage": l2_shrinkage,
            "beta": beta,
            "weight_decay": weight_decay,
        },
        gradient_options(maximize, l2, clip_value, clip_norm, global_clip_norm),
    )


def _update(
    rule, params, grads, state, learning_rate, gradient_scale, options, gradient, step=None, product=None
):
    """Calls adaptive_update; `state` holds one or two lists by the names messages use."""
    name = f"{rule}_update"
    named = {"params": params, "grads": grads, **state}
    lists = [raw_list(name, argument, arrays) for argument, arrays in named.items()]
    rate, scale = rates(name, lists, learning_rate, gradient_scale)
    module(lists).adaptive_update(
        rule,
        *(lists + [None])[:4],
        None if step is None else one(name, "step", step, np.int64, rate),
        None if product is None else one(name, "product", product, rate.dtype, rate),
        rate,
        scale,
        {**_DEFAULTS, **options, **gradient, "state_names": (*state, "b")[:2]},
    )
