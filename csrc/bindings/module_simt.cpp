// SPDX-License-Identifier: Apache-2.0
#include "bindings/array_home.h"
#include "bindings/arrays.h"
#include "launch/ops_cuda.h"
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
}

}  // namespace

PYBIND11_MODULE(_simt, m) {
  m.doc() = "Tilewright's CUDA kernels, run by an emulator";
  tilewright::bindings::bind_all(m, tilewright::simt_backend::ops());
  tilewright::bindings::bind_stand_in(m);
  bind_simt(m);
}
