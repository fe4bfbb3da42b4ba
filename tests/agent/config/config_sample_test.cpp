// docs/signet.toml.sample is what people copy: it must load, and say everything there is.
#include <catch2/catch.hpp>
#include <set>

#include "agent/config/config_file.h"
#include "tests/build_paths.h"
#include "tests/support/result_printing.h"
#include "tests/support/sample_file.h"

using signet::test::keys_set;

namespace {

std::string sample() {
  return signet::test::file_text(signet::test::source_dir() + "/docs/signet.toml.sample");
}

// The examples of all keys at once: those that go with another choice have it made.
std::string with_examples(const std::string& text) {
  std::string out = signet::test::with_examples(text);
  const std::size_t signer = out.find("signer = \"process\"");
  if (signer != std::string::npos) out.replace(signer, 18, "signer = \"key\"");
  return out;
}

}  // namespace

TEST_CASE("the sample loads, and shows the defaults") {
  const auto config = signet::parse_config(sample(), "sample");
  if (!config) FAIL(config.error().message);
  const signet::Config defaults;
  CHECK(config->system == defaults.system);
  CHECK(config->discover_modules == defaults.discover_modules);
  CHECK(config->log_level == defaults.log_level);
  CHECK(config->verify_every_message == defaults.verify_every_message);
  CHECK(config->message_record_delay == defaults.message_record_delay);
  CHECK(config->limits.frame_size == defaults.limits.frame_size);
  CHECK(config->limits.metadata_frame_size == defaults.limits.metadata_frame_size);
  CHECK(config->limits.large_frames_per_uid == defaults.limits.large_frames_per_uid);
  CHECK(config->limits.connections == defaults.limits.connections);
  CHECK(config->limits.connections_per_uid == defaults.limits.connections_per_uid);
  CHECK(config->limits.pipelined_calls == defaults.limits.pipelined_calls);
  CHECK(config->limits.waiting_calls == defaults.limits.waiting_calls);
  CHECK(config->limits.frame_deadline == defaults.limits.frame_deadline);
  CHECK(config->limits.write_deadline == defaults.limits.write_deadline);
  CHECK(config->pinentry.program == defaults.pinentry.program);
  CHECK(config->pinentry.tty == defaults.pinentry.tty);
  CHECK(config->pinentry.timeout == defaults.pinentry.timeout);
  CHECK((config->checkpoint.signer == defaults.checkpoint.signer));
  CHECK(config->checkpoint.anchors.empty());
  CHECK(config->checkpoint.interval == defaults.checkpoint.interval);
  CHECK(config->modules.empty());
}

TEST_CASE("the sample's examples load too, with the defaults of deadlines and sessions") {
  const auto config = signet::parse_config(with_examples(sample()), "sample");
  if (!config) FAIL(config.error().message);
  REQUIRE(config->modules.size() == 1);
  const signet::ModuleConfig& module = config->modules[0];
  const signet::ModuleConfig defaults;
  REQUIRE(config->sinks.size() == 1);
  CHECK(config->sinks[0].backfill);
  CHECK(module.pins.size() == 4);
  CHECK(module.sessions == defaults.sessions);
  CHECK(module.queue == defaults.queue);
  CHECK(module.deadlines.discovery == defaults.deadlines.discovery);
  CHECK(module.deadlines.login == defaults.deadlines.login);
  CHECK(module.deadlines.sign == defaults.deadlines.sign);
  CHECK(module.deadlines.generate == defaults.deadlines.generate);
  CHECK(module.deadlines.queue == defaults.deadlines.queue);
}

TEST_CASE("every key that the parser knows is in the sample, and no other") {
  const auto known = signet::known_config_keys();
  CHECK(keys_set(with_examples(sample())) == std::set<std::string>(known.begin(), known.end()));
}
