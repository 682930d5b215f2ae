// SPDX-License-Identifier: Apache-2.0
// Fibers: stacks of their own that one OS thread switches between. A fiber stays on the OS thread that
// started it.
#pragma once

#include <stddef.h>

#include <vector>

// 0 takes ucontext, as other systems and processors do.
#if !defined(TW_FIBER_ASSEMBLY)
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#define TW_FIBER_ASSEMBLY 1
#else
#define TW_FIBER_ASSEMBLY 0
#endif
#endif
#if !TW_FIBER_ASSEMBLY
#include <ucontext.h>
#endif

namespace tilewright::simt {

// A stack with a guard page below it.
struct Stack {
  char* bottom = nullptr;
  size_t size = 0;
};

// The stacks of one OS thread, kept for the next block.
class StackPool {
 public:
  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // The i-th stack; made at first use. Throws std::bad_alloc.
  Stack get(size_t i);

 private:
  std::vector<void*> mappings_;
};

class Fiber {
 public:
  using Entry = void (*)(void* argument);

  // Prepares the fiber to call entry(argument) at its first switch. The entry must not return: it ends with
  // a switch that nobody takes back.
  void prepare(Stack stack, Entry entry, void* argument);

  // Leaves `from`, which is running, and continues `to`. Returns when somebody switches back.
  static void switch_to(Fiber& from, Fiber& to);
  // The same for a fiber that will not be continued.
  static void leave_to(Fiber& from, Fiber& to);

 private:
  static void run(Fiber* self);
  static void jump(Fiber& from, Fiber& to, bool from_ends);

  Stack stack_;
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  void* sanitizer_stack_ = nullptr;
#if TW_FIBER_ASSEMBLY
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
};

}  // namespace tilewright::simt
