#include "agent/approvals/approval_file.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "agent/ledger/approval_types.h"
#include "protocol/metadata.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

RequestDocument sample() {
  RequestDocument request;
  request.ledger = std::string(64, 'a');
  request.repository = "example.com/app";
  request.role = "root";
  request.version = 14;
  request.digest = std::string(64, 'b');
  request.keys = {std::string(64, 'c')};
  request.expiry = 1800000000;
  return request;
}

Bytes encoded(const TestKey& key, SignatureScheme scheme, BytesView message) {
  const Bytes raw = key.sign(scheme, message);
  const bool ecdsa = scheme == SignatureScheme::EcdsaSha256 || scheme == SignatureScheme::EcdsaSha384;
  return ecdsa ? ecdsa_raw_to_der(raw).value() : raw;
}

std::string approval_by(const TestKey& key, const std::string& document) {
  const SignatureScheme scheme = default_scheme(key.public_key().algorithm());
  return write_approval_file(document, key.public_key(), scheme,
                             encoded(key, scheme, approval_message(document)));
}

std::string verdict(std::string_view text) {
  const auto parsed = parse_approval_file(text);
  return parsed ? "accepted" : std::string(parsed.error().parameters.at("why").as_string());
}

std::string changed(const std::string& file, const char* member, const std::string& value) {
  json::object object = json::parse(file).as_object();
  object[member] = value;
  return json::serialize(object);
}

}  // namespace

TEST_CASE("an approval by a key of any algorithm comes back as it was given") {
  const std::string document = request_document(sample());
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const auto file = parse_approval_file(approval_by(test_key(algorithm), document));
    REQUIRE(file);
    CHECK(file->document == document);
    CHECK(request_id(file->request) == request_id(sample()));
    CHECK(file->key.fingerprint() == test_key(algorithm).public_key().fingerprint());
  }
}

TEST_CASE("an altered approval is refused, whatever was altered") {
  const std::string document = request_document(sample());
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  const std::string file = approval_by(key, document);
  RequestDocument other = sample();
  other.digest[0] = 'f';
  CHECK(verdict(changed(file, "document", request_document(other))) == "wrong-signature");
  other = sample();
  other.expiry += 1;
  CHECK(verdict(changed(file, "document", request_document(other))) == "wrong-signature");
  CHECK(verdict(changed(file, "document", document + " ")) == "document");
  CHECK(verdict(changed(file, "key", to_base64(test_key(KeyAlgorithm::EcdsaP256, 1).public_key().spki()))) ==
        "wrong-signature");
  CHECK(verdict(changed(file, "key", to_base64(test_key(KeyAlgorithm::Ed25519).public_key().spki()))) ==
        "format");
  CHECK(verdict(changed(file, "scheme", "ed25519")) == "format");
  CHECK(verdict(changed(file, "scheme", "none")) == "format");
  CHECK(verdict(changed(file, "signature", "")) == "wrong-signature");
  CHECK(verdict(changed(file, "signature", "!")) == "format");
  CHECK(verdict(changed(file, "type", "signet-approval-v2")) == "format");
  CHECK(verdict(changed(file, "more", "x")) == "format");
  CHECK(verdict("{}") == "format");
  CHECK(verdict("") == "format");
  CHECK(verdict(file) == "accepted");
  CHECK(verdict(file + std::string(kMaxApprovalFile - file.size(), ' ')) == "accepted");
  CHECK(verdict(file + std::string(kMaxApprovalFile - file.size() + 1, ' ')) == "format");
}

TEST_CASE("a signature over the document alone, or as other things are signed, is no approval") {
  const std::string document = request_document(sample());
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  const auto signed_as = [&](const std::string& message) {
    return verdict(write_approval_file(document, key.public_key(), SignatureScheme::EcdsaSha256,
                                       encoded(key, SignatureScheme::EcdsaSha256, as_bytes(message))));
  };
  CHECK(signed_as("signet-approval-v1\n" + document) == "accepted");
  CHECK(signed_as(document) == "wrong-signature");
  CHECK(signed_as("signet-approval-v1" + document) == "wrong-signature");
  CHECK(signed_as("DSSEv1 9 signature " + document) == "wrong-signature");
}

TEST_CASE("what is signed for an approval is no metadata, in no format") {
  const Bytes message = approval_message(request_document(sample()));
  for (const auto format : {MetadataFormat::Tuf, MetadataFormat::Notary})
    CHECK_FALSE(parse_signed(as_text(message), format));
}
