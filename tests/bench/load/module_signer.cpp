// A PKCS#11 module in this process: C_SignInit and C_Sign, and nothing around them.
#include <dlfcn.h>
#include <openssl/sha.h>
#include <p11-kit/pkcs11.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "tests/bench/load/signer.h"

namespace signet::bench {

namespace {

Error ckr_error(const char* call, CK_RV result) {
  char text[96];
  std::snprintf(text, sizeof text, "%s of the module gave 0x%lx.", call, result);
  return {ErrorName::TokenFault, text};
}

template <typename T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}

std::string padded_label(const CK_TOKEN_INFO& info) {
  std::string label(reinterpret_cast<const char*>(info.label), sizeof info.label);
  label.erase(label.find_last_not_of(' ') + 1);
  return label;
}

Result<CK_SLOT_ID> find_token(CK_FUNCTION_LIST* module, const std::string& label) {
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  if (const CK_RV result = module->C_GetSlotList(CK_TRUE, slots.data(), &count); result != CKR_OK)
    return ckr_error("C_GetSlotList", result);
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    if (module->C_GetTokenInfo(slots.at(i), &info) == CKR_OK && padded_label(info) == label)
      return slots.at(i);
  }
  return Error{ErrorName::NotFound, "The module has no token \"" + label + "\"."};
}

Result<CK_FUNCTION_LIST*> load(const std::string& path) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Error{ErrorName::FileFault, ::dlerror()};
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* module = nullptr;
  if (get == nullptr || get(&module) != CKR_OK)
    return Error{ErrorName::FileFault, path + " is no PKCS#11 module."};
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  if (const CK_RV result = module->C_Initialize(&arguments); result != CKR_OK)
    return ckr_error("C_Initialize", result);
  return module;
}

Result<void> log_in(CK_FUNCTION_LIST* module, CK_SESSION_HANDLE session, const std::string& pin_file) {
  std::string pin;
  std::getline(std::ifstream(pin_file) >> std::ws, pin);
  const CK_RV result =
      module->C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  if (result != CKR_OK && result != CKR_USER_ALREADY_LOGGED_IN) return ckr_error("C_Login", result);
  return {};
}

Result<CK_OBJECT_HANDLE> find_key(CK_FUNCTION_LIST* module, CK_SESSION_HANDLE session, std::string label) {
  CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
  std::array query = {attribute(CKA_CLASS, wanted), CK_ATTRIBUTE{CKA_LABEL, label.data(), label.size()}};
  CK_OBJECT_HANDLE key = 0;
  CK_ULONG count = 0;
  CK_RV result = module->C_FindObjectsInit(session, query.data(), query.size());
  if (result == CKR_OK) result = module->C_FindObjects(session, &key, 1, &count);
  module->C_FindObjectsFinal(session);
  if (result != CKR_OK) return ckr_error("C_FindObjects", result);
  if (count == 0) return Error{ErrorName::NotFound, "The token has no private key \"" + label + "\"."};
  return key;
}

class ModuleSigner : public Signer {
 public:
  ModuleSigner(CK_FUNCTION_LIST* module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, Algorithm algorithm,
               int client)
      : module_(module), session_(session), key_(key), algorithm_(algorithm), client_(client) {
    switch (algorithm) {
      case Algorithm::EcdsaP256:
        mechanism_ = {CKM_ECDSA, nullptr, 0};
        break;
      case Algorithm::Rsa2048:
        mechanism_ = {CKM_RSA_PKCS_PSS, &pss_, sizeof pss_};
        break;
      case Algorithm::Ed25519:
        mechanism_ = {CKM_EDDSA, nullptr, 0};
        break;
    }
  }
  ModuleSigner(const ModuleSigner&) = delete;  // mechanism_ points into it
  ModuleSigner& operator=(const ModuleSigner&) = delete;

  Result<void> sign(std::uint64_t number) override {
    Bytes input = make_message(client_, number);
    if (algorithm_ != Algorithm::Ed25519) {  // as the agent does it: hash here, sign there
      Bytes digest(SHA256_DIGEST_LENGTH);
      ::SHA256(input.data(), input.size(), digest.data());
      input = std::move(digest);
    }
    std::array<CK_BYTE, 512> signature{};
    CK_ULONG size = signature.size();
    if (const CK_RV result = module_->C_SignInit(session_, &mechanism_, key_); result != CKR_OK)
      return ckr_error("C_SignInit", result);
    if (const CK_RV result = module_->C_Sign(session_, input.data(), input.size(), signature.data(), &size);
        result != CKR_OK)
      return ckr_error("C_Sign", result);
    return {};
  }

 private:
  CK_FUNCTION_LIST* module_;
  CK_SESSION_HANDLE session_;
  CK_OBJECT_HANDLE key_;
  Algorithm algorithm_;
  int client_;
  CK_RSA_PKCS_PSS_PARAMS pss_{CKM_SHA256, CKG_MGF1_SHA256, SHA256_DIGEST_LENGTH};
  CK_MECHANISM mechanism_{};
};

}  // namespace

SignerMaker module_signers(ModuleTarget target) {
  // Stays loaded to the end of the process: nothing here has to be finalised.
  auto loaded = std::make_shared<std::optional<Result<CK_FUNCTION_LIST*>>>();
  return [target = std::move(target), loaded](int client) -> Result<std::unique_ptr<Signer>> {
    if (!*loaded) *loaded = load(target.module);
    if (!**loaded) return (*loaded)->error();
    CK_FUNCTION_LIST* const module = ***loaded;
    const auto slot = find_token(module, target.token);
    if (!slot) return slot.error();
    CK_SESSION_HANDLE session = 0;
    if (const CK_RV result = module->C_OpenSession(*slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
        result != CKR_OK)
      return ckr_error("C_OpenSession", result);
    if (const auto done = log_in(module, session, target.pin_file); !done) return done.error();
    const auto key = find_key(module, session, target.key);
    if (!key) return key.error();
    return std::unique_ptr<Signer>(
        std::make_unique<ModuleSigner>(module, session, *key, target.algorithm, client));
  };
}

}  // namespace signet::bench
