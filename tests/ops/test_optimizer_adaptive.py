# SPDX-License-Identifier: Apache-2.0
"""Adagrad, Adadelta, Adamax, Nadam, Lion and FTRL against the references and PyTorch."""

import numpy as np
import pytest

from ops.harness import Bad, Case
from ops.test_optimizer import WHY, bad_lists, f32, flat, in_place, lists, start, torch_run, zeros_like
from tilewright import _cpu, ops
from tilewright.reference import optimizer as reference

# rule -> number of state lists, those that may not be negative, arguments that the call needs
RULES = {
    "adagrad": (1, (2,), {}),
    "adadelta": (2, (2, 3), {}),
    "adamax": (2, (3,), {"step": 3}),
    "nadam": (2, (3,), {"step": 3, "product": 0.2}),
    "lion": (1, (), {}),
    "ftrl": (2, (2,), {}),
}


def case(rule, name, **kwargs):
    states, positive, needed = RULES[rule]
    public, judge = getattr(ops, f"{rule}_update"), getattr(reference, f"{rule}_update")
    run = in_place(public, ())

    def function(*arrays, **options):
        written, _ = run(*arrays, **options)
        return flat([written[0], *written[2:]])

    function.__doc__, function.__name__ = public.__doc__, public.__name__

    def expected(*arrays, **options):
        return flat(judge(*arrays, **options))

    def inputs(rng):
        made = lists(rng, 2 + states, positive=positive)
        # Squares of gradients start above 0: the roots of tiny sums would magnify the last bit.
        return tuple([a + 0.5 for a in group] if i in positive else group for i, group in enumerate(made))

    return Case(
        f"{rule}{name}",
        "optimizer",
        ["adaptive_update"],
        function,
        expected,
        inputs,
        {"learning_rate": 0.1, **needed, **kwargs},
        differentiable=WHY,
    )


def bad_case(rule):
    states, _, needed = RULES[rule]
    faults = bad_lists(states)
    if "step" in needed:
        faults.append(
            Bad(_ones(states), ValueError, f"[{rule}_update] step is 0, expected at least 1", {"step": 0})
        )
    if rule in ("adamax", "nadam", "lion"):
        faults.append(Bad(_ones(states), ValueError, "beta_1 is -0.5", {"beta_1": -0.5}))
    if rule == "adadelta":
        faults.append(Bad(_ones(states), ValueError, "rho is 1.0", {"rho": 1.0}))
        faults.append(
            Bad(
                lambda: ([f32(1)], [f32(1)], [f32(1)], None),
                TypeError,
                "mean_square_step is None, expected a list",
            )
        )
    if rule == "ftrl":
        faults.append(
            Bad(_ones(states), ValueError, "-learning_rate_power is -1", {"learning_rate_power": 1.0})
        )
    return Case(
        f"{rule}_bad_input",
        "optimizer",
        ["adaptive_update"],
        getattr(ops, f"{rule}_update"),
        getattr(reference, f"{rule}_update"),
        lambda rng: (),
        {},
        differentiable=WHY,
        dtypes=(),
        bad=[Bad(b.args, b.error, b.message, {**needed, **b.kwargs}) for b in faults],
    )


def _ones(states):
    return lambda: tuple([f32(1)] for _ in range(2 + states))


CASES = [
    case("adagrad", ""),
    case("adagrad", "_decayed", weight_decay=0.1, clip_value=0.5, gradient_scale=0.5),
    case("adadelta", ""),
    case("adadelta", "_clipped", rho=0.5, epsilon=1e-3, clip_norm=0.7, weight_decay=0.1),
    case("adamax", ""),
    case("adamax", "_clipped", beta_2=0.5, global_clip_norm=1.5, weight_decay=0.1, maximize=True),
    case("nadam", ""),
    case("nadam", "_pytorch", momentum_decay=0.004, beta_1=0.5, l2=0.1, weight_decay=0.1),
    case("lion", ""),
    case("lion", "_decayed", beta_1=0.5, weight_decay=0.1, l2=0.01),
    case("ftrl", ""),
    case("ftrl", "_regularized", l1_regularization=0.2, l2_regularization=0.1, l2_shrinkage=0.05, beta=0.3),
    case("ftrl", "_power", learning_rate_power=-0.7, weight_decay=0.1),
    *(bad_case(rule) for rule in RULES),
]


@pytest.mark.parametrize("rule", ["Adagrad", "Adadelta", "NAdam"])
def test_agrees_with_pytorch_over_20_steps(rule):
    params, steps = start()
    options = {
        "Adagrad": {"eps": 0.0, "initial_accumulator_value": 0.1},
        "Adadelta": {"rho": 0.9, "eps": 1e-6},
    }
    options = options.get(rule, {"eps": 1e-7, "momentum_decay": 0.01})
    want = torch_run(lambda o, t: getattr(o, rule)(t, lr=0.1, **options), params, steps)
    a = [np.full_like(p, 0.1 if rule == "Adagrad" else 0.0) for p in params]
    b, product = zeros_like(params), 1.0
    for i, grads in enumerate(steps, 1):
        if rule == "Adagrad":
            ops.adagrad_update(params, grads, a, learning_rate=0.1, epsilon=0.0)
        elif rule == "Adadelta":
            ops.adadelta_update(params, grads, a, b, learning_rate=0.1, rho=0.9, epsilon=1e-6)
        else:
            product *= 0.9 * (1 - 0.5 * 0.96 ** (i * 0.01))
            ops.nadam_update(
                params, grads, a, b, step=i, product=product, learning_rate=0.1, momentum_decay=0.01
            )
    for got, w in zip(params, want, strict=True):
        np.testing.assert_allclose(got, w, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_nan_gradient_stays_visible_and_alone(rule, isa):
    states, _, needed = RULES[rule]
    p, g = [np.ones(9, np.float32)], [np.full(9, 0.5, np.float32)]
    g[0][3] = np.nan
    getattr(ops, f"{rule}_update")(p, g, *[[np.full(9, 0.5, np.float32)] for _ in range(states)], **needed)
    assert np.isnan(p[0]).tolist() == [i == 3 for i in range(9)]


def test_a_zero_direction_of_lion_moves_nothing(isa):
    p = [np.ones(5, np.float32)]
    ops.lion_update(p, [np.zeros(5, np.float32)], [np.zeros(5, np.float32)], learning_rate=0.5)
    np.testing.assert_array_equal(p[0], 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_global_norm_that_is_not_finite_spoils_the_whole_step(bad):
    p = [np.ones(3, np.float32), np.ones(2, np.float32)]
    ops.sgd_update(p, [np.array([1, bad, 1], np.float32), np.ones(2, np.float32)], global_clip_norm=1.0)
    assert np.isnan(p[0]).all() and np.isnan(p[1]).all()


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="rule is 'adagrad2', expected adagrad"):
        _cpu.adaptive_update("adagrad2", [], [], [], None, None, None, None, None, {})
