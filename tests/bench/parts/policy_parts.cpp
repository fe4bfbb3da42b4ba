// A policy's decision about one SignMessage, by the rule that stands last of N.
#include <benchmark/benchmark.h>

#include <string>

#include "agent/policy/decide.h"
#include "agent/policy/parse_policy.h"

namespace signet::bench {
namespace {

constexpr uid_t kUser = 1000;

Policy policy_of(std::int64_t rules) {
  PolicyAccounts accounts;
  accounts.self = kUser;
  std::string text;
  for (std::int64_t i = 1; i < rules; ++i)
    text += "[[rule]]\nname = \"team-" + std::to_string(i) + "\"\nuid = " + std::to_string(2000 + i) +
            "\naction = [\"sign-message\", \"sign-metadata\"]\nkey = \"team-" + std::to_string(i) + "-*\"\n";
  text += "[[rule]]\nname = \"last\"\nuid = 1000\naction = \"sign-message\"\nkey = \"ecdsa-*\"\n";
  return std::move(parse_policy(text, accounts).policy);
}

PolicyRequest request() {
  PolicyRequest request;
  request.who.uid = kUser;
  request.action = Action::SignMessage;
  PolicyKey& key = request.key.emplace();
  key.name = "ecdsa-p256";
  key.fingerprint = std::string(64, 'a');
  key.uses = {"message"};
  request.token = PolicyToken{"bench", "0123456789abcdef"};
  return request;
}

void decide_message(benchmark::State& state) {
  const Policy policy = policy_of(state.range(0));
  const PolicyRequest asked = request();
  for (auto _ : state) {
    const Verdict verdict = decide(policy, asked);
    if (!verdict.allowed) state.SkipWithError(verdict.sentence.c_str());
    benchmark::DoNotOptimize(verdict.allowed);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decide_message)->Name("policy: decide by the last of N rules")->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace signet::bench
