# SPDX-License-Identifier: Apache-2.0
"""SimpleRNN, LSTM, GRU: RNN with one cell of the library, under the cell's name and with its arguments."""

from __future__ import annotations

from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.recurrent import RNN
from tilewright.keras.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell


class _OfOneCell(RNN):
    """Base of layers named after their cell: their arguments are the cell's and the sequence's."""

    cell_class: type
    cell_name: str

    def __init__(self, cell_arguments: dict, options: dict, activity_regularizer, use_cudnn, kwargs):
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                f"[{type(self).__name__}] use_cudnn is {use_cudnn!r}, expected 'auto', True or False"
            )
        cell = self.cell_class(
            **cell_arguments,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name=self.cell_name,
        )
        kwargs.pop("implementation", None)
        super().__init__(cell, **options, activity_regularizer=activity_regularizer, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def __getattr__(self, name):
        if name in type(self).cell_class.config_fields and "cell" in self.__dict__:
            return getattr(self.cell, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _split_arguments(arguments: dict, cell_class: type) -> tuple[dict, dict]:
    """Arguments of the cell, and those of the sequence."""
    cell = {name: arguments[name] for name in cell_class.config_fields}
    return cell, {name: arguments[name] for name in RNN.sequence_fields if name in arguments}


class SimpleRNN(_OfOneCell):
    """A fully connected recurrent layer: h' = activation(x kernel + h recurrent_kernel + bias).

    Parameters   as SimpleRNNCell's, then as RNN's
    """

    cell_class, cell_name = SimpleRNNCell, "simple_rnn_cell"
    config_fields = (*SimpleRNNCell.config_fields, *RNN.sequence_fields, "activity_regularizer")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(*_split_arguments(locals(), SimpleRNNCell), activity_regularizer, "auto", kwargs)


class LSTM(_OfOneCell):
    """Long short-term memory. Hochreiter & Schmidhuber, 1997.

    Parameters   as LSTMCell's, then as RNN's;  use_cudnn : accepted, there is one kernel
    """

    cell_class, cell_name = LSTMCell, "lstm_cell"
    config_fields = (*LSTMCell.config_fields, *RNN.sequence_fields, "activity_regularizer")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(*_split_arguments(locals(), LSTMCell), activity_regularizer, use_cudnn, kwargs)


class GRU(_OfOneCell):
    """Gated recurrent unit. Cho et al., arXiv:1406.1078.

    Parameters   as GRUCell's, then as RNN's;  use_cudnn : accepted, there is one kernel
    """

    cell_class, cell_name = GRUCell, "gru_cell"
    config_fields = (*GRUCell.config_fields, *RNN.sequence_fields, "activity_regularizer")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(*_split_arguments(locals(), GRUCell), activity_regularizer, use_cudnn, kwargs)
