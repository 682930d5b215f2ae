// SPDX-License-Identifier: Apache-2.0
// Uses every function of vec_math.h from inside the namespace of the instruction set, so that `nm` shows what
// a kernel file built on these headers exports. Never run.
#include TW_VEC_HEADER
#include "cpu/simd/vec_math.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
void use_all(T* out, const T* in, int n) {
  const Vec<T> x = Vec<T>::load(in), y = Vec<T>::load_n(in, n, T(1));
  const Vec<T> results[] = {exp(x),        exp2(x),  expm1(x),     exp_nonpositive(x),
                            sigmoid(x),    tanh(x),  log(x),       log2(x),
                            log1p(x),      rsqrt(x), softplus(x),  erf(x),
                            erfc(x),       sin(x),   cos(x),       pow(x, y),
                            floor(x),      ceil(x),  trunc(x),     sqrt(x),
                            round_even(x), abs(x),   max_nan(x, y)};
  for (const Vec<T>& result : results) store_n(out, result, n);
  *out = reduce_add(x) + reduce_max_nan(x) + reduce_mul(y) + lane(x, n);
}

template void use_all<float>(float*, const float*, int);
template void use_all<double>(double*, const double*, int);

void use_rest(uint16_t* halves, float* floats, const uint8_t* bytes, int n) {
  VecF rows[VecF::kLanes];
  for (VecF& row : rows) row = load_u8_n(bytes, n) + load_f16_n(halves, n) + load_bf16_n(halves, n);
  transpose(rows);
  for (const VecF& row : rows) store(floats, row);
  store_bf16_n(halves, rows[0], n);
  store_f16_n(halves, rows[0], n);
}

}  // namespace tilewright::cpu::TW_ISA
