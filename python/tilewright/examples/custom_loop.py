# SPDX-License-Identifier: Apache-2.0
"""A training loop of one's own: GradientTape, apply_gradients and metrics, which scikit-learn checks."""

import numpy as np

import tilewright as tf
from tilewright.examples.common import begin, flags, result
from tilewright.examples.mnist_cnn import digits
from tilewright.keras import Sequential, losses, metrics, optimizers
from tilewright.keras.layers import Dense, Flatten, Input
from tilewright.plots import plot_curves

BATCH = 64


def main(arguments=None):
    options = begin(flags(__doc__, epochs=3), arguments)
    (x_train, y_train), (x_test, y_test) = digits(options.limit)

    model = Sequential([Input((28, 28, 1)), Flatten(), Dense(64, activation="relu"), Dense(10)])
    optimizer = optimizers.Adam(learning_rate=1e-3)
    loss_function = losses.SparseCategoricalCrossentropy(from_logits=True)
    train_accuracy = metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = loss_function(y, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        train_accuracy.update_state(y, logits)
        return loss

    accuracies = []
    for epoch in range(options.epochs):
        train_accuracy.reset_state()
        order = tf.random.shuffle(tf.range(len(x_train))).numpy()
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            loss = train_step(x_train[rows], y_train[rows])
        accuracies.append(float(train_accuracy.result()))
        print(f"epoch {epoch + 1}: loss of the last batch {loss:.4f}, accuracy {accuracies[-1]:.4f}")

    # The same numbers twice: by this package, and by scikit-learn.
    probabilities = tf.nn.softmax(model(x_test, training=False))
    accuracy = metrics.SparseCategoricalAccuracy()
    recalls = [metrics.Recall(class_id=k, top_k=1) for k in range(10)]
    f1 = metrics.F1Score(average="macro")
    truth = tf.one_hot(y_test, 10)
    accuracy.update_state(y_test, probabilities)
    f1.update_state(truth, probabilities)
    for recall in recalls:
        recall.update_state(truth, probabilities)
    ours = [float(accuracy.result()), np.mean([float(r.result()) for r in recalls]), float(f1.result())]

    from sklearn.metrics import accuracy_score, f1_score, recall_score

    labels = tf.argmax(probabilities, axis=1).numpy()
    theirs = [
        accuracy_score(y_test, labels),
        recall_score(y_test, labels, average="macro"),
        f1_score(y_test, labels, average="macro"),
    ]
    for name, mine, judge in zip(("accuracy", "recall", "F1"), ours, theirs, strict=True):
        print(f"{name:9} {mine:.7f}   scikit-learn {judge:.7f}")

    plot_curves({"training": accuracies}, options.out / "custom_loop.png", ylabel="accuracy")
    result("custom_loop", "test_accuracy", ours[0])
    result("custom_loop", "difference_to_sklearn", np.abs(np.subtract(ours, theirs)).max())


if __name__ == "__main__":
    main()
