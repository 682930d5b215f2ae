# SPDX-License-Identifier: Apache-2.0
"""ResNet-20 on CIFAR-10 (He et al., arXiv:1512.03385): each pair of convolutions adds to its input.

Photos are mirrored and moved by chance; SGD with momentum; the learning rate falls along a cosine.
"""

from tilewright.examples.cifar10_cnn import CLASSES, photos
from tilewright.examples.common import begin, flags, show_classifier
from tilewright.keras import Input, Model, Sequential, layers, losses, optimizers, regularizers

BATCH = 64


def convolution(x, filters, stride=1, activation="relu"):
    """Convolution, normalization and, unless None, activation."""
    x = layers.Conv2D(
        filters,
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(1e-4),
    )(x)
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)


def block(x, filters, stride):
    """Two convolutions added to their input, which a 1x1 convolution fits where the sizes differ."""
    y = convolution(x, filters, stride)
    y = convolution(y, filters, activation=None)
    if stride != 1:
        x = layers.Conv2D(filters, 1, strides=stride, use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(layers.Add()([x, y]))


def build_model():
    """16, 32 and 64 filters, three blocks of each."""
    augmentation = Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.125, 0.125, fill_mode="constant")],
        name="augmentation",
    )
    inputs = Input((32, 32, 3))
    x = convolution(augmentation(inputs), 16)
    for filters, first_stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            x = block(x, filters, first_stride if i == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(10)(x), name="resnet20")


def main(arguments=None):
    options = begin(flags(__doc__, epochs=30), arguments)
    (x_train, y_train), (x_test, y_test) = photos(options.limit)

    model = build_model()
    model.summary()
    steps = options.epochs * -(-len(x_train) // BATCH)
    model.compile(
        optimizer=optimizers.SGD(optimizers.schedules.CosineDecay(0.1, steps), momentum=0.9, nesterov=True),
        loss=losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        x_train, y_train, batch_size=BATCH, epochs=options.epochs, validation_data=(x_test, y_test)
    )

    title = "CIFAR-10, ResNet-20: {accuracy:.1%}"
    show_classifier(
        "resnet20_cifar10",
        title,
        model,
        history,
        (x_test, y_test),
        options.out,
        class_names=CLASSES,
        rows=5,
        columns=5,
    )


if __name__ == "__main__":
    main()
