// IssueCertificate: which keys, what the ledger says of it, what becomes of a signature that is none.
#include <openssl/pem.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

constexpr const char* kGun = "registry.example.com/org/app";

void make_key(AgentUnderTest& agent, const std::string& name, json::array uses,
              const std::string& algorithm = "ecdsa-p256") {
  REQUIRE(agent.call(
      "GenerateKey",
      {{"token", "software"}, {"name", name}, {"algorithm", algorithm}, {"uses", std::move(uses)}}));
}

json::object certificate(const std::string& key) {
  return {{"key", key},
          {"kind", "certificate"},
          {"subject", {std::string("CN=") + kGun}},
          {"purposes", {"codeSigning"}},
          {"notAfter", "2040-01-01T00:00:00Z"}};
}

json::object request(const std::string& key) {
  return {{"key", key},
          {"kind", "request"},
          {"subject", {"O=Example", "CN=build"}},
          {"names", {"dns:a.example"}}};
}

// The bodies of the ledger's newest records, the oldest first.
std::vector<json::object> newest(AgentUnderTest& agent, std::int64_t count) {
  const Reply page = agent.call("ListRecords", {{"newestFirst", true}, {"limit", count}});
  std::vector<json::object> bodies;
  for (const auto& record : page->at("records").as_array()) {
    auto statement = json::parse(record.at("statement").as_string()).as_object();
    json::object body = statement.at("body").as_object();
    body["kind of record"] = statement.at("kind");
    bodies.insert(bodies.begin(), std::move(body));
  }
  return bodies;
}

}  // namespace

TEST_CASE("only a key for certificates signs them, and a tuf key may be one") {
  AgentUnderTest agent;
  make_key(agent, "root", {"tuf", "certificate"});
  make_key(agent, "plain", {"tuf"});
  make_key(agent, "build", {"certificate", "message"});
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "ok");
  CHECK(agent.outcome("IssueCertificate", request("build")) == "ok");
  CHECK(agent.outcome("IssueCertificate", certificate("plain")) == "KeyRefused use-excluded");
  CHECK(agent.outcome("IssueCertificate", certificate("nobody's")) == "NotFound");
  REQUIRE(agent.outcome("RetireKey", {{"key", "root"}}) == "ok");
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "KeyRefused retired");
  for (const char* alone : {"approval", "checkpoint"}) {
    const json::array uses{alone, "certificate"};
    CHECK(
        agent.outcome("GenerateKey",
                      {{"token", "software"}, {"name", "x"}, {"algorithm", "ecdsa-p256"}, {"uses", uses}}) ==
        "PolicyDenied " + std::string(alone) + "-excludes-certificate");
  }
}

TEST_CASE("a tuf key becomes one for certificates when it is enrolled anew, and stays one for tuf") {
  AgentUnderTest agent;
  agent.make_keys({"root"}, "ecdsa-p256");
  const std::string uri(agent.call("ShowKey", {{"key", "root"}})->at("key").at("uri").as_string());
  REQUIRE(agent.outcome("RetireKey", {{"key", "root"}}) == "ok");
  const json::object both{{"uri", uri}, {"name", "root"}, {"uses", {"tuf", "certificate"}}};
  REQUIRE(agent.outcome("EnrolKey", both) == "ok");
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "ok");
  CHECK(agent.outcome("SignMessage", {{"key", "root"}, {"message", "aGVsbG8="}}) ==
        "PolicyDenied tuf-excludes-message");
}

