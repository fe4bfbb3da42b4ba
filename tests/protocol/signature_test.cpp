#include "protocol/signature.h"

#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
using enum SignatureScheme;

namespace {

constexpr std::string_view kMessage = R"({"_type":"root","version":1})";

SignatureEntry entry_of(const boost::json::object& object, MetadataFormat format) {
  SignatureEntry entry;
  entry.keyid = object.at("keyid").as_string();
  const std::string_view sig = object.at("sig").as_string();
  entry.signature = format == MetadataFormat::Tuf ? *from_hex(sig) : *from_base64(sig);
  if (const auto* method = object.if_contains("method")) entry.method = method->as_string();
  return entry;
}

// Every byte changed in turn, in three ways.
template <typename Check>
void each_flip(const Bytes& bytes, Check check) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      Bytes changed = bytes;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ mask);
      check(changed);
    }
  }
}

Bytes integer(std::initializer_list<int> content) {
  Bytes out{0x02, static_cast<std::uint8_t>(content.size())};
  for (const int byte : content) out.push_back(static_cast<std::uint8_t>(byte));
  return out;
}
Bytes sequence(const Bytes& r, const Bytes& s) {
  Bytes out{0x30, static_cast<std::uint8_t>(r.size() + s.size())};
  out.insert(out.end(), r.begin(), r.end());
  out.insert(out.end(), s.begin(), s.end());
  return out;
}
std::string to_raw(const Bytes& der, KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256) {
  return verdict(ecdsa_der_to_raw(der, algorithm));
}
Bytes raw_of(std::uint8_t r, std::uint8_t s, std::size_t half = 32) {
  Bytes raw(2 * half);
  raw[half - 1] = r;
  raw[2 * half - 1] = s;
  return raw;
}

const std::string kBadEncoding = "signature-encoding ";

}  // namespace

TEST_CASE("schemes have TUF's names") {
  for (const SignatureScheme scheme : {EcdsaSha256, EcdsaSha384, RsaPssSha256, RsaPkcs1Sha256, Ed25519})
    CHECK(parse_signature_scheme(to_string(scheme)).value() == scheme);
  CHECK(verdict(parse_signature_scheme("ecdsa")) == "InvalidParameter");
}

TEST_CASE("each algorithm has the schemes that its format prescribes") {
  CHECK(metadata_scheme(KeyAlgorithm::EcdsaP384, MetadataFormat::Tuf) == EcdsaSha384);
  CHECK(metadata_scheme(KeyAlgorithm::EcdsaP384, MetadataFormat::Notary) == EcdsaSha256);
  CHECK(metadata_scheme(KeyAlgorithm::Rsa4096, MetadataFormat::Notary) == RsaPssSha256);
  CHECK(metadata_scheme(KeyAlgorithm::Ed25519, MetadataFormat::Notary) == SignatureScheme::Ed25519);
  CHECK(scheme_fits(RsaPkcs1Sha256, KeyAlgorithm::Rsa2048));
  CHECK(scheme_fits(EcdsaSha384, KeyAlgorithm::EcdsaP384));
  CHECK_FALSE(scheme_fits(EcdsaSha256, KeyAlgorithm::EcdsaP384));
  CHECK_FALSE(scheme_fits(EcdsaSha256, KeyAlgorithm::Rsa2048));
  CHECK_FALSE(scheme_fits(RsaPssSha256, KeyAlgorithm::Ed25519));
  for (const KeyAlgorithm algorithm : kAllAlgorithms)
    CHECK(scheme_fits(default_scheme(algorithm), algorithm));
}

