#include "agent/identity/identification.h"

#include <chrono>
#include <utility>

#include "agent/identity/identity_fault.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Result<void> check_binding(const VerifiedToken& token, const std::optional<std::string>& payload_digest) {
  if (!token.payload_digest) return {};
  if (!payload_digest)
    return identity_refused(
        IdentityFault::NoPayload,
        "The identity token is bound to one payload, and this call signs none whose SHA-256 "
        "is known. Ask the issuer for a token with the audience that the policy names.");
  if (*token.payload_digest != *payload_digest)
    return identity_refused(
        IdentityFault::OtherPayload,
        "The identity token is bound to another payload than this one, whose SHA-256 is " + *payload_digest +
            ". Ask the issuer for a token with the audience \"signet:" + *payload_digest + "\".");
  return {};
}

TokenUse use_of(const Peer& peer, const VerifiedToken& token, std::int64_t now) {
  TokenUse use;
  use.issuer = token.issuer;
  use.token_hash = token.hash;
  use.payload_digest = token.payload_digest.value_or("");
  use.uid = peer.uid;
  use.max_uses = token.max_uses;
  use.expires = token.expires;
  use.now = now;
  return use;
}

Result<void> to_result(const Result<TokenUseVerdict>& verdict, const VerifiedToken& token) {
  if (!verdict) return verdict.error();
  switch (*verdict) {
    case TokenUseVerdict::Allowed:
      return {};
    case TokenUseVerdict::OtherUser:
      return identity_refused(
          IdentityFault::OtherUser,
          "The identity token was used by another user first, and belongs to that one. If "
          "nobody should have had it, it was stolen: look at the ledger.");
    case TokenUseVerdict::UsedUp:
      return identity_refused(IdentityFault::UsedUp,
                              "The identity token was used " + std::to_string(token.max_uses) +
                                  " time(s), as often as the policy allows (max-uses). Ask the issuer for a "
                                  "new one.");
    case TokenUseVerdict::Forgotten:
      break;
  }
  return identity_refused(
      IdentityFault::Expired,
      "The identity token is so old that its uses are no longer known. Ask the issuer for a "
      "new one, and compare this machine's clock with the issuer's.");
}

Error no_ledger() {
  return {ErrorName::NotInitialised,
          "Uses of identity tokens are counted in the ledger, and there is none. Run \"signet init\"."};
}

}  // namespace

boost::json::object Identity::statement() const {
  if (!token_) return {};
  return {{"issuer", token_->issuer},
          {"subject", token_->claims.subject},
          {"tokenHash", token_->hash},
          {"claims", token_->claims.all}};
}

std::int64_t Identification::system_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

Identification::Identification(ReplayStore* store, JwksOwnership ownership, Clock clock)
    : store_(store), ownership_(ownership), clock_(std::move(clock)) {}

void Identification::set_issuers(std::vector<PolicyIssuer> issuers) {
  Files files;
  for (const PolicyIssuer& issuer : issuers) {
    const auto known = files_.find(issuer.jwks);
    auto file = known != files_.end() ? known->second : std::make_shared<JwksFile>(issuer.jwks, ownership_);
    file->keys();
    files.emplace(issuer.jwks, std::move(file));
  }
  files_ = std::move(files);
  issuers_ = std::move(issuers);
}

Result<VerifiedToken> Identification::verify(const Secret& token,
                                             const std::optional<std::string>& payload_digest) {
  if (issuers_.empty())
    return identity_refused(
        IdentityFault::NotConfigured,
        "The policy names no issuer of identity tokens. Send none, or add an [[issuer]].");
  const auto keys = [this](const PolicyIssuer& issuer) { return files_.at(issuer.jwks)->keys(); };
  auto verified = verify_identity_token(token, issuers_, keys, clock_());
  if (!verified) return verified;
  if (auto bound = check_binding(*verified, payload_digest); !bound) return bound.error();
  return verified;
}

awaitable<Result<Identity>> Identification::identify(Peer peer, std::optional<Secret> token,
                                                     std::optional<std::string> payload_digest) {
  if (!token) co_return Identity(peer);
  auto verified = verify(*token, payload_digest);
  if (!verified) co_return verified.error();
  token->wipe();
  if (store_ == nullptr) co_return no_ledger();
  TokenUse use = use_of(peer, *verified, clock_());
  const auto verdict = co_await store_->check(std::move(use));
  if (auto allowed = to_result(verdict, *verified); !allowed) co_return allowed.error();
  co_return Identity(peer, std::move(*verified));
}

awaitable<Result<void>> Identification::spend(Identity identity) {
  if (!identity.token()) co_return Result<void>();
  const VerifiedToken& token = *identity.token();
  const std::int64_t now = clock_();
  if (now >= token.expires + token.skew)
    co_return identity_refused(
        IdentityFault::Expired,
        "The identity token expired before the request was ready to be signed. Ask the "
        "issuer for a new one and send the request again.");
  if (store_ == nullptr) co_return no_ledger();
  TokenUse use = use_of(identity.peer(), token, now);
  const auto verdict = co_await store_->count(std::move(use));
  co_return to_result(verdict, token);
}

}  // namespace signet
