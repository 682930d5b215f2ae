# SPDX-License-Identifier: Apache-2.0
"""Programs as TensorFlow's guides and Keras's examples write them, in small: each runs, and learns."""

import numpy as np
import pytest

import tilewright as tf
from tilewright import keras
from tilewright.keras import layers


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(1)


def moons(n=256):
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, n)
    label = rng.integers(0, 2, n)
    x = np.stack([np.cos(angle) * (1 - 2 * label) + label, np.sin(angle) * (1 - 2 * label) + 0.5 * label], 1)
    return (x + rng.normal(0, 0.05, x.shape)).astype("float32"), label.astype("int32")


def test_linear_model_from_variables():
    class LinearModel:
        def __init__(self):
            self.w = tf.Variable(5.0)
            self.b = tf.Variable(0.0)

        def __call__(self, x):
            return self.w * x + self.b

    def loss(target, predicted):
        return tf.reduce_mean(tf.square(target - predicted))

    x = tf.random.normal(shape=[200])
    y = x * 3.0 + 2.0 + tf.random.normal(shape=[200], stddev=0.01)
    model, ws = LinearModel(), []
    for _ in range(100):
        ws.append(model.w.numpy())
        with tf.GradientTape() as t:
            current = loss(y, model(x))
        dw, db = t.gradient(current, [model.w, model.b])
        model.w.assign_sub(0.1 * dw)
        model.b.assign_sub(0.1 * db)
    assert ws[0] == 5 and abs(model.w.numpy() - 3) < 0.01 and f"{model.b.numpy():1.1f}" == "2.0"


def test_modules_of_ones_own():
    class Dense(tf.Module):
        def __init__(self, in_features, out_features, name=None):
            super().__init__(name=name)
            self.w = tf.Variable(tf.random.normal([in_features, out_features]) * 0.5, name="w")
            self.b = tf.Variable(tf.zeros([out_features]), name="b")

        def __call__(self, x):
            return tf.matmul(x, self.w) + self.b

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Dense(2, 16), Dense(16, 2)

        @tf.function
        def __call__(self, x):
            return self.second(tf.nn.tanh(self.first(x)))

    x, y = moons()
    net, optimizer = Net(), tf.optimizers.Adam(0.05)
    for _ in range(120):
        with tf.GradientTape() as tape:
            logits = net(x)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        gradients = tape.gradient(loss, net.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(net(x), 1), y), tf.float32))
    assert accuracy > 0.95 and len(net.variables) == 4


def scaled_dot_product_attention(q, k, v, mask):
    """As in TensorFlow's transformer tutorial."""
    matmul_qk = tf.matmul(q, k, transpose_b=True)
    dk = tf.cast(tf.shape(k)[-1], tf.float32)
    scaled = matmul_qk / tf.math.sqrt(dk)
    if mask is not None:
        scaled += mask * -1e9
    weights = tf.nn.softmax(scaled, axis=-1)
    return tf.matmul(weights, v), weights


def test_attention_from_scratch_is_the_kernels():
    q, k, v = (tf.random.normal([2, 3, 5, 4]) for _ in range(3))
    mask = 1 - tf.linalg.band_part(tf.ones((5, 5)), -1, 0)
    y, weights = scaled_dot_product_attention(q, k, v, mask)
    fused = tf.nn.dot_product_attention(
        *(tf.transpose(x, perm=[0, 2, 1, 3]) for x in (q, k, v)), is_causal=True
    )
    np.testing.assert_allclose(y.numpy(), tf.transpose(fused, [0, 2, 1, 3]).numpy(), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(weights, -1).numpy(), 1, rtol=1e-5)


def positional_encoding(length, depth):
    depth = depth / 2
    positions = np.arange(length)[:, np.newaxis]
    depths = np.arange(depth)[np.newaxis, :] / depth
    angles = positions * (1 / (10000**depths))
    return tf.cast(np.concatenate([np.sin(angles), np.cos(angles)], axis=-1), dtype=tf.float32)


class PositionalEmbedding(layers.Layer):
    """As in TensorFlow's transformer tutorial."""

    def __init__(self, vocab_size, d_model):
        super().__init__()
        self.d_model = d_model
        self.embedding = layers.Embedding(vocab_size, d_model)
        self.pos_encoding = positional_encoding(length=64, depth=d_model)

    def call(self, x):
        length = tf.shape(x)[1]
        x = self.embedding(x)
        x *= tf.math.sqrt(tf.cast(self.d_model, tf.float32))
        return x + self.pos_encoding[tf.newaxis, :length, :]


def test_positional_embedding_and_masked_loss_train():
    def masked_loss(label, pred):
        mask = label != 0
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")(label, pred)
        mask = tf.cast(mask, dtype=loss.dtype)
        loss *= mask
        return tf.reduce_sum(loss) / tf.reduce_sum(mask)

    model = keras.Sequential([PositionalEmbedding(12, 16), layers.Dense(12)])
    model.compile("adam", loss=masked_loss)
    x = np.random.default_rng(0).integers(1, 12, (128, 9)).astype("int32")
    y = np.where(np.arange(9) < 7, (x * 5) % 12, 0).astype("int32")
    model.optimizer.learning_rate = 0.02
    losses = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


class Sampling(layers.Layer):
    """Uses (z_mean, z_log_var) to sample z, as in Keras's variational autoencoder."""

    def call(self, inputs):
        z_mean, z_log_var = inputs
        batch = tf.shape(z_mean)[0]
        dim = tf.shape(z_mean)[1]
        epsilon = keras.backend.random_normal(shape=(batch, dim))
        return z_mean + tf.exp(0.5 * z_log_var) * epsilon


