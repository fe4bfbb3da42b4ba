// The interface definition against what the agent really does: each method is there, and what it answers,
// replies and errors alike, has the fields and types that the definition says.
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "agent/policy/accounts.h"
#include "agent/service/approval_desk.h"
#include "agent/varlink/dispatcher.h"
#include "protocol/canonical_json.h"
#include "protocol/idl.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

std::set<std::string> names(const auto& map) {
  std::set<std::string> out;
  for (const auto& entry : map) out.insert(entry.first);
  return out;
}

// An agent whose every call and answer is held against the definition.
class HeldAgent {
 public:
  Reply call(const std::string& method, const json::object& parameters) {
    CAPTURE(method, json::serialize(parameters));
    const IdlMethod& declared = agent_idl().methods.at(method);
    CHECK(check_fields(agent_idl(), declared.parameters, parameters));
    const Reply reply = agent.call(method, parameters);
    if (reply) {
      CHECK(check_fields(agent_idl(), declared.reply, *reply));
      answered.insert(method);
    } else {
      check_error(reply.error());
    }
    return reply;
  }

  AgentUnderTest agent;
  std::set<std::string> answered;  // with a reply, not an error
  std::set<std::string> errors;

 private:
  void check_error(const Error& error) {
    const std::string name(short_name(error.name));
    CAPTURE(name, error.message);
    const IdlInterface& idl = agent_idl().errors.contains(name) ? agent_idl() : service_idl();
    json::object parameters = error.parameters;
    if (&idl == &agent_idl()) parameters["message"] = error.message;  // as it goes over the wire
    CHECK(check_fields(idl, idl.errors.at(name), parameters));
    CHECK_FALSE(error.message.empty());
    errors.insert(name);
  }
};