TEST_CASE("bad parameters are refused before anything is recorded or signed") {
  AgentUnderTest agent;
  make_key(agent, "root", {"certificate"});
  const auto before = newest(agent, 1);
  const auto with = [](const char* member, json::value value) {
    json::object parameters = certificate("root");
    parameters[member] = std::move(value);
    return parameters;
  };
  CHECK(agent.outcome("IssueCertificate", with("kind", "ca")) == "InvalidParameter kind");
  CHECK(agent.outcome("IssueCertificate", with("subject", json::array{"CN=a\nb"})) ==
        "InvalidParameter subject");
  CHECK(agent.outcome("IssueCertificate", with("subject", "CN=a")) == "InvalidParameter subject");
  CHECK(agent.outcome("IssueCertificate", with("names", json::array{"a.example"})) ==
        "InvalidParameter names");
  CHECK(agent.outcome("IssueCertificate", with("purposes", json::array{"any"})) ==
        "InvalidParameter purposes");
  CHECK(agent.outcome("IssueCertificate", with("notAfter", nullptr)) == "InvalidParameter notAfter");
  CHECK(agent.outcome("IssueCertificate", with("notAfter", "2020-01-01T00:00:00Z")) ==
        "InvalidParameter notAfter");
  CHECK(newest(agent, 1) == before);
  CHECK(agent.tokens.signatures == 0);
}

TEST_CASE("the ledger has what was asked for, and the certificate's hash") {
  AgentUnderTest agent;
  make_key(agent, "root", {"tuf", "certificate"});
  const std::string fingerprint(
      agent.call("ShowKey", {{"key", "root"}})->at("key").at("fingerprint").as_string());
  const Reply reply = agent.call("IssueCertificate", certificate("root"));
  REQUIRE(reply);
  const json::object& issued = reply->at("issued").as_object();
  const auto records = newest(agent, 2);
  CHECK(records[0].at("kind of record") == "certificate-intent");
  CHECK(records[0].at("key").as_string() == fingerprint);
  CHECK(records[0].at("subject").as_string() == "CN=registry.example.com/org/app");
  CHECK(records[0].at("serial") == issued.at("serial"));
  CHECK(records[0].at("notAfter") == "2040-01-01T00:00:00Z");
  CHECK(records[1].at("kind of record") == "certificate-outcome");
  CHECK(records[1].at("outcome") == "signed");
  CHECK(records[1].at("certificate") == issued.at("fingerprint"));
  CHECK(agent.call("ShowRecord", {{"sequence", issued.at("record")}})->at("partner").is_object());

  const Reply of_request = agent.call("IssueCertificate", request("root"));
  REQUIRE(of_request);
  CHECK(of_request->at("issued").at("serial").is_null());
  CHECK(of_request->at("issued").at("notary").is_null());
  CHECK_FALSE(newest(agent, 2)[0].contains("notAfter"));
}

TEST_CASE("a wrong signature is no certificate, and an absent token is told") {
  AgentUnderTest agent;
  make_key(agent, "root", {"certificate"});
  agent.tokens.flip_a_bit = true;
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "KeyRefused wrong-signature");
  CHECK(agent.tokens.distrusted == std::vector<std::string>{"root"});
  CHECK(newest(agent, 1)[0].at("outcome") == "KeyRefused");
  CHECK_FALSE(newest(agent, 1)[0].contains("certificate"));
  agent.tokens.flip_a_bit = false;
  agent.tokens.sign_errors.emplace(
      "root", Error(ErrorName::TokenAbsent, "Insert it.", {{"label", "l"}, {"serial", "s"}}));
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "TokenAbsent");
  CHECK(newest(agent, 1)[0].at("outcome") == "TokenAbsent");
}

TEST_CASE("the policy limits how long certificates last, and allows no requests then") {
  AgentUnderTest agent;
  make_key(agent, "root", {"certificate"});
  const std::string rule =
      "[[rule]]\nname = \"short\"\nanyone = true\naction = \"issue-certificate\"\nuse = \"certificate\"\n";
  agent.use_policy(rule + "expires-at-most = \"90d\"\n");
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "PolicyDenied short");
  CHECK(agent.outcome("IssueCertificate", request("root")) == "PolicyDenied short");
  CHECK(agent.tokens.signatures == 0);
  agent.use_policy(rule);
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "ok");
  CHECK(agent.outcome("IssueCertificate", request("root")) == "ok");
}

