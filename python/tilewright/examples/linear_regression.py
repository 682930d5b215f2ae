# SPDX-License-Identifier: Apache-2.0
"""Linear regression: one Dense layer finds the weights that made the data.

The same weights come from the closed form (least squares), which is printed beside them.
"""

import numpy as np

import tilewright as tf
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Input, Sequential
from tilewright.keras.layers import Dense
from tilewright.plots import plot_points


def main(arguments=None):
    options = begin(flags(__doc__, epochs=30), arguments)

    # 1,000 points around the plane y = 2 x1 - 3.4 x2 + 4.2.
    n = options.limit or 1000
    x = tf.random.normal((n, 2))
    y = tf.linalg.matvec(x, [2.0, -3.4]) + 4.2 + tf.random.normal((n,), stddev=0.01)

    model = Sequential([Input((2,)), Dense(1)])
    model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    model.fit(x, y, batch_size=100, epochs=options.epochs, verbose=0)

    kernel, bias = model.layers[-1].get_weights()
    learnt = np.append(kernel[:, 0], bias)
    closed_form = np.linalg.lstsq(np.column_stack([x.numpy(), np.ones(n)]), y.numpy(), rcond=None)[0]
    print("learnt     ", learnt)
    print("closed form", closed_form)

    predicted = model.predict(x, verbose=0)[:, 0]
    ends = (float(predicted.min()), float(predicted.max()))
    plot_points(
        predicted,
        y.numpy(),
        options.out / "linear_regression.png",
        line=(ends, ends),
        xlabel="predicted",
        ylabel="true",
        title=f"y = {learnt[0]:.3f} x1 {learnt[1]:+.3f} x2 {learnt[2]:+.3f}",
    )
    result("linear_regression", "difference_to_closed_form", np.abs(learnt - closed_form).max())


if __name__ == "__main__":
    main()
