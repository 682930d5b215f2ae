# SPDX-License-Identifier: Apache-2.0
"""The rnn family in one place: LSTM, GRU and the simple RNN over whole sequences."""

from tilewright.ops.rnn_gru import gru, gru_backward
from tilewright.ops.rnn_lstm import lstm, lstm_backward
from tilewright.ops.rnn_simple import simple_rnn, simple_rnn_backward

__all__ = ["gru", "gru_backward", "lstm", "lstm_backward", "simple_rnn", "simple_rnn_backward"]
