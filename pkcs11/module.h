// A loaded PKCS#11 module. The only place that calls vendor code.
#pragma once

#include <p11-kit/pkcs11.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "pkcs11/fault.h"

namespace signet::host {

// Thread safe: initialise() once, then call() from any thread. Where the module cannot lock (CKR_CANT_LOCK),
// call() lets one thread in at a time.
class Module {
 public:
  // dlopen and C_GetFunctionList. FaultKind::Module.
  static HostResult<std::unique_ptr<Module>> load(const std::string& path);
  ~Module() = default;  // never unloaded: vendor libraries do not survive dlclose
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // C_Initialize with the operating system's locks; without, if it says CKR_CANT_LOCK. `init_args` is
  // pReserved.
  HostResult<void> initialise(std::string init_args);
  // C_Finalize as soon as no call is in flight, if that is before the deadline. No call succeeds afterwards.
  void finalise(std::chrono::steady_clock::time_point deadline);

  bool single_session() const { return single_session_; }

  // One Cryptoki call, e.g. call("C_Sign", &CK_FUNCTION_LIST::C_Sign, session, …). A module without the
  // function: CKR_FUNCTION_NOT_SUPPORTED.
  template <typename... Parameters, typename... Arguments>
  HostResult<void> call(const char* name, CK_RV (*CK_FUNCTION_LIST::*member)(Parameters...),
                        Arguments... arguments) {
    const InFlight in_flight(*this);
    if (!in_flight.allowed()) return cryptoki_fault(name, CKR_CRYPTOKI_NOT_INITIALIZED, {});
    if (functions_->*member == nullptr) return cryptoki_fault(name, CKR_FUNCTION_NOT_SUPPORTED, {});
    const auto start = std::chrono::steady_clock::now();
    const CK_RV result = (functions_->*member)(arguments...);
    if (result != CKR_OK) return cryptoki_fault(name, result, std::chrono::steady_clock::now() - start);
    return {};
  }

 private:
  explicit Module(CK_FUNCTION_LIST* functions) : functions_(functions) {}

  // Counts the call, so that finalise() does not pull the module from under it; holds the lock where there is
  // one.
  class InFlight {
   public:
    explicit InFlight(Module& module) : module_(module) {
      ++module_.in_flight_;
      if (module_.single_session_) lock_ = std::unique_lock(module_.single_thread_);
    }
    ~InFlight() { --module_.in_flight_; }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    bool allowed() const { return !module_.closing_; }

   private:
    Module& module_;
    std::unique_lock<std::mutex> lock_;
  };

  CK_FUNCTION_LIST* functions_;
  std::string init_args_;  // lives as long as the module: pReserved may be kept
  bool single_session_ = false;
  std::mutex single_thread_;
  std::atomic<int> in_flight_ = 0;
  std::atomic<bool> initialised_ = false, closing_ = false;
};

}  // namespace signet::host
