#include "agent/approvals/request_document.h"

#include <catch2/catch.hpp>

#include "protocol/public_key.h"
#include "tests/support/result_printing.h"

using namespace signet;

namespace {

RequestDocument sample() {
  RequestDocument request;
  request.ledger = std::string(64, 'a');
  request.repository = "example.com/app";
  request.role = "root";
  request.version = 14;
  request.digest = std::string(64, 'b');
  request.keys = {std::string(64, 'd'), std::string(64, 'c')};
  request.requester = 1000;
  request.expiry = 1800000000;
  return request;
}

std::string verdict(std::string_view text) {
  const auto parsed = parse_request_document(text);
  return parsed ? "accepted" : std::string(parsed.error().parameters.at("why").as_string());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("a document that no agent could have written is refused, though its form is right") {
  const auto with = [](void (*change)(RequestDocument&)) {
    RequestDocument request = sample();
    change(request);
    return verdict(request_document(request));
  };
  CHECK(with([](RequestDocument&) {}) == "accepted");
  CHECK(with([](RequestDocument& one) { one.ledger = ""; }) == "document");
  CHECK(with([](RequestDocument& one) { one.ledger[3] = '\n'; }) == "document");
  CHECK(with([](RequestDocument& one) { one.digest.pop_back(); }) == "document");
  CHECK(with([](RequestDocument& one) { one.digest[0] = 'A'; }) == "document");
  CHECK(with([](RequestDocument& one) { one.keys[1].push_back('0'); }) == "document");
  CHECK(with([](RequestDocument& one) { one.keys[1][5] = 'g'; }) == "document");
  CHECK(with([](RequestDocument& one) { one.repository = "https://example.com/app"; }) == "document");
  CHECK(with([](RequestDocument& one) { one.repository = "example.com/a\nb"; }) == "document");
  CHECK(with([](RequestDocument& one) { one.role = ""; }) == "document");
  CHECK(with([](RequestDocument& one) { one.role = "root\n"; }) == "document");
}

TEST_CASE("a document is canonical, names all that is approved, and comes back") {
  const std::string text = request_document(sample());
  CHECK(text == R"({"action":"sign-metadata","digest":")" + std::string(64, 'b') +
                    R"(","expiry":1800000000,"format":"tuf","keys":[")" + std::string(64, 'c') + R"(",")" +
                    std::string(64, 'd') + R"("],"ledger":")" + std::string(64, 'a') +
                    R"(","repository":"example.com/app","requester":{"uid":1000},"role":"root",)" +
                    R"("type":"signet-approval-request-v1","version":14})");
  const auto parsed = parse_request_document(text);
  REQUIRE(parsed);
  CHECK(request_document(*parsed) == text);
  CHECK(request_id(*parsed) == sha256_hex(as_bytes(text)));
  CHECK(parsed->requester == 1000);
  CHECK(parsed->keys.size() == 2);
}

TEST_CASE("every member of a request changes its id; all but the expiry its subject") {
  const RequestDocument base = sample();
  std::vector<RequestDocument> others(10, base);
  others[0].ledger[0] = 'f';
  others[1].repository += "x";
  others[2].role = "targets";
  others[3].format = MetadataFormat::Notary;
  others[4].version = 15;
  others[5].digest[0] = 'f';
  others[6].keys.pop_back();
  others[7].supersede = true;
  others[8].requester = 1001;
  others[9].expiry += 1;
  for (std::size_t i = 0; i < others.size(); ++i) {
    CHECK(request_id(others[i]) != request_id(base));
    CHECK((request_subject(others[i]) == request_subject(base)) == (i == 9));
  }
  RequestDocument reordered = base;
  std::swap(reordered.keys[0], reordered.keys[1]);
  CHECK(request_id(reordered) == request_id(base));
}

TEST_CASE("only the exact bytes are a document") {
  const std::string text = request_document(sample());
  CHECK(verdict(text) == "accepted");
  for (const std::string& other :
       {text + "\n", " " + text, replaced(text, "sign-metadata", "sign-anything"),
        replaced(text, "-v1", "-v2"), replaced(text, "\"tuf\"", "\"ssh\""), replaced(text, ":14", ":0"),
        replaced(text, ":14", ":\"14\""), replaced(text, "\"role\"", "\"rule\""),
        replaced(text, "{\"uid\":1000}", "{\"uid\":1000,\"x\":1}"), replaced(text, ":1000}", ":4294967296}"),
        replaced(text, ":1000}", ":-1}"), replaced(text, "\"version\":14", "\"version\":14,\"x\":1"),
        replaced(text, std::string(64, 'c'), std::string(64, 'e')), std::string("{}"), std::string("[]"),
        std::string(), std::string(kMaxRequestDocument + 1, ' ')})
    CHECK(verdict(other) == "document");
}
