# SPDX-License-Identifier: Apache-2.0
"""Optimizer steps as the papers write them, on lists of arrays. Runs on NumPy and, unchanged, on CuPy.

Each returns the new lists and leaves its arguments alone, so results can be compared.
"""

from tilewright.reference._namespace import namespace_of


def _norm(xp, arrays):
    return xp.sqrt(sum((a * a).sum() for a in arrays))


def prepared(
    params, grads, *, gradient_scale=None, maximize=False, clip_value=0, clip_norm=0, global_clip_norm=0, l2=0
):
    """Gradients as an update uses them: scaled, clipped, with the L2 penalty's share."""
    xp = namespace_of(*grads)
    sign = -1.0 if maximize else 1.0
    grads = [g * sign * (1.0 if gradient_scale is None else gradient_scale) for g in grads]
    if clip_norm:
        grads = [g * clip_norm / xp.maximum(_norm(xp, [g]), clip_norm) for g in grads]
    if global_clip_norm:
        norm = xp.maximum(_norm(xp, grads), global_clip_norm)
        grads = [g * global_clip_norm / norm for g in grads]
    if clip_value:
        grads = [xp.clip(g, -clip_value, clip_value) for g in grads]
    return [g + l2 * p for g, p in zip(grads, params, strict=True)]


def adam_update(
    params,
    grads,
    m,
    v,
    *,
    v_max=None,
    step,
    learning_rate=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    epsilon_hat=False,
    weight_decay=0.0,
    **gradient,
):
    """(params, m, v, v_max) after one step of Adam."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    m = [beta_1 * mi + (1 - beta_1) * g for mi, g in zip(m, grads, strict=True)]
    v = [beta_2 * vi + (1 - beta_2) * g * g for vi, g in zip(v, grads, strict=True)]
    if v_max is not None:
        v_max = [xp.maximum(a, b) for a, b in zip(v_max, v, strict=True)]
    correction_1, correction_2 = 1 - beta_1**step, 1 - beta_2**step
    new = []
    for p, mi, vi in zip(params, m, v if v_max is None else v_max, strict=True):
        if epsilon_hat:
            update = xp.sqrt(correction_2) / correction_1 * mi / (xp.sqrt(vi) + epsilon)
        else:
            update = mi / correction_1 / (xp.sqrt(vi / correction_2) + epsilon)
        new.append(p - learning_rate * weight_decay * p - learning_rate * update)
    return new, m, v, v_max


def sgd_update(
    params,
    grads,
    velocity=None,
    *,
    learning_rate=0.01,
    momentum=0.0,
    dampening=0.0,
    nesterov=False,
    velocity_scaled=False,
    weight_decay=0.0,
    **gradient,
):
    """(params, velocity) after one step of gradient descent."""
    grads = prepared(params, grads, **gradient)
    params = [p - learning_rate * weight_decay * p for p in params]
    if velocity is None:
        return [p - learning_rate * g for p, g in zip(params, grads, strict=True)], None
    rate = -learning_rate if velocity_scaled else 1.0
    velocity = [momentum * u + (1 - dampening) * rate * g for u, g in zip(velocity, grads, strict=True)]
    step = 1.0 if velocity_scaled else -learning_rate
    if nesterov:
        moves = [step * momentum * u - learning_rate * g for u, g in zip(velocity, grads, strict=True)]
    else:
        moves = [step * u for u in velocity]
    return [p + move for p, move in zip(params, moves, strict=True)], velocity


def rmsprop_update(
    params,
    grads,
    mean_square,
    *,
    velocity=None,
    mean_gradient=None,
    learning_rate=1e-3,
    rho=0.9,
    momentum=0.0,
    epsilon=1e-7,
    epsilon_inside=True,
    velocity_scaled=True,
    weight_decay=0.0,
    **gradient,
):
    """(params, mean_square, velocity, mean_gradient) after one step of RMSprop."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    mean_square = [rho * s + (1 - rho) * g * g for s, g in zip(mean_square, grads, strict=True)]
    spread = mean_square
    if mean_gradient is not None:
        mean_gradient = [rho * a + (1 - rho) * g for a, g in zip(mean_gradient, grads, strict=True)]
        spread = [s - a * a for s, a in zip(mean_square, mean_gradient, strict=True)]
    roots = [xp.sqrt(s + epsilon) if epsilon_inside else xp.sqrt(s) + epsilon for s in spread]
    steps = [(learning_rate if velocity_scaled else 1.0) * g / r for g, r in zip(grads, roots, strict=True)]
    if velocity is not None:
        velocity = steps = [momentum * u + s for u, s in zip(velocity, steps, strict=True)]
    rate = 1.0 if velocity_scaled else learning_rate
    params = [p - learning_rate * weight_decay * p - rate * s for p, s in zip(params, steps, strict=True)]
    return params, mean_square, velocity, mean_gradient


