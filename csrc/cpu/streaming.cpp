// SPDX-License-Identifier: Apache-2.0
#include "cpu/streaming.h"

#include <stdio.h>

namespace tilewright::cpu {
namespace {

constexpr int64_t kUsualCache = int64_t{32} << 20;

// As Linux tells it for the first core. (sysconf counts the caches of a whole package, of which one core sees a
// part only.)
int64_t last_level_cache() {
  int64_t largest = 0;
  for (char index = '0'; index < '8'; ++index) {
    char path[] = "/sys/devices/system/cpu/cpu0/cache/index0/size";
    path[sizeof(path) - 7] = index;
    FILE* file = fopen(path, "r");
    if (file == nullptr) break;
    long size = 0;
    char unit = 0;
    if (fscanf(file, "%ld%c", &size, &unit) == 2) {
      const int64_t bytes = int64_t{size} << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0);
      if (bytes > largest) largest = bytes;
    }
    fclose(file);
  }
  return largest > 0 ? largest : kUsualCache;
}

}  // namespace

int64_t streaming_bytes() {
  static const int64_t bytes = last_level_cache() / 4;
  return bytes;
}

}  // namespace tilewright::cpu
