# SPDX-License-Identifier: Apache-2.0
"""Convolution by Winograd's method, all three passes, against the float64 reference.

The bound: an error is at most 1e-5 of the largest value of the result, for 8 to 512 channels. Measured with
normal x and w over three seeds, largest error over largest value (direct in brackets):

    channels           8               64              512
    forward            6e-7 (3e-7)     1.5e-6 (9e-7)   3.1e-6 (7e-7)
    data gradient      8e-7 (3e-7)     1.4e-6 (1e-6)   3.6e-6 (6e-7)
    weight gradient    9e-7 (4e-7)     8e-7 (6e-7)     1.0e-6 (4e-7)
"""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import tilewright as tw
from ops.harness import ACTIVATIONS, f32
from tilewright import _cpu, keras, ops
from tilewright.reference import conv2d as reference

BOUND = 1e-5


@pytest.fixture(autouse=True)
def winograd():
    with tw.set_conv2d_method("winograd"):
        yield
    _cpu.set_winograd_outputs(0)


@pytest.fixture(params=(2, 4))
def side(request):
    """Every problem that the method can serve goes by tiles of this side, whether that is fast or not."""
    _cpu.set_winograd_outputs(request.param)
    return request.param


def close(got, want, what, scale=0.0):
    assert got.shape == want.shape, what
    if got.size:
        error = np.abs(got - want).max() / max(np.abs(want).max(), scale)
        assert error <= BOUND, f"{what}: error {error:.2e}, bound {BOUND:.0e}"


def passes(x, w, dy, **options):
    return (
        ops.conv2d(x, w, **options),
        ops.conv2d_backward_data(dy, w, x.shape, **options),
        *ops.conv2d_backward_weight(dy, x, w.shape, bias_gradient=True, **options),
    )


def inputs(x_shape, w_shape, seed=0, dtype=np.float32, **options):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(w_shape).astype(dtype)
    return x, w, rng.standard_normal(ops.conv2d(x, w, **options).shape).astype(dtype)


def check_passes(x_shape, w_shape, **options):
    arrays = inputs(x_shape, w_shape, **options)
    x, w, dy = (a.astype(np.float64) for a in arrays)
    want = (
        reference.conv2d(x, w, **options),
        reference.conv2d_backward_data(dy, w, x.shape, **options),
        *reference.conv2d_backward_weight(dy, x, w.shape, bias_gradient=True, **options),
    )
    # The few sums of a bias gradient, or of one channel's weights, may all cancel.
    scale = np.sqrt(dy[..., 0].size)
    for name, got, exact in zip(
        ("forward", "data", "weight", "bias"), passes(*arrays, **options), want, strict=True
    ):
        close(got, exact, f"{name} x {x_shape} w {w_shape} {options}", scale if name[0] in "wb" else 0.0)


def same_bits(arrays, **options):
    """Whether Winograd's method gives the bits of the direct one, pass by pass."""
    found = passes(*arrays, **options)
    with tw.set_conv2d_method("direct"):
        return [a.tobytes() == b.tobytes() for a, b in zip(found, passes(*arrays, **options), strict=True)]


def test_numbers_of_channels(isa, side):
    for c, k in itertools.product((8, 9, 16, 17, 33, 64), repeat=2):
        check_passes((2, 9, 10, c), (3, 3, c, k), padding="same")


@pytest.mark.parametrize("size", [*range(1, 14), 32, 37])
def test_image_sizes(size, isa, side):
    for images in (1, 2, 3):
        check_passes((images, size, 11, 17), (3, 3, 17, 24), padding="same")
    check_passes((1, 12, size, 24), (3, 3, 24, 33), padding=1)
    if size >= 3:
        check_passes((2, size, size, 16), (3, 3, 16, 32))


def test_paddings(isa, side):
    for top, bottom, left, right in itertools.product((0, 1, 2), repeat=4):
        check_passes((1, 7, 6, 16), (3, 3, 16, 24), padding=((top, bottom), (left, right)))
    check_passes((1, 7, 6, 16), (3, 3, 16, 24), padding=((5, 3), (0, 9)))


def test_many_channels(isa, side):
    """Blocks of input channels, panels of output channels, shares of a weight gradient."""
    if isa == "scalar":
        pytest.skip("the blocks are cut alike on every instruction set; the scalar one is slow")
    check_passes((1, 16, 16, 512), (3, 3, 512, 100), padding=1)
    check_passes((1, 16, 16, 700), (3, 3, 700, 40), padding=1)
    check_passes((1, 16, 16, 256), (3, 3, 256, 300), padding=1)


