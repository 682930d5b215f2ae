// SPDX-License-Identifier: Apache-2.0
// Functions of a Vec, lane by lane through the C library.
#pragma once

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
inline Vec<T> exp(Vec<T> x) {
  T lanes[Vec<T>::kLanes];
  store(lanes, x);
  for (T& lane : lanes) lane = sizeof(T) == 4 ? T(__builtin_expf(float(lane))) : T(__builtin_exp(double(lane)));
  return Vec<T>::load(lanes);
}

template <class T>
inline Vec<T> log(Vec<T> x) {
  T lanes[Vec<T>::kLanes];
  store(lanes, x);
  for (T& lane : lanes) lane = sizeof(T) == 4 ? T(__builtin_logf(float(lane))) : T(__builtin_log(double(lane)));
  return Vec<T>::load(lanes);
}

}  // namespace tilewright::cpu::TW_ISA
