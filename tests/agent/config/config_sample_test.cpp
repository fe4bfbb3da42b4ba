// docs/signet.toml.sample is what people copy: it must load, and say everything there is.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/config/config_file.h"
#include "tests/support/result_printing.h"

namespace {

std::string sample() {
  std::ifstream file(SIGNET_SOURCE_DIR "/docs/signet.toml.sample");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// With its examples ("#key", no space) taken in.
// The examples of all keys at once: those that go with another choice have it made.
std::string with_examples(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line); out += '\n')
    out += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line;
  const std::size_t signer = out.find("signer = \"process\"");
  if (signer != std::string::npos) out.replace(signer, 18, "signer = \"key\"");
  return out;
}

// Every "table.key" that the text sets; and each must follow a comment of its own or share the one above.
std::set<std::string> keys_set(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> keys;
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) {
      table = line.substr(line.find_last_of('[', 1) + 1);
      table = table.substr(0, table.find(']'));
    } else if (const std::size_t equals = line.find(" = ");
               equals != std::string::npos && !line.starts_with('#')) {
      keys.insert(table + "." + line.substr(0, equals));
    }
  }
  return keys;
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
  CHECK(module.pins.size() == 3);
  CHECK(module.sessions == defaults.sessions);
  CHECK(module.deadlines.discovery == defaults.deadlines.discovery);
  CHECK(module.deadlines.login == defaults.deadlines.login);
  CHECK(module.deadlines.sign == defaults.deadlines.sign);
  CHECK(module.deadlines.generate == defaults.deadlines.generate);
}

TEST_CASE("every key that the parser knows is in the sample, and no other") {
  const auto known = signet::known_config_keys();
  CHECK(keys_set(with_examples(sample())) == std::set<std::string>(known.begin(), known.end()));
}
