// SPDX-License-Identifier: Apache-2.0
#include "core/profile.h"

#include <algorithm>
#include <cstring>

namespace tilewright {
namespace {

bool is(const Call& call, const char* name) { return std::strcmp(call.op.name(), name) == 0; }

bool starts(const Call& call, const char* prefix) {
  return std::strncmp(call.op.name(), prefix, std::strlen(prefix)) == 0;
}

double size_of(const View& view) { return view ? static_cast<double>(view.size()) : 0; }

// Operations that compute nothing. Those that pick rows read as much of the source as they write.
bool picks_rows(const Call& call) { return is(call, "take") || is(call, "embedding_gather") || is(call, "gather"); }
bool moves_only(const Call& call) { return picks_rows(call) || is(call, "copy") || is(call, "fill"); }

// 2 FLOP for each weight at each output pixel; `dy` is y or its gradient, `w` the filter or its gradient.
double conv2d_flop(const View& dy, const View& w) { return w.size() ? 2 * size_of(dy) * size_of(w) / w.dim(-1) : 0; }

// `products` of the size queries x keys x head: two forward, five backward.
double attention_flop(const View& q, const View& k, double products, bool causal) {
  const double pairs = size_of(q) * k.dim(1);
  return products * 2 * pairs * (causal ? 0.5 : 1);
}

// 2 FLOP for each weight at each time step of each sequence; x (B, T, I).
double rnn_flop(const View& x, const View& w, const View& u) {
  return 2.0 * x.dim(0) * x.dim(1) * (size_of(w) + size_of(u));
}

}  // namespace

double flop_of(const Call& call) {
  const auto& v = call.views;
  if (is(call, "matmul")) return 2 * size_of(v[0]) * v[2].dim(-1);
  if (is(call, "conv2d_forward")) return conv2d_flop(v[0], v[3]);
  if (is(call, "conv2d_backward_data")) return conv2d_flop(v[1], v[2]);
  if (is(call, "conv2d_backward_weight")) return conv2d_flop(v[2], v[0]);
  if (is(call, "attention_forward")) return attention_flop(v[2], v[3], 2, call.causal);
  if (is(call, "attention_backward")) return attention_flop(v[5], v[6], 5, call.causal);
  if (is(call, "lstm_forward")) return rnn_flop(v[5], v[6], v[7]);
  if (is(call, "gru_forward")) return rnn_flop(v[3], v[4], v[5]);
  if (is(call, "simple_rnn_forward")) return rnn_flop(v[2], v[3], v[4]);
  if (is(call, "lstm_backward")) return 2 * rnn_flop(v[10], v[11], v[12]);
  if (is(call, "gru_backward") || is(call, "simple_rnn_backward")) return 2 * rnn_flop(v[8], v[9], v[10]);
  if (moves_only(call)) return 0;
  double largest = 0;
  for (const View& view : v) largest = std::max(largest, size_of(view));
  if (starts(call, "adam") || starts(call, "sgd") || starts(call, "rmsprop")) {
    largest = 0;
    for (const View& view : v) largest += size_of(view);
  }
  return largest;
}

double bytes_of(const Call& call) {
  double bytes = 0;
  for (const View& given : call.views) {
    if (!given) continue;
    const View& view = &given == &call.views[1] && picks_rows(call) ? call.views[0] : given;
    double count = static_cast<double>(dtype_size(view.dtype));
    for (int i = 0; i < view.ndim; ++i)
      if (view.strides[i] != 0 || view.shape[i] == 0) count *= static_cast<double>(view.shape[i]);
    bytes += count;
  }
  return bytes;
}

void Profile::before(const Call&) { start_ = std::chrono::steady_clock::now(); }

void Profile::after(const Call& call) {
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) { return r.operation == call.op.name(); });
  if (row == rows_.end()) {
    rows_.push_back({call.op.name()});
    row = rows_.end() - 1;
  }
  ++row->calls;
  row->seconds += spent.count();
  row->flop += flop_of(call);
  row->bytes += bytes_of(call);
}

}  // namespace tilewright
