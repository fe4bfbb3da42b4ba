// A PKCS#11 module that is another one with a slower C_Sign, for benchmarks: lib/signet-delay-shim.so. It
// adds next to nothing else to a call, where the fault shim reads its control file each time.
//
//   SIGNET_DELAY_MODULE   the real module
//   SIGNET_DELAY_MS       how long each C_Sign that asks for a signature sleeps before it signs
//   SIGNET_DELAY_TOKEN    the label of the token that is slow; none: all are
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

struct Shim {
  std::chrono::milliseconds delay{0};
  std::string token;
  CK_FUNCTION_LIST* real = nullptr;
  CK_FUNCTION_LIST ours{};

  Shim();
};

Shim& shim() {
  static Shim instance;
  return instance;
}

// The slot of the token that is slow. Looked for once: in a benchmark tokens stay where they are.
CK_SLOT_ID find_slow_slot(CK_FUNCTION_LIST* real) {
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  if (real->C_GetSlotList(CK_TRUE, slots.data(), &count) != CKR_OK) return CK_UNAVAILABLE_INFORMATION;
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    if (real->C_GetTokenInfo(slots.at(i), &info) != CKR_OK) continue;
    const std::string padded(reinterpret_cast<const char*>(info.label), sizeof info.label);
    if (padded.substr(0, padded.find_last_not_of(' ') + 1) == shim().token) return slots.at(i);
  }
  return CK_UNAVAILABLE_INFORMATION;
}

bool is_slow(CK_FUNCTION_LIST* real, CK_SESSION_HANDLE session) {
  if (shim().token.empty()) return true;
  static const CK_SLOT_ID slow = find_slow_slot(real);
  CK_SESSION_INFO info{};
  return real->C_GetSessionInfo(session, &info) == CKR_OK && info.slotID == slow;
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
           CK_ULONG* signature_size) {
  CK_FUNCTION_LIST* const real = shim().real;
  if (real == nullptr) return CKR_GENERAL_ERROR;  // get_function_list() gave nobody this function then
  if (signature != nullptr && is_slow(real, session)) std::this_thread::sleep_for(shim().delay);
  return real->C_Sign(session, data, size, signature, signature_size);
}

CK_RV get_function_list(CK_FUNCTION_LIST** list) {
  if (shim().real == nullptr) return CKR_GENERAL_ERROR;
  *list = &shim().ours;
  return CKR_OK;
}

Shim::Shim() {
  const char* const path = std::getenv("SIGNET_DELAY_MODULE");
  const char* const milliseconds = std::getenv("SIGNET_DELAY_MS");
  void* const module = path == nullptr ? nullptr : ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr || milliseconds == nullptr) {
    std::fprintf(stderr, "signet-delay-shim: needs SIGNET_DELAY_MODULE and SIGNET_DELAY_MS\n");
    return;
  }
  delay = std::chrono::milliseconds(std::strtol(milliseconds, nullptr, 10));
  if (const char* const label = std::getenv("SIGNET_DELAY_TOKEN")) token = label;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
  if (get == nullptr || get(&real) != CKR_OK) {
    real = nullptr;
    return;
  }
  ours = *real;
  ours.C_GetFunctionList = get_function_list;
  ours.C_Sign = sign;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  return get_function_list(list);
}
