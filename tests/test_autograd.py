# SPDX-License-Identifier: Apache-2.0
"""The tape: TensorFlow's rules for watching, persistence, nesting, unconnected sources and errors."""

import threading
import weakref

import numpy as np
import pytest

import tilewright as tw
from tilewright import ops
from tilewright.ops import pool2d


def tensor(*values):
    return tw.Tensor(np.array(values, np.float64))


def test_uses_of_one_value_add_up():
    x = tensor(3.0, -2.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = x * x + x
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 2 * x.numpy() + 1)


def test_second_derivative_by_nested_tapes():
    x = tensor(2.0)
    with tw.GradientTape() as outer:
        outer.watch(x)
        with tw.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        first = inner.gradient(y, x)
    np.testing.assert_allclose(first.numpy(), [12.0])
    np.testing.assert_allclose(outer.gradient(first, x).numpy(), [12.0])


def test_third_derivative():
    x = tensor(1.5)
    with tw.GradientTape() as t3:
        t3.watch(x)
        with tw.GradientTape() as t2:
            t2.watch(x)
            with tw.GradientTape() as t1:
                t1.watch(x)
                y = x * x * x * x
            d1 = t1.gradient(y, x)
        d2 = t2.gradient(d1, x)
    np.testing.assert_allclose(t3.gradient(d2, x).numpy(), 24 * x.numpy())


def test_a_tape_gives_gradients_once_unless_persistent():
    x = tensor(1.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)
    with tw.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, x + x
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [2.0])
    np.testing.assert_allclose(tape.gradient(z, x).numpy(), [2.0])


def test_what_happened_before_the_tape_is_constant():
    x = tensor(3.0)
    with tw.GradientTape() as outer:
        outer.watch(x)
        y = x * x
        with tw.GradientTape() as inner:
            z = y * 2.0
        assert inner.gradient(z, x) is None
    np.testing.assert_allclose(outer.gradient(z, x).numpy(), [12.0])


def test_unconnected_sources():
    x, other = tensor(1.0), tensor(5.0, 6.0)
    with tw.GradientTape(persistent=True) as tape:
        tape.watch([x, other])
        y = x * x
    assert tape.gradient(y, other) is None
    np.testing.assert_allclose(tape.gradient(y, other, unconnected_gradients="zero").numpy(), [0.0, 0.0])
    with pytest.raises(ValueError, match="expected 'none' or 'zero'"):
        tape.gradient(y, other, unconnected_gradients="ones")


def test_nested_sources_and_lists_of_targets():
    a, b = tensor(2.0), tensor(3.0)
    with tw.GradientTape() as tape:
        tape.watch([a, b])
        y, z = a * b, a + b
    g = tape.gradient([y, z], {"a": a, "rest": [b]})
    np.testing.assert_allclose(g["a"].numpy(), [4.0])
    np.testing.assert_allclose(g["rest"][0].numpy(), [3.0])


def test_gradient_by_an_intermediate_value():
    x = tensor(2.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    dy, dx = tape.gradient(z, [y, x])
    np.testing.assert_allclose(dy.numpy(), [8.0])
    np.testing.assert_allclose(dx.numpy(), [32.0])


def test_stop_gradient_and_stop_recording():
    x = tensor(3.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = tw.stop_gradient(x * x) * x
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [9.0])
    with tw.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            hidden = x * x
        y = hidden * x
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [9.0])


