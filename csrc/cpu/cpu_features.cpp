// SPDX-License-Identifier: Apache-2.0
// Probes the processor. Compiled with baseline flags only: a probe built with wide ones can itself fault.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/check.h"
#include "cpu/isa.h"

namespace tilewright::cpu {
namespace {

#if defined(__x86_64__)
// The operating system saves the register state named by `mask` on a context switch (XCR0).
bool os_saves(unsigned mask) {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1u << 27))) return false;  // OSXSAVE
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & mask) == mask;
}

bool has_avx2() {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  const bool fma = ecx & (1u << 12), avx = ecx & (1u << 28), f16c = ecx & (1u << 29);
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  const bool avx2 = ebx & (1u << 5), bmi2 = ebx & (1u << 8);
  return avx && avx2 && fma && f16c && bmi2 && os_saves(0x6);
}

bool has_avx512() {
  unsigned eax, ebx, ecx, edx;
  if (!has_avx2() || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  const unsigned needed = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  return (ebx & needed) == needed && os_saves(0xe6);
}
#endif

constexpr const char* kNames[kIsaCount] = {"scalar", "avx2", "avx512", "neon"};

Isa best() {
  Isa isa = Isa::scalar;
  for (int i = 0; i < kIsaCount; ++i)
    if (isa_available(static_cast<Isa>(i))) isa = static_cast<Isa>(i);
  return isa;
}

Isa parse(const char* name) {
  for (int i = 0; i < kIsaCount; ++i) {
    if (std::strcmp(name, kNames[i]) != 0) continue;
    if (isa_available(static_cast<Isa>(i))) return static_cast<Isa>(i);
    fail(ErrorKind::value, "isa", std::string(name) + " is not available on this processor");
  }
  fail(ErrorKind::value, "isa", "got '" + std::string(name) + "', expected scalar, avx2, avx512 or neon");
}

std::atomic<int>& active() {
  static std::atomic<int> isa{[] {
    const char* forced = std::getenv("TILEWRIGHT_ISA");
    return static_cast<int>(forced && *forced ? parse(forced) : best());
  }()};
  return isa;
}

}  // namespace

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

bool isa_available(Isa isa) {
  switch (isa) {
    case Isa::scalar: return true;
#if defined(__x86_64__)
    case Isa::avx2: { static const bool has = has_avx2(); return has; }
    case Isa::avx512: { static const bool has = has_avx512(); return has; }
    case Isa::neon: return false;
#elif defined(__aarch64__)
    case Isa::neon: return true;
    default: return false;
#else
    default: return false;
#endif
  }
  return false;
}

Isa active_isa() { return static_cast<Isa>(active().load(std::memory_order_relaxed)); }

void use_isa(const char* name) { active().store(static_cast<int>(parse(name)), std::memory_order_relaxed); }

}  // namespace tilewright::cpu
