# SPDX-License-Identifier: Apache-2.0
"""`keras.backend` as custom losses and metrics of Keras 2 programs use it."""

import numpy as np
import pytest

import tilewright as tf
from tilewright.keras import backend as K  # noqa: N812 - as programs call it

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)


def test_every_name_is_there():
    assert len(set(K.__all__)) == len(K.__all__)
    assert [name for name in K.__all__ if not hasattr(K, name)] == []
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        _ = K.sofmax


@pytest.mark.parametrize(
    ("ours", "want"),
    [
        (lambda: K.mean(X, axis=-1), X.mean(-1)),
        (lambda: K.mean(K.cast(X > 0, "int32")), np.float32((X > 0).mean())),
        (lambda: K.sum(K.square(X), axis=0, keepdims=True), (X**2).sum(0, keepdims=True)),
        (lambda: K.std(X, axis=1), X.std(1)),
        (lambda: K.clip(X, 0, 2), X.clip(0, 2)),
        (lambda: K.max(X, axis=1), X.max(1)),
        (lambda: K.argmax(X), X.argmax(-1)),
        (lambda: K.any(X > 3), np.array(True)),
        (lambda: K.dot(X, X.T), X @ X.T),
        (lambda: K.batch_dot(tf.constant(X), tf.constant(X), axes=1), (X * X).sum(1, keepdims=True)),
        (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
        (lambda: K.permute_dimensions(X, (1, 0)), X.T),
        (lambda: K.expand_dims(X), X[..., None]),
        (lambda: K.batch_flatten(tf.ones([2, 3, 4])), np.ones((2, 12), np.float32)),
        (lambda: K.one_hot([1, 0], 3), np.eye(3, dtype=np.float32)[[1, 0]]),
        (lambda: K.relu(X, alpha=0.1, max_value=2.0), np.where(X > 0, np.minimum(X, 2), 0.1 * X)),
        (lambda: K.switch(X > 0, X, K.zeros_like(X)), np.where(X > 0, X, 0)),
        (lambda: K.repeat_elements(X, 2, axis=1), X.repeat(2, 1)),
        (lambda: K.gather(X, [1, 0]), X[[1, 0]]),
        (lambda: K.arange(2, 8, 3), np.array([2, 5], np.int32)),
        (lambda: K.binary_crossentropy([1.0], [0.25]), -np.log([0.25]).astype(np.float32)),
    ],
)
def test_functions(ours, want):
    y = ours()
    assert y.shape == want.shape and y.dtype == want.dtype
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-6, atol=1e-6)


def test_values():
    v = K.variable([1.0, 2.0])
    K.set_value(v, [3.0, 4.0])
    assert K.get_value(v).tolist() == [3, 4] and K.int_shape(v) == (2,) and K.ndim(v) == 1
    assert K.dtype(v) == "float32" and K.count_params(v) == 2 and K.epsilon() == 1e-7


def test_a_loss_written_with_it_trains():
    def dice(y_true, y_pred):
        overlap = K.sum(y_true * y_pred, axis=-1)
        total = K.sum(y_true, axis=-1) + K.sum(y_pred, axis=-1)
        return 1 - (2.0 * overlap + K.epsilon()) / (total + K.epsilon())

    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(4, activation="sigmoid")])
    model.compile("adam", loss=dice)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = (x @ np.ones((3, 4)) > 0).astype(np.float32)
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
