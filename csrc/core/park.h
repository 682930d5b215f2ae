// SPDX-License-Identifier: Apache-2.0
// Waiting for another thread to change a 32-bit word: first by spinning, then asleep in the kernel.
#pragma once

#include <stdint.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <thread>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tilewright {

// Tells the core that this is a spin loop.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Spins until done() holds, for `nanoseconds` at most. Returns whether it holds.
template <class Done>
bool spin_until(Done done, int64_t nanoseconds) {
  if (done()) return true;
  if (nanoseconds <= 0) return false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds);
  do {
    for (int i = 0; i < 32; ++i) {
      relax();
      if (done()) return true;
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

#ifdef __linux__

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

// Sleeps while `word` holds `value`; may also return without cause.
inline void park(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

// Wakes up to `count` threads parked on `word`.
inline void unpark(std::atomic<uint32_t>& word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

#else

// Without a futex, parked threads look again every 100 microseconds.
inline void park(std::atomic<uint32_t>& word, uint32_t value) {
  if (word.load() == value) std::this_thread::sleep_for(std::chrono::microseconds(100));
}
inline void unpark(std::atomic<uint32_t>&, int) {}

#endif

}  // namespace tilewright
