# SPDX-License-Identifier: Apache-2.0
"""find_nan names the operation and layer, tells made from received NaN, and leaves no trace."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import autograd, backend, debug, keras, recording

X = np.ones((8, 3), np.float32)


def model_of(*layers):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("sgd", "mse")
    return model


def test_the_layer_that_makes_nan_is_named():
    class Root(keras.layers.Layer):
        def call(self, x):
            return tw.ops.sqrt(tw.ops.subtract(x, 1e6))

    model = model_of(keras.layers.Dense(4), Root(name="root"), keras.layers.Dense(1))
    with pytest.raises(FloatingPointError) as caught, debug.find_nan():
        model.fit(X, X[:, :1], verbose=0)
    message = str(caught.value)
    assert "in layer root (Root) gave NaN: shape (8, 4), first at (0, 0)" in message
    assert "its arguments held none" in message


def test_a_gradient_is_named_by_its_layer():
    class Root(keras.layers.Layer):
        def call(self, x):
            return tw.ops.multiply(tw.ops.sqrt(tw.ops.multiply(x, 0.0)), 0.0)

    model = model_of(keras.layers.Dense(4), Root(name="root"), keras.layers.Dense(1))
    with (
        pytest.raises(FloatingPointError, match=r"in the gradient of layer root \(Root\) gave NaN"),
        debug.find_nan(),
    ):
        model.fit(X, X[:, :1], verbose=0)


@pytest.mark.parametrize("what", ["data", "weights"])
def test_received_nan_is_told_from_made(what):
    model = model_of(keras.layers.Dense(1, name="first"))
    x = X.copy()
    if what == "data":
        x[5, 1] = np.nan
    else:
        model.weights[0].assign(np.full((3, 1), np.nan, np.float32))
    with debug.find_nan(raise_error=False) as search:
        model.predict(x, verbose=0)
    assert "layer first" in search.found.where and search.found.received is not None
    assert search.found.position == ((5, 0) if what == "data" else (0, 0))
    assert "held NaN already" in search.message()


def test_an_infinity_before_is_told():
    with debug.find_nan(raise_error=False) as search:
        y = tw.ops.exp(np.full(2, 1e3, np.float32))
        tw.ops.subtract(y, y)
    assert search.found.received is None and search.found.infinity is not None


def test_without_nan_nothing_is_found_and_nothing_stays():
    before = (backend._host, recording._enabled, autograd._traced, keras.layers.Layer.__call__)
    model = model_of(keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1))
    with debug.find_nan() as search:
        model.fit(X, X[:, :1], verbose=0)
    assert search.found is None and search.message() == "no operation gave NaN"
    assert before == (backend._host, recording._enabled, autograd._traced, keras.layers.Layer.__call__)

    @debug.find_nan()
    def divide():
        return tw.ops.divide(np.zeros(2, np.float32), np.zeros(2, np.float32))

    with pytest.raises(FloatingPointError, match="no layer"):
        divide()
    assert before == (backend._host, recording._enabled, autograd._traced, keras.layers.Layer.__call__)
