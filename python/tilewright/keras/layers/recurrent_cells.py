# SPDX-License-Identifier: Apache-2.0
"""SimpleRNNCell, LSTMCell, GRUCell: one step, and the kernel for whole sequences."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import activations
from tilewright.keras.layers.recurrent_cell import RecurrentCell


class SimpleRNNCell(RecurrentCell):
    """One step of a fully connected layer: h' = activation(x kernel + h recurrent_kernel + bias)."""

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )

    def advance(self, x, states, factors=None):
        return [self.activation(self._gates_of(x, states[0], factors))]

    def _has_kernel(self):
        return self.activation in (activations.tanh, activations.relu)

    def _kernel(self, x, h0, others, **options):
        name = self.activation.__name__
        y, h = ops.simple_rnn(
            x, self.kernel, self.recurrent_kernel, self.bias, h0=h0, activation=name, **options
        )
        return y, [h]


class LSTMCell(RecurrentCell):
    """One step of an LSTM, gates in the order i, f, c, o. Hochreiter & Schmidhuber, 1997.

    Parameters   as RecurrentCell's;  recurrent_activation : of the three gates
        unit_forget_bias : the forget gate's bias starts at 1 (Jozefowicz et al., 2015)
    """

    gates = 4
    config_fields = (
        "units",
        "activation",
        "recurrent_activation",
        "unit_forget_bias",
        *RecurrentCell.weight_fields,
    )

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def _first_bias(self):
        return self._with_open_forget_gate if self.unit_forget_bias else self.bias_initializer

    def _with_open_forget_gate(self, shape, dtype):
        start = self.bias_initializer
        n = self.units
        return ops.concat([start((n,), dtype=dtype), ops.ones((n,), dtype), start((2 * n,), dtype=dtype)])

    def advance(self, x, states, factors=None):
        h, c = states
        i, f, g, o = ops.split(self._gates_of(x, h, factors), 4, axis=-1)
        gate = self.recurrent_activation
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), self.activation(g)))
        return [ops.multiply(gate(o), self.activation(c)), c]

    def _has_kernel(self):
        return super()._has_kernel() and self.recurrent_activation is activations.sigmoid

    def _kernel(self, x, h0, others, **options):
        y, h, c = ops.lstm(x, self.kernel, self.recurrent_kernel, self.bias, h0=h0, c0=others[0], **options)
        return y, [h, c]


class GRUCell(RecurrentCell):
    """One step of a GRU, gates in the order z, r, h. Cho et al., arXiv:1406.1078.

    Parameters   as RecurrentCell's;  recurrent_activation : of the two gates
        reset_after : the reset gate acts after the product with recurrent_kernel, which then has its own bias
    """

    gates = 3
    config_fields = (
        "units",
        "activation",
        "recurrent_activation",
        "reset_after",
        *RecurrentCell.weight_fields,
    )

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _two_biases(self) -> bool:
        return self.bias is not None and self.reset_after

    def _input_bias(self):
        return self.bias[0] if self._two_biases() else self.bias

    def advance(self, x, states, factors=None):
        h, gate = states[0], self.recurrent_activation
        xz, xr, xn = ops.split(x, 3, axis=-1)
        if self.reset_after:
            bias = self.bias[1] if self._two_biases() else None
            hz, hr, hn = ops.split(self._product(h, self.recurrent_kernel, bias, factors), 3, axis=-1)
            z, r = gate(ops.add(xz, hz)), gate(ops.add(xr, hr))
            kept = ops.multiply(r, hn)
        else:
            uz, ur, un = ops.split(self.recurrent_kernel, 3, axis=1)
            hz, hr, hn = (h, h, h) if factors is None else (ops.multiply(h, f) for f in factors)
            z, r = gate(ops.matmul(hz, uz, residual=xz)), gate(ops.matmul(hr, ur, residual=xr))
            kept = ops.matmul(ops.multiply(r, hn), un)
        n = self.activation(ops.add(xn, kept))
        return [ops.add(ops.multiply(z, h), ops.multiply(ops.subtract(1.0, z), n))]

    def _has_kernel(self):
        return super()._has_kernel() and self.recurrent_activation is activations.sigmoid

    def _kernel(self, x, h0, others, **options):
        y, h = ops.gru(
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            h0=h0,
            reset_after=self.reset_after,
            **options,
        )
        return y, [h]
