// SPDX-License-Identifier: Apache-2.0
// Callers publish jobs in a few slots; idle workers look through the slots, take a seat in a job and help
// until no task is left. The caller works too, so a job never waits for a worker that has not joined.
#include "core/parallel.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "core/check.h"
#include "core/park.h"
#include "core/thread_count.h"

namespace tilewright {
namespace {

// Callers that share the workers at one time; one more runs its tasks alone.
constexpr int kJobs = 8;
// Long enough to bridge the Python between two operations, short enough to burn no core for nothing.
constexpr int64_t kSpinNanoseconds = 40'000;
// A woken thread wakes up to this many others: the caller pays for two wake-ups, not for a hundred.
constexpr int kWakeFanout = 2;

struct ThreadState {
  bool in_task = false;
  int index = 0;
  int limit = 0;
};
thread_local ThreadState this_thread;

// One parallel_for. The state word decides who may touch the rest: helpers join only while it is open and
// has seats, and the owner changes the fields only after closing it and seeing no helper active.
class alignas(64) Job {
 public:
  // Owner: takes the slot, if it is free.
  bool take() { return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true); }

  // Owner: publishes the tasks to at most `helpers` threads.
  void open(int64_t tasks, detail::TaskFn fn, void* context, int helpers) {
    fn_ = fn;
    context_ = context;
    tasks_ = tasks;
    helpers_ = helpers;
    // Helpers compute with the caller's rounding and denormal modes, else results would depend on who ran
    // which task.
    fegetenv(&environment_);
    next_.store(0, std::memory_order_relaxed);
    failed_.store(false, std::memory_order_relaxed);
    state_.store(kOpen | static_cast<uint32_t>(helpers) << kSeatShift, std::memory_order_release);
  }

