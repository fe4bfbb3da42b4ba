#include "agent/attestation/attestation_chain.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/build_paths.h"
#include "tests/support/attestation_maker.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

Bytes from_file(const std::string& name) {
  std::ifstream file(source_dir() + "/tests/agent/attestation/data/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return certificates_from_pem(text.str()).value().front();
}

AttestationRoots roots_of(const AttestationMaker& maker) {
  AttestationRoots roots;
  REQUIRE(add_roots(roots, pem_of(maker.root())));
  return roots;
}

std::string reason_of(const Result<VerifiedAttestation>& result) {
  if (result) return "verified";
  REQUIRE(result.error().name == ErrorName::KeyRefused);
  const std::string why(result.error().parameters.at("why").get_string());
  REQUIRE(why.starts_with("attestation-"));
  return why.substr(std::string("attestation-").size());
}

struct Bench {
  AttestationMaker maker;
  TestKey key = make_p256_key();
  AttestationRoots roots = roots_of(maker);
  std::vector<Bytes> f9{der_of(maker.intermediate())};

  std::string verdict(const TestCertificate& leaf) const {
    return reason_of(verify_attestation(roots, der_of(leaf), f9, spki_of(key)));
  }
};

TEST_CASE("an attestation verifies up to a root that is believed, and the path is given") {
  const Bench bench;
  const Bytes leaf = der_of(bench.maker.attest(bench.key));
  const auto verified = verify_attestation(bench.roots, leaf, bench.f9, spki_of(bench.key));
  REQUIRE(verified);
  CHECK(verified->certificate == leaf);
  REQUIRE(verified->chain.size() == 2);
  CHECK(verified->chain[0] == bench.f9[0]);
  CHECK(verified->chain[1] == der_of(bench.maker.root()));
  CHECK(verified->root == "CN=Signet test PIV root CA");
  CHECK(verified->root_fingerprint.size() == 64);
  CHECK(verified->facts.touch == TouchPolicy::Always);
}

TEST_CASE("without its issuer, or up to another root, an attestation is worth nothing") {
  const Bench bench;
  const Bytes leaf = der_of(bench.maker.attest(bench.key));
  CHECK(reason_of(verify_attestation(bench.roots, leaf, {}, spki_of(bench.key))) == "chain");
  CHECK(reason_of(verify_attestation(yubico_roots(), leaf, bench.f9, spki_of(bench.key))) == "chain");
  CHECK(reason_of(verify_attestation(AttestationRoots(), leaf, bench.f9, spki_of(bench.key))) == "chain");
  // Another CA that calls itself the same.
  const AttestationMaker impostor;
  const Bytes forged = der_of(impostor.attest(bench.key));
  CHECK(reason_of(verify_attestation(bench.roots, forged, bench.f9, spki_of(bench.key))) == "chain");
  const std::vector<Bytes> its_own{der_of(impostor.intermediate()), der_of(impostor.root())};
  CHECK(reason_of(verify_attestation(bench.roots, forged, its_own, spki_of(bench.key))) == "chain");
}

TEST_CASE("an attestation of another key does not count") {
  const Bench bench;
  CHECK(bench.verdict(bench.maker.attest(make_p256_key())) == "other-key");
}

TEST_CASE("a flipped bit anywhere in an attestation is never verified as something else") {
  const Bench bench;
  const Bytes good = der_of(bench.maker.attest(bench.key));
  for (std::size_t at = 0; at < good.size(); at += 3) {
    Bytes bad = good;
    bad[at] = static_cast<std::uint8_t>(bad[at] ^ 0x01);
    CHECK_FALSE(verify_attestation(bench.roots, bad, bench.f9, spki_of(bench.key)));
  }
}

TEST_CASE("times are checked, and only a CA may attest") {
  const Bench bench;
  CertificateRequest request;
  request.subject = "YubiKey PIV Attestation 9c";
  request.key = bench.key;
  request.extensions = yubikey_extensions();
  request.valid_to = -1;
  CHECK(bench.verdict(bench.maker.issue(request)) == "expired");
  request.valid_from = 3600;
  request.valid_to = 7200;
  CHECK(bench.verdict(bench.maker.issue(request)) == "expired");

  // A key of the token that is no CA's signs what looks like an attestation.
  CertificateRequest no_ca;
  no_ca.subject = "Yubico PIV Attestation";
  no_ca.key = make_p256_key();
  for (const bool ca : {true, false}) {
    no_ca.ca = ca;
    const TestCertificate issuer = bench.maker.issue_by_root(no_ca);
    CertificateRequest leaf;
    leaf.subject = "YubiKey PIV Attestation 9c";
    leaf.key = bench.key;
    leaf.extensions = yubikey_extensions();
    const Bytes der = der_of(sign_certificate(leaf, issuer, no_ca.key));
    CHECK(reason_of(verify_attestation(bench.roots, der, {der_of(issuer)}, spki_of(bench.key))) ==
          (ca ? "verified" : "chain"));
  }
}

TEST_CASE("a root does not attest itself") {
  const AttestationMaker maker;
  CertificateRequest request;
  request.subject = "YubiKey PIV Attestation 9c";
  request.key = make_p256_key();
  request.extensions = yubikey_extensions();
  const TestCertificate leaf = maker.issue(request);
  AttestationRoots roots;
  roots.anchors.push_back(der_of(leaf));
  CHECK_FALSE(verify_attestation(roots, der_of(leaf), {}, spki_of(request.key)));
}

TEST_CASE("real attestations: a YubiKey 5 verifies, a YubiKey 4 whose issuer is no CA does not") {
  const Bytes leaf = from_file("yubikey5-attestation.pem");
  const auto parsed = parse_attestation(leaf);
  REQUIRE(parsed);
  const auto verified =
      verify_attestation(yubico_roots(), leaf, {from_file("yubikey5-f9.pem")}, parsed->spki);
  REQUIRE(verified);
  CHECK(verified->facts.firmware == FirmwareVersion{5, 4, 3});
  CHECK(verified->facts.serial == 15732500);
  CHECK(verified->facts.pin == PinPolicy::Once);
  CHECK(verified->facts.touch == TouchPolicy::Never);
  CHECK(form_factor_text(verified->facts.form_factor.value_or(0)) == "USB-C nano");
  CHECK(verified->root == "CN=Yubico PIV Root CA Serial 263751");
  CHECK(verified->root_fingerprint == "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546");

  const Bytes old = from_file("yubikey4-attestation.pem");
  const auto old_key = parse_attestation(old);
  REQUIRE(old_key);
  CHECK(old_key->facts.firmware == FirmwareVersion{4, 3, 7});
  CHECK(reason_of(verify_attestation(yubico_roots(), old, {from_file("yubikey4-f9.pem")}, old_key->spki)) ==
        "chain");
}

TEST_CASE("Yubico's own: two roots, and intermediates that lead to one of them") {
  const AttestationRoots& roots = yubico_roots();
  CHECK(roots.anchors.size() == 2);
  CHECK(roots.intermediates.size() == 4);
  std::vector<Bytes> subjects;
  for (const auto* list : {&roots.anchors, &roots.intermediates})
    for (const Bytes& der : *list) subjects.push_back(certificate_names(der).value().subject);
  for (const Bytes& der : roots.intermediates)
    CHECK(std::ranges::count(subjects, certificate_names(der).value().issuer) == 1);
}

TEST_CASE("an attestation is found among a token's certificates by its key") {
  const Bench bench;
  const Bytes leaf = der_of(bench.maker.attest(bench.key));
  const Bytes others = der_of(bench.maker.attest(make_p256_key()));
  CertificateRequest plain;
  plain.subject = "SSH key";
  plain.key = bench.key;  // the slot's ordinary certificate, of the same key
  const Bytes ordinary = der_of(bench.maker.issue(plain));
  const auto found =
      find_attestation({ordinary, others, leaf, bench.f9[0], Bytes{1, 2, 3}}, spki_of(bench.key));
  REQUIRE(found);
  CHECK(found->certificate == leaf);
  CHECK(found->intermediates == std::vector<Bytes>{ordinary, bench.f9[0]});
  CHECK_FALSE(find_attestation({ordinary, others, bench.f9[0]}, spki_of(bench.key)));
  CHECK(reason_of(verify_attestation(bench.roots, found->certificate, found->intermediates,
                                     spki_of(bench.key))) == "verified");
}

}  // namespace
}  // namespace signet::test
