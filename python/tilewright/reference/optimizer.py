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