  // Helper: takes a seat. On success *index is this thread's number in the job, from 1.
  bool join(int* index, int* seats_left) {
    uint32_t state = state_.load(std::memory_order_relaxed);
    do {
      if (!(state & kOpen) || seats(state) == 0) return false;
    } while (!state_.compare_exchange_weak(state, state - (1u << kSeatShift) + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    *seats_left = seats(state) - 1;
    *index = helpers_ - *seats_left;
    fesetenv(&environment_);
    return true;
  }

  void leave() {
    const uint32_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
    if (active(before) == 1 && (before & kOwnerWaits)) unpark(state_, 1);
  }

  // Runs tasks until none is left; after an exception, the rest are skipped.
  void run() noexcept {
    try {
      for (;;) {
        const int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
        if (task >= tasks_) return;
        fn_(context_, task);
      }
    } catch (...) {
      next_.store(tasks_, std::memory_order_relaxed);
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  // Owner: waits for the helpers that joined, frees the slot, and returns the first exception, if any.
  std::exception_ptr close(int64_t spin_nanoseconds) {
    state_.fetch_and(~kOpen, std::memory_order_acq_rel);
    const auto idle = [this] { return active(state_.load(std::memory_order_acquire)) == 0; };
    if (!spin_until(idle, spin_nanoseconds)) {
      uint32_t state = state_.fetch_or(kOwnerWaits, std::memory_order_acq_rel) | kOwnerWaits;
      while (active(state) != 0) {
        park(state_, state);
        state = state_.load(std::memory_order_acquire);
      }
    }
    std::exception_ptr error = std::move(error_);
    error_ = nullptr;
    taken_.store(false, std::memory_order_release);
    return error;
  }

 private:
  // State: open, owner waits, 15 bits of free seats, 15 bits of active helpers.
  static constexpr uint32_t kOpen = 1u << 31;
  static constexpr uint32_t kOwnerWaits = 1u << 30;
  static constexpr int kSeatShift = 15;
  static constexpr uint32_t kCountMask = (1u << kSeatShift) - 1;
  static_assert(kMaxThreads <= static_cast<int>(kCountMask));

  static int seats(uint32_t state) { return static_cast<int>(state >> kSeatShift & kCountMask); }
  static int active(uint32_t state) { return static_cast<int>(state & kCountMask); }

  std::atomic<uint32_t> state_{0};
  std::atomic<bool> taken_{false};
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) detail::TaskFn fn_ = nullptr;
  void* context_ = nullptr;
  int64_t tasks_ = 0;
  int helpers_ = 0;
  fenv_t environment_;
  std::exception_ptr error_;
};

// Marks this thread as running tasks, so that nested calls run inline.
class TaskScope {
 public:
  explicit TaskScope(int index) : saved_(this_thread) {
    this_thread.in_task = true;
    this_thread.index = index;
  }
  ~TaskScope() {
    this_thread.in_task = saved_.in_task;
    this_thread.index = saved_.index;
  }

 private:
  ThreadState saved_;
};

// Never destroyed: detached workers may still look at it while the process ends.
class ThreadPool {
 public:
  ThreadPool(int threads, const char* reason) : threads_(threads), reason_(reason) {}

  int threads() const { return threads_.load(std::memory_order_relaxed); }
  const char* reason() const { return reason_.load(std::memory_order_relaxed); }

  void resize(int threads, const char* reason) {
    std::lock_guard<std::mutex> lock(mutex_);
    threads_.store(threads);
    reason_.store(reason);
    started_.store(false, std::memory_order_release);
    // Workers above the new number see it when they wake, and end.
    epoch_.fetch_add(1);
    unpark(epoch_, INT_MAX);
  }

  void run(int64_t tasks, detail::TaskFn fn, void* context, int helpers) {
    Job* job = take_job();
    if (job == nullptr) {
      for (int64_t task = 0; task < tasks; ++task) fn(context, task);
      return;
    }
    if (!started_.load(std::memory_order_acquire)) start();
    job->open(tasks, fn, context, helpers);
    epoch_.fetch_add(1);
    wake(helpers);
    {
      TaskScope scope(0);
      job->run();
    }
    if (std::exception_ptr error = job->close(spin_nanoseconds_)) std::rethrow_exception(error);
  }

 private:
  Job* take_job() {
    for (Job& job : jobs_)
      if (job.take()) return &job;
    return nullptr;
  }

  // Both sides are sequentially consistent: a worker counts itself as sleeping, then looks at the epoch; a
  // caller moves the epoch, then looks at the sleepers. One of them sees the other.
  void wake(int wanted) {
    if (sleeping_.load() == 0) return;
    const int missing = wanted - spinning_.load(std::memory_order_relaxed);
    if (missing > 0) unpark(epoch_, std::min(missing, kWakeFanout));
  }

  void start() {
    std::lock_guard<std::mutex> lock(mutex_);
    const int threads = threads_.load();
    // More threads than cores: a spinning one would hold the core that another needs.
    spin_nanoseconds_ = threads <= affinity_count() ? kSpinNanoseconds : 0;
    // Signals belong to the embedder's threads; Python's handlers expect them there.
    sigset_t all, saved;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    try {
      for (int id = 0; id < threads - 1; ++id) {
        if (alive_[id]) continue;
        std::thread(&ThreadPool::work, this, id).detach();
        alive_[id] = true;
      }
    } catch (const std::exception&) {
      // No more threads to be had: calls run on those there are.
    }
    pthread_sigmask(SIG_SETMASK, &saved, nullptr);
    started_.store(true, std::memory_order_release);
  }

  void work(int id) {
#ifdef __linux__
    pthread_setname_np(pthread_self(), "tilewright");
#endif
    while (!retire(id)) {
      const uint32_t seen = epoch_.load();
      if (!help(id)) wait_for_change(seen);
    }
  }

  // Whether worker `id` is one too many since a resize.
  bool retire(int id) {
    if (id < threads_.load(std::memory_order_relaxed) - 1) return false;
    std::lock_guard<std::mutex> lock(mutex_);
    if (id < threads_.load() - 1) return false;
    alive_[id] = false;
    return true;
  }

  // Helps in one job; workers begin their search at different slots, so several callers share them.
  bool help(int id) {
    for (int i = 0; i < kJobs; ++i) {
      Job& job = jobs_[(id + i) % kJobs];
      int index, seats_left;
      if (!job.join(&index, &seats_left)) continue;
      if (seats_left > 0) wake(seats_left);
      TaskScope scope(index);
      job.run();
      job.leave();
      return true;
    }
    return false;
  }

  void wait_for_change(uint32_t seen) {
    spinning_.fetch_add(1, std::memory_order_relaxed);
    const bool changed = spin_until([&] { return epoch_.load(std::memory_order_acquire) != seen; },
                                    spin_nanoseconds_.load(std::memory_order_relaxed));
    spinning_.fetch_sub(1, std::memory_order_relaxed);
    if (changed) return;
    sleeping_.fetch_add(1);
    if (epoch_.load() == seen) park(epoch_, seen);
    sleeping_.fetch_sub(1);
  }

  Job jobs_[kJobs];
  alignas(64) std::atomic<uint32_t> epoch_{0};  // moves with every published job
  alignas(64) std::atomic<int> spinning_{0};
  std::atomic<int> sleeping_{0};
  alignas(64) std::atomic<int> threads_;
  std::atomic<const char*> reason_;
  std::atomic<int64_t> spin_nanoseconds_{0};
  std::atomic<bool> started_{false};  // workers match threads_
  std::mutex mutex_;                  // guards starting and ending of workers
  bool alive_[kMaxThreads] = {};
};

ThreadPool* forked_pool = nullptr;

// The child of a fork has none of the workers, and the state may be any: the pool begins anew in its place.
void reset_after_fork() {
  const int threads = forked_pool->threads();
  const char* reason = forked_pool->reason();
  new (forked_pool) ThreadPool(threads, reason);
}

ThreadPool* make_pool() {
  static const ThreadCount* const count = new ThreadCount(default_thread_count());
  forked_pool = new ThreadPool(count->threads, count->reason.c_str());
  pthread_atfork(nullptr, nullptr, reset_after_fork);
  return forked_pool;
}

ThreadPool& pool() {
  static ThreadPool* const instance = make_pool();
  return *instance;
}

bool limited() { return this_thread.limit > 0 && this_thread.limit < pool().threads(); }

}  // namespace

int num_threads() { return limited() ? this_thread.limit : pool().threads(); }

const char* num_threads_reason() { return limited() ? "set_thread_limit" : pool().reason(); }

void set_num_threads(int threads) {
  check_range("set_num_threads", "threads", threads, 1, kMaxThreads);
  pool().resize(threads, "set_num_threads");
}

void set_thread_limit(int threads) {
  check_range("set_thread_limit", "threads", threads, 0, kMaxThreads);
  this_thread.limit = threads;
}

int thread_index() { return this_thread.index; }

void detail::parallel_for(int64_t tasks, TaskFn fn, void* context) {
  const int helpers = this_thread.in_task ? 0 : static_cast<int>(std::min<int64_t>(num_threads(), tasks)) - 1;
  if (helpers > 0) {
    pool().run(tasks, fn, context, helpers);
    return;
  }
  for (int64_t task = 0; task < tasks; ++task) fn(context, task);
}

}  // namespace tilewright