def test_errors_stay_near_those_of_the_direct_method():
    """Within ten times at any number of channels; the root of the mean square within four."""
    _cpu.set_winograd_outputs(4)
    for channels in (8, 64, 512):
        x, w, _ = inputs((1, 16, 16, channels), (3, 3, channels, 32), padding=1)
        want = reference.conv2d(x.astype(np.float64), w.astype(np.float64), padding=1)
        ours = ops.conv2d(x, w, padding=1) - want
        with tw.set_conv2d_method("direct"):
            direct = ops.conv2d(x, w, padding=1) - want
        assert np.abs(ours).max() <= 10 * np.abs(direct).max()
        assert np.sqrt((ours**2).mean()) <= 4 * np.sqrt((direct**2).mean())


def test_it_is_used_where_it_pays_and_nowhere_else(isa):
    for shapes, options in (
        (((2, 12, 12, 32), (3, 3, 32, 32)), {"padding": "same"}),
        (((1, 30, 31, 17), (3, 3, 17, 64)), {}),
        (((20, 6, 6, 64), (3, 3, 64, 64)), {"padding": 1}),
    ):
        assert same_bits(inputs(*shapes, **options), **options)[:3] == [False] * 3, shapes
    for shapes, options in (
        (((1, 4, 4, 64), (3, 3, 64, 64)), {"padding": 1}),
        (((9, 3, 3, 32), (3, 3, 32, 32)), {}),
    ):
        assert all(same_bits(inputs(*shapes, **options), **options)), (shapes, options)
    _cpu.set_winograd_outputs(4)
    for shapes, options in (
        (((2, 12, 12, 32), (3, 3, 32, 32)), {"stride": 2}),
        (((2, 12, 12, 32), (3, 3, 32, 32)), {"stride": (1, 2)}),
        (((2, 12, 12, 32), (3, 3, 32, 32)), {"dilation": 2}),
        (((2, 12, 12, 32), (3, 3, 16, 32)), {"groups": 2}),
        (((2, 12, 12, 32), (3, 3, 1, 32)), {"groups": 32}),
        (((2, 12, 12, 32), (5, 5, 32, 32)), {}),
        (((2, 12, 12, 32), (5, 5, 32, 32)), {"stride": 2}),
        (((2, 12, 12, 32), (1, 3, 32, 32)), {}),
        (((2, 12, 12, 32), (1, 1, 32, 32)), {}),
        (((2, 12, 12, 7), (3, 3, 7, 32)), {}),
        (((2, 12, 12, 32), (3, 3, 32, 7)), {}),
        (((0, 12, 12, 32), (3, 3, 32, 32)), {}),
    ):
        assert all(same_bits(inputs(*shapes, **options), **options)), (shapes, options)
    doubles = inputs((2, 12, 12, 32), (3, 3, 32, 32), dtype=np.float64)
    assert all(same_bits(doubles))


def test_epilogues(isa, side):
    x, w, dy = inputs((2, 9, 10, 20), (3, 3, 20, 35), padding=1)
    rng = np.random.default_rng(1)
    bias, residual = rng.standard_normal(35).astype("f"), rng.standard_normal(dy.shape).astype("f")
    plain = reference.conv2d(x.astype(np.float64), w.astype(np.float64), padding=1)
    for activation in (None, *ACTIVATIONS):
        for b, r in itertools.product((None, bias), (None, residual)):
            options = {"padding": 1, "bias": b, "residual": r, "activation": activation}
            want = reference.conv2d(
                *(a if a is None else a.astype(np.float64) for a in (x, w)),
                **{n: v.astype(np.float64) if isinstance(v, np.ndarray) else v for n, v in options.items()},
            )
            close(ops.conv2d(x, w, **options), want, str(activation), scale=np.abs(plain).max())
    y, z = np.empty_like(dy), np.empty_like(dy)
    _cpu.conv2d_forward(y, x, w, (1, 1), (1, 1, 1, 1), (1, 1), 1, bias=bias, activation="gelu", z=z)
    close(z, plain + bias, "pre-activation")


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_gradients_through_an_epilogue(activation, side):
    x, w, _ = inputs((1, 8, 9, 16), (3, 3, 16, 32), padding=1)
    bias = np.linspace(-1, 1, 32, dtype=np.float32)
    found = {}
    for method in ("winograd", "direct"):
        with tw.set_conv2d_method(method), tw.GradientTape() as tape:
            parts = [tw.Tensor(a) for a in (x, w, bias)]
            for part in parts:
                tape.watch(part)
            y = ops.conv2d(parts[0], parts[1], bias=parts[2], padding=1, activation=activation)
            found[method] = [np.asarray(g) for g in tape.gradient(ops.sum(y * y), parts)]
    for got, want in zip(found["winograd"], found["direct"], strict=True):
        close(got, want.astype(np.float64), activation)


