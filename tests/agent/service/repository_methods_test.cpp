#include <catch2/catch.hpp>

#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kRepository = "example.com/app";

struct Repositories : AgentUnderTest {
  std::map<std::string, RoleSpec> roles{{"root", {{"r1", "r2"}, 2}},
                                        {"targets", {{"t"}, 1}},
                                        {"snapshot", {{"s"}, 1}},
                                        {"timestamp", {{"ts"}, 1}}};

  // All keys may serve two repositories, so that one agent can play two.
  Repositories() {
    const std::vector<std::string> keys{"r1", "r2", "t", "s", "ts", "d"};
    make_keys(keys);
    use_policy(permissive_policy(keys));
  }

  void create() { REQUIRE(outcome("CreateRepository", {{"name", kRepository}, {"format", "tuf"}}) == "ok"); }
  Reply sign(const std::string& role, const boost::json::object& metadata, boost::json::array keys = {}) {
    auto parameters = sign_parameters(kRepository, role, metadata);
    if (!keys.empty()) parameters["keys"] = std::move(keys);
    return call("SignMetadata", std::move(parameters));
  }
  std::string file(const std::string& role, const boost::json::object& metadata,
                   boost::json::array keys = {}) {
    const Reply reply = sign(role, metadata, std::move(keys));
    REQUIRE(reply);
    return metadata_file(metadata, {reply});
  }
  std::string observe(const std::string& role, const std::string& text) {
    return outcome("ObserveMetadata", {{"repository", kRepository}, {"role", role}, {"metadata", text}});
  }
  std::string adopt(const std::string& text) {
    return outcome("AdoptRepository", {{"name", kRepository}, {"format", "tuf"}, {"root", text}});
  }
};

// The same agent's keys, another agent's ledger: how a repository looks that was signed elsewhere.
std::string signed_elsewhere(Repositories& agent, const std::string& role,
                             const boost::json::object& metadata) {
  const std::string name = "elsewhere.example/app";
  if (agent.outcome("CreateRepository", {{"name", name}, {"format", "tuf"}}) == "ok") {
    const auto root = root_metadata(agent, 1, agent.roles);
    const Reply signed_root = agent.call("SignMetadata", sign_parameters(name, "root", root));
    REQUIRE(signed_root);
    REQUIRE(agent.outcome("ObserveMetadata", {{"repository", name},
                                              {"role", "root"},
                                              {"metadata", metadata_file(root, {signed_root})}}) == "ok");
  }
  const Reply reply = agent.call("SignMetadata", sign_parameters(name, role, metadata));
  REQUIRE(reply);
  return metadata_file(metadata, {reply});
}

}  // namespace

TEST_CASE("a repository's name has one normal form, and is taken once") {
  Repositories agent;
  agent.create();
  CHECK(agent.outcome("CreateRepository", {{"name", kRepository}, {"format", "notary"}}) == "AlreadyExists");
  CHECK(agent.outcome("CreateRepository", {{"name", ""}, {"format", "tuf"}}) != "ok");
  CHECK(agent.outcome("CreateRepository", {{"name", "a/../b"}, {"format", "tuf"}}) != "ok");
  CHECK(agent.outcome("CreateRepository", {{"name", "other"}, {"format", "pgp"}}) ==
        "InvalidParameter format");
  const Reply list = agent.call("ListRepositories", {});
  REQUIRE(list);
  REQUIRE(list->at("repositories").as_array().size() == 1);
  CHECK(list->at("repositories").at(0).at("state") == "created");
  CHECK(list->at("repositories").at(0).at("rootVersion").is_null());
}

TEST_CASE("a root is observed only when its threshold is met") {
  Repositories agent;
  agent.create();
  const auto root = root_metadata(agent, 1, agent.roles);
  CHECK(agent.observe("root", agent.file("root", root, {"r1"})) == "MetadataInvalid threshold");
  CHECK(agent.observe("targets", agent.file("root", root)) == "MetadataInvalid type");
  CHECK(agent.observe("root", agent.file("root", root)) == "ok");
  CHECK(agent.observe("root", agent.file("root", root)) == "ok");  // shown again: nothing changes
  const auto records = agent.call("Status", {})->at("ledger").at("records").as_int64();
  CHECK(agent.observe("root", agent.file("root", root)) == "ok");
  CHECK(agent.call("Status", {})->at("ledger").at("records").as_int64() ==
        records + 2);  // the signature's own
}

