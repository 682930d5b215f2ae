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

void CallObserver::keep(const Call&, std::unique_ptr<KeptCall>) {}

namespace {
std::string names_of(DtypeMask dtypes) {
  std::string names;
  for (int i = 0; i < kDtypeCount; ++i) {
    if (!(dtypes & (1u << i))) continue;
    if (!names.empty()) names += ", ";
    names += dtype_name(static_cast<Dtype>(i));
  }
  return names;
}
}  // namespace

void OpBase::refuse(DtypeMask got) const {
  if (!implemented())
    fail(ErrorKind::not_implemented, name_, std::string("is not implemented by the ") + backend() + " back end");
  fail(ErrorKind::type, name_, "got dtype " + names_of(got) + ", expected one of " + names_of(dtypes_) + " on the " +
                                   backend() + " back end");
}

}  // namespace tilewright
