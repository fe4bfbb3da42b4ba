#include "agent/service/message_batch.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "agent/service/message_call.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"
#include "agent/service/token_signing.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

// One message of a batch, on its way.
struct BatchedMessage {
  explicit BatchedMessage(MessageContent content_in) : content(std::move(content_in)) {}
  MessageContent content;
  std::optional<Error> fault;
  MessageRecorder::Entry entry;  // once the token was asked to sign it
  std::optional<Bytes> signature;
  std::optional<std::int64_t> record;
};

struct MessageBatch {
  MessageTerms terms;
  std::vector<BatchedMessage> messages;
};

bool is_given(const boost::json::object& parameters, std::string_view name) {
  const auto* value = parameters.if_contains(name);
  return value != nullptr && !value->is_null();
}

Result<std::vector<std::string>> parse_list(const boost::json::object& parameters, bool digests) {
  for (const char* single : {"message", "digest"})
    if (is_given(parameters, single))
      return invalid_parameter(single, "Give one message or digest, or a list of them; not both.");
  if (digests && is_given(parameters, "messages"))
    return invalid_parameter("messages", "Give a list of messages or one of digests; not both.");
  const std::string_view name = digests ? "digests" : "messages";
  auto list = text_list(parameters, name);
  if (!list) return list;
  if (list->empty()) return invalid_parameter(name, "Give at least one: a list without any signs nothing.");
  if (list->size() <= kMostMessagesInBatch) return list;
  boost::json::object limit{{"limit", "batch-messages"}, {"value", kMostMessagesInBatch}};
  return Error{ErrorName::LimitExceeded,
               "A call signs at most " + std::to_string(kMostMessagesInBatch) + " messages, not " +
                   std::to_string(list->size()) + ". Send them in several calls.",
               std::move(limit)};
}

Result<MessageBatch> parse_batch(ServiceState& state, const boost::json::object& parameters) {
  const bool digests = is_given(parameters, "digests");
  const auto list = parse_list(parameters, digests);
  if (!list) return list.error();
  auto terms = parse_message_terms(state, parameters, digests);
  if (!terms) return terms.error();
  MessageBatch batch;
  batch.terms = std::move(*terms);
  for (const std::string& base64 : *list) {
    auto content = parse_message(base64, digests ? "digests" : "messages", digests);
    if (!content) {
      Error error = content.error();
      error.message =
          "Number " + std::to_string(batch.messages.size() + 1) + " of the list: " + error.message;
      return error;
    }
    batch.messages.emplace_back(std::move(*content));
  }
  return batch;
}

Confirmation confirmation(const MessageBatch& batch) {
  Confirmation asked;
  const std::string count = std::to_string(batch.messages.size());
  asked.question = "Sign " + count + (batch.terms.is_digest ? " digests" : " messages") + " with the key " +
                   batch.terms.entry->name + "?";
  asked.details = batch.terms.is_digest ? "Digests, of what the agent cannot know:" : "SHA-256 of each:";
  for (const BatchedMessage& message : batch.messages) asked.details += "\n" + message.content.digest;
  return asked;
}

// An identity token that is bound to a payload is for that one alone; every message costs a use.
std::optional<std::string> bound_payload(const MessageBatch& batch) {
  if (batch.messages.size() != 1) return std::nullopt;
  return payload_digest(batch.terms, batch.messages.front().content);
}

awaitable<Result<void>> spend_for_each(ServiceState& state, const MessageBatch& batch,
                                       const Identity& identity) {
  if (!identity.token()) co_return Result<void>();
  for (std::size_t count = 0; count < batch.messages.size(); ++count)
    if (const auto spent = co_await state.identification.spend(identity); !spent) co_return spent.error();
  co_return Result<void>();
}

// What the token is to sign, and of which message each is. Those that nobody can sign have their fault.
struct ToSign {
  std::vector<Bytes> inputs;
  std::vector<std::size_t> messages;
};

ToSign what_to_sign(MessageBatch& batch) {
  ToSign asked;
  for (std::size_t index = 0; index < batch.messages.size(); ++index) {
    auto input = message_input(batch.terms, batch.messages[index].content);
    if (!input) {
      batch.messages[index].fault = input.error();
      continue;
    }
    asked.inputs.push_back(std::move(*input));
    asked.messages.push_back(index);
  }
  return asked;
}

