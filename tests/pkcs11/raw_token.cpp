#include "tests/pkcs11/raw_token.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <stdexcept>

#include "pkcs11/key_search.h"
#include "pkcs11/public_key_der.h"
#include "pkcs11/slots.h"

namespace signet::test {

namespace {

template <typename T>
T must(host::HostResult<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  return std::move(*result);
}
void must(const host::HostResult<void>& result) {
  if (!result) throw std::runtime_error(result.error().detail);
}

}  // namespace

RawToken::RawToken(const SoftHsm& hsm, const host::TokenIdentity& identity) {
  ::setenv("SOFTHSM2_CONF", hsm.conf().c_str(), 1);
  module_ = must(host::Module::load(SoftHsm::module()));
  must(module_->initialise(""));
  const host::SlotDescription slot = must(host::locate_token(*module_, identity));
  session_ = must(host::Session::open(*module_, slot.slot, true));
  std::string pin = kUserPin;
  must(module_->call("C_Login", &CK_FUNCTION_LIST::C_Login, session_->handle(), CK_USER_TYPE{CKU_USER},
                     reinterpret_cast<unsigned char*>(pin.data()), CK_ULONG{pin.size()}));
}

RawToken::~RawToken() {
  session_.reset();
  module_->finalise(std::chrono::steady_clock::now());
}

RawToken::Pair RawToken::generate(Bytes id, std::string label, bool always_authenticate) {
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE, always = always_authenticate ? CK_TRUE : CK_FALSE;
  Bytes params = host::ec_parameters(host::Algorithm::EcdsaP256);
  using host::attribute_of;
  std::array public_template = {attribute_of(CKA_TOKEN, yes), attribute_of(CKA_ID, id),
                                attribute_of(CKA_LABEL, label), attribute_of(CKA_EC_PARAMS, params)};
  std::array private_template = {
      attribute_of(CKA_TOKEN, yes),     attribute_of(CKA_ID, id),
      attribute_of(CKA_LABEL, label),   attribute_of(CKA_PRIVATE, yes),
      attribute_of(CKA_SENSITIVE, yes), attribute_of(CKA_EXTRACTABLE, no),
      attribute_of(CKA_SIGN, yes),      attribute_of(CKA_ALWAYS_AUTHENTICATE, always)};
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  Pair pair;
  must(module_->call("C_GenerateKeyPair", &CK_FUNCTION_LIST::C_GenerateKeyPair, session_->handle(),
                     &mechanism, public_template.data(), CK_ULONG{public_template.size()},
                     private_template.data(), CK_ULONG{private_template.size()}, &pair.public_key,
                     &pair.private_key));
  pair.spki = must(host::read_public_key(*session_, pair.public_key)).value();
  return pair;
}

CK_OBJECT_HANDLE RawToken::store_certificate(Bytes id, std::string label, Bytes der) {
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_OBJECT_CLASS klass = CKO_CERTIFICATE;
  CK_CERTIFICATE_TYPE type = CKC_X_509;
  Bytes subject = {0x30, 0x00};
  using host::attribute_of;
  std::array attributes = {attribute_of(CKA_CLASS, klass),     attribute_of(CKA_CERTIFICATE_TYPE, type),
                           attribute_of(CKA_TOKEN, yes),       attribute_of(CKA_PRIVATE, no),
                           attribute_of(CKA_ID, id),           attribute_of(CKA_LABEL, label),
                           attribute_of(CKA_SUBJECT, subject), attribute_of(CKA_VALUE, der)};
  CK_OBJECT_HANDLE object = 0;
  must(module_->call("C_CreateObject", &CK_FUNCTION_LIST::C_CreateObject, session_->handle(),
                     attributes.data(), CK_ULONG{attributes.size()}, &object));
  return object;
}

void RawToken::destroy(CK_OBJECT_HANDLE object) {
  must(module_->call("C_DestroyObject", &CK_FUNCTION_LIST::C_DestroyObject, session_->handle(), object));
}

Bytes certificate_of(BytesView spki) {
  const unsigned char* cursor = spki.data();
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki.size()));
  EVP_PKEY* signer = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  X509* certificate = X509_new();
  X509_set_pubkey(certificate, key);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_sign(certificate, signer, nullptr);
  unsigned char* out = nullptr;
  const int size = i2d_X509(certificate, &out);
  Bytes der(out, out + (size > 0 ? size : 0));
  OPENSSL_free(out);
  X509_free(certificate);
  EVP_PKEY_free(signer);
  EVP_PKEY_free(key);
  return der;
}

}  // namespace signet::test
