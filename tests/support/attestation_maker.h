// A CA of attestations as Yubico's: a root, a token's intermediate (slot f9), and what that signs. For tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.h"

namespace signet::test {

using TestKey = std::shared_ptr<EVP_PKEY>;
using TestCertificate = std::shared_ptr<X509>;

TestKey make_p256_key();
Bytes spki_of(const TestKey& key);
TestKey key_of(const Bytes& spki);  // its public half
Bytes der_of(const TestCertificate& certificate);
std::string pem_of(const TestCertificate& certificate);

// An extension by its OID and the content of its OCTET STRING.
using Extension = std::pair<std::string, Bytes>;
// What a YubiKey writes: firmware, serial number, PIN and touch policy, form factor.
std::vector<Extension> yubikey_extensions(Bytes firmware = {5, 7, 1}, Bytes serial = {0x02, 0x01, 0x2a},
                                          Bytes policies = {0x02, 0x02}, Bytes form_factor = {0x03});

struct CertificateRequest {
  std::string subject;
  TestKey key;
  bool ca = false;
  std::vector<Extension> extensions;
  long valid_from = -3600, valid_to = 3600;  // seconds from now
  long version = X509_VERSION_3;
};

TestCertificate sign_certificate(const CertificateRequest& request, const TestCertificate& issuer,
                                 const TestKey& signer);

// Throws std::runtime_error when OpenSSL does not want to.
class AttestationMaker {
 public:
  AttestationMaker();

  TestCertificate root() const { return root_; }
  TestCertificate intermediate() const { return intermediate_; }
  // Signed by the token's slot f9.
  TestCertificate attest(const TestKey& key, std::vector<Extension> extensions = yubikey_extensions()) const;
  TestCertificate issue(const CertificateRequest& request) const;
  // Signed by the root.
  TestCertificate issue_by_root(const CertificateRequest& request) const;

 private:
  TestKey root_key_, intermediate_key_;
  TestCertificate root_, intermediate_;
};

}  // namespace signet::test
