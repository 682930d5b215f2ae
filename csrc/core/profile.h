// SPDX-License-Identifier: Apache-2.0
// Counts, per operation: calls, time, floating-point operations and the bytes of the arrays involved.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/op.h"

namespace tilewright {

// What a call does, from its shapes alone: FLOP as the textbook counts them (a multiply-add is two), one per
// output element where an operation has no formula of its own; bytes of every array once, repeats by stride 0
// not counted.
double flop_of(const Call& call);
double bytes_of(const Call& call);

class Profile : public CallObserver {
 public:
  struct Row {
    std::string operation;
    int64_t calls = 0;
    double seconds = 0, flop = 0, bytes = 0;
  };

  void before(const Call& call) override;
  void after(const Call& call) override;
  // In the order of first use.
  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace tilewright
