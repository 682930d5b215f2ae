// SPDX-License-Identifier: Apache-2.0
// What the files of small test kernels share: a kernel by name, run on the emulator under a schedule. A file
// defines cases() and includes this at its end; with TW_MAIN it becomes a program that runs them all.
#pragma once

#include <stdio.h>

#include <exception>
#include <string>

#include "device/launch.cuh"

// Runs a kernel; y has 256 floats. Returns the report, empty if there is none.
static std::string run_case(const std::string& name, const std::string& schedule, float* y) {
  using namespace TW_BACKEND;
  using namespace tilewright;
  try {
    simt::set_schedule(simt::parse_schedule(schedule));
    const Case& c = cases().at(name);
    View view = View::of(y, Dtype::f32, {256});
    view.writable = c.writable;
    launch_cluster(name.c_str(), c.kernel, Dim3(4), Dim3(static_cast<unsigned>(c.threads)), c.cluster,
                   c.shared_bytes, Stream{}, global_pointer<float>(view, "y"));
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

#ifdef TW_MAIN
int main() {
  alignas(16) float y[256] = {};
  for (const auto& entry : TW_BACKEND::cases()) {
    for (const char* schedule : {"forward", "reverse", "random:1", "starve:0"}) {
      printf("%s %s: %s\n", entry.first.c_str(), schedule, run_case(entry.first, schedule, y).c_str());
    }
  }
  return 0;
}
#else
extern "C" void tw_run(const char* name, const char* schedule, float* y, char* report, int size) {
  snprintf(report, static_cast<size_t>(size), "%s", run_case(name, schedule, y).c_str());
}
#endif
