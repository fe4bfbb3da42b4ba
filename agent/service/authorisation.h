// May a caller do what they ask? Where the methods meet the policy (agent/policy) and, where it says so, a
// person.
//
// Every method that uses a key, a token, a repository or the ledger builds a PolicyRequest of its own facts
// and asks here before it acts. Errors: PolicyDenied(rule), with the policy's sentence.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "agent/policy/decide.h"
#include "agent/service/state.h"
#include "agent/varlink/handler.h"

namespace signet {

// Facts in the policy's terms.
PolicyIdentity policy_identity(const Identity& identity);
PolicyKey policy_key(const LedgerKey& key);
PolicyToken policy_token(const LedgerKey& key);
PolicyToken policy_token(const LedgerKeyLocation& location);
PolicyToken policy_token(const TokenDescription& token);

// A request by this caller for this action, now; the caller of this adds the other facts.
PolicyRequest policy_request(const Peer& peer, Action action);  // who sent no token
PolicyRequest policy_request(const Identity& identity, Action action);

// Who calls: the peer and, where the call carries "identity", whoever an issuer vouches for. payload_digest:
// SHA-256, hex, of what is to be signed. InvalidParameter, IdentityRefused.
boost::asio::awaitable<Result<Identity>> identify(ServiceState& state, const Call& call,
                                                  std::optional<std::string> payload_digest);

// The policy alone: what it allows may still need approvals or a person.
Result<Verdict> judge(const Policy& policy, const PolicyRequest& request);

// The same after a wait, for acts that no approvals can be given for: `before` is what was satisfied.
// PolicyDenied also where the policy asks now for what nobody was asked for then.
Result<void> judge_again(const Policy& policy, const PolicyRequest& request, const Verdict& before);

// A rule may name tokens, and a key may be on several. `verdict` is what the policy says of the request on
// one of them: whether it allows it on `token` too, by the same rule.
bool allowed_alike(const Policy& policy, PolicyRequest request, PolicyToken token, const Verdict& verdict);
// The tokens that the request may be carried out on; `verdict` is about the first.
KeyLocation permitted_places(const Policy& policy, const PolicyRequest& request, const Verdict& verdict,
                             KeyLocation location);

// Whether the policy allows it to this caller as they are, with nobody to be asked. For what is shown to some
// and not to others, where a refusal is no error.
bool allowed_unasked(const Policy& policy, const Peer& peer, Action action);
// Whether the caller may look into what others may do: the agent's own user, root, and whoever may
// administer.
bool is_administrator(const Policy& policy, const Peer& peer);

// "ada (uid 1000)": who asks, for people.
std::string describe_caller(const PolicyIdentity& who);

// Asks the person whom the verdict calls for; nothing where it calls for none.
boost::asio::awaitable<Result<void>> confirm(ServiceState& state, Verdict verdict, Confirmation confirmation);

// The policy and the person, for acts that no approvals can be given for.
boost::asio::awaitable<Result<Verdict>> authorise(ServiceState& state, PolicyRequest request,
                                                  Confirmation confirmation);
// The same where the question says everything.
boost::asio::awaitable<Result<void>> authorise(ServiceState& state, const Peer& peer, Action action,
                                               std::string question);

// For acts on a token: finds it, authorises the act, and gives its description. Act on `uri`, not on the name
// that the caller gave: it means the token that was judged.
boost::asio::awaitable<Result<TokenDescription>> authorise_token(ServiceState& state, Peer peer,
                                                                 Action action, std::string token,
                                                                 std::string question);

// The same, with the verdict.
struct AuthorisedToken {
  TokenDescription token;
  Verdict verdict;
};
boost::asio::awaitable<Result<AuthorisedToken>> authorise_token_act(ServiceState& state, Peer peer,
                                                                    Action action, std::string token,
                                                                    std::string question);
// The same for a token that was looked up already.
boost::asio::awaitable<Result<AuthorisedToken>> authorise_known_token(ServiceState& state, Peer peer,
                                                                      Action action, TokenDescription token,
                                                                      std::string question);

// For acts on a key as it is on one token. `question`: what the person is asked, where there is one to ask.
boost::asio::awaitable<Result<void>> authorise_key(ServiceState& state, Peer peer, Action action,
                                                   PolicyKey key, PolicyToken token, std::string question);

// For what names a repository and perhaps a role ("*": all of them).
boost::asio::awaitable<Result<void>> authorise_repository(ServiceState& state, Peer peer, Action action,
                                                          std::string repository, std::string role,
                                                          std::string question);

}  // namespace signet