TEST_CASE("the root chain advances by one, met by old and new keys") {
  Repositories agent;
  agent.create();
  REQUIRE(agent.observe("root", agent.file("root", root_metadata(agent, 1, agent.roles))) == "ok");
  auto next = agent.roles;
  next["root"] = {{"r2", "d"}, 2};
  const auto root2 = root_metadata(agent, 2, next);
  CHECK(agent.observe("root", agent.file("root", root2, {"r2", "d"})) == "MetadataInvalid threshold");
  const std::string whole = agent.file("root", root2, {"r1", "r2", "d"});
  CHECK(agent.observe("root", whole) == "ok");
  const Reply list = agent.call("ListRepositories", {});
  CHECK(list->at("repositories").at(0).at("rootVersion") == 2);
}

TEST_CASE("adopting pins a root that its own keys have signed") {
  Repositories agent;
  const auto root = root_metadata(agent, 1, agent.roles);
  const std::string published = signed_elsewhere(agent, "root", root);
  std::string forged = published;
  const auto at = forged.find("\"sig\"");
  REQUIRE(at != std::string::npos);
  const auto digit = forged.find_first_of("0123456789abcdef", forged.find(':', at));
  forged[digit] = forged[digit] == '0' ? '1' : '0';
  CHECK(agent.adopt(forged) == "MetadataInvalid threshold");
  CHECK(agent.adopt("{}").starts_with("MetadataInvalid"));
  CHECK(agent.adopt(signed_elsewhere(agent, "targets", targets_metadata(1))) == "MetadataInvalid type");
  CHECK(agent.adopt(published) == "ok");
  CHECK(agent.adopt(published) == "AlreadyExists");
}

TEST_CASE("what others published raises the mark: an older version is not signed any more") {
  Repositories agent;
  REQUIRE(agent.adopt(signed_elsewhere(agent, "root", root_metadata(agent, 1, agent.roles))) == "ok");
  REQUIRE(agent.observe("targets", signed_elsewhere(agent, "targets", targets_metadata(5))) == "ok");
  const auto outcome = [&](std::int64_t version, const std::string& content) {
    return agent.outcome("SignMetadata",
                         sign_parameters(kRepository, "targets", targets_metadata(version, content)));
  };
  CHECK(outcome(4, "hello") == "VersionConflict older");
  CHECK(outcome(5, "other") == "VersionConflict other_bytes");
  CHECK(outcome(5, "hello") == "ok");
  CHECK(outcome(6, "hello") == "ok");
  CHECK(agent.observe("targets", signed_elsewhere(agent, "targets", targets_metadata(6, "theirs"))) == "ok");
  CHECK(outcome(6, "hello") == "VersionConflict other_bytes");
  CHECK(agent.observe("targets", signed_elsewhere(agent, "targets", targets_metadata(6, "theirs"))) == "ok");
}

TEST_CASE("an observation that contradicts a release is accepted, and warned about") {
  Repositories agent;
  REQUIRE(agent.adopt(signed_elsewhere(agent, "root", root_metadata(agent, 1, agent.roles))) == "ok");
  const std::string theirs = signed_elsewhere(agent, "targets", targets_metadata(3, "theirs"));
  REQUIRE(agent.sign("targets", targets_metadata(3, "ours")));
  const Reply reply =
      agent.call("ObserveMetadata", {{"repository", kRepository}, {"role", "targets"}, {"metadata", theirs}});
  REQUIRE(reply);
  CHECK(reply->at("warnings").as_array().size() == 1);
}

TEST_CASE("keys are listed by repository and by role, delegations included") {
  Repositories agent;
  agent.create();
  REQUIRE(agent.observe("root", agent.file("root", root_metadata(agent, 1, agent.roles))) == "ok");
  auto targets = targets_metadata(1);
  add_delegation(agent, targets, "releases", {{"d"}, 1});
  REQUIRE(agent.observe("targets", agent.file("targets", targets)) == "ok");
  const auto names = [&](boost::json::object parameters) {
    std::string text;
    const Reply reply = agent.call("ListKeys", std::move(parameters));
    REQUIRE(reply);
    for (const auto& key : reply->at("keys").as_array())
      text += std::string(key.at("name").as_string()) + " ";
    return text;
  };
  CHECK(names({}) == "d r1 r2 s t ts ");
  CHECK(names({{"repository", kRepository}}) == "d r1 r2 s t ts ");
  CHECK(names({{"repository", kRepository}, {"role", "root"}}) == "r1 r2 ");
  CHECK(names({{"repository", kRepository}, {"role", "releases"}}) == "d ");
  CHECK(names({{"repository", kRepository}, {"role", "nightly"}}) == "");
  CHECK(agent.outcome("ListKeys", {{"role", "root"}}) == "InvalidParameter role");
  CHECK(agent.outcome("ListKeys", {{"repository", "nowhere"}}) == "NotFound");
  const Reply shown = agent.call("ShowKey", {{"key", "r1"}});
  REQUIRE(shown);
  CHECK(shown->at("roles").as_array().size() == 1);
}
