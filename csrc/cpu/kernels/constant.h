// SPDX-License-Identifier: Apache-2.0
// A number that a generic lambda takes as a type, so that its loops unroll and its branches go.
#pragma once

namespace tilewright::cpu::TW_ISA {
namespace {

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
  constexpr operator int() const { return kValue; }
};

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
