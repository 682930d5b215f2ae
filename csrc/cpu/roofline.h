// SPDX-License-Identifier: Apache-2.0
// The machine's measured limits, for per cents of peak in profiles and benchmarks.
#pragma once

#include <stdint.h>

namespace tilewright::cpu {

struct Roofline {
  double flops;           // FLOP per second of float32 multiply-adds, all threads in use
  double bytes_per_second;  // read plus written, in a copy much larger than the caches
  double bytes_read_per_second;  // where nothing is written
};

// The best of several short runs with the threads and instruction set in use; takes about 0.2 s.
Roofline measure_roofline();

}  // namespace tilewright::cpu
