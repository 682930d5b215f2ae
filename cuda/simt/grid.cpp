// SPDX-License-Identifier: Apache-2.0
#include "simt/grid.h"

#include "core/parallel.h"

namespace tilewright::simt {
namespace {

// The limits of compute capability 8.0 and later; shared memory is what one block can ask for on 9.0.
constexpr uint64_t kMaxGridX = 2147483647;
constexpr uint64_t kMaxGridYz = 65535;
constexpr unsigned kMaxBlockZ = 64;
constexpr size_t kMaxSharedBytes = 227 * 1024;
constexpr unsigned kMaxCluster = 8;  // that every GPU with clusters takes

void check_sizes(const LaunchInfo& launch) {
  const auto refuse = [&](const std::string& what) {
    const auto sizes = [](Dim3 d) {
      return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
    };
    throw Fault(FaultKind::launch, std::string("[") + launch.kernel + "] kernel launch failed: " + what +
                                       " (grid " + sizes(launch.grid) + ", block " + sizes(launch.block) +
                                       ", shared memory " + std::to_string(launch.shared_bytes) + " bytes)");
  };
  const Dim3 grid = launch.grid, block = launch.block;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) refuse("the grid is empty");
  if (grid.x > kMaxGridX || grid.y > kMaxGridYz || grid.z > kMaxGridYz) refuse("the grid is too large");
  if (block.x == 0 || block.y == 0 || block.z == 0) refuse("the block is empty");
  if (block.x > kMaxBlockThreads || block.y > kMaxBlockThreads || block.z > kMaxBlockZ ||
      block.count() > kMaxBlockThreads) {
    refuse("a block has at most 1024 threads");
  }
  if (launch.shared_bytes > kMaxSharedBytes) refuse("a block has at most 232448 bytes of shared memory");
  if (launch.cluster == 0 || launch.cluster > kMaxCluster || grid.x % launch.cluster != 0)
    refuse("clusters of " + std::to_string(launch.cluster) + " blocks, expected 1 to 8 that divide the grid");
}

}  // namespace

namespace detail {

void run_grid(const LaunchInfo& launch, Cluster::Body body, void* context) {
  check_sizes(launch);
  const Schedule schedule = current_schedule();
  const int64_t clusters = static_cast<int64_t>(launch.grid.count() / launch.cluster);
  parallel_for(clusters, [&](int64_t i) {
    // One per OS thread, so stacks and shadow memory are made once.
    static thread_local Cluster cluster;
    const uint64_t number = static_cast<uint64_t>(scheduled_block(schedule, i, clusters)) * launch.cluster;
    const Dim3 index(static_cast<unsigned>(number % launch.grid.x),
                     static_cast<unsigned>(number / launch.grid.x % launch.grid.y),
                     static_cast<unsigned>(number / launch.grid.x / launch.grid.y));
    cluster.run(launch, index, schedule, body, context);
  });
}

}  // namespace detail
}  // namespace tilewright::simt
