// ReadCertificates, StoreCertificate: which certificates, who may, what the ledger says of it.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

struct Certified {
  Certified() {
    for (const char* name : {"build", "other"}) {
      REQUIRE(agent.call(
          "GenerateKey",
          {{"token", "software"}, {"name", name}, {"algorithm", "ecdsa-p256"}, {"uses", {"certificate"}}}));
      const Reply made = agent.call("IssueCertificate", {{"key", name},
                                                         {"kind", "certificate"},
                                                         {"subject", {std::string("CN=") + name}},
                                                         {"notAfter", "2040-01-01T00:00:00Z"}});
      REQUIRE(made);
      pems[name] = std::string(made->at("issued").at("pem").as_string());
    }
  }
  std::string store(const std::string& pem, json::object more = {}) {
    more["key"] = "build";
    more["certificate"] = pem;
    return agent.outcome("StoreCertificate", std::move(more));
  }
  // The newest record of the ledger.
  json::object newest() {
    const Reply page = agent.call("ListRecords", {{"newestFirst", true}, {"limit", 1}, {"disclose", true}});
    return json::parse(page->at("records").at(0).at("statement").as_string()).as_object();
  }

  AgentUnderTest agent;
  std::map<std::string, std::string> pems;
};

}  // namespace

TEST_CASE("a certificate of the key is written, recorded, and read again") {
  Certified certified;
  AgentUnderTest& agent = certified.agent;
  const Reply stored =
      agent.call("StoreCertificate", {{"key", "build"}, {"certificate", certified.pems["build"]}});
  REQUIRE(stored);
  CHECK(stored->at("certificate").at("pem") == json::value(certified.pems["build"]));
  CHECK(stored->at("certificate").at("subject") == "CN=build");
  CHECK(stored->at("certificate").at("notAfter") == "2040-01-01T00:00:00Z");
  CHECK(stored->at("replaced") == false);
  const json::object record = certified.newest();
  CHECK(record.at("kind") == "certificate-store");
  CHECK(record.at("sequence") == stored->at("record"));
  CHECK(record.at("body").at("certificate") == stored->at("certificate").at("fingerprint"));
  CHECK(record.at("body").at("replaced") == false);

  REQUIRE(agent.tokens.stored.size() == 1);
  CHECK_FALSE(agent.tokens.stored[0].replace);
  CHECK(agent
            .call("StoreCertificate",
                  {{"key", "build"}, {"certificate", certified.pems["build"]}, {"replace", true}})
            ->at("replaced") == true);
  CHECK(agent.tokens.stored[1].replace);
}

TEST_CASE("what is read are the certificates over the key, whatever else is on the token") {
  Certified certified;
  AgentUnderTest& agent = certified.agent;
  REQUIRE(agent.call("StoreCertificate", {{"key", "build"}, {"certificate", certified.pems["build"]}}));
  REQUIRE(agent.call("StoreCertificate", {{"key", "other"}, {"certificate", certified.pems["other"]}}));
  agent.tokens.certificate_objects = [&](const FoundKey*) {
    Bytes cut = agent.tokens.stored[0].der, longer = cut;
    cut.pop_back();
    longer.push_back(0);
    return std::vector<Bytes>{agent.tokens.stored[1].der, cut,     longer,
                              Bytes{0x30, 0x00},          Bytes(), agent.tokens.stored[0].der};
  };
  const Reply read = agent.call("ReadCertificates", {{"key", "build"}});
  REQUIRE(read);
  REQUIRE(read->at("certificates").as_array().size() == 1);
  CHECK(read->at("certificates").at(0).at("pem") == json::value(certified.pems["build"]));
  CHECK(agent.outcome("ReadCertificates", {{"key", "nobody's"}}) == "NotFound");
  CHECK(agent.outcome("ReadCertificates", {{"key", "build"}, {"token", "elsewhere"}}) == "NotFound");
  CHECK(agent.outcome("ReadCertificates", {{"key", "build"}, {"token", "software"}}) == "ok");
}

TEST_CASE("what is no certificate of the key is not written") {
  Certified certified;
  const std::string& mine = certified.pems["build"];
  const Reply request = certified.agent.call(
      "IssueCertificate", {{"key", "build"}, {"kind", "request"}, {"subject", {"CN=build"}}});
  REQUIRE(request);
  const json::object before = certified.newest();
  for (const std::string& bad :
       {std::string(), std::string("hello"), certified.pems["other"], mine + mine, mine.substr(0, 200),
        std::string(request->at("issued").at("pem").as_string()),
        mine + "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}) {
    CAPTURE(bad);
    CHECK(certified.store(bad) == "InvalidParameter certificate");
  }
  CHECK(certified.store(mine, {{"pin", "1234"}, {"soPin", "1234"}}) == "InvalidParameter soPin");
  CHECK(certified.store(mine, {{"token", "elsewhere"}}) == "NotFound");
  CHECK(certified.agent.tokens.stored.empty());
  CHECK(certified.newest() == before);
  // "openssl x509 -text" and "openssl ca" write words before it.
  CHECK(certified.store("Certificate:\n    Data:\n" + mine) == "ok");
}

TEST_CASE("a certificate that the token did not take is not recorded") {
  Certified certified;
  const json::object before = certified.newest();
  certified.agent.tokens.store_fault =
      Error{ErrorName::AlreadyExists, "There is one.", {{"kind", "object"}, {"name", "build"}}};
  CHECK(certified.store(certified.pems["build"]) == "AlreadyExists");
  CHECK(certified.newest() == before);
}

TEST_CASE("the policy limits how long a stored certificate lasts, and has an action of its own for it") {
  Certified certified;
  AgentUnderTest& agent = certified.agent;
  agent.use_policy("[[rule]]\nname = \"issue\"\nanyone = true\naction = \"issue-certificate\"\n");
  CHECK(certified.store(certified.pems["build"]) == "PolicyDenied no-rule-matched");
  agent.use_policy(
      "[[rule]]\nname = \"short\"\nanyone = true\naction = \"store-certificate\"\nexpires-at-most = "
      "\"1d\"\n");
  CHECK(certified.store(certified.pems["build"]) == "PolicyDenied short");
  CHECK(agent.tokens.stored.empty());
  agent.use_policy("[[rule]]\nname = \"store\"\nanyone = true\naction = \"store-certificate\"\n");
  CHECK(certified.store(certified.pems["build"]) == "ok");
}
