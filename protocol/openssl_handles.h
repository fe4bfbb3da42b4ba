// Owners of OpenSSL objects, for the protocol library's own use.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace signet {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using EvpKey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using BigNumberContext = std::unique_ptr<BN_CTX, OpensslFree<BN_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;
using Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using Bio = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;

}  // namespace signet
