// SPDX-License-Identifier: Apache-2.0
// Removing one synchronisation of a kernel at a time, to test that the emulator objects. A removed block or
// warp barrier is not there; a removed shuffle or vote gives each lane its own value.
#pragma once

#include <vector>

#include "simt/site.h"

namespace tilewright::simt {

struct SyncSite {
  const char* operation;
  Site site;
};

// From here on, remember where kernels synchronise. Forgets what was remembered.
void record_sync_sites(bool on);
// In the order of first call under the forward schedule with one thread.
std::vector<SyncSite> sync_sites();

// Kernels skip the i-th recorded place; -1 skips none.
void remove_sync_site(int i);

// Called by the emulator at each synchronisation: whether to skip it.
bool is_removed(const char* operation, Site site);

}  // namespace tilewright::simt
