// Who asks: the peer of a connection and, where a call carries one, what an issuer vouches for.
//
// A call that may use a key goes through two steps:
//   identity = co_await identification.identify(peer, token, payload digest);   // who; decide by it
//   co_await identification.spend(identity);                                    // right before the key is
//   used
// Only spend() counts: a request that policy refuses, or that waits for approvals, costs no use. What it
// counted stays counted, whatever happens to the signature.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/identity/identity_token.h"
#include "agent/identity/jwks_file.h"
#include "agent/identity/replay_store.h"
#include "agent/policy/policy.h"
#include "agent/varlink/handler.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

class Identity {
 public:
  explicit Identity(Peer peer) : peer_(peer) {}
  Identity(Peer peer, VerifiedToken token) : peer_(peer), token_(std::move(token)) {}

  const Peer& peer() const { return peer_; }
  // Nothing: the call carried no token.
  const std::optional<VerifiedToken>& token() const { return token_; }
  // Null: the call carried no token. For rules to match.
  const Claims* claims() const { return token_ ? &token_->claims : nullptr; }
  // For the record: {} without a token, else {issuer, subject, tokenHash, claims}. Holds nothing secret.
  boost::json::object statement() const;

 private:
  Peer peer_;
  std::optional<VerifiedToken> token_;
};

// Not thread safe: the agent's loop. Calls of it may overlap.
class Identification {
 public:
  using Clock = std::function<std::int64_t()>;  // seconds since 1970

  // `store` is borrowed; null where there is no ledger: then no token is accepted.
  Identification(ReplayStore* store, JwksOwnership ownership, Clock clock = system_seconds);

  // The issuers of the policy as it is now. JWKS files are read at once, so that the log tells what is wrong
  // with them; the keys of a file that the policy named before are kept.
  void set_issuers(std::vector<PolicyIssuer> issuers);
  // Null without a ledger. Called when one is created later ("signet init").
  void set_store(ReplayStore* store) { store_ = store; }

  // `token` null: whoever the kernel says, and nobody vouches. `payload_digest`: SHA-256, hex, of what the
  // call would sign; nothing if it signs nothing, or only another digest of it is known. IdentityRefused
  // (every IdentityFault), LedgerUnavailable, NotInitialised.
  boost::asio::awaitable<Result<Identity>> identify(Peer peer, std::optional<Secret> token,
                                                    std::optional<std::string> payload_digest);

  // Counts one use of the token, durably; nothing to do without one. Verifies the token's time again: minutes
  // may lie between (approvals). IdentityRefused (expired, other-user, used-up), LedgerUnavailable.
  boost::asio::awaitable<Result<void>> spend(Identity identity);

  static std::int64_t system_seconds();

 private:
  using Files = std::map<std::filesystem::path, std::shared_ptr<JwksFile>>;

  Result<VerifiedToken> verify(const Secret& token, const std::optional<std::string>& payload_digest);

  ReplayStore* store_;
  JwksOwnership ownership_;
  Clock clock_;
  std::vector<PolicyIssuer> issuers_;
  Files files_;
};

}  // namespace signet
