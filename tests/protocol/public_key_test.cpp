#include "protocol/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "protocol/metadata.h"
#include "protocol/openssl_handles.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;

namespace {

Bytes der_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  REQUIRE(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

std::string refusal(const Result<PublicKey>& key) {
  if (key) return "accepted";
  REQUIRE(key.error().name == ErrorName::MetadataInvalid);
  CHECK(key.error().parameters.at("why") == "public-key");
  return key.error().message;
}
bool refused_as(const Result<PublicKey>& key, std::string_view reason) {
  INFO(refusal(key));
  return refusal(key).find(reason) != std::string::npos;
}

Bytes with_point_form(const TestKey& key, const char* form) {
  const Bytes spki = key.public_key().spki();
  const unsigned char* at = spki.data();
  const EvpKey copy(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  REQUIRE(EVP_PKEY_set_utf8_string_param(copy.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form) == 1);
  return der_of(copy.get());
}

Bytes rsa_spki(const char* modulus_hex, unsigned long exponent) {
  BIGNUM* n = nullptr;
  BN_hex2bn(&n, modulus_hex);
  const BigNumber modulus(n);
  const BigNumber e(BN_new());
  BN_set_word(e.get(), exponent);
  const std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY_fromdata_init(context.get());
  EVP_PKEY* key = nullptr;
  REQUIRE(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
  const EvpKey owner(key);
  return der_of(key);
}

}  // namespace

TEST_CASE("a public key of every algorithm goes through every form") {
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const PublicKey& key = test_key(algorithm).public_key();
    CAPTURE(to_string(algorithm));
    CHECK(key.algorithm() == algorithm);
    CHECK(parse_key_algorithm(to_string(algorithm)).value() == algorithm);
    CHECK(key.fingerprint() == sha256_hex(key.spki()));
    CHECK(PublicKey::from_spki(key.spki()).value() == key);
    CHECK(PublicKey::from_pem(key.pem()).value() == key);
    CHECK(key.pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    CHECK(key.pem().ends_with("\n-----END PUBLIC KEY-----\n"));
    CHECK((key.ed25519_raw().size() == 32) == (algorithm == KeyAlgorithm::Ed25519));
    CHECK(key.handle() != nullptr);
  }
  const PublicKey& ed25519 = test_key(KeyAlgorithm::Ed25519).public_key();
  CHECK(PublicKey::from_ed25519(ed25519.ed25519_raw()).value() == ed25519);
  CHECK_FALSE(ed25519 == test_key(KeyAlgorithm::EcdsaP256).public_key());
  CHECK_FALSE(parse_key_algorithm("ecdsa-p521"));
}

TEST_CASE("one point has one identity, however it was encoded") {
  const TestKey& key = test_key(KeyAlgorithm::EcdsaP256);
  for (const char* form : {"compressed", "hybrid"}) {
    const Bytes other = with_point_form(key, form);
    CHECK(other != key.public_key().spki());
    CHECK(PublicKey::from_spki(other).value() == key.public_key());
  }
}

TEST_CASE("other keys are refused") {
  for (const char* curve : {"P-521", "secp256k1", "brainpoolP256r1", "P-224"})
    CHECK(refused_as(PublicKey::from_spki(der_of(EvpKey(EVP_EC_gen(curve)).get())), "its curve is"));
  CHECK(refused_as(PublicKey::from_spki(der_of(EvpKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")).get())),
                   "another type"));
  CHECK(refused_as(PublicKey::from_spki(der_of(EvpKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")).get())),
                   "another type"));
  CHECK(refused_as(PublicKey::from_spki(der_of(EvpKey(EVP_RSA_gen(1024)).get())), "1024 bits"));
  const EvpKeyContext pss(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
  EVP_PKEY* pss_key = nullptr;
  REQUIRE(EVP_PKEY_keygen_init(pss.get()) == 1);
  REQUIRE(EVP_PKEY_CTX_set_rsa_keygen_bits(pss.get(), 2048) == 1);
  REQUIRE(EVP_PKEY_keygen(pss.get(), &pss_key) == 1);
  CHECK(refused_as(PublicKey::from_spki(der_of(EvpKey(pss_key).get())), "another type"));
}

TEST_CASE("RSA keys of other sizes, with an even modulus or an odd exponent's opposite are refused") {
  const std::string full = "C" + std::string(510, '0') + "1";  // 2048 bits
  CHECK(PublicKey::from_spki(rsa_spki(full.c_str(), 65537)).value().algorithm() == KeyAlgorithm::Rsa2048);
  CHECK(PublicKey::from_spki(rsa_spki(full.c_str(), 3)));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(full.c_str(), 2)), "even or below 3"));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(full.c_str(), 65536)), "even or below 3"));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(full.c_str(), 1)), "even or below 3"));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(("C" + std::string(511, '0')).c_str(), 3)),
                   "not an odd number"));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(("4" + std::string(510, '0') + "1").c_str(), 3)),
                   "2047 bits"));
  CHECK(refused_as(PublicKey::from_spki(rsa_spki(("1" + full).c_str(), 3)), "2049 bits"));
}

