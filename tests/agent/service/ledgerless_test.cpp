#include <catch2/catch.hpp>
#include <fstream>

#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

TEST_CASE("without a ledger the agent serves status and tokens, signs nothing, and says what to do") {
  AgentUnderTest agent;
  agent.service.reset();
  std::filesystem::remove_all(agent.scratch.path());
  std::filesystem::create_directory(agent.scratch.path());
  agent.restart();
  CHECK(agent.call("Status", {})->at("ledger").is_null());
  CHECK(agent.outcome("ListTokens", {}) == "ok");
  for (const char* method : {"ListKeys", "ListRepositories"})
    CHECK(agent.outcome(method, {}) == "NotInitialised");
  const Reply refused = agent.call("SignMetadata", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("signet init") != std::string::npos);
  CHECK(agent.outcome("CreateLedger", {}) == "ok");
  CHECK(agent.outcome("CreateLedger", {}) == "AlreadyExists");
  CHECK(agent.outcome("ListKeys", {}) == "ok");
}

TEST_CASE("a ledger that cannot be read is said, and never replaced") {
  AgentUnderTest agent;
  agent.service.reset();
  for (const auto& entry : std::filesystem::directory_iterator(agent.scratch.path()))
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::trunc) << std::string(8192, 'x');
  agent.restart();
  CHECK(agent.outcome("ListKeys", {}).starts_with("LedgerUnavailable"));
  CHECK(agent.outcome("CreateLedger", {}) == "AlreadyExists");
  CHECK(agent.call("Status", {})->at("ledgerFault").is_string());
}

TEST_CASE("records are read in order and within limits") {
  AgentUnderTest agent;
  agent.make_keys({"a", "b"});
  const auto records = agent.call("ReadLedger", {{"first", 1}, {"limit", 1000}})->at("records").as_array();
  REQUIRE(records.size() >= 2);
  for (std::size_t i = 0; i < records.size(); ++i)
    CHECK(records[i].at("sequence").as_int64() == static_cast<std::int64_t>(i) + 1);
  CHECK(agent.call("ReadLedger", {{"first", 2}, {"limit", 1}})->at("records").as_array().size() == 1);
  CHECK(agent.outcome("ReadLedger", {{"first", 0}, {"limit", 1}}) == "InvalidParameter first");
  CHECK(agent.outcome("ReadLedger", {{"first", 1}, {"limit", 0}}) == "InvalidParameter limit");
  CHECK(agent.outcome("ReadLedger", {{"first", 1}, {"limit", 1001}}) == "InvalidParameter limit");
}
