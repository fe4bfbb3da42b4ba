// What may stand in a certificate: each kind of value at its edges.
#include <catch2/catch.hpp>

#include "agent/certificates/certificate_spec.h"
#include "protocol/metadata_time.h"
#include "tests/support/result_printing.h"

using namespace signet;

namespace {

const std::chrono::sys_seconds kNow = *parse_expiry("2026-11-28T12:00:00Z", MetadataFormat::Tuf);

CertificateWish certificate(const std::vector<std::string>& subject = {"CN=release"}) {
  CertificateWish wish;
  wish.kind = "certificate";
  wish.subject = subject;
  wish.not_after = "2027-11-28T12:00:00Z";
  return wish;
}

// "ok", or the parameter that was refused.
std::string outcome(const CertificateWish& wish) {
  const auto spec = parse_certificate_wish(wish, kNow);
  if (spec) return "ok";
  CHECK(spec.error().name == ErrorName::InvalidParameter);
  CHECK(spec.error().message.ends_with("."));
  return std::string(spec.error().parameters.at("parameter").as_string());
}

std::string of_subject(const std::vector<std::string>& subject) {
  return outcome(certificate(subject));
}

std::string of_name(const std::string& name) {
  CertificateWish wish = certificate();
  wish.names = {name};
  return outcome(wish);
}

}  // namespace

TEST_CASE("a subject is attributes in their order") {
  const auto spec = parse_certificate_wish(
      certificate({"C=DE", "O=Example, Inc.", "DC=example", "CN=a=b", "serialNumber=15835999"}), kNow);
  REQUIRE(spec);
  CHECK(spec->subject == CertificateSubject{{"C", "DE"},
                                            {"O", "Example, Inc."},
                                            {"DC", "example"},
                                            {"CN", "a=b"},
                                            {"serialNumber", "15835999"}});
  CHECK(subject_text(spec->subject) ==
        "C=DE, O=\"Example, Inc.\", DC=example, CN=a=b, serialNumber=15835999");
}

TEST_CASE("a subject that programs read differently is refused") {
  CHECK(of_subject({"CN=Ä ö"}) == "ok");
  CHECK(of_subject({"CN=" + std::string(255, 'a')}) == "ok");
  for (const std::string& bad : {std::string(""),
                                 std::string("CN"),
                                 std::string("CN="),
                                 std::string("cn=a"),
                                 std::string("X=a"),
                                 std::string("=a"),
                                 "CN=" + std::string(256, 'a'),
                                 "O=" + std::string(65, 'a'),
                                 std::string("CN=a\nb"),
                                 std::string("CN=a\0b", 6),
                                 std::string("CN= a"),
                                 std::string("CN=a "),
                                 std::string("CN=a\u202eb"),
                                 std::string("CN=a\u200bb"),
                                 std::string("CN=a\xff"),
                                 std::string("C=de"),
                                 std::string("C=DEU"),
                                 std::string("C=D"),
                                 std::string("serialNumber=a*b"),
                                 std::string("DC=\u00e4")}) {
    CAPTURE(bad);
    CHECK(of_subject({bad}) == "subject");
  }
  CHECK(of_subject({}) == "subject");
  CHECK(of_subject({"CN=a", "CN=b"}) == "subject");
  CHECK(of_subject({"OU=a", "OU=b"}) == "ok");
  CHECK(of_subject(std::vector<std::string>(kMaxSubjectAttributes, "OU=a")) == "ok");
  CHECK(of_subject(std::vector<std::string>(kMaxSubjectAttributes + 1, "OU=a")) == "subject");
}

