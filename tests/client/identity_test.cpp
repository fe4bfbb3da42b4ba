// The identity token of a CI job on its way to the agent.
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "client/identity_file.h"
#include "client/signet.h"
#include "tests/client/fake_agent.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;
using namespace signet::client;

void write(const fs::path& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  REQUIRE(chmod(path.c_str(), mode) == 0);
}

// An agent that remembers what it was asked last, and signs everything.
class SigningAgent {
 public:
  SigningAgent()
      : agent_([this](FakeClient& client, int) {
          while (auto call = client.read()) {
            ++calls;
            asked_ = boost::json::serialize(call->parameters);
            client.reply(R"({"parameters":{"signature":"AAE=","scheme":"ed25519",)"
                         R"("result":{"digest":"d","version":1,"results":[],"earlier":[],"warnings":[]}}})");
          }
        }) {}

  ConnectOptions options() const {
    ConnectOptions options;
    options.socket = agent_.socket();
    return options;
  }
  // The token that came with the last call; nothing if none came.
  std::optional<std::string> token() const {
    const auto value = boost::json::parse(asked_);
    const auto* member = value.as_object().if_contains("identity");
    if (member == nullptr) return std::nullopt;
    return std::string(member->as_string());
  }

  int calls = 0;

 private:
  std::string asked_;
  FakeAgent agent_;  // last: its threads end before the rest goes
};

SignMessageCall some_message() {
  SignMessageCall call;
  call.key = "k";
  call.message = Bytes{1};
  return call;
}

class Variable {
 public:
  explicit Variable(const std::string& value) { setenv(kIdentityFileVariable, value.c_str(), 1); }
  ~Variable() { unsetenv(kIdentityFileVariable); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

TEST_CASE("both signing calls carry the token, and read it anew") {
  const ScratchDir scratch;
  SigningAgent agent;
  ConnectOptions options = agent.options();
  options.identity_file = scratch / "token";
  Agent client = Agent::connect(options).value();
  write(scratch / "token", "aaa.bbb.ccc\n");
  REQUIRE(client.sign_message(some_message()));
  CHECK(agent.token() == "aaa.bbb.ccc");
  write(scratch / "token", "ddd.eee.fff\r\n");  // the CI system renewed it
  REQUIRE(client.sign_metadata({}));
  CHECK(agent.token() == "ddd.eee.fff");
}

TEST_CASE("the variable names the file, the option goes first") {
  const ScratchDir scratch;
  SigningAgent agent;
  write(scratch / "one", "one");
  write(scratch / "two", "two");
  const Variable variable((scratch / "one").string());
  ConnectOptions options = agent.options();
  Agent client = Agent::connect(options).value();
  REQUIRE(client.sign_message(some_message()));
  CHECK(agent.token() == "one");
  options.identity_file = scratch / "two";
  Agent other = Agent::connect(options).value();
  REQUIRE(other.sign_message(some_message()));
  CHECK(agent.token() == "two");
}

TEST_CASE("without a file there is no token") {
  SigningAgent agent;
  const Variable variable("");
  Agent client = Agent::connect(agent.options()).value();
  REQUIRE(client.sign_message(some_message()));
  CHECK_FALSE(agent.token());
}

TEST_CASE("a file that is named and cannot be read stops the call") {
  const ScratchDir scratch;
  SigningAgent agent;
  ConnectOptions options = agent.options();
  options.identity_file = scratch / "token";
  Agent client = Agent::connect(options).value();
  const auto refused = [&](std::string_view why) {
    const auto result = client.sign_message(some_message());
    REQUIRE(result.has_error());
    CHECK(result.error().name == ErrorName::FileFault);
    CHECK(result.error().parameters.at("why") == boost::json::string_view(why.data(), why.size()));
    CHECK(agent.calls == 0);
    return result.error().message;
  };
  refused("not-found");
  write(scratch / "token", "\n");
  CHECK(refused("failed").find("empty") != std::string::npos);
  const std::string largest(kMaxIdentityFileSize - 2, 'x');
  write(scratch / "token", largest + "\r\nx");
  CHECK(refused("too-large").find("xxx") == std::string::npos);
  fs::remove(scratch / "token");
  fs::create_directory(scratch / "token");
  refused("failed");
  fs::remove(scratch / "token");
  write(scratch / "token", largest + "\r\n");
  REQUIRE(client.sign_message(some_message()));
  CHECK(agent.token() == largest);
}

TEST_CASE("a file that others can use is told of, and sent") {
  const ScratchDir scratch;
  SigningAgent agent;
  std::vector<std::string> warnings;
  ConnectOptions options = agent.options();
  options.identity_file = scratch / "token";
  options.on_warning = [&](const std::string& text) { warnings.push_back(text); };
  Agent client = Agent::connect(options).value();
  write(scratch / "token", "secret-token", 0600);
  REQUIRE(client.sign_message(some_message()));
  CHECK(warnings.empty());
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    warnings.clear();
    write(scratch / "token", "secret-token", mode);
    REQUIRE(client.sign_message(some_message()));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().find("chmod 600") != std::string::npos);
    CHECK(warnings.front().find("secret-token") == std::string::npos);
  }
}

}  // namespace
}  // namespace signet::test