TEST_CASE("explicit curve parameters are refused, even those of P-256") {
  const EvpKey key(EVP_EC_gen("P-256"));
  REQUIRE(EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_ENCODING,
                                         OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1);
  const Bytes spelled_out = der_of(key.get());
  REQUIRE(spelled_out.size() > 200);
  CHECK(refused_as(PublicKey::from_spki(spelled_out), "spelled out"));
}

TEST_CASE("damaged keys are refused") {
  const Bytes good = test_key(KeyAlgorithm::EcdsaP256).public_key().spki();
  Bytes off_curve = good;
  off_curve.back() ^= 1;
  CHECK_FALSE(PublicKey::from_spki(off_curve));
  Bytes longer = good;
  longer.push_back(0);
  CHECK(refused_as(PublicKey::from_spki(longer), "bytes follow"));
  for (std::size_t size = 0; size < good.size(); ++size)
    REQUIRE_FALSE(PublicKey::from_spki(BytesView(good).first(size)));
  Bytes infinity(good.begin(), good.begin() + 26);
  infinity[1] = 25;  // SEQUENCE
  infinity[24] = 2;  // BIT STRING of one byte and its count of unused bits
  infinity[25] = 0;
  infinity.push_back(0);
  CHECK_FALSE(PublicKey::from_spki(infinity));
  CHECK(refused_as(PublicKey::from_spki(Bytes(5000)), "longer than"));
}

TEST_CASE("Ed25519 keys that are no point, not reduced, or of small order are refused") {
  const auto key = [](std::string_view hex) { return PublicKey::from_ed25519(*from_hex(hex)); };
  const std::string zeros(60, '0');
  CHECK(key(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));  // RFC 8032 section 7.1, test 1
  CHECK(key("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));  // test 2
  CHECK_FALSE(key("02" + zeros + "00"));                                           // y = 2 has no x
  for (const char* sign : {"00", "80"}) {
    CHECK_FALSE(key("00" + zeros + sign));  // order 4
    CHECK_FALSE(key("01" + zeros + sign));  // order 1
  }
  const std::string ones(60, 'f');
  CHECK_FALSE(key("ec" + ones + "7f"));  // order 2
  CHECK_FALSE(key("ed" + ones + "7f"));  // y = p, which is 0
  CHECK_FALSE(key("ee" + ones + "7f"));  // y = p + 1, which is 1
  CHECK_FALSE(key("f0" + ones + "7f"));  // y = p + 3
  for (const char* order8 : {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                             "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"})
    CHECK_FALSE(key(order8));
  CHECK_FALSE(PublicKey::from_ed25519(Bytes(31, 9)));
  CHECK_FALSE(PublicKey::from_ed25519(Bytes(33, 9)));
}

TEST_CASE("PEM is a public key or a certificate; its header lines are skipped") {
  const PublicKey& key = test_key(KeyAlgorithm::EcdsaP256).public_key();
  const std::string docker = "-----BEGIN PUBLIC KEY-----\nrole: alice\n\n" + key.pem().substr(27);
  CHECK(PublicKey::from_pem(docker).value() == key);
  CHECK(refused_as(PublicKey::from_pem("hello"), "not PEM"));
  CHECK(refused_as(PublicKey::from_pem(""), "not PEM"));
  CHECK(refused_as(PublicKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                   "PEM label"));
  CHECK(refused_as(PublicKey::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                   "certificate cannot be read"));
  CHECK_FALSE(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
}

TEST_CASE("key ids are those of python-tuf and of notary") {
  for (const auto& [folder, format] :
       {std::pair("tuf/", MetadataFormat::Tuf), {"notary/", MetadataFormat::Notary}}) {
    std::istringstream lines(read_data(std::string(folder) + "keyids.txt"));
    int keys = 0;
    for (std::string keyid, file; lines >> keyid >> file; ++keys) {
      CAPTURE(folder, file);
      const auto key = PublicKey::from_pem(read_data(folder + file));
      REQUIRE(key);
      CHECK(key->pem() == read_data(folder + file));
      CHECK(metadata_keyid(*key, format) == keyid);
    }
    CHECK(keys >= 3);
  }
}

TEST_CASE("ssh public keys are what ssh-keygen prints") {
  // ssh-keygen -i -m PKCS8 of the PEM beside, OpenSSH 9.2 (it does not read Ed25519: RFC 8709 section 4
  // instead).
  const auto key = [](const char* file) { return PublicKey::from_pem(read_data(file)).value(); };
  for (const char* name : {"p256", "p384", "rsa2048"}) {
    CAPTURE(name);
    const std::string line = read_data("tuf/" + std::string(name) + ".ssh");
    CHECK(key(("tuf/" + std::string(name) + ".pub.pem").c_str()).ssh("") + "\n" == line);
  }
  const PublicKey ed25519 = key("tuf/ed25519.pub.pem");
  Bytes blob = *from_base64(ed25519.ssh("").substr(12));
  CHECK(ed25519.ssh("").starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
  CHECK(Bytes(blob.end() - 32, blob.end()) == ed25519.ed25519_raw());
  CHECK(ed25519.ssh("release@example.com").ends_with(" release@example.com"));
  CHECK(ed25519.ssh("a\nssh-rsa AAAA evil").find('\n') == std::string::npos);
}
