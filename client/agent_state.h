// What stands behind an Agent: how a call becomes a frame, and its replies become an answer.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "client/connection.h"
#include "client/signet.h"

namespace signet::client {

// Where to connect, and the connection while it is sound. One thread at a time.
struct __attribute__((visibility("hidden"))) Agent::State {
  ConnectOptions options;
  std::filesystem::path socket;

  enum class Wait { Short, Token, Forever };
  using OnReply = std::function<bool(const boost::json::object&)>;

  Result<void> reconnect();
  // A call by its full name; the last reply's "parameters". With on_reply it asks for "more".
  Result<boost::json::object> exchange(std::string_view method, const boost::json::object& parameters,
                                       Wait wait, const OnReply* on_reply);
  // A call of org.signet.Agent.
  Result<boost::json::object> plain(std::string_view method, const boost::json::object& parameters,
                                    Wait wait = Wait::Short);
  // A call whose events go to a person, if there is one.
  Result<boost::json::object> with_events(std::string_view method, const boost::json::object& parameters,
                                          const EventCallback& on_event);
  // Parameters of a call that signs: with the identity token, if the job names one, and then in memory that
  // is wiped.
  Result<boost::json::object> signing_parameters() const;

 private:
  Result<void> ensure_connected();
  Result<boost::json::object> await_replies(Wait wait, const OnReply* on_reply);
  SteadyTime deadline(Wait wait) const;
  Error drop(Error error);
  Result<std::optional<Secret>> identity() const;

  std::optional<Connection> connection_;
  bool fresh_ = false;  // nothing was asked on it yet
};

inline constexpr std::string_view kInterface = "org.signet.Agent.";

template <typename T>
Result<T> then(const Result<boost::json::object>& reply, Result<T> (*read)(const boost::json::object&)) {
  if (!reply) return reply.error();
  return read(*reply);
}

}  // namespace signet::client
