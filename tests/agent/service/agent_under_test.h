// The agent's methods with a real ledger in a scratch directory and software tokens, called in process.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "agent/service/service.h"
#include "tests/agent/service/software_tokens.h"
#include "tests/support/scratch.h"

namespace signet::test {

using Reply = Result<boost::json::object>;

// What a call sends while it goes on ("more").
class RecordedEvents : public EventSink {
 public:
  bool wanted() const override { return true; }
  boost::asio::awaitable<void> send(boost::json::object parameters) override {
    sent.push_back(std::move(parameters));
    co_return;
  }
  bool over() const override { return left; }

  std::vector<boost::json::object> sent;
  bool left = false;  // the client is gone
};

// A call that was begun; pump() runs the agent until it ends.
struct PendingCall {
  boost::json::object parameters;
  std::optional<Reply> reply;
};

class AgentUnderTest {
 public:
  AgentUnderTest();
  ~AgentUnderTest();

  // Until then, everybody may do everything that test_policy() lists.
  void use_policy(const std::string& toml);
  void use_builtin_policy();

  // Ends the service and starts another on the same state directory, as a restart does.
  void restart();
  std::shared_ptr<PendingCall> begin(const std::string& method, boost::json::object parameters);
  void pump(const PendingCall& call);
  Reply call(const std::string& method, boost::json::object parameters);

  // "ok", or the error's short name with its why, rule or reason: "KeyRefused retired".
  std::string outcome(const std::string& method, boost::json::object parameters);

  // Generates keys for metadata; their TUF key objects and ids come from ShowKey, as a client's would.
  void make_keys(const std::vector<std::string>& names, const std::string& algorithm = "ed25519");
  boost::json::object tuf_key(const std::string& name);
  std::string keyid(const std::string& name);

  boost::asio::io_context io;
  EventSink* events = nullptr;  // of the calls that begin from now on; null: without "more"
  std::optional<uid_t> uid;     // the caller's; else this process's own
  ScratchDir scratch;
  SoftwareTokens tokens;
  std::unique_ptr<Service> service;
  MethodTable methods;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  LoadedPolicyPtr policy_;
};

// Everybody may do everything; the keys named may serve several roles.
std::string permissive_policy(const std::vector<std::string>& shared_keys = {});

// TUF metadata as a client would write it.
struct RoleSpec {
  std::vector<std::string> keys;  // names in the agent
  std::int64_t threshold = 1;
};
boost::json::object root_metadata(AgentUnderTest& agent, std::int64_t version,
                                  const std::map<std::string, RoleSpec>& roles);
boost::json::object targets_metadata(std::int64_t version, const std::string& content = "hello");
void add_delegation(AgentUnderTest& agent, boost::json::object& targets, const std::string& role,
                    const RoleSpec& spec);
boost::json::object sign_parameters(const std::string& repository, const std::string& role,
                                    const boost::json::object& signed_object);
// A whole file from "signed" and the results of SignMetadata replies.
std::string metadata_file(const boost::json::object& signed_object, const std::vector<Reply>& replies);

}  // namespace signet::test
