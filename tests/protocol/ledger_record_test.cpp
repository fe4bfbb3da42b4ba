// The records' statements as people and filters read them.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "protocol/ledger_record.h"
#include "tests/support/result_printing.h"

using namespace signet;

namespace {

const std::string kDigest(64, 'a'), kKey(64, 'b'), kOther(64, 'c');

std::string statement(const std::string& kind, const std::string& body) {
  return canonical_json(boost::json::parse(R"({"body":)" + body + R"(,"detail":")" + kDigest +
                                           R"(","kind":")" + kind +
                                           R"(","sequence":7,"time":"2026-11-21T23:00:00Z","uid":1000})"))
      .value();
}

std::string line(const std::string& kind, const std::string& body) {
  return describe_record(parse_record_statement(statement(kind, body)).value(),
                         [](const std::string& key) { return key == kKey ? "alice" : short_digest(key); });
}

}  // namespace

TEST_CASE("records in words") {
  const std::string version =
      R"("repository":"example.org/app","role":"targets","version":7,"digest":")" + kDigest + "\"";
  CHECK(line("sign.intent", "{" + version + R"(,"keys":[")" + kKey + R"(",")" + kOther + R"("]})") ==
        "asked to sign example.org/app targets 7 (sha256 aaaaaaaa) with alice, cccccccc");
  CHECK(line("sign.intent", "{" + version + R"(,"keys":[],"supersedes":")" + kOther + "\"}")
            .find("SUPERSEDING what was released (sha256 cccccccc)") != std::string::npos);
  CHECK(line("sign.outcome", "{" + version + R"(,"intent":6,"result":"released","signed":[")" + kKey +
                                 R"("],"failed":[")" + kOther + R"("]})") ==
        "released example.org/app targets 7 (sha256 aaaaaaaa), signed by alice; failed: cccccccc (record 6)");
  CHECK(line("sign.outcome",
             "{" + version + R"(,"intent":6,"result":"nothing-signed","failed":[")" + kOther + "\"]}") ==
        "nothing was signed of example.org/app targets 7 (sha256 aaaaaaaa), failed: cccccccc (record 6)");
  CHECK(line("sign.outcome", R"({"intent":6,"result":"unknown after restart: nothing left the agent"})") ==
        "unknown after restart: nothing left the agent (record 6)");
  CHECK(line("repository.observe", "{" + version + R"(,"restarts":["snapshot"],"contradicts":["x"]})") ==
        "observed example.org/app targets 7 (sha256 aaaaaaaa); its keys are new, so these start over: "
        "snapshot; "
        "CONTRADICTS what was released here");
  CHECK(line("message-intent", R"({"key":")" + kKey + R"(","input":"digest","digest":")" + kDigest + "\"}") ==
        "asked to sign a digest (sha256 aaaaaaaa) with alice");
  const std::string one = R"({"key":")" + kKey + R"(","input":"message","digest":")" + kDigest + "\"}";
  const std::string two = R"({"key":")" + kOther + R"(","input":"message","digest":")" + kDigest + "\"}";
  CHECK(line("message-intent", R"({"signatures":[)" + one + "," + two + "]}") ==
        "asked to sign 2 messages or digests, the first (sha256 aaaaaaaa) with alice");
  CHECK(record_keys(boost::json::parse(R"({"signatures":[)" + two + "," + one + ",7]}").as_object()) ==
        std::vector<std::string>{kKey, kOther});
  CHECK(line("message-outcome", R"({"intent":3,"outcome":"signed"})") == "signed (record 3)");
  CHECK(line("message-outcome", R"({"intent":3,"outcome":"TokenFault","signature":2})") ==
        "TokenFault, signature 2 (record 3)");
  CHECK(line("certificate-intent", R"({"key":")" + kKey + R"(","kind":"certificate","subject":"CN=a"})") ==
        "asked to sign a certificate of alice for CN=a");
  CHECK(line("certificate-intent", R"({"key":")" + kKey + R"(","kind":"request","subject":"CN=a"})") ==
        "asked to sign a request for a certificate of alice for CN=a");
  CHECK(line("certificate-outcome", R"({"intent":3,"outcome":"signed","certificate":")" + kDigest + "\"}") ==
        "signed (sha256 aaaaaaaa) (record 3)");
  CHECK(line("certificate-outcome", R"({"intent":3,"outcome":"TokenAbsent"})") == "TokenAbsent (record 3)");
  CHECK(line("key.enrol", R"({"name":"k","algorithm":"ed25519","uses":["message","digest"]})") ==
        "enrolled the key k (ed25519) for message, digest");
  CHECK(line("pin.outcome", R"({"token":"t","result":"refused"})") == "the token t refused the PIN");
  CHECK(line("new.kind", R"({"a":1,"b":"two"})") == "new.kind: a 1, b two");
}

TEST_CASE("what filters ask a body for") {
  const auto body = [](const char* text) { return boost::json::parse(text).as_object(); };
  CHECK(record_outcome(body(R"({"result":"unknown after restart: x"})")) == "unknown");
  CHECK(record_outcome(body(R"({"outcome":"TokenAbsent"})")) == "TokenAbsent");
  CHECK(record_outcome(body("{}")).empty());
  CHECK(record_intent(body(R"({"intent":4})")) == 4);
  CHECK_FALSE(record_intent(body(R"({"intent":"4"})")));
  const auto keys =
      record_keys(boost::json::parse(R"({"fingerprint":")" + kOther + R"(","keys":[")" + kKey + R"(",")" +
                                     kKey + R"("],"failed":["no digest"],"signed":7})")
                      .as_object());
  CHECK(keys == std::vector<std::string>{kKey, kOther});
}
