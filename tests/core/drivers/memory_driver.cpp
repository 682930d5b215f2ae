// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "core/pool.h"
#include "core/scratch.h"
#include "require.h"

using namespace tilewright;

namespace {

bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 64 == 0; }

template <class Body>
bool throws_bad_alloc(Body body) {
  try {
    body();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

std::vector<size_t> sizes_around_classes() {
  std::vector<size_t> sizes = {0, 1, 63, 64, 65, 100, 1000, 4000};
  for (int bits = 12; bits <= 24; ++bits)
    for (size_t eighths : {8, 9, 13, 15})
      for (int step : {-1, 0, 1}) sizes.push_back((eighths << (bits - 3)) + step);
  return sizes;
}

// Every block is aligned, wholly usable, apart from all others, and at most an eighth too large.
void pool_sizes() {
  const std::vector<size_t> sizes = sizes_around_classes();
  std::vector<unsigned char*> blocks;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t before = pool_stats().in_use_bytes;
    blocks.push_back(static_cast<unsigned char*>(pool_allocate(sizes[i])));
    const int64_t taken = pool_stats().in_use_bytes - before;
    require(aligned(blocks[i]), "blocks are aligned to 64 bytes");
    require(taken >= static_cast<int64_t>(sizes[i]) + 64, "a block holds the request and its header");
    require(taken <= static_cast<int64_t>(sizes[i] + sizes[i] / 8 + 128), "a block wastes at most an eighth");
    memset(blocks[i], static_cast<int>(i % 251), sizes[i]);
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (size_t k = 0; k < sizes[i]; ++k) require(blocks[i][k] == i % 251, "blocks share no byte");
    pool_release(blocks[i]);
  }
  require(pool_stats().in_use_bytes == 0, "all came back");
}

void pool_reuse() {
  for (size_t bytes : sizes_around_classes()) {
    void* first = pool_allocate(bytes);
    void* other = pool_allocate(bytes);
    require(first != other, "live blocks differ");
    pool_release(first);
    const int64_t fresh = pool_stats().fresh;
    require(pool_allocate(bytes) == first, "the block released last comes back");
    require(pool_stats().fresh == fresh, "reuse asks nobody");
    pool_release(first);
    pool_release(other);
  }
  pool_release(nullptr);
}

// A step that repeats finds all its blocks; the cache stays within its documented bound.
void pool_steady() {
  const std::vector<size_t> sizes = {100, 5000, 3 << 20, 40 << 20, 3 << 20, 70 << 20, 12345};
  int64_t fresh = 0;
  for (int step = 0; step < 5; ++step) {
    std::vector<void*> blocks;
    for (size_t bytes : sizes) blocks.push_back(pool_allocate(bytes));
    for (void* block : blocks) pool_release(block);
    if (step == 0) fresh = pool_stats().fresh;
    require(pool_stats().fresh == fresh, "later steps are served from the cache");
  }
  pool_trim();
  reset_pool_peak();
  for (size_t mebibytes = 1; mebibytes < 100; mebibytes += 3) {
    pool_release(pool_allocate(mebibytes << 20));
    const PoolStats now = pool_stats();
    require(now.cached_bytes + now.in_use_bytes <= now.peak_bytes + now.peak_bytes / 4 + (64 << 20),
            "the cache is bounded");
  }
}

void pool_counts() {
  const PoolStats start = pool_stats();
  require(start.in_use_bytes == 0 && start.cached_bytes == 0 && start.allocations == 0, "nothing yet");
  void* a = pool_allocate(1000);  // 1024 and a header of 64
  void* b = pool_allocate(1 << 20);
  PoolStats now = pool_stats();
  const int64_t size_a = 1024 + 64, size_b = (1 << 20) + 64;
  require(now.in_use_bytes == size_a + size_b && now.peak_bytes == size_a + size_b, "both in use");
  require(now.allocations == 2 && now.fresh == 2 && now.cached_bytes == 0, "both fresh");
  pool_release(b);
  now = pool_stats();
  require(now.in_use_bytes == size_a && now.cached_bytes == size_b, "released blocks are cached");
  require(now.peak_bytes == size_a + size_b, "the peak stays");
  reset_pool_peak();
  require(pool_stats().peak_bytes == size_a, "until it is reset");
  pool_release(pool_allocate(1 << 20));
  now = pool_stats();
  require(now.allocations == 3 && now.fresh == 2, "reuse is counted as an allocation that was not fresh");
  pool_release(a);
  pool_trim();
  now = pool_stats();
  require(now.in_use_bytes == 0 && now.cached_bytes == 0, "trim empties the cache");
}

void pool_huge() {
  const size_t max = std::numeric_limits<size_t>::max();
  for (size_t bytes : {max, max - 63, max / 2, (size_t{1} << 63) + 1, (size_t{1} << 47) + 1})
    require(throws_bad_alloc([bytes] { pool_allocate(bytes); }), "a hopeless request throws bad_alloc");
  require(pool_stats().in_use_bytes == 0 && pool_stats().allocations == 0, "and leaves no trace");
  void* block = pool_allocate(10);
  pool_release(block);
}

// Under a limit on address space, cached blocks make room before the request fails.
void pool_out_of_memory() {
  pool_release(pool_allocate(size_t{300} << 20));
  rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = size_t{500} << 20;
  require(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
  void* block = pool_allocate(size_t{400} << 20);
  require(pool_stats().cached_bytes == 0, "the cache gave way");
  require(throws_bad_alloc([] { pool_allocate(size_t{400} << 20); }), "then there is no more");
  pool_release(block);
}

// TILEWRIGHT_POOL_LIMIT=1000000
void pool_limit() {
  std::vector<void*> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(pool_allocate(100'000));
  for (void* block : blocks) {
    pool_release(block);
    require(pool_stats().cached_bytes <= 1'000'000, "the cache keeps to the limit");
  }
  require(pool_stats().cached_bytes > 800'000, "and uses it");
  require(pool_allocate(100'000) == blocks.back(), "what was released longest ago went first");
  pool_release(blocks.back());
}

// TILEWRIGHT_POOL_LIMIT=0
void pool_no_cache() {
  for (int i = 0; i < 100; ++i) pool_release(pool_allocate(100'000));
  require(pool_stats().cached_bytes == 0 && pool_stats().fresh == 100, "nothing is kept");
}

// Threads allocate, write, hand blocks to each other and release.
void hammer(int seed, int rounds, std::mutex& mutex, std::vector<std::pair<unsigned char*, size_t>>& shared) {
  std::mt19937 random(seed);
  std::vector<std::pair<unsigned char*, size_t>> mine;
  const auto check_and_release = [](std::pair<unsigned char*, size_t> block) {
    const unsigned char mark = static_cast<unsigned char>(block.second % 251);
    for (size_t k = 0; k < block.second; k += 37) require(block.first[k] == mark, "nobody else wrote here");
    pool_release(block.first);
  };
  for (int round = 0; round < rounds; ++round) {
    const size_t bytes = random() % 4 ? random() % 3000 : random() % 300'000;
    auto* data = static_cast<unsigned char*>(pool_allocate(bytes));
    memset(data, static_cast<int>(bytes % 251), bytes);
    mine.emplace_back(data, bytes);
    if (mine.size() < 20) continue;
    const size_t pick = random() % mine.size();
    std::swap(mine[pick], mine.back());
    {
      std::lock_guard<std::mutex> lock(mutex);
      shared.push_back(mine.back());
      std::swap(shared[random() % shared.size()], shared.back());
      mine.back() = shared.back();
      shared.pop_back();
    }
    check_and_release(mine.back());
    mine.pop_back();
    if (round % 500 == 0) pool_trim();
  }
  for (auto block : mine) check_and_release(block);
}

void pool_threads() {
  std::mutex mutex;
  std::vector<std::pair<unsigned char*, size_t>> shared;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&, t] { hammer(t, 4000, mutex, shared); });
  for (std::thread& thread : threads) thread.join();
  for (auto block : shared) pool_release(block.first);
  const PoolStats end = pool_stats();
  require(end.in_use_bytes == 0, "all came back");
  require(end.allocations == 16000, "every allocation is counted");
  pool_trim();
  require(pool_stats().cached_bytes == 0, "trim empties the cache");
}

void pool_fork() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      while (!stop) pool_release(pool_allocate(5000));
    });
  void* inherited = pool_allocate(1 << 22);
  memset(inherited, 7, 1 << 22);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      require(static_cast<char*>(inherited)[12345] == 7, "the child has the parent's blocks");
      for (int i = 0; i < 100; ++i) pool_release(pool_allocate(5000));
      pool_release(inherited);
      pool_trim();
      _Exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    require(status == 0, "a child forked while other threads allocate");
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  pool_release(inherited);
}

void pool_double_release() {
  void* block = pool_allocate(100);
  pool_release(block);
  pool_release(block);
}

void scratch_stack() {
  for (int round = 0; round < 3; ++round) {
    ScratchBytes a(1000);
    memset(a.data(), 1, 1000);
    void* second;
    {
      ScratchBytes b(3000);
      second = b.data();
      memset(b.data(), 2, 3000);
      ScratchBytes none(0);
      require(aligned(a.data()) && aligned(b.data()) && aligned(none.data()), "scratch is aligned");
      require(none.data() != a.data() && none.data() != b.data(), "also empty buffers are distinct");
    }
    ScratchBytes c(2000);
    require(c.data() == second, "the top of the stack is reused");
    memset(c.data(), 3, 2000);
    for (int k = 0; k < 1000; ++k)
      require(static_cast<char*>(a.data())[k] == 1, "lower buffers are untouched");
  }
  Scratch<double> typed(100);
  for (int i = 0; i < 100; ++i) typed[i] = i;
  require(typed.data()[99] == 99, "typed access");
}

// A call that needs more than the arena has is served at once, and from the arena the next time.
void scratch_growth() {
  int64_t pool_calls = 0;
  for (int round = 0; round < 4; ++round) {
    const int64_t before = pool_stats().allocations;
    ScratchBytes a(10'000), b(200'000), c(3'000'000), d(70'000);
    unsigned char* data[4] = {};
    const size_t bytes[4] = {10'000, 200'000, 3'000'000, 70'000};
    const ScratchBytes* buffers[4] = {&a, &b, &c, &d};
    for (int i = 0; i < 4; ++i)
      memset(data[i] = static_cast<unsigned char*>(buffers[i]->data()), i, bytes[i]);
    for (int i = 0; i < 4; ++i)
      for (size_t k = 0; k < bytes[i]; k += 61) require(data[i][k] == i, "buffers are apart");
    pool_calls = pool_stats().allocations - before;
  }
  require(pool_calls == 0, "the arena has grown to what a call needs");
  for (int round = 0; round < 3; ++round) {
    ScratchBytes big(size_t{100} << 20), after(1000);
    memset(big.data(), 1, size_t{100} << 20);
    require(pool_stats().in_use_bytes >= int64_t{100} << 20, "very large buffers come from the pool");
  }
  require(pool_stats().in_use_bytes == 0, "and go back to it");
  require(pool_stats().fresh <= 4, "which reuses them");
}

// Any order of release is safe; memory is whole again when the last buffer is gone.
void scratch_disorder() {
  std::mt19937 random(1);
  std::vector<std::pair<std::unique_ptr<ScratchBytes>, size_t>> live;
  for (int round = 0; round < 5000; ++round) {
    if (live.size() < 12 && random() % 2) {
      const size_t bytes = random() % 20 ? random() % 5000 : random() % 400'000;
      live.emplace_back(std::make_unique<ScratchBytes>(bytes), bytes);
      memset(live.back().first->data(), static_cast<int>(bytes % 251), bytes);
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      const auto* data = static_cast<unsigned char*>(live.back().first->data());
      for (size_t k = 0; k < live.back().second; k += 13)
        require(data[k] == live.back().second % 251, "live buffers are apart");
      live.pop_back();
    }
  }
  live.clear();
  require(pool_stats().in_use_bytes == 0, "nothing is left in the pool");
}

void scratch_overflow() {
  require(throws_bad_alloc([] { Scratch<double> s(-1); }), "a negative count");
  require(throws_bad_alloc([] { Scratch<double> s(int64_t{1} << 61); }), "a count whose bytes wrap to zero");
  require(throws_bad_alloc([] { Scratch<char> s(std::numeric_limits<int64_t>::max()); }), "a huge count");
  Scratch<double> works(10);
  works[9] = 1;
}

int64_t resident_bytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  long total = 0, resident = 0;
  const int read = fscanf(file, "%ld %ld", &total, &resident);
  fclose(file);
  require(read == 2, "statm");
  return resident * sysconf(_SC_PAGESIZE);
}

void scratch_threads() {
  const auto touch = [] {
    ScratchBytes buffer(8 << 20);
    memset(buffer.data(), 1, 8 << 20);
  };
  std::thread(touch).join();
  const int64_t before = resident_bytes();
  for (int t = 0; t < 40; ++t) std::thread(touch).join();
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // which keep freed memory
  require(resident_bytes() - before < 60 << 20, "a thread's arena goes when the thread ends");
#else
  (void)before;
#endif
  Scratch<int> mine(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int round = 0; round < 300; ++round) {
        Scratch<int> a(1000), b(2000);
        for (int i = 0; i < 1000; ++i) a[i] = t;
        for (int i = 0; i < 2000; ++i) b[i] = -t;
        for (int i = 0; i < 1000; ++i) require(a[i] == t, "arenas belong to one thread");
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  const Scenario scenarios[] = {
      {"pool_sizes", pool_sizes},
      {"pool_reuse", pool_reuse},
      {"pool_steady", pool_steady},
      {"pool_counts", pool_counts},
      {"pool_huge", pool_huge},
      {"pool_out_of_memory", pool_out_of_memory},
      {"pool_limit", pool_limit},
      {"pool_no_cache", pool_no_cache},
      {"pool_threads", pool_threads},
      {"pool_fork", pool_fork},
      {"pool_double_release", pool_double_release},
      {"scratch_stack", scratch_stack},
      {"scratch_growth", scratch_growth},
      {"scratch_disorder", scratch_disorder},
      {"scratch_overflow", scratch_overflow},
      {"scratch_threads", scratch_threads},
  };
  return run_scenario(scenarios, argc > 1 ? argv[1] : "");
}
