# SPDX-License-Identifier: Apache-2.0
"""tf.nn and tf.image: values and gradients against PyTorch."""

import colorsys

import numpy as np
import pytest

import tilewright as tf
from tf.judge import Case, check, floats, whole

torch = pytest.importorskip("torch", reason="PyTorch is the judge of values and gradients")
F = torch.nn.functional
X, IMAGES, FILTERS = floats(3, 4), floats(2, 7, 6, 3), floats(3, 2, 3, 4, seed=1)
LABELS = whole(3, high=4)
SHARES = floats(3, 4, low=0.1, high=0.4, seed=5)
SHARES /= SHARES.sum(1, keepdims=True)


def first(x):
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


def filters(w):
    return w.permute(3, 2, 0, 1)


def same(x, rows, columns, stride=1):
    """Padding as TensorFlow adds it: the odd pixel at the end."""
    pads = []
    for n, k in ((x.shape[3], columns), (x.shape[2], rows)):
        total = max((-(-n // stride) - 1) * stride + k - n, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def call(name, ours, judge, *inputs, **options):
    return Case(name, ours, judge, inputs, **options)


def activation(name, judge, x=X, **arguments):
    return call(f"{name} {arguments or ''}", lambda x: getattr(tf.nn, name)(x, **arguments), judge, x)


def attention(q, k, v):
    y = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), is_causal=True)
    return y.transpose(1, 2)


CASES = [
    activation("relu", F.relu),
    activation("relu6", F.relu6, floats(3, 4, low=-3, high=9)),
    activation("leaky_relu", lambda x: F.leaky_relu(x, 0.2)),
    activation("leaky_relu", lambda x: F.leaky_relu(x, 0.1), alpha=0.1),
    activation("elu", F.elu),
    activation("selu", F.selu),
    activation("gelu", F.gelu),
    activation("gelu", lambda x: F.gelu(x, approximate="tanh"), approximate=True),
    activation("silu", F.silu),
    activation("swish", lambda x: x * torch.sigmoid(1.7 * x), beta=1.7),
    activation("sigmoid", torch.sigmoid),
    activation("tanh", torch.tanh),
    activation("softplus", F.softplus),
    activation("softsign", F.softsign),
    activation("softmax", lambda x: F.softmax(x, -1)),
    activation("softmax", lambda x: F.softmax(x, 0), axis=0),
    activation("log_softmax", lambda x: F.log_softmax(x, -1)),
    activation("crelu", lambda x: torch.cat([F.relu(x), F.relu(-x)], -1)),
    call(
        "conv2d",
        lambda x, w: tf.nn.conv2d(x, w, [1, 2, 2, 1], "VALID"),
        lambda x, w: last(F.conv2d(first(x), filters(w), stride=2)),
        IMAGES,
        FILTERS,
    ),
    call(
        "conv2d same",
        lambda x, w: tf.nn.conv2d(x, w, strides=2, padding="SAME"),
        lambda x, w: last(F.conv2d(same(first(x), 3, 2, 2), filters(w), stride=2)),
        IMAGES,
        FILTERS,
    ),
    call(
        "conv2d explicit",
        lambda x, w: tf.nn.conv2d(x, w, 1, [[0, 0], [2, 1], [0, 3], [0, 0]]),
        lambda x, w: last(F.conv2d(F.pad(first(x), (0, 3, 2, 1)), filters(w))),
        IMAGES,
        FILTERS,
    ),
    call(
        "conv2d dilated, NCHW",
        lambda x, w: tf.nn.conv2d(tf.transpose(x, [0, 3, 1, 2]), w, 1, "VALID", "NCHW", 2),
        lambda x, w: F.conv2d(first(x), filters(w), dilation=2),
        IMAGES,
        FILTERS,
    ),
    call(
        "conv2d groups",
        lambda x, w: tf.nn.conv2d(x, w, 1, "VALID"),
        lambda x, w: last(F.conv2d(first(x), filters(w), groups=2)),
        floats(2, 5, 5, 6),
        floats(3, 3, 3, 4),
    ),
    call(
        "conv1d",
        lambda x, w: tf.nn.conv1d(x, w, 2, "VALID"),
        lambda x, w: F.conv1d(x.mT, w.permute(2, 1, 0), stride=2).mT,
        floats(2, 9, 3),
        floats(4, 3, 5),
    ),
    call(
        "depthwise_conv2d",
        lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID"),
        lambda x, w: last(F.conv2d(first(x), w.permute(2, 3, 0, 1).reshape(6, 1, 3, 2), groups=3)),
        IMAGES,
        floats(3, 2, 3, 2),
    ),
    call(
        "conv2d_transpose",
        lambda x, w: tf.nn.conv2d_transpose(x, w, [2, 15, 12, 5], 2, "VALID"),
        lambda x, w: last(F.conv_transpose2d(first(x), w.permute(3, 2, 0, 1), stride=2)),
        IMAGES,
        floats(3, 2, 5, 3),
    ),
    call(
        "conv2d_transpose same",
        lambda x, w: tf.nn.conv2d_transpose(x, w, [2, 14, 12, 5], [1, 2, 2, 1], "SAME"),
        lambda x, w: last(F.conv_transpose2d(first(x), w.permute(3, 2, 0, 1), stride=2)[:, :, :14, :12]),
        IMAGES,
        floats(3, 3, 5, 3),
    ),
    call(
        "max_pool2d",
        lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
        lambda x: last(F.max_pool2d(first(x), 2, 2)),
        IMAGES,
    ),
    call(
        "max_pool with four sizes",
        lambda x: tf.nn.max_pool(x, [1, 3, 2, 1], [1, 1, 2, 1], "VALID"),
        lambda x: last(F.max_pool2d(first(x), (3, 2), (1, 2))),
        IMAGES,
    ),
    call(
        "avg_pool2d same",
        lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"),
        lambda x: last(
            F.avg_pool2d(F.pad(first(x), (1, 1, 1, 1))[:, :, :, 1:], 3, 2, divisor_override=1)
            / F.avg_pool2d(F.pad(torch.ones(2, 3, 7, 6), (1, 1, 1, 1))[:, :, :, 1:], 3, 2, divisor_override=1)
        ),
        IMAGES,
    ),
    call(
        "max_pool1d",
        lambda x: tf.nn.max_pool1d(x, 2, 2, "VALID"),
        lambda x: F.max_pool1d(x.mT, 2, 2).mT,
        floats(2, 8, 3),
    ),
    call("bias_add", tf.nn.bias_add, torch.add, IMAGES, floats(3)),
    call(
        "batch_normalization",
        lambda x, m, v, b, g: tf.nn.batch_normalization(x, m, v, b, g, 1e-3),
        lambda x, m, v, b, g: (x - m) / torch.sqrt(v + 1e-3) * g + b,
        IMAGES,
        floats(3),
        floats(3, low=0.5, high=2),
        floats(3, seed=1),
        floats(3, seed=2),
    ),
    call(
        "moments",
        lambda x: list(tf.nn.moments(x, [0, 1])),
        lambda x: [x.mean((0, 1)), x.var((0, 1), correction=0)],
        IMAGES,
    ),
    call("l2_loss", tf.nn.l2_loss, lambda x: (x**2).sum() / 2, X),
    call(
        "local_response_normalization",
        lambda x: tf.nn.local_response_normalization(x, 2, 1.5, 0.3, 0.7),
        lambda x: last(F.local_response_norm(first(x), 5, alpha=0.3 * 5, beta=0.7, k=1.5)),
        floats(2, 3, 3, 7),
    ),
    call(
        "sparse_softmax_cross_entropy_with_logits",
        lambda x, i: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x),
        lambda x, i: F.cross_entropy(x, i.long(), reduction="none"),
        X,
        LABELS,
    ),
    call(
        "softmax_cross_entropy_with_logits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(labels=SHARES, logits=x),
        lambda x: F.cross_entropy(x, torch.tensor(SHARES).double(), reduction="none"),
        X,
    ),
    call(
        "sigmoid_cross_entropy_with_logits",
        lambda x: tf.nn.sigmoid_cross_entropy_with_logits(labels=SHARES, logits=x),
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(SHARES).double(), reduction="none"),
        X,
    ),
    call(
        "weighted_cross_entropy_with_logits",
        lambda x: tf.nn.weighted_cross_entropy_with_logits(SHARES, x, 2.5),
        lambda x: F.binary_cross_entropy_with_logits(
            x, torch.tensor(SHARES).double(), reduction="none", pos_weight=torch.tensor(2.5)
        ),
        X,
    ),
    call(
        "embedding_lookup",
        tf.nn.embedding_lookup,
        lambda t, i: F.embedding(i.long(), t),
        floats(5, 3),
        whole(2, 4),
    ),
    call("top_k", lambda x: list(tf.nn.top_k(x, 2)), lambda x: list(x.topk(2)), X),
    call(
        "in_top_k",
        lambda x, i: tf.math.in_top_k(i, x, 2),
        lambda x, i: (x.topk(2)[1] == i.long()[:, None]).any(1),
        X,
        LABELS,
        gradient=False,
    ),
    call(
        "dot_product_attention",
        lambda *x: tf.nn.dot_product_attention(*x, is_causal=True),
        attention,
        floats(2, 5, 3, 4),
        floats(2, 5, 3, 4, seed=1),
        floats(2, 5, 3, 4, seed=2),
    ),
    call(
        "resize",
        lambda x: tf.image.resize(x, [11, 4]),
        lambda x: last(F.interpolate(first(x), (11, 4), mode="bilinear")),
        IMAGES,
    ),
    call(
        "resize nearest",
        lambda x: tf.image.resize(x, [14, 12], method="nearest"),
        lambda x: last(F.interpolate(first(x), (14, 12), mode="nearest-exact")),
        IMAGES,
    ),
    call(
        "flips",
        lambda x: [tf.image.flip_left_right(x), tf.image.flip_up_down(x), tf.image.rot90(x)],
        lambda x: [x.flip(2), x.flip(1), torch.rot90(x, 1, (1, 2))],
        IMAGES,
    ),
    call(
        "per_image_standardization",
        tf.image.per_image_standardization,
        lambda x: (x - x.mean((1, 2, 3), True)) / x.std((1, 2, 3), correction=0, keepdim=True),
        IMAGES,
    ),
    call(
        "rgb_to_grayscale",
        tf.image.rgb_to_grayscale,
        lambda x: (x * torch.tensor([0.2989, 0.587, 0.114])).sum(-1, True),
        IMAGES,
    ),
    call(
        "adjust_contrast",
        lambda x: tf.image.adjust_contrast(x, 1.7),
        lambda x: (x - x.mean((1, 2), True)) * 1.7 + x.mean((1, 2), True),
        IMAGES,
    ),
    call(
        "total_variation",
        tf.image.total_variation,
        lambda x: x.diff(dim=1).abs().sum((1, 2, 3)) + x.diff(dim=2).abs().sum((1, 2, 3)),
        IMAGES,
    ),
    call(
        "crops",
        lambda x: [tf.image.central_crop(x, 0.5), tf.image.resize_with_crop_or_pad(x, 5, 9)],
        lambda x: [x[:, 1:6, 1:5], F.pad(x[:, 1:6], (0, 0, 1, 2))],
        IMAGES,
    ),
]


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in CASES])
def test_value_and_gradients(case):
    check(case)


