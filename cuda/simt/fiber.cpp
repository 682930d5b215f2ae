// SPDX-License-Identifier: Apache-2.0
#include "simt/fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define TW_FIBER_ASAN 1
#else
#define TW_FIBER_ASAN 0
#endif

#if TW_FIBER_ASSEMBLY
// tw_fiber_switch(void** save, void* next) pushes what the calling convention lets a callee clobber no
// more, swaps stack pointers and pops. ucontext would add two system calls for the signal mask.
// tw_fiber_start is where a new stack "returns" to: it calls run(self).
extern "C" void tw_fiber_switch(void** save, void* next);
extern "C" void tw_fiber_start();

#if defined(__x86_64__)
asm(R"(
.text
.hidden tw_fiber_switch
.globl tw_fiber_switch
.type tw_fiber_switch, @function
tw_fiber_switch:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tw_fiber_switch, .-tw_fiber_switch
.hidden tw_fiber_start
.globl tw_fiber_start
.type tw_fiber_start, @function
tw_fiber_start:
  .cfi_startproc
  .cfi_undefined rip
  movq %r12, %rdi
  callq *%r13
  ud2
  .cfi_endproc
.size tw_fiber_start, .-tw_fiber_start
)");
#else
asm(R"(
.text
.hidden tw_fiber_switch
.globl tw_fiber_switch
.type tw_fiber_switch, %function
tw_fiber_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size tw_fiber_switch, .-tw_fiber_switch
.hidden tw_fiber_start
.globl tw_fiber_start
.type tw_fiber_start, %function
tw_fiber_start:
  .cfi_startproc
  .cfi_undefined x30
  mov x0, x19
  blr x20
  brk #0
  .cfi_endproc
.size tw_fiber_start, .-tw_fiber_start
)");
#endif
#endif

namespace tilewright::simt {
namespace {

// AddressSanitizer puts red zones into every frame.
constexpr size_t kStackBytes = TW_FIBER_ASAN ? 256 * 1024 : 64 * 1024;

#if TW_FIBER_ASAN
thread_local Fiber* leaving = nullptr;
#endif

size_t page_bytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

StackPool::~StackPool() {
  for (void* mapping : mappings_) munmap(mapping, page_bytes() + kStackBytes);
}

Stack StackPool::get(size_t i) {
  while (mappings_.size() <= i) {
    mappings_.reserve(mappings_.size() + 1);
    void* mapping = mmap(nullptr, page_bytes() + kStackBytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    // Each guard splits a mapping, and the system limits their number (32 times 1024 threads reach it): a
    // stack without guard is better than none.
    (void)mprotect(mapping, page_bytes(), PROT_NONE);
    mappings_.push_back(mapping);
  }
  return {static_cast<char*>(mappings_[i]) + page_bytes(), kStackBytes};
}

void Fiber::run(Fiber* self) {
#if TW_FIBER_ASAN
  // The OS thread's own stack was not made here; its bounds are told when it is left the first time.
  const void* bottom = nullptr;
  size_t size = 0;
  Fiber* previous = leaving;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  if (previous->stack_.size == 0) previous->stack_ = {static_cast<char*>(const_cast<void*>(bottom)), size};
#endif
  self->entry_(self->argument_);
  abort();  // an entry never returns
}

void Fiber::prepare(Stack stack, Entry entry, void* argument) {
  stack_ = stack;
  entry_ = entry;
  argument_ = argument;
  sanitizer_stack_ = nullptr;
#if TW_FIBER_ASAN
  // The last fiber on this stack left without unwinding its outermost frames.
  __asan_unpoison_memory_region(stack.bottom, stack.size);
#endif
#if TW_FIBER_ASSEMBLY
  void** top = reinterpret_cast<void**>(stack.bottom + stack.size);
  void (*run_function)(Fiber*) = &Fiber::run;
  void (*start)() = &tw_fiber_start;
#if defined(__x86_64__)
  void** frame = top - 7;  // r15 r14 r13 r12 rbx rbp, return address
  memset(frame, 0, 7 * sizeof(void*));
  memcpy(&frame[2], &run_function, sizeof(void*));
  frame[3] = this;
  memcpy(&frame[6], &start, sizeof(void*));
#else
  void** frame = top - 20;  // x19 x20 ... x29 x30, d8 ... d15
  memset(frame, 0, 20 * sizeof(void*));
  frame[0] = this;
  memcpy(&frame[1], &run_function, sizeof(void*));
  memcpy(&frame[11], &start, sizeof(void*));
#endif
  stack_pointer_ = frame;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack.bottom;
  context_.uc_stack.ss_size = stack.size;
  context_.uc_link = nullptr;
  // makecontext passes ints only, so the pointer travels in two halves.
  const uint64_t address = reinterpret_cast<uintptr_t>(this);
  void (*start)(unsigned, unsigned) = [](unsigned low, unsigned high) {
    run(reinterpret_cast<Fiber*>(static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low)));
  };
  makecontext(&context_, reinterpret_cast<void (*)()>(start), 2, static_cast<unsigned>(address),
              static_cast<unsigned>(address >> 32));
#endif
}

void Fiber::jump(Fiber& from, Fiber& to, bool from_ends) {
#if TW_FIBER_ASAN
  leaving = &from;
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.sanitizer_stack_, to.stack_.bottom,
                                 to.stack_.size);
#endif
  (void)from_ends;
#if TW_FIBER_ASSEMBLY
  tw_fiber_switch(&from.stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
#if TW_FIBER_ASAN
  __sanitizer_finish_switch_fiber(from.sanitizer_stack_, nullptr, nullptr);
#endif
}

void Fiber::switch_to(Fiber& from, Fiber& to) { jump(from, to, false); }

void Fiber::leave_to(Fiber& from, Fiber& to) {
  jump(from, to, true);
  abort();
}

}  // namespace tilewright::simt
