#include "agent/attestation/attestation_chain.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "protocol/openssl_handles.h"
#include "protocol/sha256.h"

namespace signet {
namespace {

using Store = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_pop_free(stack, X509_free);
}
using Stack = std::unique_ptr<STACK_OF(X509), OpensslFree<free_stack>>;

Certificate decode(const Bytes& der) {
  const unsigned char* at = der.data();
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

Bytes encode(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::string subject_text(const X509* certificate) {
  const Bio output(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(output.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(output.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Store trust(const AttestationRoots& roots) {
  Store store(X509_STORE_new());
  for (const Bytes& der : roots.anchors)
    if (const Certificate anchor = decode(der)) X509_STORE_add_cert(store.get(), anchor.get());
  return store;
}

void push(const Stack& stack, const Bytes& der) {
  if (Certificate certificate = decode(der)) sk_X509_push(stack.get(), certificate.release());
}

Error chain_error(int code) {
  const std::string why = X509_verify_cert_error_string(code);
  if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID)
    return attestation_refused(
        "expired", "The attestation is refused: " + why + ". Is the clock of the agent's machine right?");
  return attestation_refused(
      "chain",
      "The attestation does not lead to a root that this agent believes: " + why +
          ". Hand in the certificate of slot f9 with it (\"ykman piv certificates export f9\"), or, for a CA "
          "of your own, name its root as \"ca\" under [attestation] in the agent's configuration.");
}

// The path as OpenSSL found it, without the leaf.
Result<VerifiedAttestation> verified(X509_STORE_CTX* context, AttestationCertificate leaf) {
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  const int length = sk_X509_num(path);
  // A root that was named in the configuration must not pass for an attestation of itself.
  if (length < 2) return chain_error(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  VerifiedAttestation result;
  result.facts = leaf.facts;
  result.certificate = std::move(leaf.der);
  for (int i = 1; i < length; ++i) result.chain.push_back(encode(sk_X509_value(path, i)));
  result.root = subject_text(sk_X509_value(path, length - 1));
  result.root_fingerprint = to_hex(sha256(result.chain.back()));
  return result;
}

}  // namespace

Result<VerifiedAttestation> verify_attestation(const AttestationRoots& roots, BytesView certificate,
                                               const std::vector<Bytes>& intermediates, BytesView spki) {
  auto leaf = parse_attestation(certificate);
  if (!leaf) return leaf.error();
  if (!std::ranges::equal(leaf->spki, spki))
    return attestation_refused(
        "other-key",
        "The attestation is of another key than the one that is to be enrolled. Attest the "
        "slot that this key is in.");
  const Store store = trust(roots);
  const Stack untrusted(sk_X509_new_null());
  for (const Bytes& der : intermediates) push(untrusted, der);
  for (const Bytes& der : roots.intermediates) push(untrusted, der);
  const Certificate target = decode(leaf->der);
  const StoreContext context(X509_STORE_CTX_new());
  if (!store || !untrusted || !target || !context ||
      X509_STORE_CTX_init(context.get(), store.get(), target.get(), untrusted.get()) != 1)
    return chain_error(X509_V_ERR_OUT_OF_MEM);
  const int good = X509_verify_cert(context.get());
  const int code = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good != 1) return chain_error(code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code);
  return verified(context.get(), std::move(*leaf));
}

std::optional<FoundAttestation> find_attestation(const std::vector<Bytes>& certificates, BytesView spki) {
  FoundAttestation found;
  for (const Bytes& der : certificates) {
    if (!looks_like_attestation(der)) {
      if (certificate_names(der)) found.intermediates.push_back(der);
      continue;
    }
    const auto key = certificate_public_key(der);
    if (key && std::ranges::equal(key->spki(), spki)) found.certificate = der;
  }
  if (found.certificate.empty()) return std::nullopt;
  return found;
}

}  // namespace signet
