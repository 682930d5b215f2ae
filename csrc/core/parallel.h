// SPDX-License-Identifier: Apache-2.0
// The only thread pool. Work is cut into tasks by shape alone, so results have the same bits for any
// number of threads; tasks are handed out one by one, so a stolen core does not stall the call.
#pragma once

#include <stdint.h>

#include <type_traits>
#include <utility>

namespace tilewright {

// Threads a call may use: set_num_threads, else TILEWRIGHT_NUM_THREADS, else OMP_NUM_THREADS, else what
// affinity and the cgroup's quota leave. A thread-local limit (set_thread_limit) lowers it for one caller.
int num_threads();
void set_num_threads(int threads);   // 1 to kMaxThreads, also above the number of cores; process-wide
void set_thread_limit(int threads);  // this caller only; 0 removes the limit
// "TILEWRIGHT_NUM_THREADS", "affinity", "cgroup cpu.max", "set_num_threads", ... Valid for ever.
const char* num_threads_reason();

// Index of the running thread inside the current parallel_for; 0 outside. No two tasks running at once share
// one, and it is below num_threads() unless set_num_threads lowers that during the call, so buffers of one
// thread are better a Scratch inside the task.
int thread_index();

namespace detail {
using TaskFn = void (*)(void* context, int64_t task);
void parallel_for(int64_t tasks, TaskFn fn, void* context);
}  // namespace detail

// Calls body(task) for every task in [0, tasks), in any order, on any thread. Nested calls run inline.
// The first exception a task throws is rethrown here once all running tasks have ended.
template <class Body>
void parallel_for(int64_t tasks, Body&& body) {
  if (tasks <= 0) return;
  if (tasks == 1) {
    body(int64_t{0});
    return;
  }
  using Fn = std::remove_reference_t<Body>;
  detail::parallel_for(
      tasks, [](void* context, int64_t task) { (*static_cast<Fn*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

// Cuts [0, n) into ranges of `grain` (the last may be shorter) and calls body(begin, end) for each.
template <class Body>
void parallel_ranges(int64_t n, int64_t grain, Body&& body) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  parallel_for((n + grain - 1) / grain, [&](int64_t task) {
    const int64_t begin = task * grain;
    const int64_t end = begin + grain < n ? begin + grain : n;
    body(begin, end);
  });
}

}  // namespace tilewright