TEST_CASE("the built-in policy asks a person, who sees what stands in it") {
  AgentUnderTest agent;
  make_key(agent, "root", {"certificate"});
  agent.use_builtin_policy();
  CHECK(agent.outcome("IssueCertificate", certificate("root")) == "PolicyDenied own-new-key");
  std::vector<Confirmation> asked;
  bool retire = false;
  agent.service->ask_through([&](Confirmation confirmation) -> boost::asio::awaitable<Result<void>> {
    asked.push_back(std::move(confirmation));
    if (retire) agent.use_policy("[[rule]]\nname = \"nothing\"\nanyone = true\naction = \"approve\"\n");
    co_return Result<void>();
  });
  json::object parameters = certificate("root");
  parameters["names"] = boost::json::array{"dns:a.example"};
  CHECK(agent.outcome("IssueCertificate", parameters) == "ok");
  REQUIRE(asked.size() == 1);
  CHECK_THAT(asked[0].question, Catch::Contains("root"));
  for (const char* shown :
       {"CN=registry.example.com/org/app", "2040-01-01T00:00:00Z", "dns:a.example", "codeSigning"})
    CHECK_THAT(asked[0].details, Catch::Contains(shown));
  // What changes while the person thinks is judged again.
  retire = true;
  const std::size_t signatures = agent.tokens.signatures;
  CHECK(agent.outcome("IssueCertificate", parameters) == "PolicyDenied no-rule-matched");
  CHECK(agent.tokens.signatures == signatures);
}

TEST_CASE("Notary's root is signed by keys that certified themselves") {
  for (const char* algorithm : {"ecdsa-p256", "ecdsa-p384", "rsa-2048"}) {
    CAPTURE(algorithm);
    AgentUnderTest agent;
    make_key(agent, "root", {"tuf", "certificate"}, algorithm);
    for (const char* role : {"targets", "snapshot", "timestamp"}) make_key(agent, role, {"tuf"});
    const Reply reply = agent.call("IssueCertificate", certificate("root"));
    REQUIRE(reply);
    const json::object& issued = reply->at("issued").as_object();
    const std::string keyid(issued.at("notaryKeyid").as_string());
    json::object keys{{keyid, issued.at("notary")}}, roles{{"root", {{"keyids", {keyid}}, {"threshold", 1}}}};
    for (const char* role : {"targets", "snapshot", "timestamp"}) {
      const Reply shown = agent.call("ShowKey", {{"key", role}});
      const std::string id(shown->at("key").at("notaryKeyid").as_string());
      keys[id] = shown->at("notary");
      roles[role] = {{"keyids", {id}}, {"threshold", 1}};
    }
    const json::object root{{"_type", "Root"},
                            {"consistent_snapshot", false},
                            {"expires", "2036-01-01T00:00:00Z"},
                            {"keys", keys},
                            {"roles", roles},
                            {"version", 1}};
    REQUIRE(agent.outcome("CreateRepository", {{"name", kGun}, {"format", "notary"}}) == "ok");
    json::object parameters = sign_parameters(kGun, "root", root);
    parameters["format"] = "notary";
    const Reply signed_root = agent.call("SignMetadata", parameters);
    REQUIRE(signed_root);
    const auto& result = signed_root->at("result").at("results").as_array().at(0);
    CHECK(result.at("status") == "signed");
    CHECK(result.at("keyid").as_string() == keyid);
    CHECK(signed_root->at("result").at("warnings").as_array().empty());
    const std::string file = write_metadata_file(root, {result.at("signature")}, MetadataFormat::Notary);
    CHECK(agent.outcome("ObserveMetadata", {{"repository", kGun}, {"role", "root"}, {"metadata", file}}) ==
          "ok");
  }
}

TEST_CASE("Notary has no form for a certificate of an Ed25519 key") {
  AgentUnderTest agent;
  make_key(agent, "root", {"certificate"}, "ed25519");
  const Reply reply = agent.call("IssueCertificate", certificate("root"));
  REQUIRE(reply);
  CHECK(reply->at("issued").at("notary").is_null());
  CHECK(reply->at("issued").at("notaryKeyid").is_null());
}
