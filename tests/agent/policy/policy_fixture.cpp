#include "policy_fixture.h"

#include <catch2/catch.hpp>

namespace signet::test {

PolicyAccounts accounts() {
  PolicyAccounts accounts;
  accounts.uid_of = [](const std::string& name) -> std::optional<uid_t> {
    if (name == "alice") return kAlice;
    if (name == "bob") return kBob;
    if (name == "nobody") return 65534;
    return std::nullopt;
  };
  accounts.gid_of = [](const std::string& name) -> std::optional<gid_t> {
    if (name == "release") return kRelease;
    if (name == "staff") return kStaff;
    return std::nullopt;
  };
  accounts.self = kSelf;
  return accounts;
}

Policy policy(std::string_view text) {
  ParsedPolicy parsed = parse_policy(text, accounts());
  std::string mistakes;
  for (const ConfigMistake& mistake : parsed.mistakes) mistakes += to_string(mistake, "policy") + "\n";
  INFO(text);
  if (!mistakes.empty()) FAIL(mistakes);
  return std::move(parsed.policy);
}

std::vector<std::string> mistakes_of(std::string_view text) {
  std::vector<std::string> all;
  for (const ConfigMistake& mistake : parse_policy(text, accounts()).mistakes)
    all.push_back(to_string(mistake, "p"));
  return all;
}

std::string rule(const std::string& more, const std::string& action) {
  return "[[rule]]\nname = \"r\"\nuser = \"alice\"\naction = " + action + "\n" + more;
}

std::chrono::sys_seconds at(int hours, int minutes) {
  using namespace std::chrono;
  return sys_days(year(2026) / 11 / 22) + std::chrono::hours(hours) + std::chrono::minutes(minutes);
}

const std::string& some_fingerprint() {
  static const std::string fingerprint(64, 'a');
  return fingerprint;
}

PolicyRequest request(Action action, const std::string& role) {
  const ActionFacts& facts = facts_of(action);
  PolicyRequest made;
  made.who.uid = kSelf;
  made.who.gid = kSelf;
  made.action = action;
  made.now = at(12);
  if (facts.key != Presence::Absent) {
    PolicyKey key;
    key.name = "k";
    if (facts.fingerprint != Presence::Absent) key.fingerprint = some_fingerprint();
    key.uses = {facts.metadata != Presence::Absent ? "tuf" : "message"};
    made.key = key;
  }
  if (facts.token != Presence::Absent) made.token = PolicyToken{"release", "15835999"};
  if (facts.repository != Presence::Absent) {
    made.repository = "registry.example.com/org/app";
    made.role = role;
  }
  if (facts.metadata != Presence::Absent) {
    PolicyMetadata metadata;
    metadata.type = role_type(role);
    metadata.version = 7;
    metadata.other_versions_last_hour = 0;
    if (metadata.type == RoleType::Root) {
      metadata.thresholds = {{"root", 2}, {"targets", 1}, {"snapshot", 1}, {"timestamp", 1}};
      metadata.root_keys = 3;
    }
    if (metadata.type == RoleType::Targets) {
      metadata.thresholds = std::map<std::string, std::int64_t>{{"releases", 2}};
      metadata.changed_targets = {"app/1.2"};
      metadata.delegations_changed = false;
    }
    made.metadata = metadata;
  }
  if (facts.expires != Presence::Absent) made.expires = made.now + std::chrono::days(30);
  return made;
}

}  // namespace signet::test
