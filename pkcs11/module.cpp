#include "pkcs11/module.h"

#include <dlfcn.h>

#include <thread>
#include <utility>

namespace signet::host {

namespace {

Fault module_fault(const char* call, std::string detail) {
  Fault fault = make_fault(FaultKind::Module, std::move(detail));
  fault.call = call;
  return fault;
}

}  // namespace

HostResult<std::unique_ptr<Module>> Module::load(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return module_fault("dlopen",
                        "The module could not be loaded: " + std::string(why == nullptr ? path : why) +
                            ". Check its path and that its package is installed.");
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (get == nullptr)
    return module_fault("C_GetFunctionList", path + " is no PKCS#11 module: it has no C_GetFunctionList.");
  CK_FUNCTION_LIST* functions = nullptr;
  const CK_RV result = get(&functions);
  if (result != CKR_OK || functions == nullptr)
    return module_fault("C_GetFunctionList", path + " gave no function list: " + ckr_name(result) + ".");
  return std::unique_ptr<Module>(new Module(functions));
}

HostResult<void> Module::initialise(std::string init_args) {
  init_args_ = std::move(init_args);
  CK_C_INITIALIZE_ARGS args{};
  args.flags = CKF_OS_LOCKING_OK;
  args.pReserved = init_args_.empty() ? nullptr : init_args_.data();
  HostResult<void> result = call("C_Initialize", &CK_FUNCTION_LIST::C_Initialize, &args);
  if (!result && result.error().ckr == CKR_CANT_LOCK) {
    // The module is not thread safe: promise to call it from one thread at a time, and keep to it (InFlight).
    args.flags = 0;
    result = call("C_Initialize", &CK_FUNCTION_LIST::C_Initialize, &args);
    single_session_ = result.has_value();
  }
  initialised_ = result.has_value();
  return result;
}

void Module::finalise(std::chrono::steady_clock::time_point deadline) {
  closing_ = true;
  while (in_flight_ != 0) {
    if (std::chrono::steady_clock::now() >= deadline) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (initialised_) functions_->C_Finalize(nullptr);
}

}  // namespace signet::host
