// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/check.h"
#include "core/parallel.h"
#include "core/thread_count.h"
#include "require.h"

using namespace tilewright;
using Clock = std::chrono::steady_clock;

namespace {

// Whether `tasks` tasks run at the same time: each waits, up to ten seconds, until all have begun.
bool all_at_once(int tasks, void (*in_each)() = nullptr) {
  std::atomic<int> begun{0}, met{0};
  parallel_for(tasks, [&](int64_t) {
    begun++;
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (begun.load() < tasks && Clock::now() < deadline) std::this_thread::yield();
    if (begun.load() == tasks) met++;
    if (in_each != nullptr) in_each();
  });
  return met.load() == tasks;
}

int count_threads() {
  int count = 0;
  DIR* directory = opendir("/proc/self/task");
  while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

void every_task_once() {
  for (int threads : {1, 2, 3, 5, 8}) {
    set_num_threads(threads);
    for (int64_t tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      // Plain counters: two runs of one task, or a missing wait, is also a data race.
      std::vector<int> runs(tasks, 0);
      parallel_for(tasks, [&](int64_t task) { runs[task]++; });
      for (int n : runs) require(n == 1, "each task runs once");
    }
    for (int64_t n : {0, 1, 63, 64, 65, 1000}) {
      std::vector<int> touched(n, 0);
      parallel_ranges(n, 64, [&](int64_t begin, int64_t end) {
        require(begin % 64 == 0 && (end == n || end - begin == 64), "ranges depend on size and grain alone");
        for (int64_t i = begin; i < end; ++i) touched[i]++;
      });
      for (int t : touched) require(t == 1, "ranges cover each index once");
    }
  }
  parallel_for(-5, [](int64_t) { require(false, "a negative count has no tasks"); });
}

void indices() {
  set_num_threads(6);
  std::atomic<int> owner[6] = {};
  for (int round = 0; round < 300; ++round) {
    parallel_for(50, [&](int64_t) {
      const int index = thread_index();
      require(index >= 0 && index < num_threads(), "index is below num_threads()");
      require(owner[index].fetch_add(1) == 0, "no two running tasks share an index");
      owner[index].fetch_sub(1);
    });
  }
  require(thread_index() == 0, "index is 0 outside");
  require(all_at_once(6), "all six threads take part");
}

void nesting() {
  set_num_threads(4);
  std::atomic<int> inner_runs{0};
  parallel_for(20, [&](int64_t) {
    const auto me = std::this_thread::get_id();
    const int index = thread_index();
    parallel_for(30, [&](int64_t) {
      require(std::this_thread::get_id() == me && thread_index() == index, "a nested call runs inline");
      parallel_for(2, [&](int64_t) { inner_runs++; });
    });
  });
  require(inner_runs == 20 * 30 * 2, "nested tasks all ran");
  // The single task of an outer call is no nesting: its inner call still gets the threads.
  parallel_for(1, [&](int64_t) { require(all_at_once(4), "one task leaves the threads free"); });
}

void exceptions() {
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> runs{0}, running{0};
      std::atomic<bool> throwing{false};
      bool caught = false;
      try {
        parallel_for(100000, [&](int64_t task) {
          running++;
          runs++;
          if (task == 3) {
            throwing = true;
            running--;
            throw std::runtime_error("task 3");
          }
          // So slow that all of them cannot have run by the time the exception is seen.
          while (task > 3 && !throwing) std::this_thread::yield();
          if (task > 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          running--;
        });
      } catch (const std::runtime_error& error) {
        caught = true;
        require(strcmp(error.what(), "task 3") == 0, "the exception is the one thrown");
      }
      require(caught, "the exception reaches the caller");
      require(running == 0, "no task runs after the call");
      require(runs < 100000, "remaining tasks are skipped");
    }
    // All throw: exactly one arrives. Nested: it passes through both calls.
    for (int round = 0; round < 50; ++round) {
      int caught = 0;
      try {
        parallel_for(8, [](int64_t) { parallel_for(8, [](int64_t task) { throw task; }); });
      } catch (int64_t) {
        caught++;
      }
      require(caught == 1, "one exception of many arrives");
    }
    require(all_at_once(threads), "the pool works after exceptions");
  }
}

void concurrent_callers() {
  set_num_threads(3);
  std::vector<std::thread> callers;
  std::atomic<int> errors{0};
  for (int c = 0; c < 12; ++c) {
    callers.emplace_back([c, &errors] {
      for (int round = 0; round < 200; ++round) {
        const int64_t tasks = 1 + (round * 7 + c) % 40;
        std::vector<int64_t> result(tasks, -1);
        bool thrown = false;
        try {
          parallel_for(tasks, [&](int64_t task) {
            if (round % 10 == 9 && task == tasks / 2) throw c;
            result[task] = c * 1000 + task;
          });
        } catch (int who) {
          thrown = true;
          if (who != c) errors++;
        }
        if (thrown != (round % 10 == 9)) errors++;
        for (int64_t task = 0; !thrown && task < tasks; ++task)
          if (result[task] != c * 1000 + task) errors++;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  require(errors == 0, "callers never mix");
}

// Runs `body` in a forked child and returns its exit status, or -1 after 60 seconds.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _Exit(0);
  }
  for (int i = 0; i < 6000; ++i) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(child, SIGKILL);
  return -1;
}

void fork_idle() {
  set_num_threads(3);
  require(all_at_once(3), "threads before the fork");
  const int status = in_child([] {
    require(num_threads() == 3 && strcmp(num_threads_reason(), "set_num_threads") == 0, "settings are kept");
    require(all_at_once(3), "threads in the child");
    set_num_threads(2);
    require(in_child([] { require(all_at_once(2), "threads in the grandchild"); }) == 0, "grandchild");
    require(all_at_once(2), "threads in the child, again");
  });
  require(status == 0, "the child works");
  require(all_at_once(3), "the parent still works");
}

void fork_busy() {
  set_num_threads(3);
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int c = 0; c < 2; ++c)
    callers.emplace_back([&] {
      while (!stop) parallel_for(50, [](int64_t) { std::this_thread::yield(); });
    });
  for (int round = 0; round < 10; ++round) {
    const int status = in_child([] { require(all_at_once(3), "threads in the child"); });
    require(status == 0, "a child forked while other threads work");
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
}

void resize() {
  for (int threads : {2, 7, 3, 1, 4, 16, 2}) {
    set_num_threads(threads);
    require(num_threads() == threads && strcmp(num_threads_reason(), "set_num_threads") == 0,
            "setting is seen");
    require(all_at_once(threads), "as many threads as set, also above the cores");
  }
  // Workers above the new number end by themselves.
  int left = 0;
  for (int i = 0; i < 500; ++i) {
    left = count_threads();
    if (left == 2) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
#if !defined(__SANITIZE_THREAD__)  // which has a thread of its own
  require(left == 2, "threads no longer wanted end");
#endif
  for (int threads : {0, -1, kMaxThreads + 1}) {
    bool caught = false;
    try {
      set_num_threads(threads);
    } catch (const Error& error) {
      caught = error.kind() == ErrorKind::value;
    }
    require(caught && num_threads() == 2, "a bad number is refused and changes nothing");
  }
}

void resize_under_load() {
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) {
      int64_t sum[97] = {};
      parallel_for(97, [&](int64_t task) { sum[task] = task; });
      for (int64_t i = 0; i < 97; ++i) require(sum[i] == i, "work is whole while the pool changes size");
    }
  });
  for (int round = 0; round < 200; ++round) {
    set_num_threads(1 + round * 5 % 7);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  stop = true;
  caller.join();
}

void thread_limit() {
  set_num_threads(4);
  set_thread_limit(1);
  require(num_threads() == 1 && strcmp(num_threads_reason(), "set_thread_limit") == 0, "the limit is seen");
  const auto me = std::this_thread::get_id();
  parallel_for(100,
               [&](int64_t) { require(std::this_thread::get_id() == me, "limit 1 stays on the caller"); });
  std::thread other([] {
    require(num_threads() == 4, "the limit holds for one thread only");
    require(all_at_once(4), "another caller has all threads");
  });
  other.join();
  set_thread_limit(2);
  for (int round = 0; round < 200; ++round)
    parallel_for(20, [](int64_t) { require(thread_index() < 2, "limit 2 uses two threads"); });
  set_thread_limit(9);
  require(num_threads() == 4, "the limit only lowers");
  set_thread_limit(0);
  require(all_at_once(4), "without a limit all threads are back");
}

// Rounding mode and signal mask as tasks see them.
void environment() {
  set_num_threads(4);
  fesetround(FE_UPWARD);
  require(all_at_once(4, [] { require(fegetround() == FE_UPWARD, "tasks round as the caller does"); }),
          "meet");
  fesetround(FE_TONEAREST);
  require(all_at_once(4, [] { require(fegetround() == FE_TONEAREST, "and follow it back"); }), "meet");
  require(all_at_once(4,
                      [] {
                        sigset_t blocked;
                        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
                        const bool worker = thread_index() != 0;
                        require(sigismember(&blocked, SIGINT) == worker, "workers take no signals");
                      }),
          "meet");
}

// Workers that sleep wake up, whatever the moment they fell asleep.
void waking() {
  set_num_threads(3);
  for (int pause : {0, 20, 38, 40, 42, 60, 200, 2000}) {
    for (int round = 0; round < 20; ++round) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
      require(all_at_once(3), "workers wake");
    }
  }
}

// The process ends while workers spin, sleep, and work.
void exit_busy() {
  set_num_threads(4);
  std::atomic<bool> begun{false};
  std::thread([&begun] {
    for (;;)
      parallel_for(100, [&](int64_t) {
        begun = true;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      });
  }).detach();
  while (!begun) std::this_thread::yield();
  puts("ok");
  exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "count") == 0) {
    const ThreadCount count = default_thread_count(argv[2]);
    printf("%d %s\n", count.threads, count.reason.c_str());
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "settings") == 0) {
    printf("%d %s\n", num_threads(), num_threads_reason());
    return 0;
  }
  const Scenario scenarios[] = {
      {"every_task_once", every_task_once},
      {"indices", indices},
      {"nesting", nesting},
      {"exceptions", exceptions},
      {"concurrent_callers", concurrent_callers},
      {"fork_idle", fork_idle},
      {"fork_busy", fork_busy},
      {"resize", resize},
      {"resize_under_load", resize_under_load},
      {"thread_limit", thread_limit},
      {"environment", environment},
      {"waking", waking},
      {"exit_busy", exit_busy},
  };
  return run_scenario(scenarios, argc > 1 ? argv[1] : "");
}
