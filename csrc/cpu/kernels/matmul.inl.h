// SPDX-License-Identifier: Apache-2.0
// The matmul family's table of one instruction set; the kernels are in the three headers below.
#include "cpu/kernels/matmul.h"
#include "cpu/kernels/matmul_pack.inl.h"
#include "cpu/kernels/matmul_thin.inl.h"
#include "cpu/kernels/matmul_tile.inl.h"

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
  // A wide tile reads its operands seldom, so where they lie matters less: at 512^3, 111 GFLOP/s in place
  // against 105 packed with AVX-512, but 77 against 104 with AVX2 (rows a power of two apart share few cache
  // sets).
  t.in_place_bytes = kTileRows * kTileVecs > 12 ? 1 << 20 : 128 << 10;
  // The wide tile takes 8 numbers of a in 24 cycles from wherever they lie; packing them costs 8 / n of the time
  // and more: 768x128x512 103 GFLOP/s packed, 112 in place, 2048^3 107 both ways.
  t.a_in_place = kTileRows * kTileVecs > 12;
  t.block = block<T>;
  t.finish = finish<T>;
  t.pack = pack<T>;
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
