// SPDX-License-Identifier: Apache-2.0
// The rnn family's lines of the CPU table.
#include "cpu/rnn.h"

#include "cpu/ops_cpu.h"

namespace tilewright::cpu {

void fill_rnn(Ops& ops) {
  ops.lstm_forward.set(lstm_forward, kF32F64);
  ops.lstm_backward.set(lstm_backward, kF32F64);
  ops.gru_forward.set(gru_forward, kF32F64);
  ops.gru_backward.set(gru_backward, kF32F64);
  ops.simple_rnn_forward.set(simple_rnn_forward, kF32F64);
  ops.simple_rnn_backward.set(simple_rnn_backward, kF32F64);
}

}  // namespace tilewright::cpu
