# SPDX-License-Identifier: Apache-2.0
"""Layers around layers: Wrapper, Bidirectional, TimeDistributed."""

from __future__ import annotations

from tilewright import linalg, nest, ops
from tilewright.keras import initializers, serialization
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.normalization import BatchNormalization
from tilewright.keras.layers.recurrent import RNN
from tilewright.tf.gradients import stop_gradient

_MERGES = ("sum", "mul", "ave", "concat", None)


def _check_layer(cls: type, argument: str, layer) -> None:
    if not isinstance(layer, Layer):
        raise ValueError(f"[{cls.__name__}] {argument} is a {type(layer).__name__}, expected a layer")


class Wrapper(Layer):
    """Base of layers that do something with another layer, `layer`."""

    config_fields = ("layer",)

    def __init__(self, layer, **kwargs):
        _check_layer(type(self), "layer", layer)
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value at each training step.

    Parameters
        layer : with a `kernel`, or `embeddings`
        power_iterations : steps towards the singular vector, which goes on from call to call
    Notes   Miyato et al., "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957.
    """

    config_fields = ("layer", "power_iterations")

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if not isinstance(power_iterations, int) or power_iterations < 1:
            raise ValueError(
                f"[{self.name}] power_iterations is {power_iterations!r}, expected an int of at least 1"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape=None):
        super().build(input_shape)
        self.kernel = getattr(self.layer, "kernel" if hasattr(self.layer, "kernel") else "embeddings", None)
        if self.kernel is None:
            raise ValueError(
                f"[{self.name}] layer {self.layer.name} has neither a kernel nor embeddings, expected one"
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            name="vector_u",
            trainable=False,
        )

    def call(self, inputs, training=None):
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = self.kernel
        rows = ops.reshape(stop_gradient(kernel), (-1, kernel.shape[-1]))
        u = self.vector_u
        for _ in range(self.power_iterations):
            v = linalg.l2_normalize(ops.matmul(u, ops.transpose(rows)))
            u = linalg.l2_normalize(ops.matmul(v, rows))
        sigma = ops.matmul(ops.matmul(v, rows), ops.transpose(u))
        still = ops.all(ops.equal(rows, 0.0))  # a kernel of zeros has no direction
        self.vector_u.assign(ops.where(still, self.vector_u, u))
        kernel.assign(ops.where(still, kernel, ops.reshape(ops.divide(rows, sigma), kernel.shape)))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


class Bidirectional(Layer):
    """A recurrent layer run forwards, and one like it run backwards.

    Parameters
        layer : recurrent layer; both directions are made anew from its configuration
        merge_mode : how two outputs become one: "concat", "sum", "mul", "ave", or None for both in a tuple
        weights : arrays to start from, those of the forward layer first
        backward_layer : for the other direction, with the opposite go_backwards
    Notes   Schuster & Paliwal, 1997. Outputs stand in the order of the input for both directions.
    """

    casts_integers = True
    supports_masking = True
    config_fields = ("merge_mode",)

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        _check_layer(type(self), "layer", layer)
        if backward_layer is not None:
            _check_layer(type(self), "backward_layer", backward_layer)
        if merge_mode not in _MERGES:
            raise ValueError(f"[Bidirectional] merge_mode is {merge_mode!r}, expected one of {_MERGES}")
        super().__init__(**kwargs)
        self.forward_layer = _again(layer, "forward_")
        if backward_layer is None:
            backward_layer = _again(layer, "backward_", go_backwards=True)
        self.backward_layer = backward_layer
        self._check_directions()
        for direction in (self.forward_layer, self.backward_layer):
            if hasattr(direction, "zero_output_for_mask"):
                direction.zero_output_for_mask = direction.return_sequences
        self.merge_mode, self._first_weights = merge_mode, weights
        self.stateful, self.return_sequences = layer.stateful, layer.return_sequences
        self.return_state, self.input_spec = layer.return_state, layer.input_spec

    def _check_directions(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"[{self.name}] go_backwards is {forward.go_backwards} for both layers, expected True for one"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    f"[{self.name}] {name} is {getattr(forward, name)} for the forward layer and "
                    f"{getattr(backward, name)} for the backward layer, expected the same"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for direction in (self.forward_layer, self.backward_layer):
            if not direction.built:
                direction.build(sequences_shape)
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        shape, states = (shape[0], shape[1:]) if self.return_state else (shape, ())
        if self.merge_mode == "concat":
            shape = (*shape[:-1], 2 * shape[-1])
        outputs = (shape, shape) if self.merge_mode is None else (shape,)
        return (*outputs, *states, *states) if self.return_state or len(outputs) > 1 else shape

    def compute_mask(self, sequences, mask=None):
        mask = nest.leaves(mask)[0]
        mask = mask if self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else (mask,)

    @property
    def states(self):
        """The states of both directions, where the layer is stateful and built."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return (*forward, *backward) if forward and backward else None

    def reset_state(self) -> None:
        """Both directions start from zeros again."""
        if not self.stateful:
            raise AttributeError(f"[{self.name}] stateful is False, expected True where states are reset")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def call(self, sequences, initial_state=None, mask=None, training=None):
        halves = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            halves = (list(initial_state[:half]), list(initial_state[half:]))
        found = []
        for direction, first in zip((self.forward_layer, self.backward_layer), halves, strict=True):
            options = {} if first is None else {"initial_state": first}
            if mask is not None:
                options["mask"] = mask
            found.append(direction(sequences, training=training, **options))
        states = ()
        if self.return_state:
            states = (*found[0][1:], *found[1][1:])
            found = [direction[0] for direction in found]
        forward, backward = found
        if self.return_sequences:
            backward = ops.flip(backward, 1)
        if self.merge_mode is None:
            return (forward, backward, *states)
        merged = self._merged(forward, backward)
        return (merged, *states) if self.return_state else merged

    def _merged(self, forward, backward):
        if self.merge_mode == "concat":
            return ops.concat([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(forward, backward)
        total = ops.add(forward, backward)
        return total if self.merge_mode == "sum" else ops.divide(total, 2.0)

    def get_config(self):
        return {
            **super().get_config(),
            "layer": serialization.serialize_keras_object(self.forward_layer),
            "backward_layer": serialization.serialize_keras_object(self.backward_layer),
        }


def _again(layer, prefix: str, **changed):
    """A layer of the same configuration, its name with a prefix, with some arguments changed."""
    config = {**layer.get_config(), "name": prefix + layer.name.removeprefix(prefix), **changed}
    return type(layer).from_config(config)


class TimeDistributed(Wrapper):
    """A layer applied to every step of (batch, steps, ...) by itself.

    Notes   Where the layer treats every sample alone, all steps go through it at once, as one larger batch.
            Batch normalization, stateful layers and layers of one's own get them one after the other, as in
            Keras.
    """

    supports_masking = True

    def build(self, input_shape):
        super().build(self._step_shape(input_shape))

    def _step_shape(self, input_shape) -> tuple:
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                f"[{self.name}] input has shape {input_shape}, expected at least 3 dimensions (batch, "
                "steps, ...)"
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (shape[0], input_shape[1], *shape[1:])

    def call(self, inputs, training=None, mask=None):
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(f"[{self.name}] mask has shape {mask.shape}, expected ({batch}, {steps}, ...)")
        signature = type(self.layer)._signature()
        options = {"training": training} if signature.has_training else {}
        mask = mask if signature.has_mask else None
        if all(_alone(layer) for layer in self.layer._flatten_layers()) and steps:
            if mask is not None:
                options["mask"] = _folded(mask)
            y = self.layer.call(_folded(inputs), **options)
            return ops.reshape(y, (batch, steps, *y.shape[1:]))
        found = []
        for t in range(steps):
            if mask is not None:
                options["mask"] = mask[:, t]
            found.append(self.layer.call(inputs[:, t], **options))
        if not found:
            raise ValueError(f"[{self.name}] input has shape {inputs.shape}, expected at least one step")
        return ops.stack(found, axis=1)


def _folded(x):
    return ops.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def _alone(layer) -> bool:
    """Whether a layer is known to treat the samples of a batch one by one."""
    own = type(layer).__module__.startswith("tilewright.") and type(layer).__name__ != "Lambda"
    mixes = isinstance(layer, BatchNormalization) or (isinstance(layer, RNN) and layer.stateful)
    return own and not mixes
