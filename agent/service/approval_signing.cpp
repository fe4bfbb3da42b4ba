// SignApproval: an approval for a request of another agent, by a key that signs nothing else.
#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/approvals/approval_file.h"
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/token_signing.h"

namespace signet {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;
using Reply = Result<json::object>;

struct SignApprovalCall {
  KeyBook::Entry entry;
  std::string document;
  RequestDocument request;
};

Result<void> check_use(const LedgerKey& key) {
  const bool approves = std::find(key.uses.begin(), key.uses.end(), "approval") != key.uses.end();
  if (key.retired || !approves) {
    json::object parameters{{"key", key.name}, {"why", key.retired ? "retired" : "use-excluded"}};
    return Error{ErrorName::KeyRefused,
                 "The key " + key.name +
                     (key.retired ? " is retired." : " is not enrolled for approvals, and signs none.") +
                     " Approvals need a key of their own: signet key generate … --use approval.",
                 std::move(parameters)};
  }
  return {};
}

// What is approved must be understood, and must be what the metadata that came with it says.
Result<void> check_payload(const RequestDocument& request, const std::optional<std::string>& payload) {
  if (!payload) return {};
  if (sha256_hex(as_bytes(*payload)) != request.digest)
    return approval_refused(
        request_id(request), "document",
        "The metadata that came with the request is not what the request is for: its digest is "
        "another.");
  const auto content = parse_signed(*payload, request.format);
  if (!content) return content.error();
  if (content->version != request.version || content->type != role_type(request.role))
    return approval_refused(request_id(request), "document",
                            "The metadata that came with the request is of another role or version than the "
                            "request says.");
  return {};
}

Result<void> check_open(const RequestDocument& request) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(now_seconds().time_since_epoch()).count();
  if (request.expiry > now) return {};
  json::object closed{{"request", request_id(request)}, {"state", "expired"}};
  return Error{ErrorName::RequestClosed, "The request has expired. Have it made anew.", std::move(closed)};
}

Result<SignApprovalCall> parse_call(const ServiceState& state, const json::object& parameters) {
  const auto name = text_parameter(parameters, "key");
  if (!name) return name.error();
  auto document = text_parameter(parameters, "document");
  if (!document) return document.error();
  const auto payload = optional_text(parameters, "payload");
  if (!payload) return payload.error();
  SignApprovalCall call;
  call.entry = state.keys.find(*name);
  if (!call.entry) {
    json::object missing{{"kind", "key"}, {"name", *name}};
    return Error{ErrorName::NotFound,
                 "No key named " + *name + " is enrolled in this agent. See \"signet key list\".",
                 std::move(missing)};
  }
  if (const auto use = check_use(*call.entry); !use) return use.error();
  auto request = parse_request_document(*document);
  if (!request) return request.error();
  if (const auto open = check_open(*request); !open) return open.error();
  if (const auto sound = check_payload(*request, *payload); !sound) return sound.error();
  call.document = std::move(*document);
  call.request = std::move(*request);
  return call;
}

Result<Bytes> encoded(SignatureScheme scheme, Bytes raw) {
  const bool ecdsa = scheme == SignatureScheme::EcdsaSha256 || scheme == SignatureScheme::EcdsaSha384;
  if (ecdsa) return ecdsa_raw_to_der(raw);
  return raw;
}

PolicyRequest approval_request(const Peer& peer, const RequestDocument& document) {
  PolicyRequest request = policy_request(peer, Action::Approve);
  request.repository = document.repository;
  request.role = document.role;
  return request;
}

awaitable<Result<Verdict>> authorise_approval(ServiceState& state, const Peer& peer,
                                              const SignApprovalCall& parsed) {
  Confirmation asked;
  asked.question = "Sign an approval with the key " + parsed.entry->name + "?";
  asked.details = "For: " + parsed.request.repository + ", " + parsed.request.role + " " +
                  std::to_string(parsed.request.version) + ", SHA-256 " + parsed.request.digest;
  PolicyRequest request = approval_request(peer, parsed.request);
  co_return co_await authorise(state, std::move(request), std::move(asked));
}

// After a wait for a person or a token.
Result<void> judge_approval_again(const ServiceState& state, const Peer& peer, const SignApprovalCall& parsed,
                                  const Verdict& before) {
  const PolicyRequest request = approval_request(peer, parsed.request);
  if (auto again = judge_again(state.policy->policy, request, before); !again) return again;
  const KeyBook::Entry entry = state.keys.by_fingerprint(parsed.entry->fingerprint);
  if (auto use = check_use(entry ? *entry : *parsed.entry); !use) return use;
  return check_open(parsed.request);
}

// The signature as the token makes it, verified.
awaitable<Result<Bytes>> sign_document(ServiceState& state, const Call& call, const SignApprovalCall& parsed,
                                       const PublicKey& key, const Verdict& verdict) {
  const SignatureScheme scheme = default_scheme(key.algorithm());
  const Bytes message = approval_message(parsed.document);
  const KeyLocation location = key_location(*parsed.entry, key);
  boost::json::object empty{{"approval", nullptr}};
  Waiting waiting = waiting_for(call.peer, call.events, std::move(empty));
  waiting.pin_cache = verdict.needs.pin_cache;
  waiting.still_allowed = [&]() -> awaitable<Result<void>> {
    co_return judge_approval_again(state, call.peer, parsed, verdict);
  };
  Bytes input = token_input(scheme, message);
  auto raw =
      co_await state.tokens.sign(location, token_mechanism(scheme), std::move(input), std::move(waiting));
  if (!raw) co_return raw.error();
  if (!verify_token_signature(key, scheme, message, raw->signature)) {
    state.tokens.distrust(location, raw->place);
    co_return wrong_signature(*parsed.entry, location.place(raw->place));
  }
  co_return encoded(scheme, std::move(raw->signature));
}

awaitable<Reply> sign_approval(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto parsed = parse_call(state, call.parameters);
  if (!parsed) co_return parsed.error();
  const auto key = state.keys.public_key(*parsed->entry);
  if (!key) co_return key.error();
  const auto verdict = co_await authorise_approval(state, call.peer, *parsed);
  if (!verdict) co_return verdict.error();
  if (const auto again = judge_approval_again(state, call.peer, *parsed, *verdict); !again)
    co_return again.error();
  // On the disk before the token is asked: an approval that left is never one that nobody remembers.
  json::object body{{"key", parsed->entry->fingerprint}, {"request", request_id(parsed->request)},
                    {"ledger", parsed->request.ledger},  {"repository", parsed->request.repository},
                    {"role", parsed->request.role},      {"version", parsed->request.version},
                    {"digest", parsed->request.digest}};
  json::object detail;
  const auto recorded =
      co_await (*ledger)->record("approval.sign", std::move(body), std::move(detail), requester(call.peer));
  if (!recorded) co_return recorded.error();
  const auto signature = co_await sign_document(state, call, *parsed, *key, *verdict);
  if (!signature) co_return signature.error();
  json::object reply;
  reply["approval"] =
      write_approval_file(parsed->document, *key, default_scheme(key->algorithm()), *signature);
  reply["event"] = nullptr;
  co_return reply;
}

}  // namespace

void add_approval_methods(ServiceState& state, MethodTable& table) {
  Method& method = table["SignApproval"];
  method.handler = [&state](Call call) { return sign_approval(state, call); };
  method.allow_more = true;
}

}  // namespace signet
