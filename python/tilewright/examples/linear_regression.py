# SPDX-License-Identifier: Apache-2.0
"""Linear regression: one Dense layer finds the line through a cloud of points.

The closed form (least squares) gives the same slope and offset; it is printed beside them.
"""

import numpy as np

import tilewright as tf
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Input, Sequential
from tilewright.keras.layers import Dense
from tilewright.plots import plot_points


def main(arguments=None):
    options = begin(flags(__doc__, epochs=100), arguments)

    # 1,000 points around the line y = 2 x + 4.2.
    n = options.limit or 1000
    x = tf.random.normal((n, 1))
    y = 2.0 * x[:, 0] + 4.2 + tf.random.normal((n,), stddev=0.5)

    model = Sequential([Input((1,)), Dense(1)])
    model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    model.fit(x, y, batch_size=n, epochs=options.epochs, verbose=0)

    kernel, bias = model.layers[-1].get_weights()
    learnt = np.array([kernel[0, 0], bias[0]])
    closed_form = np.linalg.lstsq(np.column_stack([x.numpy(), np.ones(n)]), y.numpy(), rcond=None)[0]
    print("learnt     ", learnt)
    print("closed form", closed_form)

    ends = np.array([-3.0, 3.0])
    plot_points(
        x.numpy(),
        y.numpy(),
        options.out / "linear_regression.png",
        line=(ends, model.predict(ends[:, None], verbose=0)[:, 0]),
        xlabel="x",
        ylabel="y",
        title=f"y = {learnt[0]:.3f} x + {learnt[1]:.3f}",
    )
    result("linear_regression", "difference_to_closed_form", np.abs(learnt - closed_form).max())


if __name__ == "__main__":
    main()