class VAE(keras.Model):
    """As in Keras's variational autoencoder, with a train_step of its own."""

    def __init__(self):
        super().__init__()
        self.hidden, self.mean, self.log_var = layers.Dense(16, "relu"), layers.Dense(2), layers.Dense(2)
        self.sampling = Sampling()
        self.decoder = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(64, "sigmoid")])
        self.total_tracker = keras.metrics.Mean(name="total")
        self.kl_tracker = keras.metrics.Mean(name="kl")

    @property
    def metrics(self):
        return [self.total_tracker, self.kl_tracker]

    def call(self, x):
        h = self.hidden(x)
        return self.mean(h), self.log_var(h)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            z_mean, z_log_var = self(data)
            reconstruction = self.decoder(self.sampling([z_mean, z_log_var]))
            errors = keras.losses.binary_crossentropy(data, reconstruction)
            reconstruction_loss = tf.reduce_mean(64.0 * errors)
            kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            kl_loss = tf.reduce_mean(tf.reduce_sum(kl_loss, axis=1))
            total = reconstruction_loss + kl_loss
        grads = tape.gradient(total, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        self.total_tracker.update_state(total)
        self.kl_tracker.update_state(kl_loss)
        return {"total": self.total_tracker.result(), "kl": self.kl_tracker.result()}


def test_a_variational_autoencoder_with_its_own_train_step():
    from tilewright.datasets import optdigits

    x = (optdigits.load_data()[0].reshape(-1, 64)[:512] / 16).astype("float32")
    vae = VAE()
    vae.compile(optimizer=keras.optimizers.Adam(0.01))
    history = vae.fit(x, epochs=4, batch_size=64, verbose=0).history
    assert set(history) == {"total", "kl"} and history["total"][-1] < 0.85 * history["total"][0]
    assert history["kl"][-1] > 0.1


def test_gradient_penalty_differentiates_a_gradient():
    critic = keras.Sequential([keras.Input((3,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1)])
    real, fake = tf.random.normal([16, 3]), tf.random.normal([16, 3])
    alpha = tf.random.uniform([16, 1], 0.0, 1.0)
    interpolated = real + alpha * (fake - real)
    with tf.GradientTape() as tape:
        with tf.GradientTape() as gp_tape:
            gp_tape.watch(interpolated)
            pred = critic(interpolated, training=True)
        grads = gp_tape.gradient(pred, [interpolated])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1]))
        penalty = tf.reduce_mean((norm - 1.0) ** 2)
    found = tape.gradient(penalty, critic.trainable_variables)
    assert found[0] is not None and np.abs(found[0].numpy()).max() > 0


def test_q_learning_update():
    q_model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(2)])
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    loss_function = keras.losses.Huber()
    states = np.random.default_rng(0).normal(size=(32, 4))
    actions = np.random.default_rng(1).integers(0, 2, 32)
    rewards = np.where(actions == (states[:, 0] > 0), 1.0, 0.0)
    losses = []
    for _ in range(60):
        masks = tf.one_hot(actions, 2)
        with tf.GradientTape() as tape:
            q_values = q_model(states)
            q_action = tf.reduce_sum(tf.multiply(q_values, masks), axis=1)
            loss = loss_function(tf.cast(rewards, tf.float32), q_action)
        grads = tape.gradient(loss, q_model.trainable_variables)
        optimizer.apply_gradients(zip(grads, q_model.trainable_variables, strict=True))
        losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0]
    state = tf.expand_dims(tf.convert_to_tensor(states[0]), 0)
    assert int(tf.argmax(q_model(state, training=False)[0])) in (0, 1)


def test_style_losses():
    def gram_matrix(x):
        result = tf.linalg.einsum("bijc,bijd->bcd", x, x)
        shape = tf.shape(x)
        return result / tf.cast(shape[1] * shape[2], tf.float32)

    image = tf.Variable(tf.random.uniform([1, 8, 8, 3]))
    target = gram_matrix(tf.random.uniform([1, 8, 8, 3]))
    optimizer = tf.optimizers.Adam(learning_rate=0.05)

    @tf.function()
    def train_step(image):
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_mean((gram_matrix(image) - target) ** 2)])
            loss += 1e-4 * tf.image.total_variation(image)[0]
        optimizer.apply_gradients([(tape.gradient(loss, image), image)])
        image.assign(tf.clip_by_value(image, clip_value_min=0.0, clip_value_max=1.0))
        return loss

    losses = [float(train_step(image)) for _ in range(20)]
    assert losses[-1] < losses[0] and 0 <= float(tf.reduce_min(image)) <= float(tf.reduce_max(image)) <= 1


def test_layers_with_losses_and_add_weight_of_ones_own():
    class Linear(layers.Layer):
        def __init__(self, units=32, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(
                shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
            )
            self.b = self.add_weight(shape=(self.units,), initializer=tf.zeros_initializer(), trainable=True)

        def call(self, inputs):
            self.add_loss(1e-3 * tf.reduce_sum(tf.abs(inputs)))
            return tf.matmul(inputs, self.w) + self.b

    class Residual(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = Linear(16), Linear(2)

        def call(self, x, training=None):
            x = tf.nn.relu(self.first(x))
            if training:
                x = tf.nn.dropout(x, rate=0.1)
            return self.second(x)

    x, y = moons()
    model = Residual()
    model.compile(
        optimizer=tf.keras.optimizers.Adam(0.03),
        loss=tf.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[tf.metrics.SparseCategoricalAccuracy(name="acc")],
    )
    history = model.fit(x, y, epochs=15, batch_size=32, verbose=0).history
    assert history["acc"][-1] > 0.85 and model.predict(x, verbose=0).shape == (256, 2)