// Takes what the token made of one message, and tells the ledger how it ended.
void take_signature(ServiceState& state, const MessageTerms& terms, const KeyLocation& location,
                    BatchedMessage& message, Result<TokenSignature> made, std::set<std::size_t>& wrong) {
  auto signature = checked_signature(state, terms, location, message.content, std::move(made), wrong);
  state.messages.ended(message.entry, signature ? "signed" : std::string(short_name(signature.error().name)));
  if (signature)
    message.signature = std::move(*signature);
  else
    message.fault = signature.error();
}

// The records are made, and the signatures checked, while the token signs the next. A token that is
// distrusted ends, so that comes last: else it would be begun anew, with its PIN, for each turn that is left.
awaitable<void> sign_all(ServiceState& state, Ledger& ledger, MessageBatch& batch, const Identity& identity,
                         const KeyLocation& location, Waiting waiting) {
  ToSign asked = what_to_sign(batch);
  std::set<std::size_t> wrong;
  ManyWatch watch;
  watch.begun = [&] {
    for (const std::size_t index : asked.messages) {
      BatchedMessage& message = batch.messages[index];
      message.entry = state.messages.begin(ledger, message_intent(batch.terms, message.content, identity));
    }
  };
  watch.ended = [&](std::size_t index, Result<TokenSignature> made) {
    take_signature(state, batch.terms, location, batch.messages[asked.messages[index]], std::move(made),
                   wrong);
  };
  co_await state.tokens.sign_many(location, token_mechanism(batch.terms.scheme), std::move(asked.inputs),
                                  std::move(waiting), std::move(watch));
  distrust_places(state, location, wrong);
}

// Only what is recorded leaves the agent.
awaitable<void> await_records(ServiceState& state, MessageBatch& batch) {
  for (BatchedMessage& message : batch.messages) {
    if (!message.signature || !state.messages.record_before_release(message.entry)) continue;
    const Result<std::int64_t> sequence = co_await state.messages.recorded(message.entry);
    if (sequence) {
      message.record = *sequence;
    } else {
      message.fault = sequence.error();
      message.signature.reset();
    }
  }
}

boost::json::object result_json(const BatchedMessage& message) {
  boost::json::object result{{"signature", nullptr}, {"record", nullptr}, {"fault", nullptr}};
  if (message.signature) result["signature"] = to_base64(*message.signature);
  if (message.record) result["record"] = *message.record;
  if (message.fault) result["fault"] = fault_json(*message.fault);
  return result;
}

Reply reply_of(const MessageBatch& batch) {
  const auto is_signed = [](const BatchedMessage& message) { return message.signature.has_value(); };
  if (std::none_of(batch.messages.begin(), batch.messages.end(), is_signed))
    return *batch.messages.front().fault;
  boost::json::array results;
  results.reserve(batch.messages.size());
  for (const BatchedMessage& message : batch.messages) results.push_back(result_json(message));
  return boost::json::object{{"signature", nullptr},
                             {"scheme", to_string(batch.terms.scheme)},
                             {"event", nullptr},
                             {"record", nullptr},
                             {"results", std::move(results)}};
}

}  // namespace

bool is_message_batch(const boost::json::object& parameters) {
  return is_given(parameters, "messages") || is_given(parameters, "digests");
}

awaitable<Reply> sign_message_batch(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto batch = parse_batch(state, call.parameters);
  if (!batch) co_return batch.error();
  const auto identity = co_await identify(state, call, bound_payload(*batch));
  if (!identity) co_return identity.error();
  auto allowed = judge(state.policy->policy, message_request(batch->terms, *identity));
  if (!allowed) co_return allowed.error();
  if (!needs_nobody(*allowed)) {
    Confirmation asked = confirmation(*batch);
    allowed = co_await agree_to_message(state, batch->terms, *identity, std::move(asked));
    if (!allowed) co_return allowed.error();
  }
  const auto spent = co_await spend_for_each(state, *batch, *identity);
  if (!spent) co_return spent.error();
  const KeyLocation location = permitted_location(state, batch->terms, *identity, *allowed);
  boost::json::object empty{{"signature", nullptr}, {"scheme", nullptr}};
  Waiting waiting = waiting_for(call.peer, call.events, std::move(empty));
  waiting.still_allowed = [&]() -> awaitable<Result<void>> {
    co_return judge_message_again(state, batch->terms, *identity, *allowed);
  };
  co_await sign_all(state, **ledger, *batch, *identity, location, std::move(waiting));
  co_await await_records(state, *batch);
  co_return reply_of(*batch);
}

}  // namespace signet