def test_dropout_keeps_the_mean_and_shares_a_mask_along_noise_axes():
    x = tf.ones([200, 50])
    y = tf.nn.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)} and abs(y.mean() - 1) < 0.03
    rows = tf.nn.dropout(x, 0.5, noise_shape=[200, 1]).numpy()
    assert (rows == rows[:, :1]).all() and 0 < (rows[:, 0] == 0).mean() < 1
    with pytest.raises(ValueError, match="rate is 1, expected 0 to below 1"):
        tf.nn.dropout(x, 1)


def test_integer_images_keep_their_range():
    x = np.array([[[0], [128], [255]]], np.uint8)
    y = tf.image.convert_image_dtype(x, tf.float32)
    np.testing.assert_allclose(y.numpy().ravel(), [0, 128 / 255, 1], rtol=1e-6)
    np.testing.assert_array_equal(tf.image.convert_image_dtype(y, tf.uint8).numpy(), x)
    assert tf.image.resize(x, [2, 6]).dtype == tf.float32
    assert tf.image.resize(x, [2, 6], "nearest").dtype == tf.uint8
    np.testing.assert_array_equal(tf.image.adjust_brightness(x, 0.5).numpy().ravel(), [127, 255, 255])


def test_random_flips_turn_some_images_of_a_batch():
    tf.random.set_seed(3)
    x = floats(60, 2, 3, 1)
    y = tf.image.random_flip_left_right(x).numpy()
    turned = [(y[i] == x[i, :, ::-1]).all() for i in range(60)]
    assert all(t or (y[i] == x[i]).all() for i, t in enumerate(turned)) and 10 < sum(turned) < 50
    assert tf.image.random_crop(x, [60, 1, 2, 1]).shape == (60, 1, 2, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.nn.conv2d(IMAGES, FILTERS, 1, "FULL"), "padding is 'FULL'"),
        (lambda: tf.nn.conv2d(IMAGES, FILTERS, [2, 1, 1, 1], "SAME"), "expected 1 for the batch"),
        (lambda: tf.nn.conv2d(IMAGES, FILTERS, 1, "SAME", "NWC"), "data_format is 'NWC'"),
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0, 9, 1], X), "9"),
        (lambda: tf.nn.bias_add(IMAGES, floats(4)), "one a channel"),
        (lambda: tf.image.resize(X, [2, 2]), "expected (rows, columns, channels)"),
        (lambda: tf.image.rgb_to_grayscale(X), "expected 3 channels"),
        (lambda: tf.image.crop_to_bounding_box(IMAGES, 0, 0, 9, 2), "inside 7 x 6"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_channels_and_blocks_of_pixels():
    x = np.arange(16, dtype=np.float32).reshape(1, 2, 2, 4)
    pixels = tf.nn.depth_to_space(x, 2)
    want = [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]  # TensorFlow's documentation, less 1
    np.testing.assert_array_equal(pixels.numpy()[0, ..., 0], want)
    np.testing.assert_array_equal(tf.nn.space_to_depth(pixels, 2).numpy(), x)
    several = np.random.default_rng(0).standard_normal((2, 3, 2, 12)).astype(np.float32)
    np.testing.assert_array_equal(tf.nn.space_to_depth(tf.nn.depth_to_space(several, 2), 2).numpy(), several)
    with pytest.raises(
        ValueError, match=r"\[depth_to_space\] input has 4 channels, expected a multiple of 9"
    ):
        tf.nn.depth_to_space(x, 3)
    with pytest.raises(ValueError, match=r"\[space_to_depth\] .* expected sides that 3 divides"):
        tf.nn.space_to_depth(x, 3)


def test_saturation_is_that_of_hsv():
    image = np.random.default_rng(0).uniform(0, 1, (5, 4, 3)).astype(np.float32)
    image[0] = 0.5  # grey stays grey
    for factor in (0.0, 0.5, 1.0, 3.0):
        want = [
            colorsys.hsv_to_rgb(h, min(s * factor, 1.0), v)
            for h, s, v in (colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in image.reshape(-1, 3))
        ]
        got = tf.image.adjust_saturation(image, factor)
        np.testing.assert_allclose(got.numpy().reshape(-1, 3), want, atol=1e-6)
    assert tf.image.adjust_saturation((image * 255).astype(np.uint8), 2.0).dtype == tf.uint8


def test_stateless_changes_of_images_follow_their_seed():
    image = np.random.default_rng(0).uniform(0, 1, (6, 6, 3)).astype(np.float32)
    ways = {
        "brightness": (0.5,), "contrast": (0.1, 0.9), "saturation": (0.1, 0.9), "crop": ([3, 2, 3],),
    }  # fmt: skip
    for name, arguments in ways.items():
        change = getattr(tf.image, f"stateless_random_{name}")
        first, again = (change(image, *arguments, seed=(1, 2)).numpy() for _ in range(2))
        np.testing.assert_array_equal(first, again)
        others = [change(image, *arguments, (1, 3 + i)).numpy() for i in range(8)]
        assert any((first != other).any() for other in others), name
    seeds = tf.random.Generator.from_seed(1).make_seeds(3)
    assert seeds.shape == (2, 3) and tf.image.stateless_random_flip_up_down(image, seeds[:, 0]).shape == (
        6,
        6,
        3,
    )
    with pytest.raises(ValueError, match=r"\[stateless_random_crop\] seed is 3, expected a pair of ints"):
        tf.image.stateless_random_crop(image, [3, 2, 3], seed=3)
