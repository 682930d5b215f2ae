# SPDX-License-Identifier: Apache-2.0
"""tf.train: checkpoints of loops of one's own, and going on from them."""

import os

import numpy as np
import pytest

import tilewright as tf
from tilewright import keras

pytest.importorskip("safetensors", reason="checkpoints are safetensors files (extra `weights`)")

X = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)


def parts(width=4):
    net = keras.Sequential([keras.layers.Dense(width, input_shape=(3,)), keras.layers.BatchNormalization()])
    return net, keras.optimizers.Adam(0.1)


def train(net, optimizer, steps):
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(X, training=True) - 1.0))
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))


@pytest.mark.parametrize("built", [False, True])
def test_training_goes_on_as_if_it_had_not_stopped(built, tmp_path):
    """Also with an optimizer whose variables come with its first step after restoring."""
    net, optimizer = parts()
    train(net, optimizer, 3)
    step = tf.Variable(3)
    path = tf.train.Checkpoint(net=net, optimizer=optimizer, step=step).save(tmp_path / "ckpt")
    train(net, optimizer, 2)

    other, again = parts()
    if built:
        again.build(other.trainable_variables)
    counter = tf.Variable(0)
    checkpoint = tf.train.Checkpoint(net=other, optimizer=again, step=counter)
    assert checkpoint.net is other
    assert tf.train.latest_checkpoint(tmp_path) == path
    checkpoint.restore(path).assert_consumed()
    assert int(counter) == 3 and int(checkpoint.save_counter) == 1
    train(other, again, 2)
    for a, b in zip(net.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_manager_keeps_the_last(tmp_path):
    step = tf.Variable(0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(step=step), tmp_path / "all", max_to_keep=2)
    assert manager.latest_checkpoint is None and manager.restore_or_initialize() is None
    for number in range(1, 5):
        step.assign(number)
        path = manager.save()
        assert path.endswith(f"ckpt-{number}")
    assert [os.path.basename(p) for p in manager.checkpoints] == ["ckpt-3", "ckpt-4"]
    assert sorted(os.listdir(tmp_path / "all")) == ["checkpoint", "ckpt-3.safetensors", "ckpt-4.safetensors"]
    step.assign(0)
    assert manager.restore_or_initialize() == manager.latest_checkpoint and int(step) == 4
    assert manager.save(checkpoint_number=10).endswith("ckpt-10")


def test_what_does_not_fit_is_listed(tmp_path):
    net, optimizer = parts()
    train(net, optimizer, 1)
    path = tf.train.Checkpoint(net=net, optimizer=optimizer).save(tmp_path / "ckpt")
    wider, _ = parts(5)
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"net/dense/kernel has shape \(3, 4\), expected \(3, 5\)"):
        tf.train.Checkpoint(net=wider, optimizer=keras.optimizers.Adam()).restore(path)
    with pytest.raises(ValueError, match="lacks step"):
        tf.train.Checkpoint(net=net, optimizer=optimizer, step=tf.Variable(1)).restore(path)
    for a, b in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    unbuilt = keras.Sequential([keras.layers.Dense(4)])
    with pytest.raises(ValueError, match=r"net has no weights yet, expected sequential\w* to be built"):
        tf.train.Checkpoint(net=unbuilt, optimizer=optimizer).restore(path)
    with pytest.raises(FileNotFoundError, match="ckpt-7.safetensors does not exist"):
        tf.train.Checkpoint(net=net).restore(tmp_path / "ckpt-7")
    with pytest.raises(TypeError, match="epoch is a int, expected a Variable, Layer"):
        tf.train.Checkpoint(epoch=3).save(tmp_path / "ckpt")
    file = tmp_path / "ckpt-1.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match="no whole safetensors file"):
        tf.train.Checkpoint(net=net, optimizer=optimizer).restore(path)
