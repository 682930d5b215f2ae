// SPDX-License-Identifier: Apache-2.0
#include "simt/mutation.h"

#include <string.h>

#include <atomic>
#include <mutex>
#include <stdexcept>

namespace tilewright::simt {
namespace {

std::atomic<bool> active{false};  // so that ordinary runs pay one load
std::mutex mutex;
bool recording = false;
int removed = -1;

std::vector<SyncSite>& recorded() {
  static std::vector<SyncSite> sites;
  return sites;
}

int find(const char* operation, Site site) {
  const std::vector<SyncSite>& sites = recorded();
  for (size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].site.line == site.line && strcmp(sites[i].site.file, site.file) == 0 &&
        strcmp(sites[i].operation, operation) == 0) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

void record_sync_sites(bool on) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (on) recorded().clear();
  recording = on;
  active = recording || removed >= 0;
}

std::vector<SyncSite> sync_sites() {
  const std::lock_guard<std::mutex> lock(mutex);
  return recorded();
}

void remove_sync_site(int i) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (i >= static_cast<int>(recorded().size())) throw std::out_of_range("[simt] no such synchronisation");
  removed = i;
  active = recording || removed >= 0;
}

bool is_removed(const char* operation, Site site) {
  if (!active.load(std::memory_order_relaxed)) return false;
  const std::lock_guard<std::mutex> lock(mutex);
  const int i = find(operation, site);
  if (i < 0 && recording) recorded().push_back({operation, site});
  return i >= 0 && i == removed;
}

}  // namespace tilewright::simt
