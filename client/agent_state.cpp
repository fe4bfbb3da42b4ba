#include "client/agent_state.h"

#include <string>
#include <utility>

#include "client/call_json.h"
#include "client/identity_file.h"
#include "client/reply.h"
#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"

namespace signet::client {

using boost::json::object;

Result<void> Agent::State::reconnect() {
  connection_.reset();
  auto opened = Connection::open(socket, std::chrono::steady_clock::now() + options.connect_deadline);
  if (!opened) return opened.error();
  connection_.emplace(std::move(*opened));
  fresh_ = true;
  return {};
}

// A fresh connection may hold a word of the agent already (why it will close it): that is the reply to the
// first call.
Result<void> Agent::State::ensure_connected() {
  if (connection_ && (std::exchange(fresh_, false) || connection_->quiet())) return {};
  auto opened = reconnect();
  fresh_ = false;
  return opened;
}

SteadyTime Agent::State::deadline(Wait wait) const {
  if (wait == Wait::Forever) return SteadyTime::max();
  return std::chrono::steady_clock::now() +
         (wait == Wait::Short ? options.call_deadline : options.token_deadline);
}

// One call. The connection is dropped when it is no longer known where the next reply on it begins.
Result<object> Agent::State::exchange(std::string_view method, const object& parameters, Wait wait,
                                      const OnReply* on_reply) {
  if (auto connected = ensure_connected(); !connected) return connected.error();
  VarlinkCall call;
  call.method = std::string(method);
  call.parameters = object(parameters, parameters.storage());
  call.more = on_reply != nullptr;
  const WipedBuffer frame = encode_call(call);
  // A send that fails is told by what the agent said before it closed, if it said anything.
  const auto sent = connection_->send(as_text(frame), deadline(wait));
  if (!sent && sent.error().parameters.at("why") != "closed") return drop(sent.error());
  return await_replies(wait, on_reply);
}

Result<object> Agent::State::await_replies(Wait wait, const OnReply* on_reply) {
  for (;;) {
    auto frame = connection_->receive(deadline(wait));
    if (!frame) return drop(frame.error());
    auto reply = parse_reply(as_text(*frame), boost::json::storage_ptr());
    if (!reply)
      return drop(connection_error("malformed", "The agent's reply cannot be read: " + reply.error().message +
                                                    " Check that a signetd listens at " + socket.string() +
                                                    "."));
    if (!reply->continues) return reply_result(std::move(*reply));
    if (on_reply == nullptr)
      return drop(
          connection_error("malformed",
                           "The agent sent one reply of several where one was asked for. Check that a "
                           "signetd listens at " +
                               socket.string() + "."));
    if (!(*on_reply)(reply->parameters))
      return drop(connection_error("abandoned", "The call was abandoned here; the agent drops its result."));
  }
}

Error Agent::State::drop(Error error) {
  connection_.reset();
  return error;
}

Result<object> Agent::State::plain(std::string_view method, const object& parameters, Wait wait) {
  return exchange(std::string(kInterface).append(method), parameters, wait, nullptr);
}

Result<object> Agent::State::with_events(std::string_view method, const object& parameters,
                                         const EventCallback& on_event) {
  const std::string full = std::string(kInterface).append(method);
  if (!on_event) return exchange(full, parameters, Wait::Token, nullptr);
  const OnReply on_reply = [&](const object& reply) {
    auto event = read_event(reply);
    // Events are advice: one that this build cannot read is no reason to end the call.
    return !event || on_event(*event);
  };
  return exchange(full, parameters, Wait::Token, &on_reply);
}

// The identity token as its file has it now; nothing where the job names none.
Result<std::optional<Secret>> Agent::State::identity() const {
  const auto file = options.identity_file ? options.identity_file : identity_file_of_environment();
  if (!file) return std::optional<Secret>();
  auto token = read_identity_file(*file, options.on_warning);
  if (!token) return token.error();
  return std::optional<Secret>(std::move(*token));
}

Result<object> Agent::State::signing_parameters() const {
  const auto token = identity();
  if (!token) return token.error();
  object parameters(*token ? make_secret_storage() : boost::json::storage_ptr());
  if (*token) put_secret(parameters, "identity", *token);
  return parameters;
}

}  // namespace signet::client
