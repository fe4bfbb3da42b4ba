#include "pkcs11/session.h"

#include <array>

namespace signet::host {

namespace {

// The object is what it is; only the attribute cannot be had.
bool attribute_unavailable(const Fault& fault) {
  return fault.ckr == CKR_ATTRIBUTE_TYPE_INVALID || fault.ckr == CKR_ATTRIBUTE_SENSITIVE;
}

}  // namespace

HostResult<std::unique_ptr<Session>> Session::open(Module& module, CK_SLOT_ID slot, bool read_write) {
  CK_SESSION_HANDLE handle = 0;
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (read_write ? CKF_RW_SESSION : CK_FLAGS{0});
  const auto opened =
      module.call("C_OpenSession", &CK_FUNCTION_LIST::C_OpenSession, slot, flags, nullptr, nullptr, &handle);
  if (!opened) return opened.error();
  return std::unique_ptr<Session>(new Session(module, handle));
}

Session::~Session() {
  // A session that is gone already cannot be closed; nobody needs to know.
  static_cast<void>(module_.call("C_CloseSession", &CK_FUNCTION_LIST::C_CloseSession, handle_));
}

HostResult<bool> Session::user_logged_in() const {
  CK_SESSION_INFO info{};
  const auto asked = module_.call("C_GetSessionInfo", &CK_FUNCTION_LIST::C_GetSessionInfo, handle_, &info);
  if (!asked) return asked.error();
  return info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
}

HostResult<std::vector<CK_OBJECT_HANDLE>> Session::find(std::span<CK_ATTRIBUTE> query) const {
  const auto begun = module_.call("C_FindObjectsInit", &CK_FUNCTION_LIST::C_FindObjectsInit, handle_,
                                  query.data(), query.size());
  if (!begun) return begun.error();
  std::vector<CK_OBJECT_HANDLE> objects;
  HostResult<void> outcome;
  while (objects.size() < kMaxObjects) {
    std::array<CK_OBJECT_HANDLE, 64> batch{};
    CK_ULONG count = 0;
    outcome = module_.call("C_FindObjects", &CK_FUNCTION_LIST::C_FindObjects, handle_, batch.data(),
                           batch.size(), &count);
    if (!outcome || count == 0) break;
    if (count > batch.size()) {
      outcome = cryptoki_fault("C_FindObjects", CKR_GENERAL_ERROR, {});  // it wrote past the end, or lies
      break;
    }
    objects.insert(objects.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const auto ended = module_.call("C_FindObjectsFinal", &CK_FUNCTION_LIST::C_FindObjectsFinal, handle_);
  if (!outcome) return outcome.error();
  if (!ended) return ended.error();
  return objects;
}

HostResult<std::optional<Bytes>> Session::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE query{type, nullptr, 0};
  const auto read = [&] {
    return module_.call("C_GetAttributeValue", &CK_FUNCTION_LIST::C_GetAttributeValue, handle_, object,
                        &query, CK_ULONG{1});
  };
  const auto sized = read();
  if (!sized && !attribute_unavailable(sized.error())) return sized.error();
  if (!sized || query.ulValueLen == CK_UNAVAILABLE_INFORMATION || query.ulValueLen > kMaxAttribute)
    return std::optional<Bytes>();
  Bytes value(query.ulValueLen);
  if (value.empty()) return std::optional(std::move(value));
  query.pValue = value.data();
  const auto filled = read();
  if (!filled && !attribute_unavailable(filled.error())) return filled.error();
  if (!filled || query.ulValueLen > value.size()) return std::optional<Bytes>();
  value.resize(query.ulValueLen);
  return std::optional(std::move(value));
}

HostResult<bool> Session::flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  const auto value = attribute(object, type);
  if (!value) return value.error();
  return *value && (*value)->size() == 1 && (**value)[0] != CK_FALSE;
}

CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, Bytes& value) {
  return {type, value.data(), value.size()};
}

CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, std::string& value) {
  return {type, value.data(), value.size()};
}

}  // namespace signet::host
