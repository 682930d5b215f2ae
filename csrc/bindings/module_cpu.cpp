// SPDX-License-Identifier: Apache-2.0
#include "bindings/array_home.h"
#include "bindings/arrays.h"
#include "cpu/ops_cpu.h"

PYBIND11_MODULE(_cpu, m) {
  m.doc() = "Tilewright's operations on the CPU";
  tilewright::bindings::bind_all(m, tilewright::cpu::ops());
  tilewright::bindings::bind_stand_in(m);
  tilewright::bindings::bind_cpu(m);
  tilewright::bindings::bind_recording(m);
}
