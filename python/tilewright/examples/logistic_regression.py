# SPDX-License-Identifier: Apache-2.0
"""Logistic regression: is a tumour malignant? 30 measurements, one Dense layer with a sigmoid.

The data (breast cancer, Wisconsin) and the judge come from scikit-learn.
"""

import numpy as np

from tilewright.examples.common import begin, flags, result
from tilewright.keras import Input, Sequential, regularizers
from tilewright.keras.layers import Dense
from tilewright.plots import plot_history


def main(arguments=None):
    options = begin(flags(__doc__, epochs=100), arguments)
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.3, random_state=options.seed, stratify=y
    )
    x_train, y_train = x_train[: options.limit], y_train[: options.limit]
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation

    # scikit-learn adds |w|^2 / 2 to the sum of the losses; here the loss is their mean.
    penalty = regularizers.L2(0.5 / len(x_train))
    model = Sequential([Input((30,)), Dense(1, activation="sigmoid", kernel_regularizer=penalty)])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    history = model.fit(
        x_train, y_train, batch_size=64, epochs=options.epochs, validation_data=(x_test, y_test), verbose=0
    )

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    judge = LogisticRegression(max_iter=1000).fit(x_train, y_train)
    plot_history(history, options.out / "logistic_regression.png", title="Breast cancer: one Dense layer")
    agreement = np.mean((model.predict(x_test, verbose=0)[:, 0] > 0.5) == judge.predict(x_test))
    print(f"agrees with scikit-learn on {agreement:.1%} of the test set")
    result("logistic_regression", "sklearn_test_accuracy", judge.score(x_test, y_test))
    result("logistic_regression", "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