def test_transposed_convolution_with_an_epilogue(isa, side):
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((2, 9, 8, 32)).astype("f"), rng.standard_normal((3, 3, 24, 32)).astype("f")
    bias = rng.standard_normal(24).astype("f")
    for padding in ("valid", "same"):
        want = reference.conv2d_transpose(*(a.astype(np.float64) for a in (x, w)), padding=padding)
        close(ops.conv2d_transpose(x, w, bias=bias, padding=padding), want + bias, padding)


def test_strided_views(isa, side):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 20, 20, 24)).astype("f")[::-2, 1:-1:2, ::-1, :17]
    w = rng.standard_normal((3, 24, 17, 3)).astype("f").transpose(0, 3, 2, 1)
    want = reference.conv2d(x.astype(np.float64), w.astype(np.float64), padding=1)
    close(ops.conv2d(x, w, padding=1), want, "forward of views")
    dy = rng.standard_normal((2, 18, 20, 24)).astype("f")[:, ::2]
    want = reference.conv2d_backward_data(dy.astype(np.float64), w.astype(np.float64), x.shape, padding=1)
    close(ops.conv2d_backward_data(dy, w, x.shape, padding=1), want, "data gradient of views")
    want = reference.conv2d_backward_weight(dy.astype(np.float64), x.astype(np.float64), w.shape, padding=1)
    close(ops.conv2d_backward_weight(dy, x, w.shape, padding=1), want, "weight gradient of views")
    wide = np.full((2, 9, 20, 40), 7, np.float32)
    ops.conv2d(x, w, padding=1, out=wide[..., 3:27])
    assert (wide[..., :3] == 7).all() and (wide[..., 27:] == 7).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_stay_in_their_tiles(value, isa, side):
    x, w = f32(1, 16, 16, 16), f32(3, 3, 16, 32)
    x[0, 9, 9, 0] = value
    y = ops.conv2d(x, w, padding=1, activation="relu")
    bad = ~np.isfinite(y)
    assert bad[0, 8:11, 8:11].all()
    inside = np.zeros_like(bad)
    inside[:, 8:12, 8:12] = True  # the tiles that read (9, 9): one of 4 x 4, or four of 2 x 2
    assert not bad[~inside].any()
    x[0, 9, 9, 0] = 1
    w[1, 1, 3, 5] = value
    bad = ~np.isfinite(ops.conv2d(x, w, padding=1))
    assert bad[..., 5].all() and not np.delete(bad, 5, axis=-1).any()


def test_same_bits_for_any_number_of_threads(isa, side):
    for shapes in (((3, 17, 19, 40), (3, 3, 40, 50)), ((2, 12, 12, 300), (3, 3, 300, 200))):
        if isa == "scalar" and shapes[0][3] > 100:
            continue
        arrays, bits = inputs(*shapes, padding="same"), []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append([a.tobytes() for a in passes(*arrays, padding="same")])
        assert bits[0] == bits[1] == bits[2]


def test_sides_of_tiles_are_2_or_4():
    with pytest.raises(ValueError, match="outputs is 3, expected 0, 2 or 4"):
        _cpu.set_winograd_outputs(3)


def small_cnn():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((12, 12, 8)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(24, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def test_training_replayed_equals_eager_and_follows_the_direct_method():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 64)
    x = (rng.standard_normal((64, 12, 12, 8)) + y[:, None, None, None]).astype(np.float32)
    losses, weights = {}, {}
    for name, method, eager in (
        ("recorded", "winograd", False),
        ("eager", "winograd", True),
        ("direct", "direct", False),
    ):
        with tw.set_conv2d_method(method):
            model = small_cnn()
            model.run_eagerly = eager
            history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
            losses[name], weights[name] = history.history["loss"], model.get_weights()
    assert losses["recorded"] == losses["eager"]
    assert all((a == b).all() for a, b in zip(weights["recorded"], weights["eager"], strict=True))
    assert losses["recorded"] != losses["direct"]
    np.testing.assert_allclose(losses["recorded"], losses["direct"], rtol=1e-3)


def test_the_method_is_named_and_put_back():
    assert tw.conv2d_method() == "winograd"
    with tw.set_conv2d_method("direct"):
        assert tw.conv2d_method() == "direct"
    assert tw.conv2d_method() == "winograd"
    with pytest.raises(ValueError, match="method is 'fft', expected direct or winograd"):
        tw.set_conv2d_method("fft")
    assert tw.conv2d_method() == "winograd"


def test_environment_sets_the_method():
    def run(value):
        environment = {**os.environ, "TILEWRIGHT_CONV2D_METHOD": value}
        code = "import tilewright as tw; print(tw.conv2d_method())"
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    assert run("winograd").stdout.strip() == "winograd"
    assert run("").stdout.strip() == "direct"
    wrong = run("fast")
    assert wrong.returncode != 0
    assert "TILEWRIGHT_CONV2D_METHOD is 'fast', expected direct or winograd" in wrong.stderr
