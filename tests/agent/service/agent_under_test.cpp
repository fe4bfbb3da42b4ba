#include "tests/agent/service/agent_under_test.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "agent/policy/accounts.h"
#include "agent/policy/parse_policy.h"
#include "protocol/canonical_json.h"

namespace signet::test {
namespace {

class NoEvents : public EventSink {
 public:
  bool wanted() const override { return false; }
  boost::asio::awaitable<void> send(boost::json::object) override { co_return; }
  bool over() const override { return false; }
};
NoEvents no_events;

}  // namespace

AgentUnderTest::AgentUnderTest() : work_(boost::asio::make_work_guard(io)) {
  spdlog::set_level(spdlog::level::off);
  use_policy(permissive_policy());
  restart();
  if (!call("CreateLedger", {})) throw std::runtime_error("no ledger was created");
}

void AgentUnderTest::use_policy(const std::string& toml) {
  PolicyAccounts accounts;
  accounts.uid_of = [](const std::string&) { return std::nullopt; };
  accounts.gid_of = [](const std::string&) { return std::nullopt; };
  accounts.self = ::getuid();
  ParsedPolicy parsed = parse_policy(toml, accounts);
  if (!parsed.mistakes.empty()) throw std::runtime_error("the policy: " + parsed.mistakes.front().why);
  LoadedPolicy loaded;
  loaded.policy = std::move(parsed.policy);
  loaded.source = "test";
  loaded.text = toml;
  policy_ = std::make_shared<const LoadedPolicy>(std::move(loaded));
  if (service) service->set_policy(policy_);
}

void AgentUnderTest::use_builtin_policy() {
  policy_ = load_builtin_policy(system_accounts());
  if (service) service->set_policy(policy_);
}

AgentUnderTest::~AgentUnderTest() {
  service.reset();
}

void AgentUnderTest::restart() {
  methods.clear();
  service.reset();
  service =
      std::make_unique<Service>(io.get_executor(), tokens, scratch.path(), scratch.path() / "agent.sock");
  bool started = false;
  boost::asio::co_spawn(io, service->start(nullptr), [&](const std::exception_ptr&) { started = true; });
  while (!started) io.run_one();
  service->set_policy(policy_);
  methods = service->methods();
}

std::shared_ptr<PendingCall> AgentUnderTest::begin(const std::string& method,
                                                   boost::json::object parameters) {
  auto pending = std::make_shared<PendingCall>();
  pending->parameters = std::move(parameters);
  Peer peer;
  peer.uid = uid.value_or(::getuid());
  peer.gid = ::getgid();
  peer.pid = ::getpid();
  Call call{method, pending->parameters, peer, events != nullptr ? *events : no_events};
  boost::asio::co_spawn(io, methods.at(method).handler(call),
                        [pending](const std::exception_ptr& bug, Reply reply) {
                          if (bug) std::rethrow_exception(bug);
                          pending->reply = std::move(reply);
                        });
  return pending;
}

void AgentUnderTest::pump(const PendingCall& call) {
  while (!call.reply) io.run_one();
}

Reply AgentUnderTest::call(const std::string& method, boost::json::object parameters) {
  const auto pending = begin(method, std::move(parameters));
  pump(*pending);
  return *pending->reply;
}

std::string AgentUnderTest::outcome(const std::string& method, boost::json::object parameters) {
  const Reply reply = call(method, std::move(parameters));
  if (reply) return "ok";
  const Error error = reply.error();
  std::string text(short_name(error.name));
  for (const char* detail : {"why", "rule", "reason", "parameter"})
    if (const auto* value = error.parameters.if_contains(detail))
      text += " " + std::string(value->get_string());
  return text;
}

void AgentUnderTest::make_keys(const std::vector<std::string>& names, const std::string& algorithm) {
  for (const std::string& name : names) {
    const auto made = call(
        "GenerateKey", {{"token", "software"}, {"name", name}, {"algorithm", algorithm}, {"uses", {"tuf"}}});
    if (!made) throw std::runtime_error(made.error().message);
  }
}

boost::json::object AgentUnderTest::tuf_key(const std::string& name) {
  return call("ShowKey", {{"key", name}})->at("tuf").as_object();
}

std::string AgentUnderTest::keyid(const std::string& name) {
  const Reply shown = call("ShowKey", {{"key", name}});
  return std::string(shown->at("key").at("tufKeyid").as_string());
}

std::string permissive_policy(const std::vector<std::string>& shared_keys) {
  std::string names;
  for (const std::string& name : shared_keys) names += (names.empty() ? "\"" : ", \"") + name + "\"";
  const std::string everything =
      "name = \"everything\"\nanyone = true\naction = [\"sign-metadata\", \"supersede\", \"sign-message\", "
      "\"issue-certificate\", \"store-certificate\", \"generate\", \"enrol\", \"retire\", \"adopt\", "
      "\"unlock\", \"approve\", "
      "\"read-ledger\", \"administer\"]\n";
  if (names.empty()) return "[[rule]]\n" + everything;
  return "[[rule]]\nname = \"shared\"\nanyone = true\naction = [\"sign-metadata\", "
         "\"supersede\"]\nshared-keys = [" +
         names + "]\n[[rule]]\n" + everything;
}

boost::json::object root_metadata(AgentUnderTest& agent, std::int64_t version,
                                  const std::map<std::string, RoleSpec>& roles) {
  boost::json::object keys, role_objects;
  for (const auto& [role, spec] : roles) {
    boost::json::array keyids;
    for (const std::string& name : spec.keys) {
      keyids.emplace_back(agent.keyid(name));
      keys[agent.keyid(name)] = agent.tuf_key(name);
    }
    role_objects[role] = {{"keyids", std::move(keyids)}, {"threshold", spec.threshold}};
  }
  return {{"_type", "root"},
          {"spec_version", "1.0.31"},
          {"version", version},
          {"expires", "2040-01-01T00:00:00Z"},
          {"consistent_snapshot", true},
          {"keys", std::move(keys)},
          {"roles", std::move(role_objects)}};
}

boost::json::object targets_metadata(std::int64_t version, const std::string& content) {
  boost::json::object target{{"length", static_cast<std::int64_t>(content.size())},
                             {"hashes", {{"sha256", sha256_hex(as_bytes(content))}}}};
  return {{"_type", "targets"},
          {"spec_version", "1.0.31"},
          {"version", version},
          {"expires", "2040-01-01T00:00:00Z"},
          {"targets", {{"file.txt", std::move(target)}}}};
}

void add_delegation(AgentUnderTest& agent, boost::json::object& targets, const std::string& role,
                    const RoleSpec& spec) {
  boost::json::array keyids;
  boost::json::object keys;
  for (const std::string& name : spec.keys) {
    keyids.emplace_back(agent.keyid(name));
    keys[agent.keyid(name)] = agent.tuf_key(name);
  }
  boost::json::object delegated{{"name", role},
                                {"keyids", std::move(keyids)},
                                {"threshold", spec.threshold},
                                {"terminating", false},
                                {"paths", {"*"}}};
  targets["delegations"] = {{"keys", std::move(keys)}, {"roles", boost::json::array{std::move(delegated)}}};
}

boost::json::object sign_parameters(const std::string& repository, const std::string& role,
                                    const boost::json::object& signed_object) {
  return {{"repository", repository},
          {"role", role},
          {"format", "tuf"},
          {"signed", *canonical_json(signed_object)}};
}

std::string metadata_file(const boost::json::object& signed_object, const std::vector<Reply>& replies) {
  boost::json::array signatures;
  for (const Reply& reply : replies)
    for (const auto& result : reply->at("result").at("results").as_array())
      if (result.at("signature").is_object()) signatures.push_back(result.at("signature"));
  return write_metadata_file(signed_object, signatures, MetadataFormat::Tuf);
}

}  // namespace signet::test
