#include "agent/certificates/certificate_facts.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <utility>

#include "protocol/display_text.h"
#include "protocol/openssl_handles.h"

namespace signet {
namespace {

constexpr std::size_t kMaxNameText = 512;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string name_text(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  return display_text(text_of(out.get()), kMaxNameText);
}

std::string pem_of(BytesView der) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio(out.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size())) == 0)
    return {};
  return text_of(out.get());
}

std::optional<std::chrono::sys_seconds> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

Error refused(std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", "certificate"}}};
}

// The next block of a PEM text.
struct PemBlock {
  std::string kind;
  Bytes content;
};
std::optional<PemBlock> next_block(BIO* text) {
  char *kind = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(text, &kind, &header, &data, &size) != 1) return std::nullopt;
  PemBlock block{kind, Bytes(data, data + size)};
  OPENSSL_free(kind);
  OPENSSL_free(header);
  OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  return block;
}

}  // namespace

std::optional<CertificateFacts> read_certificate(BytesView der) {
  const unsigned char* at = der.data();
  const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!certificate || at != der.data() + der.size()) return std::nullopt;
  std::string pem = pem_of(der);
  auto key = PublicKey::from_pem(pem);
  const auto begin = time_of(X509_get0_notBefore(certificate.get()));
  const auto end = time_of(X509_get0_notAfter(certificate.get()));
  std::string subject = name_text(X509_get_subject_name(certificate.get()));
  std::string issuer = name_text(X509_get_issuer_name(certificate.get()));
  ERR_clear_error();
  if (!key || !begin || !end) return std::nullopt;
  return CertificateFacts{std::move(subject), std::move(issuer), *begin,         *end,
                          std::move(pem),     sha256_hex(der),   std::move(*key)};
}

Result<Bytes> certificate_from_pem(std::string_view pem) {
  const Bio text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::optional<Bytes> found;
  while (auto block = next_block(text.get())) {
    if (block->kind != PEM_STRING_X509) {
      ERR_clear_error();
      return refused("There is a " + display_text(block->kind, 40) +
                     " in the PEM text. Give the certificate alone.");
    }
    if (found) {
      ERR_clear_error();
      return refused(
          "There are several certificates in the PEM text. Give that of the key alone, without those of the "
          "CAs above it.");
    }
    found = std::move(block->content);
  }
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_the_end) return refused("The PEM text is damaged. Get the certificate again from who issued it.");
  if (!found) return refused("There is no certificate (\"BEGIN CERTIFICATE\") in the text. It must be PEM.");
  return std::move(*found);
}

}  // namespace signet
