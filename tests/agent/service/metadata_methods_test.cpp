#include <catch2/catch.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "protocol/threshold.h"
#include "tests/agent/service/agent_under_test.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kRepository = "example.com/app";

// A repository whose root 1 is trusted: root r1..r3 (2 of 3), targets t, snapshot s, timestamp ts.
struct Repository : AgentUnderTest {
  std::map<std::string, RoleSpec> roles{{"root", {{"r1", "r2", "r3"}, 2}},
                                        {"targets", {{"t"}, 1}},
                                        {"snapshot", {{"s"}, 1}},
                                        {"timestamp", {{"ts"}, 1}}};
  boost::json::object root;

  Repository() {
    make_keys({"r1", "t", "s", "ts"});
    make_keys({"r2"}, "ecdsa-p256");
    make_keys({"r3"}, "ecdsa-p384");
    REQUIRE(outcome("CreateRepository", {{"name", kRepository}, {"format", "tuf"}}) == "ok");
    root = root_metadata(*this, 1, roles);
    publish("root", root);
  }

  std::string sign(const std::string& role, const boost::json::object& metadata) {
    return outcome("SignMetadata", sign_parameters(kRepository, role, metadata));
  }
  std::string sign_with(const std::string& role, const boost::json::object& metadata,
                        boost::json::object more) {
    auto parameters = sign_parameters(kRepository, role, metadata);
    for (const auto& [name, value] : more) parameters[name] = value;
    return outcome("SignMetadata", std::move(parameters));
  }
  // Signs with every key of the role and shows the file to the agent.
  void publish(const std::string& role, const boost::json::object& metadata) {
    const Reply reply = call("SignMetadata", sign_parameters(kRepository, role, metadata));
    REQUIRE(reply);
    const std::string file = metadata_file(metadata, {reply});
    REQUIRE(outcome("ObserveMetadata", {{"repository", kRepository}, {"role", role}, {"metadata", file}}) ==
            "ok");
  }
};

}  // namespace

TEST_CASE("what SignMetadata returns verifies at the role's threshold") {
  Repository repository;
  const auto targets = targets_metadata(1);
  const Reply reply = repository.call("SignMetadata", sign_parameters(kRepository, "targets", targets));
  REQUIRE(reply);
  const auto file = parse_metadata_file(metadata_file(targets, {reply}), MetadataFormat::Tuf);
  const auto root = parse_metadata_file(write_metadata_file(repository.root, {}, MetadataFormat::Tuf));
  REQUIRE(file);
  REQUIRE(root);
  CHECK(verify_threshold(*file, root->content, "targets"));
}

TEST_CASE("other bytes for a released version are refused, with what was released") {
  Repository repository;
  CHECK(repository.sign("targets", targets_metadata(1)) == "ok");
  CHECK(repository.sign("targets", targets_metadata(1)) == "ok");  // the same bytes: signed again
  const auto other = targets_metadata(1, "other");
  CHECK(repository.sign("targets", other) == "VersionConflict other_bytes");
  const Reply reply = repository.call("SignMetadata", sign_parameters(kRepository, "targets", other));
  REQUIRE_FALSE(reply);
  const auto parameters = reply.error().parameters;
  CHECK(parameters.at("payload").as_string() ==
        sign_parameters(kRepository, "targets", targets_metadata(1)).at("signed").as_string());
  CHECK(parameters.at("signatures").as_array().size() == 1);
  repository.restart();
  CHECK(repository.sign("targets", other) == "VersionConflict other_bytes");
}

TEST_CASE("supersede signs other bytes until the version is observed") {
  Repository repository;
  CHECK(repository.sign("targets", targets_metadata(1)) == "ok");
  CHECK(repository.sign_with("targets", targets_metadata(1, "other"), {{"supersede", true}}) == "ok");
  repository.publish("targets", targets_metadata(1, "other"));
  CHECK(repository.sign_with("targets", targets_metadata(1, "third"), {{"supersede", true}}) ==
        "VersionConflict other_bytes");
}

TEST_CASE("an older version is refused") {
  Repository repository;
  CHECK(repository.sign("targets", targets_metadata(3)) == "ok");
  CHECK(repository.sign("targets", targets_metadata(2)) == "VersionConflict older");
  CHECK(repository.sign("targets", targets_metadata(7)) == "ok");
}