TEST_CASE("further names are of four kinds") {
  for (const char* good :
       {"dns:example.com", "dns:*.example.com", "dns:localhost", "dns:xn--bcher-kva.example", "dns:1.example",
        "email:who@example.com", "email:first.last+tag@mail.example.com", "uri:https://example.com/a?b#c",
        "uri:spiffe://example.org/agent", "uri:urn:uuid:0", "ip:192.0.2.1", "ip:2001:db8::1", "ip:::"}) {
    CAPTURE(good);
    CHECK(of_name(good) == "ok");
    CHECK(to_string(parse_alternative_name(good).value()) == good);
  }
  for (const std::string& bad : {std::string("example.com"),
                                 std::string("DNS:example.com"),
                                 std::string("dns:"),
                                 std::string("dns:a..b"),
                                 std::string("dns:.a"),
                                 std::string("dns:a."),
                                 std::string("dns:-a"),
                                 std::string("dns:a_b"),
                                 std::string("dns:a.*"),
                                 std::string("dns:*"),
                                 std::string("dns:a b"),
                                 std::string("dns:a\0b", 7),
                                 "dns:" + std::string(64, 'a'),
                                 std::string("dns:b\u00fccher.example"),
                                 std::string("email:example.com"),
                                 std::string("email:@example.com"),
                                 std::string("email:a@"),
                                 std::string("email:a@b@c d"),
                                 std::string("email:a..b@example.com"),
                                 std::string("email:a\n@example.com"),
                                 "email:" + std::string(65, 'a') + "@b.c",
                                 std::string("uri:example.com"),
                                 std::string("uri::x"),
                                 std::string("uri:1a:b"),
                                 std::string("uri:https:"),
                                 std::string("uri:https://a b"),
                                 std::string("uri:https://\u00e4"),
                                 std::string("ip:192.0.2"),
                                 std::string("ip:192.0.2.256"),
                                 std::string("ip:1.2.3.4 "),
                                 std::string("ip:example.com"),
                                 "uri:a:" + std::string(252, 'b')}) {
    CAPTURE(bad);
    CHECK(of_name(bad) == "names");
  }
  CHECK(of_name("uri:a:" + std::string(251, 'b')) == "ok");
  CHECK(parse_alternative_name("ip:192.0.2.1")->address == Bytes{192, 0, 2, 1});
  CHECK(parse_alternative_name("ip:::1")->address.size() == 16);
  CertificateWish twice = certificate();
  twice.names = {"dns:a", "dns:a"};
  CHECK(outcome(twice) == "names");
  CertificateWish many = certificate();
  for (std::size_t i = 0; i < kMaxAlternativeNames; ++i) many.names.push_back("dns:a" + std::to_string(i));
  CHECK(outcome(many) == "ok");
  many.names.emplace_back("dns:b");
  CHECK(outcome(many) == "names");
}

TEST_CASE("a certificate has a validity, a request has none") {
  CertificateWish wish = certificate();
  const auto spec = parse_certificate_wish(wish, kNow);
  REQUIRE(spec);
  CHECK(spec->validity->not_before == kNow);
  CHECK(spec->validity->not_after == kNow + std::chrono::hours(365 * 24));
  wish.not_after = std::nullopt;
  CHECK(outcome(wish) == "notAfter");
  wish.not_after = "2026-11-28T12:00:00Z";  // now
  CHECK(outcome(wish) == "notAfter");
  wish.not_after = "2026-11-28T12:00:01Z";
  CHECK(outcome(wish) == "ok");
  wish.not_before = "2026-11-28T12:00:01Z";
  CHECK(outcome(wish) == "notBefore");
  wish.not_before = "2020-01-01T00:00:00Z";
  CHECK(outcome(wish) == "ok");
  wish.not_before = "yesterday";
  CHECK(outcome(wish) == "notBefore");
  wish.not_before = std::nullopt;
  wish.not_after = "2126-11-28T12:00:00Z";  // 36524 days
  CHECK(outcome(wish) == "ok");
  wish.not_after = "2126-12-01T12:00:00Z";
  CHECK(outcome(wish) == "notAfter");
  wish.not_after = "2027-11-28 12:00:00";
  CHECK(outcome(wish) == "notAfter");

  wish = certificate();
  wish.kind = "request";
  CHECK(outcome(wish) == "notAfter");
  wish.not_after = std::nullopt;
  CHECK(outcome(wish) == "ok");
  wish.not_before = "2027-11-28T12:00:00Z";
  CHECK(outcome(wish) == "notBefore");
  wish.kind = "ca";
  CHECK(outcome(wish) == "kind");
}

TEST_CASE("purposes are known ones, each once") {
  CertificateWish wish = certificate();
  wish.purposes = {"codeSigning", "clientAuth", "serverAuth", "emailProtection"};
  CHECK(outcome(wish) == "ok");
  wish.purposes = {"codeSigning", "codeSigning"};
  CHECK(outcome(wish) == "purposes");
  wish.purposes = {"timeStamping"};
  CHECK(outcome(wish) == "purposes");
}
