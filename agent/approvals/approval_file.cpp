#include "agent/approvals/approval_file.h"

#include <boost/json/object.hpp>

#include "agent/ledger/approval_types.h"
#include "protocol/canonical_json.h"
#include "protocol/metadata_reader.h"

namespace signet {
namespace {

constexpr std::string_view kType = "signet-approval-v1";

Error bad_format(const std::string& what) {
  return approval_refused(
      "", "format",
      "This is no approval: " + what + ". Take the file that \"signet request sign --out\" wrote, as it is.");
}

bool is_ecdsa(SignatureScheme scheme) {
  return scheme == SignatureScheme::EcdsaSha256 || scheme == SignatureScheme::EcdsaSha384;
}

bool verifies(const ApprovalFile& file, const Bytes& signature) {
  const Bytes message = approval_message(file.document);
  if (!is_ecdsa(file.scheme)) return verify_token_signature(file.key, file.scheme, message, signature);
  const auto raw = ecdsa_der_to_raw(signature, file.key.algorithm());
  return raw && verify_token_signature(file.key, file.scheme, message, *raw);
}

}  // namespace

Bytes approval_message(std::string_view document) {
  const std::string message = std::string(kApprovalDomain) + std::string(document);
  return to_bytes(as_bytes(message));
}

std::string write_approval_file(std::string_view document, const PublicKey& key, SignatureScheme scheme,
                                BytesView signature) {
  boost::json::object out;
  out["type"] = kType;
  out["document"] = document;
  out["key"] = to_base64(key.spki());
  out["scheme"] = to_string(scheme);
  out["signature"] = to_base64(signature);
  return canonical_json(out).value() + "\n";
}

Result<ApprovalFile> parse_approval_file(std::string_view text) {
  const auto value = parse_strict_json(text, kMaxApprovalFile);
  if (!value) return bad_format(value.error().message);
  JsonDocument reader(*value);
  const JsonNode root = reader.root();
  root.only({"type", "document", "key", "scheme", "signature"});
  if (root.member("type").string() != kType) root.refuse("type", "it is of another type");
  const std::string document(root.member("document").string());
  const auto spki = from_base64(root.member("key").string());
  const auto signature = from_base64(root.member("signature").string());
  const auto scheme = parse_signature_scheme(root.member("scheme").string());
  if (reader.failed()) return bad_format(reader.error().message);
  if (!spki || !signature) return bad_format("its key and its signature are not base64");
  if (!scheme) return bad_format("its scheme is not known");
  auto key = PublicKey::from_spki(*spki);
  if (!key) return bad_format("its key is none that Signet knows");
  if (!scheme_fits(*scheme, key->algorithm())) return bad_format("its key does not sign with its scheme");
  auto request = parse_request_document(document);
  if (!request) return request.error();
  ApprovalFile file{document, std::move(*request), std::move(*key), *scheme};
  if (!verifies(file, *signature))
    return approval_refused(
        request_id(file.request), "wrong-signature",
        "The signature of this approval does not verify: it was altered, or made for another "
        "request. Have it signed again.");
  return file;
}

}  // namespace signet
