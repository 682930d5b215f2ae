// SPDX-License-Identifier: Apache-2.0
// Checked stand-ins for what a kernel touches: arrays in shared memory and pointers to global memory.
// An element access gives a reference that checks when it is read or assigned; it remembers the source line.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <string>
#include <type_traits>

#include "simt/block.h"
#include "simt/site.h"

namespace tilewright::simt {

template <class Pointer>
class Reference {
 public:
  using T = std::remove_const_t<typename Pointer::Element>;

  Reference(Pointer pointer, Site site) : pointer_(pointer), site_(site) {}
  operator T() const { return pointer_.template load<T>(site_); }
  const Reference& operator=(T value) const {
    pointer_.store(value, site_);
    return *this;
  }
  const Reference& operator=(const Reference& other) const { return *this = static_cast<T>(other); }
  const Reference& operator+=(T value) const { return *this = static_cast<T>(*this) + value; }
  const Reference& operator-=(T value) const { return *this = static_cast<T>(*this) - value; }
  const Reference& operator*=(T value) const { return *this = static_cast<T>(*this) * value; }

 private:
  Pointer pointer_;
  Site site_;
};

inline void check_alignment(const void* address, size_t alignment, const char* what, Site site) {
  if (reinterpret_cast<uintptr_t>(address) % alignment == 0) return;
  current_block().fail(
      FaultKind::misaligned, site,
      std::string(what) + " at an address that is not a multiple of " + std::to_string(alignment) + " bytes");
}

// Shared memory

template <class T>
class SharedPtr {
 public:
  using Element = T;

  explicit SharedPtr(T* address) : address_(address) {}

  template <class Value>
  Value load(Site site) const {
    check_alignment(address_, alignof(Value), "shared memory read", site);
    current_block().check_shared(address_, sizeof(Value), Access::read, site);
    Value value;
    memcpy(static_cast<void*>(&value), address_, sizeof(Value));
    return value;
  }
  template <class Value>
  void store(const Value& value, Site site) const {
    check_alignment(address_, alignof(Value), "shared memory write", site);
    current_block().check_shared(address_, sizeof(Value), Access::write, site);
    memcpy(static_cast<void*>(address_), &value, sizeof(Value));
  }
  // An atomic: replaces the value by change(value) and returns what was there.
  template <class Change>
  T update(Change&& change, Site site) const {
    check_alignment(address_, alignof(T), "shared memory atomic", site);
    current_block().check_shared(address_, sizeof(T), Access::update, site);
    const T old = *address_;
    *address_ = change(old);
    return old;
  }

 private:
  T* address_;
};

// Lives in the block's shared memory, as a member of a kernel's Smem struct.
template <class T, int kCount>
class SharedArray {
 public:
  static constexpr int size() { return kCount; }
  Reference<SharedPtr<T>> operator[](Index i) { return {pointer(i.value, sizeof(T), i.site), i.site}; }

  // A value that starts at element i and may span several.
  template <class Value>
  Value load(int64_t i, Site site) {
    return pointer(i, sizeof(Value), site).template load<Value>(site);
  }
  template <class Value>
  void store(int64_t i, const Value& value, Site site) {
    pointer(i, sizeof(Value), site).store(value, site);
  }
  // Where `bytes` bytes from element i on lie; for what checks them itself.
  T* address(int64_t i, size_t bytes, Site site) {
    (void)pointer(i, bytes, site);
    return elements_ + i;
  }
  SharedPtr<T> element(int64_t i, Site site) { return pointer(i, sizeof(T), site); }

 private:
  SharedPtr<T> pointer(int64_t i, size_t bytes, Site site) {
    const int64_t end = i + static_cast<int64_t>((bytes + sizeof(T) - 1) / sizeof(T));
    if (i < 0 || end > kCount) {
      current_block().fail(FaultKind::shared_out_of_bounds, site,
                           "elements " + std::to_string(i) + " to " + std::to_string(end - 1) +
                               " of a shared array of " + std::to_string(kCount));
    }
    return SharedPtr<T>(elements_ + i);
  }