TEST_CASE("a token is given the digest, the DigestInfo or the message") {
  const BytesView message = as_bytes(kMessage);
  CHECK(token_input(EcdsaSha256, message) == sha256(message));
  CHECK(token_input(RsaPssSha256, message) == sha256(message));
  CHECK(token_input(EcdsaSha384, message).size() == 48);
  CHECK(token_input(SignatureScheme::Ed25519, message) == to_bytes(message));
  CHECK(to_hex(token_input(RsaPkcs1Sha256, message)) ==
        "3031300d060960864801650304020105000420" + sha256_hex(message));
  CHECK(token_input_of_digest(EcdsaSha256, Bytes(32, 7)).value() == Bytes(32, 7));
  CHECK(token_input_of_digest(EcdsaSha384, Bytes(48, 7)).value() == Bytes(48, 7));
  for (const std::size_t size : {0U, 20U, 31U, 33U, 48U, 64U})
    CHECK(verdict(token_input_of_digest(EcdsaSha256, Bytes(size))) == "digest-size ");
  CHECK(verdict(token_input_of_digest(EcdsaSha384, Bytes(32))) == "digest-size ");
  CHECK(verdict(token_input_of_digest(SignatureScheme::Ed25519, Bytes(32))) == "digest-size ");
}

TEST_CASE("a token's signature is verified; one changed byte is not") {
  const BytesView message = as_bytes(kMessage);
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const TestKey& key = test_key(algorithm);
    for (const SignatureScheme scheme :
         {EcdsaSha256, EcdsaSha384, RsaPssSha256, RsaPkcs1Sha256, SignatureScheme::Ed25519}) {
      if (!scheme_fits(scheme, algorithm)) continue;
      CAPTURE(to_string(algorithm), to_string(scheme));
      const Bytes raw = key.sign(scheme, message);
      const PublicKey& public_key = key.public_key();
      CHECK(verify_token_signature(public_key, scheme, message, raw));
      CHECK_FALSE(verify_token_signature(public_key, scheme, as_bytes("another message"), raw));
      CHECK_FALSE(verify_token_signature(test_key(algorithm, 1).public_key(), scheme, message, raw));
      CHECK_FALSE(verify_token_signature(public_key, scheme, message, Bytes{}));
      CHECK_FALSE(verify_token_signature(public_key, scheme, message, BytesView(raw).first(raw.size() - 1)));
      Bytes longer = raw;
      longer.push_back(0);
      CHECK_FALSE(verify_token_signature(public_key, scheme, message, longer));
      each_flip(raw, [&](const Bytes& changed) {
        REQUIRE_FALSE(verify_token_signature(public_key, scheme, message, changed));
      });
      if (scheme == SignatureScheme::Ed25519) continue;
      Bytes digest = token_input(scheme, message);
      if (scheme == RsaPkcs1Sha256) digest.erase(digest.begin(), digest.begin() + 19);
      CHECK(verify_token_signature_of_digest(public_key, scheme, digest, raw));
      CHECK_FALSE(verify_token_signature_of_digest(public_key, scheme, BytesView(digest).first(20), raw));
      digest[0] ^= 1;
      CHECK_FALSE(verify_token_signature_of_digest(public_key, scheme, digest, raw));
    }
  }
}

TEST_CASE("a signature is not verified under a scheme that its key does not have") {
  const BytesView message = as_bytes(kMessage);
  const TestKey& rsa = test_key(KeyAlgorithm::Rsa2048);
  const Bytes pss = rsa.sign(RsaPssSha256, message);
  for (const SignatureScheme scheme : {EcdsaSha256, RsaPkcs1Sha256, SignatureScheme::Ed25519})
    CHECK_FALSE(verify_token_signature(rsa.public_key(), scheme, message, pss));
  const TestKey& ed25519 = test_key(KeyAlgorithm::Ed25519);
  const Bytes signature = ed25519.sign(SignatureScheme::Ed25519, message);
  for (const SignatureScheme scheme : {EcdsaSha256, RsaPssSha256})
    CHECK_FALSE(verify_token_signature(ed25519.public_key(), scheme, message, signature));
  CHECK_FALSE(
      verify_token_signature_of_digest(ed25519.public_key(), SignatureScheme::Ed25519, Bytes(32), signature));
}

TEST_CASE("a PSS salt of another length is no token's signature, nor Notary's; TUF's clients take it") {
  const BytesView message = as_bytes(kMessage);
  const TestKey& key = test_key(KeyAlgorithm::Rsa2048);
  for (const int salt : {0, 20, 222}) {
    const Bytes raw = key.sign(RsaPssSha256, message, salt);
    CHECK_FALSE(verify_token_signature(key.public_key(), RsaPssSha256, message, raw));
    CHECK_FALSE(
        verify_metadata_signature(key.public_key(), MetadataFormat::Notary, message, {"k", "rsapss", raw}));
    CHECK(verify_metadata_signature(key.public_key(), MetadataFormat::Tuf, message, {"k", "", raw}));
  }
}