void use_keys(HeldAgent& held) {
  held.call("ShowKey", {{"key", "root"}});
  held.call("AttestKey", {{"key", "root"}});
  held.call("ListKeys", {{"repository", nullptr}, {"role", nullptr}});
  held.call("GenerateKey", {{"token", "software"},
                            {"name", "message"},
                            {"algorithm", "ecdsa-p256"},
                            {"uses", {"message", "digest"}},
                            {"pin", nullptr}});
  held.call("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}});
  held.call("SignMessage", {{"key", "message"}, {"message", "!"}});
  held.call("SignMessage", {{"key", "message"}, {"messages", {"aGVsbG8=", ""}}});
  held.call("SignMessage", {{"key", "message"}, {"digests", {"aGVsbG8=", std::string(43, 'A') + "="}}});
  held.call("SignMessage", {{"key", "message"}});
  held.call("SignMessage", {{"key", "root"}, {"message", "aGVsbG8="}});
  held.call("SignMessage", {{"key", "nobody's"}, {"message", "aGVsbG8="}});
  const Reply message = held.call("ShowKey", {{"key", "message"}});
  const std::string uri(message->at("key").at("uri").as_string());
  held.call(
      "AddKeyLocation",
      {{"key", "message"}, {"uri", held.agent.tokens.replicate(uri, "b")}, {"order", 1}, {"weight", 2}});
  held.agent.tokens.faults["b"] = "It is not there.";
  held.call("ShowKey", {{"key", "message"}});
  held.call("AddKeyLocation", {{"key", "root"}, {"uri", uri}});  // another key's
  held.call("RemoveKeyLocation", {{"key", "message"}, {"token", "b"}});
  held.call("RemoveKeyLocation", {{"key", "message"}, {"token", "b"}});
  held.call("EnrolKey", {{"uri", message->at("key").at("uri")}, {"name", "again"}, {"uses", {"message"}}});
  held.call("RetireKey", {{"key", "message"}});
  held.call("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}});
  held.call("EnrolKey", {{"uri", message->at("key").at("uri")}, {"name", "again"}, {"uses", {"message"}}});
}

void use_certificates(HeldAgent& held) {
  held.call("GenerateKey", {{"token", "software"},
                            {"name", "certified"},
                            {"algorithm", "ecdsa-p256"},
                            {"uses", {"tuf", "certificate"}},
                            {"pin", nullptr}});
  json::object call{{"key", "certified"},
                    {"kind", "certificate"},
                    {"subject", {"CN=a.example"}},
                    {"notAfter", "2040-01-01T00:00:00Z"}};
  const Reply made = held.call("IssueCertificate", call);
  held.call("StoreCertificate",
            {{"key", "certified"}, {"certificate", made->at("issued").at("pem")}, {"pin", "1234"}});
  held.call("StoreCertificate", {{"key", "root"}, {"certificate", made->at("issued").at("pem")}});
  held.call("ReadCertificates", {{"key", "certified"}});
  call["key"] = "root";
  held.call("IssueCertificate", call);
  held.call("IssueCertificate",
            {{"key", "certified"}, {"kind", "request"}, {"subject", {"CN=a.example"}}, {"names", {"dns:a"}}});
}

void use_repositories(HeldAgent& held) {
  const std::map<std::string, RoleSpec> roles{{"root", {{"root"}, 1}},
                                              {"targets", {{"targets"}, 1}},
                                              {"snapshot", {{"snapshot"}, 1}},
                                              {"timestamp", {{"timestamp"}, 1}}};
  const auto root = root_metadata(held.agent, 1, roles);
  held.call("CreateRepository", {{"name", "a.example/b"}, {"format", "tuf"}});
  held.call("CreateRepository", {{"name", "a.example/b"}, {"format", "tuf"}});
  json::object dry = sign_parameters("a.example/b", "root", root);
  dry["dryRun"] = true;
  held.call("SignMetadata", dry);
  const Reply signed_root = held.call("SignMetadata", sign_parameters("a.example/b", "root", root));
  REQUIRE(signed_root);
  const std::string file = metadata_file(root, {signed_root});
  held.call("ObserveMetadata", {{"repository", "a.example/b"}, {"role", "root"}, {"metadata", file}});
  held.call("AdoptRepository", {{"name", "c.example/d"}, {"format", "tuf"}, {"root", file}});
  held.call("AdoptRepository", {{"name", "c.example/e"}, {"format", "tuf"}, {"root", "{}"}});
  held.call("SignMetadata", sign_parameters("a.example/b", "targets", targets_metadata(1)));
  held.call("SignMetadata", sign_parameters("a.example/b", "targets", targets_metadata(1, "other bytes")));
  json::object wrong = sign_parameters("a.example/b", "targets", targets_metadata(2));
  wrong["keys"] = json::array{"snapshot"};
  held.call("SignMetadata", wrong);
  json::object bad = sign_parameters("a.example/b", "targets", targets_metadata(2));
  bad["signed"] = "{ }";
  held.call("SignMetadata", bad);
  held.agent.tokens.sign_errors.emplace(
      "targets", Error(ErrorName::TokenAbsent, "Insert it.", {{"label", "l"}, {"serial", "s"}}));
  held.call("SignMetadata", sign_parameters("a.example/b", "targets", targets_metadata(2)));
  held.agent.tokens.sign_errors.clear();
  held.call("ListKeys", {{"repository", "a.example/b"}, {"role", "targets"}});
  held.call("ListRepositories", {});
}

void use_policy(HeldAgent& held) {
  held.call("ShowPolicy", {});
  held.call("CheckPolicy", {{"text", "[[rule]]\nname = 3\n"}});
  json::object question{
      {"action", "sign-metadata"}, {"key", "root"}, {"role", "root"}, {"repository", "a.example/b"}};
  held.call("ExplainPolicy", {{"question", question}});
  question["user"] = "no such user";
  held.call("ExplainPolicy", {{"question", question}});
  question["user"] = nullptr;
  question["at"] = "tomorrow";
  held.call("ExplainPolicy", {{"question", question}});
}

// A request in the agent's ledger, by another uid, that this process's user may approve.
std::string seed_request(HeldAgent& held, std::int64_t version) {
  held.agent.methods.clear();
  held.agent.service.reset();
  std::string id;
  {
    const auto ledger = Ledger::open(held.agent.scratch.path()).value();
    ApprovalAsk ask;
    ask.payload = canonical_json(targets_metadata(version)).value();
    ask.document.repository = "a.example/b";
    ask.document.role = "targets";
    ask.document.version = version;
    ask.document.digest = sha256_hex(as_bytes(ask.payload));
    ask.document.keys = {std::string(64, 'a')};
    Verdict verdict;
    verdict.rule = "two";
    verdict.needs.approvals = 1;
    verdict.needs.approvers = {"me"};
    ask.verdicts = {verdict};
    Requester other;
    other.uid = ::getuid() + 1;
    boost::asio::co_spawn(
        held.agent.io, stand_for_approval(*ledger, std::make_shared<LoadedPolicy>(), std::move(ask), other),
        [&](const std::exception_ptr&, Result<ApprovalStanding> made) {
          id = made.value().request.request.id;
        });
    while (id.empty()) held.agent.io.run_one();
  }
  held.agent.restart();
  auto policy = std::make_shared<LoadedPolicy>(*load_builtin_policy(system_accounts()));
  policy->policy.principals = {{"me", {::getuid()}, {}}};
  held.agent.service->set_policy(std::move(policy));
  return id;
}

void use_requests(HeldAgent& held) {
  held.call("GenerateKey", {{"token", "software"},
                            {"name", "approvals"},
                            {"algorithm", "ecdsa-p256"},
                            {"uses", {"approval"}},
                            {"pin", nullptr}});
  const std::string id = seed_request(held, 7);
  held.call("ListRequests", {{"all", true}});
  const Reply shown = held.call("ShowRequest", {{"request", id.substr(0, 8)}});
  REQUIRE(shown);
  held.call("ShowRequest", {{"request", "3f2a90c1"}});
  held.call("SignApproval",
            {{"key", "approvals"}, {"document", shown->at("document")}, {"payload", shown->at("payload")}});
  held.call("ApproveRequest", {{"request", id}, {"approval", "{}"}});
  held.call("ApproveRequest", {{"request", id}, {"approval", nullptr}});
  held.call("DenyRequest", {{"request", id}, {"why", "no"}});
  held.call("DenyRequest", {{"request", id}});
  held.call("ListRequests", {});
}

}  // namespace

TEST_CASE("the agent has every method of the definition, and no other") {
  AgentUnderTest agent;
  CHECK(names(agent.methods) == names(agent_idl().methods));
  for (const auto& [name, method] : agent.methods) {
    CAPTURE(name);
    CHECK(static_cast<bool>(method.handler));
    CHECK_FALSE(method.allow_oneway);
    // "more" is for those that may wait for a person, whose reply has room for an event, and for streams.
    const auto& reply = agent_idl().methods.at(name).reply;
    const bool has_event =
        std::any_of(reply.begin(), reply.end(), [](const IdlField& field) { return field.name == "event"; });
    CHECK(method.allow_more == (has_event || method.require_more || name == "FollowLedger"));
  }
}

TEST_CASE("the dispatcher finds every method of the definition") {
  AgentUnderTest agent;
  const Dispatcher dispatcher(agent_idl(), agent.methods, ServiceInfo());
  for (const auto& [name, declared] : agent_idl().methods) {
    VarlinkCall call;
    call.method = "org.signet.Agent." + name;
    call.more = agent.methods.at(name).require_more;
    const auto target = dispatcher.resolve(call);
    CAPTURE(name);
    const bool takes_nothing =
        std::all_of(declared.parameters.begin(), declared.parameters.end(),
                    [](const auto& field) { return field.type.kind == IdlType::Kind::Nullable; });
    CHECK(target.has_value() == takes_nothing);
    if (!target) CHECK(target.error().name == ErrorName::InvalidParameter);
  }
}

TEST_CASE("what the agent answers is what the definition says") {
  HeldAgent held;
  held.agent.make_keys({"root", "targets", "snapshot", "timestamp"});
  held.call("Status", {});
  held.call("CreateLedger", {});  // there is one
  held.call("ListTokens", {});
  held.call("InitToken", {{"token", "software"}, {"label", "l"}, {"soPin", "1"}, {"pin", "2"}});
  held.call("UnlockToken", {{"token", "software"}, {"pin", "1234"}});
  held.call("LockToken", {{"token", "software"}});
  held.call("UnlockToken", {{"token", "software"}, {"pinentry", true}});
  held.call("ChangePin", {{"token", "software"}, {"oldPin", "1234"}, {"newPin", "5678"}});
  held.call("UnblockPin", {{"token", "software"}, {"soPin", "1234"}, {"newPin", "5678"}});
  held.call("ResetPinBudget", {{"token", "software"}});
  use_keys(held);
  use_certificates(held);
  use_repositories(held);
  use_policy(held);
  held.call("ReadLedger", {{"first", 1}, {"limit", 1000}});
  held.call("ReadLedger", {{"first", 1}, {"limit", 0}});
  use_requests(held);
  held.call("CheckLedger", {{"first", 1}});
  held.call("ReadCheckpoint", {});
  held.call("ReadProof", {{"sequence", 1}});
  held.call("ClearQuarantine", {{"repository", nullptr}, {"role", nullptr}, {"reason", "a test"}});
  held.call("ListRecords", {{"filter", {{"repository", "a.example/b"}}}, {"limit", 1}});
  held.call("ListRecords", {{"filter", {{"since", "yesterday"}}}});
  held.call("FollowLedger", {{"after", 0}});
  held.call("ShowRecord", {{"sequence", 1}, {"disclose", true}});
  held.call("ShowRecord", {{"sequence", 100000}});
  const std::string backup = (held.agent.scratch / "backup.db").string();
  held.call("BackupLedger", {{"file", backup}});
  held.call("BackupLedger", {{"file", backup}});
  held.call("BackupLedger", {{"file", "backup.db"}});
  std::set<std::string> expected = names(agent_idl().methods);
  expected.erase("CreateLedger");  // answered with AlreadyExists here
  expected.erase("AttestKey");     // these tokens attest nothing: tests/emulated_yubikey/attestation_test.py
  expected.erase("Watch");         // never ends: tests/emulated_yubikey/hotplug_test.py
  expected.erase("ReadCheckpoint");  // no checkpoints here
  expected.erase("ReadProof");
  expected.erase("ClearQuarantine");  // there is none
  expected.erase("InitToken");        // not by these tokens
  expected.erase("UnlockToken");
  expected.erase("LockToken");
  for (const char* optional : {"InitToken", "UnlockToken", "LockToken"}) held.answered.erase(optional);
  CHECK(held.answered == expected);
  for (const char* error : {"AlreadyExists", "NotFound", "KeyRefused", "MetadataInvalid", "VersionConflict",
                            "TokenAbsent", "InvalidParameter", "ApprovalRefused", "RequestClosed"}) {
    CAPTURE(error);
    CHECK(held.errors.contains(error));
  }
}
