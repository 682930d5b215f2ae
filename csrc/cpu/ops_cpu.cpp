// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {

const Ops& ops() {
  static const Ops& table = [] () -> const Ops& {
    static Ops ops("cpu");
    fill_elementwise(ops);
    fill_reduce(ops);
    fill_matmul(ops);
    fill_conv2d(ops);
    fill_pool2d(ops);
    fill_softmax(ops);
    fill_norm(ops);
    fill_attention(ops);
    fill_embedding(ops);
    fill_shape(ops);
    fill_random(ops);
    fill_rnn(ops);
    fill_loss(ops);
    fill_optimizer(ops);
    return ops;
  }();
  return table;
}

}  // namespace tilewright::cpu