TEST_CASE("signatures go into metadata as each format encodes them, and verify from there") {
  const BytesView message = as_bytes(kMessage);
  for (const MetadataFormat format : {MetadataFormat::Tuf, MetadataFormat::Notary}) {
    for (const KeyAlgorithm algorithm : kAllAlgorithms) {
      CAPTURE(to_string(format), to_string(algorithm));
      const TestKey& key = test_key(algorithm);
      const Bytes raw = key.sign(metadata_scheme(algorithm, format), message);
      const auto object = metadata_signature_object(key.public_key(), "keyid", format, raw);
      REQUIRE(object);
      CHECK(object->size() == (format == MetadataFormat::Tuf ? 2 : 3));
      const SignatureEntry entry = entry_of(*object, format);
      CHECK(verify_metadata_signature(key.public_key(), format, message, entry));
      CHECK_FALSE(verify_metadata_signature(key.public_key(), format, as_bytes("{}"), entry));
      CHECK_FALSE(verify_metadata_signature(test_key(algorithm, 1).public_key(), format, message, entry));
      SignatureEntry empty = entry;
      empty.signature.clear();
      CHECK_FALSE(verify_metadata_signature(key.public_key(), format, message, empty));
      each_flip(entry.signature, [&](const Bytes& changed) {
        REQUIRE_FALSE(
            verify_metadata_signature(key.public_key(), format, message, {"keyid", entry.method, changed}));
      });
    }
  }
}

TEST_CASE("Notary's ECDSA is raw and TUF's is DER; neither takes the other's") {
  const BytesView message = as_bytes(kMessage);
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  const Bytes raw = key.sign(EcdsaSha256, message);
  const Bytes der = ecdsa_raw_to_der(raw).value();
  CHECK(verify_metadata_signature(key.public_key(), MetadataFormat::Notary, message, {"k", "ecdsa", raw}));
  CHECK_FALSE(
      verify_metadata_signature(key.public_key(), MetadataFormat::Notary, message, {"k", "ecdsa", der}));
  CHECK(verify_metadata_signature(key.public_key(), MetadataFormat::Tuf, message, {"k", "", der}));
  CHECK_FALSE(verify_metadata_signature(key.public_key(), MetadataFormat::Tuf, message, {"k", "", raw}));
}

TEST_CASE("Notary's method must fit the key") {
  const BytesView message = as_bytes(kMessage);
  const auto notary = [&](const TestKey& key, SignatureScheme scheme, const char* method) {
    const SignatureEntry entry{"k", method, key.sign(scheme, message)};
    return verify_metadata_signature(key.public_key(), MetadataFormat::Notary, message, entry);
  };
  const TestKey& rsa = test_key(KeyAlgorithm::Rsa2048);
  CHECK(notary(rsa, RsaPssSha256, "rsapss"));
  CHECK(notary(rsa, RsaPkcs1Sha256, "rsapkcs1v15"));
  CHECK_FALSE(notary(rsa, RsaPssSha256, "rsapkcs1v15"));
  CHECK_FALSE(notary(rsa, RsaPssSha256, "ecdsa"));
  const TestKey& p384 = test_key(KeyAlgorithm::EcdsaP384);
  CHECK(notary(p384, EcdsaSha256, "ecdsa"));
  CHECK_FALSE(notary(p384, EcdsaSha384, "ecdsa"));
  for (const char* method : {"ECDSA", "", "eddsa", "rsapss", "none"})
    CHECK_FALSE(notary(p384, EcdsaSha256, method));
}

TEST_CASE("ECDSA raw goes to DER: leading zeros go, a high bit gets one") {
  CHECK(to_hex(ecdsa_raw_to_der(raw_of(1, 0x7f)).value()) == "300602010102017f");
  CHECK(to_hex(ecdsa_raw_to_der(raw_of(0x80, 0xff)).value()) ==
        "3008020200800202"
        "00ff");
  Bytes full(64, 0xff);
  CHECK(to_hex(ecdsa_raw_to_der(full).value()) ==
        "3046022100" + std::string(64, 'f') + "022100" + std::string(64, 'f'));
  CHECK(ecdsa_raw_to_der(raw_of(1, 1, 48)).value().size() == 8);
  CHECK(ecdsa_raw_to_der(Bytes(96, 0xff)).value().size() == 104);  // the longest
}

