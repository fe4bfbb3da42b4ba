// What may come as an approval from another machine: a file is refused with a reason and a sentence, or it is
// the signature that it says. A request's document is taken in its one form alone; and once signed, by
// whomever, it is an approval of that request and of no other.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/approvals/approval_file.h"
#include "agent/ledger/approval_types.h"
#include "protocol/openssl_handles.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void check_refusal(const signet::Error& error) {
  static constexpr std::array<std::string_view, 3> kWhy{"format", "document", "wrong-signature"};
  check(error.name == signet::ErrorName::ApprovalRefused && !error.message.empty());
  const std::string_view why = error.parameters.at("why").as_string();
  check(std::find(kWhy.begin(), kWhy.end(), why) != kWhy.end());
}

class Approver {
 public:
  Approver() : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, kSeed.data(), kSeed.size())) {
    check(key_ != nullptr);
  }
  signet::PublicKey public_key() const {
    std::array<std::uint8_t, 32> raw{};
    std::size_t size = raw.size();
    check(EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) == 1);
    return signet::PublicKey::from_ed25519(raw).value();
  }
  std::string approve(std::string_view document) const {
    const signet::Bytes message = signet::approval_message(document);
    const signet::EvpDigestContext context(EVP_MD_CTX_new());
    signet::Bytes signature(64);
    std::size_t size = signature.size();
    check(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    check(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
    return signet::write_approval_file(document, public_key(), signet::SignatureScheme::Ed25519, signature);
  }

 private:
  static constexpr std::array<std::uint8_t, 32> kSeed{7};
  signet::EvpKey key_;
};

void check_file(std::string_view text) {
  const auto file = signet::parse_approval_file(text);
  if (!file) return check_refusal(file.error());
  check(text.size() <= signet::kMaxApprovalFile);
  check(signet::request_document(file->request) == file->document);
  check(signet::scheme_fits(file->scheme, file->key.algorithm()));
}

void check_document(std::string_view text) {
  static const Approver approver;
  const auto request = signet::parse_request_document(text);
  if (!request) return check_refusal(request.error());
  check(signet::request_document(*request) == text);
  const std::string approval = approver.approve(text);
  const auto file = signet::parse_approval_file(approval);
  // A document of nearly its own limit has no room in a file of that size.
  check(file || approval.size() > signet::kMaxApprovalFile);
  if (!file) return;
  check(file->document == text && file->key == approver.public_key());
  check(signet::request_id(file->request) == signet::request_id(*request));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_file(text);
  check_document(text);
  return 0;
}
