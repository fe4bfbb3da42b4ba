// Metadata that is read beside the event loop. The bench is held up, so that nothing here depends on how fast
// anything is.
#include <catch2/catch.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <future>
#include <memory>

#include "tests/agent/service/policed_agent.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

// Until it goes, nothing else runs on the agent's bench.
class HeldBench {
 public:
  explicit HeldBench(AgentUnderTest& agent) {
    const auto held = std::make_shared<std::promise<void>>();
    // Nothing of this object: it may be gone before the thread has woken up.
    const auto hold = [held, released = released_.get_future().share()] {
      held->set_value();
      released.wait();
      return true;
    };
    auto holding = agent.service->workbench().run(Workbench::kSmall + 1, hold);
    boost::asio::co_spawn(agent.io, std::move(holding), boost::asio::detached);
    agent.io.poll();
    held->get_future().wait();
  }
  ~HeldBench() { released_.set_value(); }
  HeldBench(const HeldBench&) = delete;
  HeldBench& operator=(const HeldBench&) = delete;

 private:
  std::promise<void> released_;
};

boost::json::object with_targets(std::int64_t version, int count) {
  auto metadata = targets_metadata(version);
  auto& targets = metadata.at("targets").as_object();
  const auto target = targets.at("file.txt");
  for (int i = 0; i < count; ++i) targets["packages/" + std::to_string(i)] = target;
  return metadata;
}

boost::json::object large_targets(std::int64_t version) {
  return with_targets(version, 1000);  // about 120 KiB
}

boost::json::object sign_call(const boost::json::object& metadata, bool supersede = false) {
  auto parameters = sign_parameters(kPolicedRepository, "targets", metadata);
  parameters["supersede"] = supersede;
  REQUIRE(parameters.at("signed").as_string().size() > 0);
  return parameters;
}

boost::json::object observe_call(const boost::json::object& metadata, const Reply& signatures) {
  return {{"repository", kPolicedRepository},
          {"role", "targets"},
          {"metadata", metadata_file(metadata, {signatures})}};
}

struct LargeAgent : Policed {
  // Whether a call waits for the bench, while those of others do not. Its reply, in the end.
  Reply begun_behind_the_bench(const std::string& method, const boost::json::object& parameters) {
    std::shared_ptr<PendingCall> pending;
    {
      const HeldBench held(*this);
      pending = begin(method, parameters);
      for (int i = 0; i < 20; ++i)
        CHECK(outcome("SignMessage", {{"key", "message"}, {"message", "aGVsbG8="}}) == "ok");
      CHECK_FALSE(pending->reply);
    }
    pump(*pending);
    return *pending->reply;
  }
};

}  // namespace

TEST_CASE("others sign while large metadata waits to be read") {
  LargeAgent agent;
  const auto metadata = large_targets(1);
  REQUIRE(sign_call(metadata).at("signed").as_string().size() > Workbench::kSmall);
  const Reply made = agent.begun_behind_the_bench("SignMetadata", sign_call(metadata));
  REQUIRE(made);
  CHECK(agent.begun_behind_the_bench("ObserveMetadata", observe_call(metadata, made)));
  agent.restart();  // and what is remembered has to be read again
  CHECK(agent.begun_behind_the_bench("SignMetadata", sign_call(targets_metadata(2))));
}

TEST_CASE("small metadata in place of large is compared beside the loop") {
  LargeAgent agent;
  REQUIRE(agent.call("SignMetadata", sign_call(large_targets(1))));
  // From here on what was released is parsed already: it is the comparison that is large.
  REQUIRE(agent.call("SignMetadata", sign_call(targets_metadata(2))));
  REQUIRE(agent.call("SignMetadata", sign_call(large_targets(3))));
  auto dry = sign_call(targets_metadata(4));
  dry["dryRun"] = true;
  REQUIRE(agent.call("SignMetadata", dry));
  CHECK(agent.begun_behind_the_bench("SignMetadata", sign_call(targets_metadata(4))));
}

TEST_CASE("small metadata does not wait for the bench") {
  LargeAgent agent;
  const HeldBench held(agent);
  const auto metadata = targets_metadata(1);
  const Reply made = agent.call("SignMetadata", sign_call(metadata));
  REQUIRE(made);
  CHECK(agent.call("ObserveMetadata", observe_call(metadata, made)));
  CHECK(agent.outcome("SignMetadata", sign_call(targets_metadata(2))) == "ok");
}

TEST_CASE("large metadata is held against the same rules as small") {
  LargeAgent agent;
  auto bad = sign_call(large_targets(1));
  bad["signed"] = " " + std::string(bad.at("signed").as_string());
  CHECK(agent.outcome("SignMetadata", bad).starts_with("MetadataInvalid"));
  CHECK(agent.outcome("SignMetadata", sign_call(large_targets(2))) == "ok");
  CHECK(agent.outcome("SignMetadata", sign_call(large_targets(1))) == "VersionConflict older");
  CHECK(agent.outcome("SignMetadata", sign_call(with_targets(2, 900))) == "VersionConflict other_bytes");
  const Reply superseded = agent.call("SignMetadata", sign_call(with_targets(2, 900), true));
  REQUIRE(superseded);
  const auto difference = superseded->at("result").at("difference").as_string();
  CHECK(std::string(difference).find("SUPERSEDE") != std::string::npos);
  // Another's signatures are not its own.
  CHECK(agent.outcome("ObserveMetadata", observe_call(large_targets(2), superseded))
            .starts_with("MetadataInvalid threshold"));
  CHECK(agent.outcome("ObserveMetadata", observe_call(with_targets(2, 900), superseded)) == "ok");
  agent.tokens.flip_a_bit = true;
  CHECK(agent.outcome("SignMetadata", sign_call(large_targets(3))) == "KeyRefused wrong-signature");
}

TEST_CASE("a policy that is replaced while a call is judged is the next call's") {
  LargeAgent agent;
  std::shared_ptr<PendingCall> pending;
  {
    const HeldBench held(agent);
    pending = agent.begin("SignMetadata", sign_call(large_targets(1)));
    agent.use_policy(rule_for(all_but(Action::SignMetadata)));
    agent.io.poll();
  }
  agent.pump(*pending);
  // It had not been judged yet.
  CHECK_FALSE(*pending->reply);
}
