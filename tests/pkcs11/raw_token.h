// A token's objects made by hand, in this process: what a host never makes, but meets.
#pragma once

#include <memory>

#include "pkcs11/module.h"
#include "pkcs11/session.h"
#include "tests/support/softhsm.h"

namespace signet::test {

// A read-write session, logged in with kUserPin. One at a time (SOFTHSM2_CONF of this process is set). The
// module is finalised at the end. Throws std::runtime_error.
class RawToken {
 public:
  RawToken(const SoftHsm& hsm, const host::TokenIdentity& identity);
  ~RawToken();
  RawToken(const RawToken&) = delete;
  RawToken& operator=(const RawToken&) = delete;

  // Generates a P-256 key pair with this CKA_ID and CKA_LABEL on both halves.
  struct Pair {
    CK_OBJECT_HANDLE public_key = 0, private_key = 0;
    Bytes spki;
  };
  Pair generate(Bytes id, std::string label, bool always_authenticate = false);
  CK_OBJECT_HANDLE store_certificate(Bytes id, std::string label, Bytes der);
  void destroy(CK_OBJECT_HANDLE object);

 private:
  std::unique_ptr<host::Module> module_;
  std::unique_ptr<host::Session> session_;
};

// A certificate that carries this public key, signed by a key of no importance.
Bytes certificate_of(BytesView spki);

}  // namespace signet::test
