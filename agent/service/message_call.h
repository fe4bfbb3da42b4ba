// What SignMessage was asked: read, and held against the key's uses and the policy. One message or digest, or
// a batch of them by one key.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/policy/decide.h"
#include "agent/service/authorisation.h"
#include "agent/service/message_recorder.h"
#include "agent/tokens/token_service.h"
#include "protocol/sha256.h"
#include "protocol/signature.h"

namespace signet {

// What all messages of a call have in common.
struct MessageTerms {
  KeyBook::Entry entry;
  std::optional<PublicKey> key;
  SignatureScheme scheme = SignatureScheme::EcdsaSha256;
  bool is_digest = false;  // the contents are digests
};

// A message or a digest.
struct MessageContent {
  Bytes bytes;
  std::optional<Sha256> sha256;  // of a message
  std::string digest;            // SHA-256 of the message, or the digest; hexadecimal
};

// The call's key and scheme. NotFound, KeyRefused, PolicyDenied (tuf-excludes-…), MechanismUnsupported.
Result<MessageTerms> parse_message_terms(ServiceState& state, const boost::json::object& parameters,
                                         bool is_digest);
// InvalidParameter(`parameter`).
Result<MessageContent> parse_message(std::string_view base64, std::string_view parameter, bool is_digest);

// Whether the key may sign this kind of content. KeyRefused, PolicyDenied.
Result<void> check_message_use(const LedgerKey& key, bool is_digest);

// What the token gets. MechanismUnsupported, InvalidParameter (a digest of another length).
Result<Bytes> message_input(const MessageTerms& terms, const MessageContent& content);
// The token's signature as the client gets it (ECDSA: DER), verified where that is called for. KeyRefused
// (wrong-signature), and its place is added to `wrong`; or what `made` says.
Result<Bytes> checked_signature(const ServiceState& state, const MessageTerms& terms,
                                const KeyLocation& location, const MessageContent& content,
                                Result<TokenSignature> made, std::set<std::size_t>& wrong);
// Signatures from there were another's: the tokens are distrusted.
void distrust_places(ServiceState& state, const KeyLocation& location, const std::set<std::size_t>& wrong);

// What a token's audience names: SHA-256 of the payload. A digest by another function says nothing of it.
std::optional<std::string> payload_digest(const MessageTerms& terms, const MessageContent& content);
// For the ledger's record.
MessageIntent message_intent(const MessageTerms& terms, const MessageContent& content,
                             const Identity& identity);

// What the policy is asked: the key with the one use that it is asked for.
PolicyRequest message_request(const MessageTerms& terms, const Identity& identity);
// Most calls need nobody's agreement: what a person would be shown is made for those that do.
bool needs_nobody(const Verdict& verdict);
// Asks the person; then the policy once more, for a person takes their time.
boost::asio::awaitable<Result<Verdict>> agree_to_message(ServiceState& state, const MessageTerms& terms,
                                                         const Identity& identity, Confirmation asked);
// The tokens that the policy lets the key sign with; `verdict` is about the first.
KeyLocation permitted_location(const ServiceState& state, const MessageTerms& terms, const Identity& identity,
                               const Verdict& verdict);
// After a wait: the policy may have changed, or the key have been retired.
Result<void> judge_message_again(const ServiceState& state, const MessageTerms& terms,
                                 const Identity& identity, const Verdict& before);

}  // namespace signet