TEST_CASE("a key that serves two repositories needs to be named as shared") {
  Repository repository;
  CHECK(repository.sign("targets", targets_metadata(1)) == "ok");
  const std::string other = "example.com/other";
  REQUIRE(repository.outcome("CreateRepository", {{"name", other}, {"format", "tuf"}}) == "ok");
  const auto root = root_metadata(repository, 1, repository.roles);
  CHECK(repository.outcome("SignMetadata", sign_parameters(other, "root", root)) ==
        "PolicyDenied shared-key");
  repository.use_policy(permissive_policy({"r1", "r2", "r3"}));
  CHECK(repository.outcome("SignMetadata", sign_parameters(other, "root", root)) == "ok");
}

TEST_CASE("a key of another role, or of none, is refused") {
  Repository repository;
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"keys", {"s"}}}) == "KeyRefused not-in-role");
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"keys", {"t", "s"}}}) ==
        "KeyRefused not-in-role");
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"keys", {"nobody"}}}) == "NotFound");
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"keys", {repository.keyid("t")}}}) == "ok");
}

TEST_CASE("bytes that are not the canonical form are refused, not mended") {
  Repository repository;
  auto parameters = sign_parameters(kRepository, "targets", targets_metadata(1));
  const std::string text(parameters.at("signed").as_string());
  for (const std::string& bad :
       {" " + text, text + "\n", text + "{}", std::string("{\"version\":1,") + text.substr(1)}) {
    parameters["signed"] = bad;
    CHECK(repository.outcome("SignMetadata", parameters).starts_with("MetadataInvalid"));
  }
  CHECK(repository.tokens.signatures == 3);  // the root's, from the fixture: nothing else reached a token
}

TEST_CASE("a dry run checks everything, signs nothing and remembers nothing") {
  Repository repository;
  const auto before = repository.tokens.signatures;
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"dryRun", true}}) == "ok");
  CHECK(repository.tokens.signatures == before);
  CHECK(repository.sign("targets", targets_metadata(1, "other")) == "ok");
  CHECK(repository.sign_with("targets", targets_metadata(1), {{"dryRun", true}}) ==
        "VersionConflict other_bytes");
  CHECK(repository.sign_with("targets", targets_metadata(2), {{"dryRun", true}, {"keys", {"s"}}}) ==
        "KeyRefused not-in-role");
}

TEST_CASE("a reservation that signed nothing can be replaced, also after a restart") {
  Repository repository;
  repository.tokens.sign_errors["t"] =
      Error(ErrorName::TokenFault, "The token failed.", {{"ckr", "CKR_DEVICE_ERROR"}});
  CHECK(repository.sign("targets", targets_metadata(1)) == "TokenFault");
  repository.tokens.sign_errors.clear();
  CHECK(repository.sign("targets", targets_metadata(1, "other")) == "ok");
  repository.tokens.sign_errors["t"] = Error(ErrorName::TokenFault, "The token failed.");
  CHECK(repository.sign("targets", targets_metadata(2)) == "TokenFault");
  repository.restart();
  repository.tokens.sign_errors.clear();
  CHECK(repository.sign("targets", targets_metadata(2, "other")) == "ok");
}

TEST_CASE("a wrong signature never leaves") {
  Repository repository;
  repository.tokens.flip_a_bit = true;
  CHECK(repository.sign("targets", targets_metadata(1)) == "KeyRefused wrong-signature");
  CHECK(repository.sign("root", root_metadata(repository, 2, repository.roles)) ==
        "KeyRefused wrong-signature");
  repository.tokens.flip_a_bit = false;
  CHECK(repository.sign("targets", targets_metadata(1, "other")) == "ok");
}

