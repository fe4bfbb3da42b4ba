#include "agent/checkpoint/signer_protocol.h"

namespace signet {
namespace {

constexpr std::string_view kReady = "ready\n", kSign = "sign\n", kSigned = "signed\n", kRefused = "refused\n";

Error bad_message(const char* which) {
  return {ErrorName::Internal,
          std::string("The checkpoint signer and signetd do not understand each other (") + which +
              "): are both of one build? Restart the agent."};
}

// Takes a line off the text; nothing when no line is left.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string format_greeting(const SignerGreeting& greeting) {
  return std::string(kReady) + greeting.verifier_key + "\n" +
         (greeting.newest ? format_checkpoint(*greeting.newest) : "");
}

std::string format_request(const SignerRequest& request) {
  std::string message(kSign);
  for (const MerkleHash& hash : request.proof) message += merkle_hash_text(hash) + "\n";
  return message + "\n" + request.text;
}

std::string format_answer(const Result<std::string>& note) {
  if (note) return std::string(kSigned) + *note;
  const Error error = note.error();
  const auto* why = error.parameters.if_contains("why");
  const std::string name = why && why->is_string() ? std::string(why->get_string()) : "signer";
  return std::string(kRefused) + name + "\n" + error.message;
}

Result<SignerGreeting> parse_greeting(std::string_view message) {
  if (!message.starts_with(kReady)) return bad_message("greeting");
  message.remove_prefix(kReady.size());
  SignerGreeting greeting;
  const auto key = take_line(message);
  if (!key) return bad_message("greeting");
  greeting.verifier_key = *key;
  if (message.empty()) return greeting;
  auto newest = parse_checkpoint(message);
  if (!newest) return newest.error();
  greeting.newest = std::move(*newest);
  return greeting;
}

Result<SignerRequest> parse_request(std::string_view message) {
  if (!message.starts_with(kSign)) return bad_message("request");
  message.remove_prefix(kSign.size());
  SignerRequest request;
  for (auto line = take_line(message);; line = take_line(message)) {
    if (!line) return bad_message("request");
    if (line->empty()) break;
    const auto hash = parse_merkle_hash(*line);
    if (!hash) return bad_message("request");
    request.proof.push_back(*hash);
  }
  request.text = message;
  return request;
}

Result<std::string> parse_answer(std::string_view message) {
  if (message.starts_with(kSigned)) return std::string(message.substr(kSigned.size()));
  if (!message.starts_with(kRefused)) return bad_message("answer");
  message.remove_prefix(kRefused.size());
  const auto why = take_line(message);
  if (!why) return bad_message("answer");
  boost::json::object parameters{{"why", *why}};
  return Error{ErrorName::LedgerUnavailable, std::string(message), std::move(parameters)};
}

}  // namespace signet