TEST_CASE("ECDSA raw of another size, or with a zero, is refused") {
  for (const std::size_t size : {0U, 1U, 63U, 65U, 66U, 95U, 97U, 132U})
    CHECK(verdict(ecdsa_raw_to_der(Bytes(size, 1))) == kBadEncoding);
  CHECK(verdict(ecdsa_raw_to_der(raw_of(0, 1))) == kBadEncoding);
  CHECK(verdict(ecdsa_raw_to_der(raw_of(1, 0))) == kBadEncoding);
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  CHECK(verdict(metadata_signature_object(key.public_key(), "k", MetadataFormat::Tuf, Bytes(64))) ==
        kBadEncoding);
}

TEST_CASE("ECDSA DER goes to raw of the curve's width") {
  CHECK(ecdsa_der_to_raw(sequence(integer({1}), integer({0x7f})), KeyAlgorithm::EcdsaP256).value() ==
        raw_of(1, 0x7f));
  CHECK(ecdsa_der_to_raw(sequence(integer({0, 0x80}), integer({0, 0xff})), KeyAlgorithm::EcdsaP384).value() ==
        raw_of(0x80, 0xff, 48));
  for (const KeyAlgorithm algorithm : {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384}) {
    const SignatureScheme scheme = default_scheme(algorithm);
    for (int i = 0; i < 200; ++i) {  // leading zeros turn up in some
      const Bytes raw = test_key(algorithm).sign(scheme, as_bytes(std::to_string(i)));
      REQUIRE(ecdsa_der_to_raw(ecdsa_raw_to_der(raw).value(), algorithm).value() == raw);
    }
  }
}

TEST_CASE("ECDSA DER that is no minimal sequence of two positive integers is refused") {
  const Bytes good = sequence(integer({1}), integer({2}));
  CHECK(to_raw(good) == "accepted");
  Bytes trailing = good;
  trailing.push_back(0);
  CHECK(to_raw(trailing) == kBadEncoding);
  CHECK(to_raw(sequence(integer({0}), integer({1}))) == kBadEncoding);
  CHECK(to_raw(sequence(integer({1}), integer({0}))) == kBadEncoding);
  CHECK(to_raw(sequence(integer({0x80}), integer({1}))) == kBadEncoding);     // negative
  CHECK(to_raw(sequence(integer({0xff, 1}), integer({1}))) == kBadEncoding);  // negative
  CHECK(to_raw(sequence(integer({0, 1}), integer({1}))) == kBadEncoding);     // a needless zero
  CHECK(to_raw(sequence(integer({}), integer({1}))) == kBadEncoding);
  CHECK(to_raw({0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02}) == kBadEncoding);  // a long length
  CHECK(to_raw({0x30, 0x80, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x00, 0x00}) ==
        kBadEncoding);  // an open length
  CHECK(to_raw({0x30, 0x03, 0x02, 0x01, 0x01}) == kBadEncoding);
  CHECK(to_raw({0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x02, 0x01, 0x03}) == kBadEncoding);
  CHECK(to_raw({0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02}) == kBadEncoding);
  CHECK(to_raw({}) == kBadEncoding);
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(to_raw(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))) == kBadEncoding);
  CHECK(to_raw(good, KeyAlgorithm::Ed25519) == kBadEncoding);
  CHECK(to_raw(good, KeyAlgorithm::Rsa2048) == kBadEncoding);
}

TEST_CASE("an integer longer than the curve is refused") {
  Bytes r{0x02, 33, 1};
  r.resize(35);
  CHECK(to_raw(sequence(r, integer({1}))) == kBadEncoding);
  CHECK(to_raw(sequence(integer({1}), r)) == kBadEncoding);
  CHECK(to_raw(sequence(r, integer({1})), KeyAlgorithm::EcdsaP384) == "accepted");
}
