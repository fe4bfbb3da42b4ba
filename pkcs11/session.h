// A PKCS#11 session and what is read through it.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pkcs11/fault.h"
#include "pkcs11/module.h"

namespace signet::host {

// An open session, closed when it is destroyed. One thread at a time.
class Session {
 public:
  static HostResult<std::unique_ptr<Session>> open(Module& module, CK_SLOT_ID slot, bool read_write);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Module& module() const { return module_; }
  CK_SESSION_HANDLE handle() const { return handle_; }

  // The session's own view; a card that was reset may not know of it any more.
  HostResult<bool> user_logged_in() const;

  // All objects that match; at most kMaxObjects, the rest is left out.
  HostResult<std::vector<CK_OBJECT_HANDLE>> find(std::span<CK_ATTRIBUTE> query) const;
  // Nothing if the object does not have the attribute or does not reveal it.
  HostResult<std::optional<Bytes>> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  // false if the object does not have the attribute.
  HostResult<bool> flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  static constexpr std::size_t kMaxObjects = 4096;
  static constexpr std::size_t kMaxAttribute = 64 * 1024;

 private:
  Session(Module& module, CK_SESSION_HANDLE handle) : module_(module), handle_(handle) {}
  Module& module_;
  CK_SESSION_HANDLE handle_;
};

// An attribute of a template that points to `value`, which must outlive it.
template <typename T>
CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}
CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, Bytes& value);
CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, std::string& value);

}  // namespace signet::host
