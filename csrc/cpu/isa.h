// SPDX-License-Identifier: Apache-2.0
// Which instruction set the kernels use.
#pragma once

namespace tilewright::cpu {

// In ascending order of preference.
enum class Isa : int { scalar, avx2, avx512, neon };
inline constexpr int kIsaCount = 4;

const char* isa_name(Isa isa);
// Built into this library, and this processor and operating system run it.
bool isa_available(Isa isa);
// The best available, or what TILEWRIGHT_ISA names.
Isa active_isa();
// Switches all later calls; for tests and benchmarks. Throws Error when `name` is unknown or unavailable.
void use_isa(const char* name);

}  // namespace tilewright::cpu
