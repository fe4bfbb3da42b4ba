// libsignet's calls that sign, and those about certificates.
#include "client/agent_state.h"
#include "client/call_json.h"
#include "client/reply.h"
#include "protocol/secret_json.h"

namespace signet::client {

using boost::json::object;

Result<SignedMetadata> Agent::sign_metadata(const SignMetadataCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["repository"] = call.repository;
  parameters["role"] = call.role;
  parameters["format"] = call.format;
  parameters["signed"] = call.signed_bytes;
  if (call.keys) parameters["keys"] = strings(*call.keys);
  parameters["dryRun"] = call.dry_run;
  parameters["supersede"] = call.supersede;
  parameters["acceptLowerThreshold"] = call.accept_lower_threshold;
  return then(state_->with_events("SignMetadata", parameters, on_event), read_signed_metadata);
}

Result<MessageSignature> Agent::sign_message(const SignMessageCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  if (call.message) parameters["message"] = to_base64(*call.message);
  if (call.digest) parameters["digest"] = to_base64(*call.digest);
  put_optional(parameters, "scheme", call.scheme);
  return then(state_->with_events("SignMessage", parameters, on_event), read_message_signature);
}

Result<IssuedCertificateInfo> Agent::issue_certificate(const IssueCertificateCall& call,
                                                       const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  parameters["kind"] = call.kind;
  parameters["subject"] = strings(call.subject);
  parameters["names"] = strings(call.names);
  parameters["purposes"] = strings(call.purposes);
  put_optional(parameters, "notBefore", call.not_before);
  put_optional(parameters, "notAfter", call.not_after);
  return then(state_->with_events("IssueCertificate", parameters, on_event), read_issued_certificate);
}

Result<BatchSignatures> Agent::sign_messages(const SignMessagesCall& call, const EventCallback& on_event) {
  auto signing = state_->signing_parameters();
  if (!signing) return signing.error();
  object& parameters = *signing;
  parameters["key"] = call.key;
  if (!call.messages.empty()) parameters["messages"] = base64_list(call.messages);
  if (!call.digests.empty()) parameters["digests"] = base64_list(call.digests);
  put_optional(parameters, "scheme", call.scheme);
  auto signatures = then(state_->with_events("SignMessage", parameters, on_event), read_batch_signatures);
  if (!signatures || signatures->results.size() == call.messages.size() + call.digests.size())
    return signatures;
  return connection_error(
      "malformed",
      "The agent answered with another number of signatures than it was asked for. Check that "
      "signet and signetd fit.");
}

Result<std::vector<TokenCertificateInfo>> Agent::read_certificates(std::string_view key,
                                                                   const std::optional<std::string>& token) {
  object parameters;
  parameters["key"] = json_view(key);
  put_optional(parameters, "token", token);
  return then(state_->plain("ReadCertificates", parameters, State::Wait::Token), read_token_certificates);
}

Result<StoredCertificateInfo> Agent::store_certificate(const StoreCertificateCall& call) {
  object parameters(make_secret_storage());
  parameters["key"] = call.key;
  parameters["certificate"] = call.certificate;
  parameters["replace"] = call.replace;
  put_optional(parameters, "token", call.token);
  put_secret(parameters, "pin", call.pin);
  put_secret(parameters, "soPin", call.so_pin);
  return then(state_->plain("StoreCertificate", parameters, State::Wait::Token), read_stored_certificate);
}

}  // namespace signet::client
