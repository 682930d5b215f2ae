// SPDX-License-Identifier: Apache-2.0
// Op: one line of the catalogue (ops.h): a name, a function pointer and the dtypes the back end takes.
// Its call operator is the one place where a call is refused (no back end, wrong dtype) or observed
// (profile, record); back ends and bindings know of neither.
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/params.h"
#include "core/params_same.h"
#include "core/view.h"

namespace tilewright {

using DtypeMask = uint32_t;
constexpr DtypeMask mask_of(Dtype dtype) { return 1u << static_cast<int>(dtype); }
inline constexpr DtypeMask kF32 = mask_of(Dtype::f32);
inline constexpr DtypeMask kF64 = mask_of(Dtype::f64);
inline constexpr DtypeMask kF16 = mask_of(Dtype::f16);
inline constexpr DtypeMask kBF16 = mask_of(Dtype::bf16);
inline constexpr DtypeMask kF32F64 = kF32 | kF64;
inline constexpr DtypeMask kIndex = mask_of(Dtype::s32) | mask_of(Dtype::s64);
inline constexpr DtypeMask kAnyDtype = (1u << kDtypeCount) - 1;

class OpBase;

// The operations of one back end, in the order of ops.h.
struct OpList {
  const char* backend;
  std::vector<OpBase*> ops;
};

// What an observer sees of a call: its Views in argument order, absent ones as none, lists flattened.
struct Call {
  const OpBase& op;
  std::vector<View> views;
  bool causal;  // attention that skips the keys behind each query
};

// A call that can be repeated: its function with its arguments, Views and scalars by value, lists copied.
class KeptCall {
 public:
  KeptCall(const OpBase& op) : op_(op) {}
  virtual ~KeptCall() = default;
  virtual void run() const = 0;
  // The same operation with the same scalars; Views are not compared.
  virtual bool same_scalars(const KeptCall& other) const = 0;
  const OpBase& op() const { return op_; }

 private:
  const OpBase& op_;
};

// Sees each call of the thread that installed it, just before and just after.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void before(const Call& call) = 0;
  virtual void after(const Call& call) = 0;
  // True: `keep` gets each call once more, to repeat.
  virtual bool keeps_calls() const { return false; }
  virtual void keep(const Call& call, std::unique_ptr<KeptCall> kept);
  // A binding has taken a View of this Python array, for the call that follows.
  virtual void sees_array(void* /*object*/) {}
};

// The observer of this thread, or null. Returns the one it replaces.
CallObserver* call_observer();
CallObserver* set_call_observer(CallObserver* observer);

class OpBase {
 public:
  OpBase(OpList& list, const char* name) : name_(name), list_(&list) { list.ops.push_back(this); }
  OpBase(const OpBase&) = delete;
  OpBase& operator=(const OpBase&) = delete;

  const char* name() const { return name_; }
  const char* backend() const { return list_->backend; }
  DtypeMask dtypes() const { return dtypes_; }
  bool implemented() const { return dtypes_ != 0; }

 protected:
  [[noreturn]] void refuse(DtypeMask got) const;

  const char* name_;
  const OpList* list_;
  DtypeMask dtypes_ = 0;
};

namespace detail {

// How an argument is kept in a recording: Views and scalars by value, lists by copying what they point to.
template <class T>
struct Kept {
  T value;
  explicit Kept(const T& v) : value(v) {}
  const T& get() const { return value; }
};
template <>
struct Kept<ViewList> {
  std::vector<View> views;
  explicit Kept(const ViewList& list) : views(list.begin(), list.end()) {}
  ViewList get() const { return {views.data(), static_cast<int64_t>(views.size())}; }
};

template <class T>
bool same_kept(const Kept<T>& a, const Kept<T>& b) {
  return same(a.value, b.value);
}
inline bool same_kept(const Kept<View>&, const Kept<View>&) { return true; }
inline bool same_kept(const Kept<ViewList>&, const Kept<ViewList>&) { return true; }
inline bool same_kept(const Kept<Stream>&, const Kept<Stream>&) { return true; }

template <class... Args>
class KeptCallOf : public KeptCall {
 public:
  using Function = void (*)(Args...);
  KeptCallOf(const OpBase& op, Function function, Args... args) : KeptCall(op), function_(function), kept_(args...) {}
  void run() const override {
    std::apply([this](const auto&... kept) { function_(kept.get()...); }, kept_);
  }
  bool same_scalars(const KeptCall& other) const override {
    if (&other.op() != &op()) return false;
    return all_same(kept_, static_cast<const KeptCallOf&>(other).kept_, std::index_sequence_for<Args...>());
  }

 private:
  using Tuple = std::tuple<Kept<std::decay_t<Args>>...>;
  template <size_t... i>
  static bool all_same(const Tuple& a, const Tuple& b, std::index_sequence<i...>) {
    return (same_kept(std::get<i>(a), std::get<i>(b)) && ...);
  }

  Function function_;
  Tuple kept_;
};

inline void collect(std::vector<View>& out, const View& view) { out.push_back(view); }
inline void collect(std::vector<View>& out, const ViewList& list) {
  for (const View& view : list) out.push_back(view);
}
template <class T>
void collect(std::vector<View>&, const T&) {}

inline bool is_causal(const AttentionParams& params) { return params.causal; }
template <class T>
bool is_causal(const T&) {
  return false;
}

// The dtype that decides whether a back end takes a call: that of the first View or list given. True ends the
// search; an empty list ends it with nothing to refuse.
inline bool first_dtype(DtypeMask* mask, const View& view) {
  if (view) *mask = mask_of(view.dtype);
  return static_cast<bool>(view);
}
inline bool first_dtype(DtypeMask* mask, const ViewList& list) {
  if (list.count > 0) *mask = mask_of(list[0].dtype);
  return true;
}
template <class T>
bool first_dtype(DtypeMask*, const T&) {
  return false;
}

}  // namespace detail

template <class Signature>
class Op;

template <class... Args>
class Op<void(Args...)> : public OpBase {
 public:
  using Function = void (*)(Args...);
  using OpBase::OpBase;

  // `dtypes`: of the first View argument, the destination.
  void set(Function function, DtypeMask dtypes) {
    function_ = function;
    dtypes_ = dtypes;
  }

  void operator()(Args... args) const {
    DtypeMask got = 0;
    (void)(detail::first_dtype(&got, args) || ...);
    if (!implemented() || (got & ~dtypes_)) refuse(got);
    if (CallObserver* observer = call_observer())
      observed(*observer, args...);
    else
      function_(args...);
  }

 private:
  void observed(CallObserver& observer, Args... args) const {
    Call call{*this, {}, (detail::is_causal(args) || ...)};
    (detail::collect(call.views, args), ...);
    observer.before(call);
    function_(args...);
    observer.after(call);
    if (observer.keeps_calls())
      observer.keep(call, std::make_unique<detail::KeptCallOf<Args...>>(*this, function_, args...));
  }

  Function function_ = nullptr;
};

}  // namespace tilewright
