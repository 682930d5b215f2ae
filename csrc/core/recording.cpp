// SPDX-License-Identifier: Apache-2.0
#include "core/recording.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace tilewright {
namespace {

bool same_layout(const View& a, const View& b) {
  if (static_cast<bool>(a) != static_cast<bool>(b) || a.dtype != b.dtype || !a.same_shape(b)) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] > 1 && a.strides[i] != b.strides[i]) return false;
  return true;
}

// Equal bytes, element by element; both have the same layout.
bool same_bytes(const View& a, const View& b) {
  const int64_t item = dtype_size(a.dtype);
  const auto *p = a.as<const char>(), *q = b.as<const char>();
  if (a.contiguous()) return std::memcmp(p, q, static_cast<size_t>(a.bytes())) == 0;
  int64_t index[kMaxDims] = {};
  for (int64_t n = a.size(); n > 0; --n) {
    int64_t offset = 0;
    for (int d = 0; d < a.ndim; ++d) offset += index[d] * a.strides[d];
    if (std::memcmp(p + offset * item, q + offset * item, static_cast<size_t>(item)) != 0) return false;
    for (int d = a.ndim - 1; d >= 0 && ++index[d] == a.shape[d]; --d) index[d] = 0;
  }
  return true;
}

}  // namespace

void Recording::add(const Call& call, std::unique_ptr<KeptCall> kept) {
  std::vector<Arena::Place> places;
  places.reserve(call.views.size());
  for (const View& view : call.views) places.push_back(arena_->place_of(view.data));
  entries_.push_back({call, std::move(kept), std::move(places)});
}

void Recording::run() const {
  CallObserver* observer = call_observer();
  for (const Entry& entry : entries_) {
    if (observer) observer->before(entry.call);
    entry.kept->run();
    if (observer) observer->after(entry.call);
  }
}

std::string Recording::difference(const Recording& other) const {
  std::unordered_map<const void*, const void*> outside;  // from this one's memory to the other's
  const size_t count = std::min(entries_.size(), other.entries_.size());
  for (size_t i = 0; i < count; ++i) {
    const Entry &a = entries_[i], &b = other.entries_[i];
    const std::string where = "call " + std::to_string(i + 1) + " (" + a.call.op.name() + ") ";
    if (&a.call.op != &b.call.op) return where + "was " + b.call.op.name() + " in the next run";
    if (!a.kept->same_scalars(*b.kept)) return where + "has other options in the next run";
    if (a.call.views.size() != b.call.views.size()) return where + "takes more or fewer arrays in the next run";
    for (size_t k = 0; k < a.call.views.size(); ++k) {
      const View &u = a.call.views[k], &v = b.call.views[k];
      const Arena::Place &from = a.places[k], &to = b.places[k];
      if (!same_layout(u, v)) return where + "takes an array of another shape, dtype or layout in the next run";
      if (!u || u.size() == 0) continue;
      if (from.serial != to.serial || (from.serial >= 0 && from.offset != to.offset))
        return where + "takes another array in the next run";
      if (from.serial >= 0 || u.data == v.data) continue;
      if (!outside.emplace(u.data, v.data).second && outside[u.data] != v.data)
        return where + "takes another array in the next run";
      // Memory of a GPU is not looked into: there a constant has to stay where it is.
      if (std::strcmp(a.call.op.backend(), "cuda") == 0 || !same_bytes(u, v))
        return where + "reads a value that Python computes anew in each run, and it changes";
    }
  }
  if (entries_.size() != other.entries_.size())
    return "one run makes " + std::to_string(entries_.size()) + " calls, the next " +
           std::to_string(other.entries_.size());
  return "";
}

}  // namespace tilewright