def adagrad_update(
    params, grads, accumulator, *, learning_rate=1e-3, epsilon=1e-7, weight_decay=0.0, **gradient
):
    """(params, accumulator) after one step of Adagrad."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    accumulator = [a + g * g for a, g in zip(accumulator, grads, strict=True)]
    moves = [learning_rate * g / xp.sqrt(a + epsilon) for a, g in zip(accumulator, grads, strict=True)]
    return _moved(params, moves, learning_rate * weight_decay), accumulator


def adadelta_update(
    params,
    grads,
    mean_square,
    mean_square_step,
    *,
    learning_rate=1.0,
    rho=0.95,
    epsilon=1e-7,
    weight_decay=0.0,
    **gradient,
):
    """(params, mean_square, mean_square_step) after one step of Adadelta."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    mean_square = [rho * a + (1 - rho) * g * g for a, g in zip(mean_square, grads, strict=True)]
    steps = [
        g * xp.sqrt(b + epsilon) / xp.sqrt(a + epsilon)
        for g, a, b in zip(grads, mean_square, mean_square_step, strict=True)
    ]
    mean_square_step = [rho * b + (1 - rho) * d * d for b, d in zip(mean_square_step, steps, strict=True)]
    moves = [learning_rate * d for d in steps]
    return _moved(params, moves, learning_rate * weight_decay), mean_square, mean_square_step


def adamax_update(
    params,
    grads,
    m,
    norm,
    *,
    step,
    learning_rate=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    weight_decay=0.0,
    **gradient,
):
    """(params, m, norm) after one step of Adamax."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    m = [beta_1 * mi + (1 - beta_1) * g for mi, g in zip(m, grads, strict=True)]
    norm = [xp.maximum(beta_2 * u, abs(g)) for u, g in zip(norm, grads, strict=True)]
    rate = learning_rate / (1 - beta_1**step)
    moves = [rate * mi / (u + epsilon) for mi, u in zip(m, norm, strict=True)]
    return _moved(params, moves, learning_rate * weight_decay), m, norm


def nadam_update(
    params,
    grads,
    m,
    v,
    *,
    step,
    product,
    learning_rate=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    momentum_decay=1.0,
    weight_decay=0.0,
    **gradient,
):
    """(params, m, v) after one step of Nadam."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    now, ahead = (beta_1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1))
    m = [beta_1 * mi + (1 - beta_1) * g for mi, g in zip(m, grads, strict=True)]
    v = [beta_2 * vi + (1 - beta_2) * g * g for vi, g in zip(v, grads, strict=True)]
    moves = [
        learning_rate
        * (ahead * mi / (1 - product * ahead) + (1 - now) * g / (1 - product))
        / (xp.sqrt(vi / (1 - beta_2**step)) + epsilon)
        for mi, vi, g in zip(m, v, grads, strict=True)
    ]
    return _moved(params, moves, learning_rate * weight_decay), m, v


def lion_update(
    params, grads, m, *, learning_rate=1e-3, beta_1=0.9, beta_2=0.99, weight_decay=0.0, **gradient
):
    """(params, m) after one step of Lion."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    moves = [learning_rate * xp.sign(beta_1 * mi + (1 - beta_1) * g) for mi, g in zip(m, grads, strict=True)]
    m = [beta_2 * mi + (1 - beta_2) * g for mi, g in zip(m, grads, strict=True)]
    return _moved(params, moves, learning_rate * weight_decay), m


def ftrl_update(
    params,
    grads,
    accumulator,
    linear,
    *,
    learning_rate=1e-3,
    learning_rate_power=-0.5,
    l1_regularization=0.0,
    l2_regularization=0.0,
    l2_shrinkage=0.0,
    beta=0.0,
    weight_decay=0.0,
    **gradient,
):
    """(params, accumulator, linear) after one step of FTRL."""
    grads = prepared(params, grads, **gradient)
    xp = namespace_of(*params)
    power, rate = -learning_rate_power, learning_rate
    params = [p - rate * weight_decay * p for p in params]
    sums = [a + g * g for a, g in zip(accumulator, grads, strict=True)]
    linear = [
        z + g + 2 * l2_shrinkage * p - (s**power - a**power) / rate * p
        for z, g, p, s, a in zip(linear, grads, params, sums, accumulator, strict=True)
    ]
    params = [
        (xp.clip(z, -l1_regularization, l1_regularization) - z)
        / (s**power / rate + 2 * l2_regularization + beta / rate)
        for z, s in zip(linear, sums, strict=True)
    ]
    return params, sums, linear


def _moved(params, moves, decay):
    return [p - decay * p - move for p, move in zip(params, moves, strict=True)]
