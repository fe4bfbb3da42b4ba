// SignMessage: bytes or a digest that the agent cannot read, for keys that are enrolled for that.
#include "agent/service/message_batch.h"
#include "agent/service/message_call.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/token_signing.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

struct SignMessageCall : MessageTerms {
  MessageContent content;
};

Result<SignMessageCall> parse_call(ServiceState& state, const boost::json::object& parameters) {
  const auto message = optional_text(parameters, "message");
  if (!message) return message.error();
  const auto digest = optional_text(parameters, "digest");
  if (!digest) return digest.error();
  if (message->has_value() == digest->has_value())
    return invalid_parameter("message", "Give exactly one of \"message\" and \"digest\".");
  const bool is_digest = digest->has_value();
  auto content = parse_message(is_digest ? **digest : **message, is_digest ? "digest" : "message", is_digest);
  if (!content) return content.error();
  auto terms = parse_message_terms(state, parameters, is_digest);
  if (!terms) return terms.error();
  return SignMessageCall{std::move(*terms), std::move(*content)};
}

awaitable<Result<Bytes>> sign_on_token(ServiceState& state, const SignMessageCall& call,
                                       const KeyLocation& location, Bytes input, Waiting waiting) {
  auto raw = co_await state.tokens.sign(location, token_mechanism(call.scheme), std::move(input),
                                        std::move(waiting));
  std::set<std::size_t> wrong;
  auto signature = checked_signature(state, call, location, call.content, std::move(raw), wrong);
  distrust_places(state, location, wrong);
  co_return signature;
}

Confirmation confirmation(const SignMessageCall& call) {
  Confirmation asked;
  asked.question = "Sign with the key " + call.entry->name + "?";
  asked.details = call.is_digest ? "A digest, of what the agent cannot know: " + call.content.digest
                                 : "A message of " + std::to_string(call.content.bytes.size()) +
                                       " bytes, SHA-256 " + call.content.digest;
  return asked;
}

// What the call waits for, and what is asked once more when it has waited.
Waiting message_waiting(ServiceState& state, EventSink& events, const SignMessageCall& parsed,
                        const Identity& identity, const Verdict& verdict) {
  boost::json::object empty;
  if (events.wanted()) empty = {{"signature", nullptr}, {"scheme", nullptr}};
  Waiting waiting = waiting_for(identity.peer(), events, std::move(empty));
  waiting.pin_cache = verdict.needs.pin_cache;
  waiting.still_allowed = [&]() -> awaitable<Result<void>> {
    co_return judge_message_again(state, parsed, identity, verdict);
  };
  return waiting;
}

awaitable<Reply> sign_message(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto parsed = parse_call(state, call.parameters);
  if (!parsed) co_return parsed.error();
  auto input = message_input(*parsed, parsed->content);
  if (!input) co_return input.error();
  Result<Identity> identity = Identity(call.peer);
  if (call.parameters.contains("identity"))
    identity = co_await identify(state, call, payload_digest(*parsed, parsed->content));
  if (!identity) co_return identity.error();
  auto allowed = judge(state.policy->policy, message_request(*parsed, *identity));
  if (!allowed) co_return allowed.error();
  if (!needs_nobody(*allowed)) {
    Confirmation asked = confirmation(*parsed);
    allowed = co_await agree_to_message(state, *parsed, *identity, std::move(asked));
    if (!allowed) co_return allowed.error();
  }
  if (identity->token()) {
    if (const auto spent = co_await state.identification.spend(*identity); !spent) co_return spent.error();
  }
  // The record and the signature are made at the same time: what counts is that the intent is durable before
  // the signature leaves.
  const MessageRecorder::Entry entry =
      state.messages.begin(**ledger, message_intent(*parsed, parsed->content, *identity));
  const KeyLocation location = permitted_location(state, *parsed, *identity, *allowed);
  Waiting waiting = message_waiting(state, call.events, *parsed, *identity, *allowed);
  const auto signature =
      co_await sign_on_token(state, *parsed, location, std::move(*input), std::move(waiting));
  state.messages.ended(entry, signature ? "signed" : std::string(short_name(signature.error().name)));
  boost::json::value record;
  if (!signature || state.messages.record_before_release(entry)) {
    const Result<std::int64_t> sequence = co_await state.messages.recorded(entry);
    if (!sequence) co_return sequence.error();
    record = *sequence;
  }
  if (!signature) co_return signature.error();
  boost::json::object reply{{"signature", to_base64(*signature)},
                            {"scheme", to_string(parsed->scheme)},
                            {"event", nullptr},
                            {"record", std::move(record)}};
  co_return reply;
}

}  // namespace

void add_message_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["SignMessage"];
  method.handler = [&state](Call call) {
    return is_message_batch(call.parameters) ? sign_message_batch(state, call) : sign_message(state, call);
  };
  method.allow_more = true;
}

}  // namespace signet
