// SPDX-License-Identifier: Apache-2.0
// The matmul family's table of one instruction set; the kernels are in the headers below.
#include "cpu/kernels/matmul.h"
#include "cpu/kernels/matmul_block.inl.h"
#include "cpu/kernels/matmul_pack.inl.h"
#include "cpu/kernels/matmul_thin.inl.h"
#include "cpu/kernels/matmul_tile.inl.h"
#include "cpu/kernels/matmul_turn.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
constexpr MatmulTable<T> table() {
  constexpr int lanes = TileVec<T>::kLanes;
  MatmulTable<T> t = {};
  t.lanes = lanes;
  t.tile_rows = kTileRows;
  t.tile_cols = kTileVecs * lanes;
  t.panel_rows = lanes > kTileRows ? lanes : kTileRows;
  t.kc = 2048 / sizeof(T);
  t.mc = 192;
  // A wide tile reads its operands seldom, 11 loads in 24 cycles, so where they lie matters little: at
  // 512^3 111 GFLOP/s in place against 105 packed with AVX-512, at 512x128x768 with a transposed 113
  // against 106. The narrow one, 7 loads in 6 cycles, lives on the first-level cache, of which rows far
  // apart share few sets: 2048x512x49 72 in place, 101 packed with AVX2.
  constexpr bool wide = kTileRows * kTileVecs > 12;
  t.in_place_bytes = wide ? 1 << 20 : 32 << 10;
  t.columns_in_place = wide;
  t.block = block<T>;
  t.finish = finish<T>;
  t.pack = pack<T>;
  t.turn = turn<T>;
  t.dot = dot<T>;
  t.stream = stream<T>;
  return t;
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(MatmulKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
