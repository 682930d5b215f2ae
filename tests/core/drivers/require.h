// SPDX-License-Identifier: Apache-2.0
// What the drivers share: failing loudly, and choosing a scenario by its name.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Ends the process without touching other threads, which may still run.
inline void require(bool condition, const char* text) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", text);
  fflush(stderr);
  _Exit(1);
}

struct Scenario {
  const char* name;
  void (*run)();
};

template <int kCount>
int run_scenario(const Scenario (&scenarios)[kCount], const char* name) {
  for (const Scenario& scenario : scenarios) {
    if (strcmp(scenario.name, name) != 0) continue;
    scenario.run();
    puts("ok");
    return 0;
  }
  fprintf(stderr, "no scenario %s\n", name);
  return 2;
}