def test_reset_forgets():
    x = tensor(3.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
    assert tape.gradient(y, x) is None


def test_output_gradients_are_checked():
    x = tensor(1.0, 2.0)
    with tw.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    np.testing.assert_allclose(
        tape.gradient(y, x, output_gradients=np.array([1.0, 10.0])).numpy(), [2.0, 40.0]
    )
    with pytest.raises(ValueError, match=r"output_gradients has shape \(3,\), expected \(2,\)"):
        tape.gradient(y, x, output_gradients=np.ones(3))
    with pytest.raises(ValueError, match="2 entries, expected 1"):
        tape.gradient(y, x, output_gradients=[np.ones(2), np.ones(2)])


def test_wrong_arguments_are_named():
    with tw.GradientTape() as tape:
        with pytest.raises(TypeError, match="tensor is a ndarray, expected a Tensor"):
            tape.watch(np.ones(2))
        with pytest.raises(TypeError, match="int64, expected a float dtype"):
            tape.watch(tw.Tensor(np.ones(2, np.int64)))
        with pytest.raises(RuntimeError, match="open already"), tape:
            pass
    with pytest.raises(TypeError, match="target holds a float"):
        tape.gradient(1.0, tensor(1.0))
    with pytest.raises(RuntimeError, match="never opened"):
        tw.GradientTape().gradient(tensor(1.0), tensor(1.0))


def test_tapes_of_threads_are_apart():
    x = tensor(2.0)
    found = []

    def work():
        found.append(tw.autograd.recording())

    with tw.GradientTape():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [False]
    assert x.node is None


def test_nothing_is_noted_without_a_tape():
    x = tensor(2.0)
    with tw.GradientTape() as tape:
        tape.watch(x)
    y = x * x
    assert y.node is None


def test_tensor_reads_like_an_array():
    x = tensor(1.0, 2.0)
    assert x.shape == (2,) and x.ndim == 1 and x.size == 2 and len(x) == 2
    assert np.asarray(x) is not None and float(tw.Tensor(np.float32(3.5))) == 3.5
    np.testing.assert_array_equal(np.from_dlpack(x), [1.0, 2.0])
    assert "shape=(2,)" in repr(x) and f"{tensor(1.5)[0]:.2f}" == "1.50"
    with pytest.raises(TypeError, match="no dimensions"):
        iter(tw.Tensor(np.float32(1)))


def test_pooling_behind_a_rectifier_cuts_its_gradient_first():
    rng = np.random.default_rng(0)
    x = tw.Tensor(
        rng.normal(size=(2, 6, 6, 3)).astype(np.float32) - 1.0
    )  # many windows without a positive pixel
    weight = rng.normal(size=(2, 3, 3, 3)).astype(np.float32)
    with tw.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tw.ops.relu(x)
        loss = tw.ops.sum(tw.ops.max_pool2d(y, 2) * weight)
        both = loss + tw.ops.sum(y * 3.0)
    uncut = tape.gradient(loss, y).numpy()  # before the rectifier: every window passes its gradient on
    assert (np.abs(uncut).sum((1, 2)) > 0).all() and np.count_nonzero(uncut) == weight.size
    cut = uncut * (x.numpy() > 0)
    assert np.array_equal(tape.gradient(loss, x).numpy(), cut)
    assert np.allclose(tape.gradient(both, x).numpy(), cut + 3.0 * (x.numpy() > 0))
    with tw.GradientTape() as tape:
        tape.watch(x)
        loss = tw.ops.sum(tw.ops.max_pool2d(tw.ops.relu(x), 2) * weight)
    with tw.profile(show=False) as profile:
        assert np.array_equal(tape.gradient(loss, x).numpy(), cut)
    assert (
        max(row.bytes for row in profile.rows() if row.operation == "unary_backward")
        < 4 * x.numpy().nbytes / 3
    )


@pytest.mark.parametrize("elsewhere", [None, "before", "behind"])
def test_a_rectifier_before_a_pool_may_go_elsewhere_too(elsewhere):
    """The pool cuts the gradient for the rectifier; what comes from elsewhere still has to be cut."""
    x = np.random.default_rng(3).standard_normal((2, 6, 6, 3))
    w = np.random.default_rng(4).standard_normal((3, 3, 3, 4))

    def loss(conv2d, relu, pool, total, x, w):
        y = relu(conv2d(x, w))
        if elsewhere == "before":
            other = total(y * y)
        pooled = total(pool(y) * 3)
        if elsewhere == "behind":
            other = total(y * y)
        return pooled + other if elsewhere else pooled

    variables = tw.Variable(x), tw.Variable(w)
    with tw.GradientTape() as tape:
        ours = loss(
            lambda x, w: ops.conv2d(x, w),
            ops.relu,
            lambda y: ops.max_pool2d(y, 2),
            ops.sum,
            *variables,
        )
    got = tape.gradient(ours, variables)
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, w)]
    theirs = loss(
        lambda x, w: torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)),
        torch.relu,
        lambda y: torch.nn.functional.max_pool2d(y, 2),
        torch.sum,
        *tensors,
    )
    theirs.backward()
    for mine, tensor in zip(got, tensors, strict=True):
        np.testing.assert_allclose(mine.numpy(), tensor.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_what_a_pool_has_cut_is_let_go_before_its_gradient(monkeypatch):
    x = tw.Variable(np.random.default_rng(3).standard_normal((1, 8, 8, 2)).astype(np.float32))
    w = tw.Variable(np.random.default_rng(4).standard_normal((3, 3, 2, 4)).astype(np.float32))
    with tw.GradientTape() as tape:
        y = ops.conv2d(x, w, activation="relu")
        held = weakref.ref(y.array)
        loss = ops.sum(ops.max_pool2d(y, 2))
        del y
    seen, backward = [], pool2d.max_pool2d_backward

    def watched(*args, **kwargs):
        seen.append(held())
        return backward(*args, **kwargs)

    monkeypatch.setattr(pool2d, "max_pool2d_backward", watched)
    assert held() is not None
    tape.gradient(loss, x)
    assert seen == [None]
