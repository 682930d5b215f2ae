// SPDX-License-Identifier: Apache-2.0
#include "core/op.h"

namespace tilewright {

namespace {
thread_local CallObserver* observer_of_thread = nullptr;
}

CallObserver* call_observer() { return observer_of_thread; }

CallObserver* set_call_observer(CallObserver* observer) {
  CallObserver* before = observer_of_thread;
  observer_of_thread = observer;
  return before;
}

void CallObserver::keep(const Call&, void* closure, void (*)(void*), void (*destroy)(void*)) { destroy(closure); }

void OpBase::refuse(Dtype got) const {
  if (!implemented())
    fail(ErrorKind::not_implemented, name_, std::string("is not implemented by the ") + backend() + " back end");
  std::string expected;
  for (int i = 0; i < kDtypeCount; ++i) {
    if (!(dtypes_ & (1u << i))) continue;
    if (!expected.empty()) expected += ", ";
    expected += dtype_name(static_cast<Dtype>(i));
  }
  fail(ErrorKind::type, name_,
       std::string("got dtype ") + dtype_name(got) + ", expected one of " + expected + " on the " + backend() +
           " back end");
}

}  // namespace tilewright