  T elements_[kCount];
};

// Global memory

// The array a pointer came from.
struct GlobalRange {
  const char* begin;
  const char* end;
  const char* name;  // of the kernel's argument
  bool writable;
};

template <class T>
class GlobalPtr {
 public:
  using Element = T;

  GlobalPtr() : GlobalPtr(nullptr, {nullptr, nullptr, "no array", false}) {}
  GlobalPtr(T* address, const GlobalRange& range) : address_(address), range_(range) {}
  // T* becomes const T*, as with plain pointers.
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  GlobalPtr(const GlobalPtr<U>& other) : address_(other.address()), range_(other.range()) {}

  T* address() const { return address_; }
  const GlobalRange& range() const { return range_; }
  // Whether the kernel was given this argument.
  explicit operator bool() const { return address_ != nullptr; }
  GlobalPtr operator+(int64_t n) const { return {offset(n), range_}; }
  GlobalPtr operator-(int64_t n) const { return {offset(-n), range_}; }

  // A const element is read at once, another one when the reference is used.
  auto operator[](Index i) const {
    const GlobalPtr element = *this + i.value;
    if constexpr (std::is_const_v<T>) {
      return element.template load<std::remove_const_t<T>>(i.site);
    } else {
      return Reference<GlobalPtr>(element, i.site);
    }
  }

  template <class Value>
  Value load(Site site) const {
    check(sizeof(Value), alignof(Value), Access::read, site);
    Value value;
    memcpy(static_cast<void*>(&value), address_, sizeof(Value));
    return value;
  }
  template <class Value>
  void store(const Value& value, Site site) const {
    static_assert(!std::is_const_v<T>, "the pointer is to const");
    check(sizeof(Value), alignof(Value), Access::write, site);
    memcpy(static_cast<void*>(address_), &value, sizeof(Value));
  }
  // An atomic: replaces the value by change(value) and returns what was there. Blocks may run side by side.
  template <class Change>
  T update(Change&& change, Site site) const {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "an atomic takes 4 or 8 bytes");
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    check(sizeof(T), alignof(T), Access::update, site);
    Bits* at = reinterpret_cast<Bits*>(address_);
    Bits old_bits = __atomic_load_n(at, __ATOMIC_RELAXED), new_bits;
    T old, fresh;
    do {
      memcpy(&old, &old_bits, sizeof(T));
      fresh = change(old);
      memcpy(&new_bits, &fresh, sizeof(T));
    } while (!__atomic_compare_exchange_n(at, &old_bits, new_bits, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
  }
  // The address of `bytes` bytes that an asynchronous copy will read.
  const T* source(size_t bytes, size_t alignment, Site site) const {
    check(bytes, alignment, Access::read, site);
    return address_;
  }

 private:
  // A pointer may pass the array's end as long as it is not used there, hence integers.
  T* offset(int64_t n) const {
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(address_) +
                                static_cast<uintptr_t>(n * static_cast<int64_t>(sizeof(T))));
  }

  void check(size_t bytes, size_t alignment, Access access, Site site) const {
    const char* at = reinterpret_cast<const char*>(address_);
    if (at < range_.begin || at + bytes > range_.end) fail_bounds(bytes, access, site);
    if (access != Access::read && !range_.writable) {
      current_block().fail(FaultKind::read_only_write, site, std::string("writes ") + range_.name);
    }
    check_alignment(at, alignment, access == Access::read ? "global memory read" : "global memory write",
                    site);
    if (counts_accesses()) current_block().count_global(at, bytes, access, site);
  }

  [[noreturn]] void fail_bounds(size_t bytes, Access access, Site site) const {
    const char* at = reinterpret_cast<const char*>(address_);
    current_block().fail(FaultKind::global_out_of_bounds, site,
                         std::string(access == Access::read ? "reads " : "writes ") + std::to_string(bytes) +
                             " bytes of " + range_.name + " at byte " + std::to_string(at - range_.begin) +
                             ", the array has " + std::to_string(range_.end - range_.begin) + " bytes");
  }

  T* address_;
  GlobalRange range_;
};

}  // namespace tilewright::simt