TEST_CASE("one absent token is named, the other keys sign") {
  Repository repository;
  repository.tokens.sign_errors["r2"] = Error(ErrorName::TokenAbsent, "Insert YubiKey 15835999.",
                                              {{"label", "YubiKey"}, {"serial", "15835999"}});
  const auto root = root_metadata(repository, 2, repository.roles);
  const Reply reply = repository.call("SignMetadata", sign_parameters(kRepository, "root", root));
  REQUIRE(reply);
  std::map<std::string, std::string> status;
  for (const auto& result : reply->at("result").at("results").as_array())
    status[std::string(result.at("key").as_string())] = std::string(result.at("status").as_string());
  CHECK(status == std::map<std::string, std::string>{{"r1", "signed"}, {"r2", "missing"}, {"r3", "signed"}});
}

TEST_CASE("a root advances by one, and a lowered threshold needs to be accepted") {
  Repository repository;
  auto lowered = repository.roles;
  lowered["root"].threshold = 1;
  const auto root2 = root_metadata(repository, 2, lowered);
  CHECK(repository.sign("root", root_metadata(repository, 3, repository.roles)) ==
        "MetadataInvalid root-version");
  CHECK(repository.sign("root", root2) == "PolicyDenied lower-threshold");
  CHECK(repository.sign_with("root", root2, {{"acceptLowerThreshold", true}}) == "ok");
}

TEST_CASE("a delegation is signed once its delegator is observed") {
  Repository repository;
  repository.make_keys({"d"});
  auto targets = targets_metadata(1);
  add_delegation(repository, targets, "releases", {{"d"}, 1});
  CHECK(repository.sign("releases", targets_metadata(1)) == "MetadataInvalid no-delegator");
  repository.publish("targets", targets);
  CHECK(repository.sign("releases", targets_metadata(1)) == "ok");
  CHECK(repository.sign_with("releases", targets_metadata(2), {{"keys", {"t"}}}) == "KeyRefused not-in-role");
  CHECK(repository.sign("nightly", targets_metadata(1)) == "MetadataInvalid no-delegator");
}

TEST_CASE("a role whose keys a root replaced starts over; a retired key signs only its removal") {
  Repository repository;
  CHECK(repository.sign("timestamp", {{"_type", "timestamp"}}).starts_with("MetadataInvalid"));
  CHECK(repository.sign("targets", targets_metadata(1'000'000)) == "ok");
  repository.make_keys({"t2"});
  REQUIRE(repository.outcome("RetireKey", {{"key", "t"}}) == "ok");
  CHECK(repository.sign("targets", targets_metadata(1'000'001)) == "KeyRefused retired");
  auto next = repository.roles;
  next["targets"] = {{"t2"}, 1};
  repository.publish("root", root_metadata(repository, 2, next));
  CHECK(repository.sign("targets", targets_metadata(1)) == "ok");
}

TEST_CASE("a retired root key signs the root that removes it") {
  Repository repository;
  REQUIRE(repository.outcome("RetireKey", {{"key", "r1"}}) == "ok");
  const auto kept = root_metadata(repository, 2, repository.roles);
  CHECK(repository.sign_with("root", kept, {{"keys", {"r1"}}}) == "KeyRefused retired");
  auto next = repository.roles;
  next["root"] = {{"r2", "r3"}, 2};
  CHECK(repository.sign_with("root", root_metadata(repository, 2, next), {{"keys", {"r1"}}}) == "ok");
}

TEST_CASE("other bytes for a version whose signature is being made wait their turn") {
  Repository repository;
  bool hold = true;
  repository.tokens.before_sign = [&]() -> boost::asio::awaitable<void> {
    while (hold) {
      boost::asio::steady_timer timer(repository.io, std::chrono::milliseconds(1));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
  };
  const auto first =
      repository.begin("SignMetadata", sign_parameters(kRepository, "targets", targets_metadata(1)));
  for (int i = 0; i < 20; ++i) repository.io.run_one();
  const auto second =
      repository.begin("SignMetadata", sign_parameters(kRepository, "targets", targets_metadata(1, "other")));
  repository.pump(*second);
  hold = false;
  repository.pump(*first);
  CHECK(*first->reply);
  REQUIRE_FALSE(*second->reply);
  CHECK(second->reply->error().name == ErrorName::Busy);
}

TEST_CASE("a delegation's name with a slash at its end is no role") {
  Repository repository;
  CHECK(repository.sign("releases/", targets_metadata(1)).starts_with("MetadataInvalid"));
}
