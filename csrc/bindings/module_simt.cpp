// SPDX-License-Identifier: Apache-2.0
#include "bindings/array_home.h"
#include "bindings/arrays.h"
#include "launch/ops_cuda.h"
#include "launch/options.h"
#include "simt/counters.h"
#include "simt/mutation.h"
#include "simt/schedule.h"

namespace {

namespace py = pybind11;
namespace simt = tilewright::simt;

// What only the emulator has: the order in which threads run, and kernels with one synchronisation removed.
void bind_simt(py::module_& m) {
  m.def(
      "set_schedule", [](const std::string& text) { simt::set_schedule(simt::parse_schedule(text)); },
      "Order of threads and blocks: forward, reverse, random:SEED or starve:WARP", py::arg("schedule"));
  m.def("schedule", [] { return simt::to_string(simt::current_schedule()); });
  m.def("record_sync_sites", simt::record_sync_sites, "Remember where kernels synchronise", py::arg("on"));
  m.def(
      "sync_sites",
      [] {
        py::list sites;
        for (const simt::SyncSite& s : simt::sync_sites())
          sites.append(py::make_tuple(s.operation, s.site.file, s.site.line));
        return sites;
      },
      "The recorded (operation, file, line)");
  m.def("remove_sync_site", simt::remove_sync_site,
        "Run kernels without the i-th recorded place; -1 for none", py::arg("i"));
  m.def("count_accesses", simt::count_accesses, "Count bank conflicts and sectors from here on",
        py::arg("on"));
  m.def(
      "counted_accesses",
      [] {
        py::dict kernels;
        for (const auto& [kernel, c] : simt::counted_accesses()) {
          py::dict counts;
          counts["shared_requests"] = c.shared_requests;
          counts["shared_passes"] = c.shared_passes;
          counts["shared_conflicts"] = c.shared_conflicts;
          counts["global_reads"] = c.global_reads;
          counts["global_read_sectors"] = c.global_read_sectors;
          counts["global_writes"] = c.global_writes;
          counts["global_write_sectors"] = c.global_write_sectors;
          kernels[kernel.c_str()] = counts;
        }
        return kernels;
      },
      "What was counted, by kernel");
}

// The launchers' choices, for tests that run every one of them.
void bind_choices(py::module_& m) {
  namespace backend = tilewright::simt_backend;
  m.def("allow_tf32", backend::allow_tf32, "Whether float32 products may use tf32 tensor cores",
        py::arg("allow"));
  m.def("matmul_kernels", [] {
    py::list names;
    for (const std::string& name : backend::matmul_kernels()) names.append(name);
    return names;
  });
  m.def(
      "plan_matmul",
      [](int64_t rows, int64_t cols, int64_t depth, int64_t batch, int bits) {
        const tilewright::MatmulPlan plan = backend::plan_matmul(rows, cols, depth, batch, bits);
        return py::make_tuple(backend::matmul_kernels()[static_cast<size_t>(plan.kernel)], plan.slices);
      },
      "(kernel, slices) for contiguous operands", py::arg("m"), py::arg("n"), py::arg("k"),
      py::arg("batch") = 1, py::arg("bits") = 32);
  m.def("force_matmul", backend::force_matmul, "Run products by this kernel; -1 lets the launcher choose",
        py::arg("kernel"), py::arg("slices") = 1);
  m.def("conv_kernels", [] {
    py::list names;
    for (const std::string& name : backend::conv_kernels()) names.append(name);
    return names;
  });
  m.def("force_conv", backend::force_conv, "Run convolutions by this kernel where it can; -1 lets the launcher choose",
        py::arg("kernel"), py::arg("slices") = 1);
}

}  // namespace

PYBIND11_MODULE(_simt, m) {
  m.doc() = "Tilewright's CUDA kernels, run by an emulator";
  tilewright::bindings::bind_all(m, tilewright::simt_backend::ops());
  tilewright::bindings::bind_stand_in(m);
  bind_simt(m);
  bind_choices(m);
}
