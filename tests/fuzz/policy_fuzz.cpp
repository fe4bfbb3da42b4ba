// A policy from anywhere is refused with mistakes that have a line and a sentence, or it decides every
// request, and an explanation says the same as the decision.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/policy/decide.h"
#include "agent/policy/parse_policy.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

signet::PolicyAccounts accounts() {
  signet::PolicyAccounts accounts;
  accounts.uid_of = [](const std::string& name) -> std::optional<uid_t> {
    if (name.size() > 8) return std::nullopt;
    return static_cast<uid_t>(1000 + name.size());
  };
  accounts.gid_of = accounts.uid_of;
  accounts.self = 1000;
  return accounts;
}

signet::PolicyRequest request(signet::Action action) {
  signet::PolicyRequest asked;
  asked.action = action;
  asked.who.uid = 1000;
  asked.now = std::chrono::sys_seconds(std::chrono::seconds(1'795'000'000));
  asked.expires = asked.now + std::chrono::days(30);
  asked.key.emplace();
  asked.key->name = "k";
  asked.key->fingerprint = "f";
  asked.key->uses = {"tuf"};
  asked.token = signet::PolicyToken{"release", "1"};
  asked.repository = "registry.example.com/org/app";
  asked.role = "targets";
  asked.metadata.emplace();
  asked.metadata->type = signet::RoleType::Targets;
  asked.metadata->changed_targets = {"app/1.2"};
  return asked;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const signet::ParsedPolicy parsed = signet::parse_policy(text, accounts());
  std::size_t last = 0;
  for (const signet::ConfigMistake& mistake : parsed.mistakes) {
    check(mistake.line >= last && !mistake.why.empty());
    last = mistake.line;
  }
  if (!parsed.mistakes.empty()) return 0;
  for (const signet::Action action : signet::kActions) {
    const signet::Verdict verdict = signet::decide(parsed.policy, request(action));
    const signet::Explanation explanation = signet::explain(parsed.policy, request(action));
    check(!verdict.rule.empty() && !explanation.verdict.sentence.empty());
    check(verdict.allowed == explanation.verdict.allowed);
    check(verdict.sentence == (verdict.allowed ? "" : explanation.verdict.sentence));
    check(!parsed.policy.rules.empty() || !verdict.allowed);
    check(!verdict.allowed || verdict.broken.empty());
  }
  return 0;
}
