// SPDX-License-Identifier: Apache-2.0
// From a family's driver to its kernels: kernels<SoftmaxKernels>() is the table of the instruction set in use.
// Each ISA's build of kernels/<family>.inl.h defines `template <> void fill(<Family>Kernels&)` in its namespace.
#pragma once

#include "cpu/isa.h"

namespace tilewright::cpu {

namespace scalar { template <class Kernels> void fill(Kernels& table); }
#if defined(__x86_64__)
namespace avx2 { template <class Kernels> void fill(Kernels& table); }
namespace avx512 { template <class Kernels> void fill(Kernels& table); }
#elif defined(__aarch64__)
namespace neon { template <class Kernels> void fill(Kernels& table); }
#endif

template <class Kernels>
const Kernels& kernels() {
  struct Tables {
    Kernels of_isa[kIsaCount] = {};
    Tables() {
      scalar::fill(of_isa[static_cast<int>(Isa::scalar)]);
#if defined(__x86_64__)
      avx2::fill(of_isa[static_cast<int>(Isa::avx2)]);
      avx512::fill(of_isa[static_cast<int>(Isa::avx512)]);
#elif defined(__aarch64__)
      neon::fill(of_isa[static_cast<int>(Isa::neon)]);
#endif
    }
  };
  static const Tables tables;
  return tables.of_isa[static_cast<int>(active_isa())];
}

}  // namespace tilewright::cpu
