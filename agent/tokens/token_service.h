// What the rest of the agent may ask of tokens. Behind it: the hosts, their supervision, pools, deadlines,
// replays.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/key_attestation.h"
#include "protocol/public_key.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

enum class TokenState { Blank, Locked, Unlocked, Open, Faulty };
enum class PinState { Ok, Low, Final, Blocked, Unset };

struct TokenDescription {
  std::string name;  // unique among the tokens present: label, else serial, else URI
  std::string label, serial, manufacturer, model;  // trailing blanks removed
  std::string module;                              // the module's configured name
  std::string uri;                                 // RFC 7512
  TokenState state = TokenState::Locked;
  PinState pin = PinState::Ok;
  std::optional<std::uint32_t> pin_tries;  // left, exactly; nothing where nobody can tell
  bool removable = false;
};

struct ModuleDescription {
  std::string name, path;
  bool usable = false;
  std::string why;  // for people, where not usable
};

// The module's own word on a private key object.
struct KeyEvidence {
  bool local = false, sensitive = false, extractable = true;
  bool always_sensitive = false, never_extractable = false, always_authenticate = false;
};

struct FoundKey {
  std::string uri;  // RFC 7512, with token, serial, id and object
  std::string token_label, token_serial, module;
  KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256;
  Bytes spki;  // DER SubjectPublicKeyInfo
  Bytes id;    // CKA_ID
  std::string label;
  KeyEvidence evidence;
};

// A token that holds a key.
struct KeyPlace {
  std::string uri;
  std::string token_label, token_serial;
  // Of the tokens that work, those of the lowest order are asked, each with a part of the load that grows
  // with its weight.
  int order = 0, weight = 1;
};

// A key to sign with, and the token that holds it; or the first of several. It is found by its public key;
// the URI's id, object and token are hints to look first.
struct KeyLocation : KeyPlace {
  std::string name;  // for messages
  Bytes spki;
  KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256;
  std::vector<KeyPlace> also;
  std::optional<TouchPolicy> touch;  // by its attestation, else by its card; nothing: not known

  std::size_t places() const { return also.size() + 1; }
  const KeyPlace& place(std::size_t index) const { return index == 0 ? *this : also[index - 1]; }
};

// When a key's card asks for its PIN and for a touch.
struct KeyPolicies {
  PinPolicy pin = PinPolicy::Never;
  TouchPolicy touch = TouchPolicy::Never;
};

enum class TokenMechanism {
  Ecdsa,         // CKM_ECDSA; input: the digest; output: r || s, fixed width
  RsaPkcs1,      // CKM_RSA_PKCS; input: DigestInfo; output: modulus size
  RsaPssSha256,  // CKM_RSA_PKCS_PSS with SHA-256, MGF1-SHA-256, salt 32; input: the digest
  Eddsa,         // CKM_EDDSA; input: the message; output: 64 bytes
};

struct TokenSignature {
  Bytes signature;
  bool fresh_handle = false;  // the first use of a newly found key handle: verify it
  bool removable = false;     // the token can be swapped: verify it
  std::size_t place = 0;      // which of the key's places it comes from
};

// How long the token's PIN may be kept, counted from the login. Nothing: as long as its host lives; zero: for
// one use.
using PinCache = std::optional<std::chrono::seconds>;

// What a person must know while a call waits for them.
struct TokenEvent {
  enum class Kind {
    InsertToken,  // the token is not there
    Pin,          // it needs to be unlocked, over another connection
    Touch,        // it wants to be touched, or may: it has not answered for a while
    Queued,       // it waits for a touch that another call asked for
  };
  Kind kind = Kind::InsertToken;
  std::string token, serial, key;
  std::string message;           // for people
  std::chrono::seconds left{0};  // until the call gives up
};

// Whose turn it is, where calls wait for a token: nobody's calls stand behind all of another's. No identity
// that anything else hangs on: a process may have ended, and a namespace hide which it is.
struct TokenClient {
  uid_t uid = 0;
  pid_t process = 0;
};

// So long what was judged holds without a second look: a call's own way to the token.
inline constexpr std::chrono::milliseconds kFreshFor{1000};

// Who asks, who hears of that, and how long a call may wait for a token and its PIN. Without `tell` it does
// not wait.
struct Waiting {
  TokenClient client;
  std::function<boost::asio::awaitable<void>(TokenEvent)> tell;
  std::function<bool()> abandoned;  // nobody wants the answer any more; empty: always wanted
  std::chrono::milliseconds patience{0};
  // Asked right before the token is, where a person was waited for or what was judged is older than
  // kFreshFor; an error is the call's. What it refers to lives as long as the call. Empty: nothing to ask.
  std::function<boost::asio::awaitable<Result<void>>()> still_allowed;
  std::chrono::steady_clock::time_point judged_at = std::chrono::steady_clock::now();
  PinCache pin_cache;  // by the rule that allows the call
};

struct InitTokenRequest {
  std::string token;  // name, URI, or the module's name if it has exactly one blank slot
  std::string label;
  Secret so_pin, pin;
};

struct GenerateRequest {
  std::string token;
  KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256;
  std::string label;
  // CKA_ID. Empty: a random one. Of a PIV card it names the slot: pkcs11/host_piv_slot.h.
  Bytes id;
  std::optional<Secret> pin;  // absent: the token's configured PIN source, else PinRequired
  // The security officer's instead: a YubiKey's management key, in hexadecimal.
  std::optional<Secret> so_pin;
};

// What is known of a token's PIN before it is sent.
struct PinTold {
  PinState state = PinState::Ok;
  // The token says when tries are low, so that its silence means something.
  bool tells = false;
  // No wrong PIN was counted since the last right one.
  bool untouched = false;
  std::optional<std::uint32_t> left;  // exactly, where PC/SC could tell (pkcs11/card.h)
};

// Who gives a PIN: a person does now; a configured source may go on giving what was right once.
enum class PinGiver { Person, Source };

struct StoreCertificateRequest {
  std::string key;  // its name, for messages
  std::string uri;  // its token, id and object
  Bytes der;
  bool replace = false;  // another one that is there
  // The user's. Absent: none, unless the token wants it; then its configured PIN source's, else PinRequired.
  std::optional<Secret> pin;
  // The security officer's instead: a YubiKey's management key, in hexadecimal.
  std::optional<Secret> so_pin;
};

struct StoredCertificate {
  bool replaced = false;  // another one
};

// How an attempt ended, as far as is known.
enum class PinOutcome {
  Accepted,
  Refused,
  NotTried,  // the token never compared it: it was too long, the session was gone, …
  Unknown,   // the host died or the token failed in the midst: counts as wrong, unless the token says
             // otherwise
};

// What was tried on a token before, kept by the ledger. Values are HMACs of PINs under a key that is outside
// the database. All calls are durable when they return. `token` is pin_budget_id() (pin_budget.h).
class PinBudget {
 public:
  virtual ~PinBudget() = default;
  // Before C_Login: writes the attempt down. Refuses (PinRefused) a value that was refused before, and any
  // value after one wrong one on a token that does not tell how many tries are left, or when the last try is
  // left. A source is given one more value where the wrong one was right before: the PIN was changed
  // elsewhere, and the source knows. What was right before is not taken from a source once the token has
  // counted a wrong PIN since: a module may have sent it by itself, and it may be wrong now.
  virtual boost::asio::awaitable<Result<void>> begin(std::string token, Secret pin, PinTold told,
                                                     PinGiver giver) = 0;
  // After C_Login, once for each begin() that went well. Accepted clears the budget; Refused keeps the value
  // as refused.
  virtual boost::asio::awaitable<Result<void>> end(std::string token, PinOutcome outcome) = 0;
  // The value that was accepted last was sent once more by the token's host (a card that was reset) and
  // refused: it was changed elsewhere. Keeps it as refused.
  virtual boost::asio::awaitable<Result<void>> refused_later(std::string token) = 0;
  // The value that was accepted last was replaced by a new PIN: what was tried before says nothing any more,
  // and a source that still gives the old one is not listened to.
  virtual boost::asio::awaitable<Result<void>> replaced(std::string token) = 0;
  // The PIN was set anew: what was tried before says nothing any more.
  virtual boost::asio::awaitable<Result<void>> clear(std::string token) = 0;
};

// Who has several inputs signed, and works on one while the token works on the next. Called on the event
// loop, from within sign_many() only; must not throw.
struct ManyWatch {
  // Once, before any other: the token has the first of them, or is about to be waited for.
  std::function<void()> begun;
  // Once for each input, by its index, in any order.
  std::function<void(std::size_t index, Result<TokenSignature>)> ended;
};

// All calls run on the agent's one event loop and suspend; none blocks it. Not thread safe beyond that.
class TokenService {
 public:
  virtual ~TokenService() = default;

  virtual boost::asio::awaitable<std::vector<ModuleDescription>> modules() = 0;
  // Asks every module's scout (deadline: discovery). Modules that fail are left out: modules() says why.
  virtual boost::asio::awaitable<std::vector<TokenDescription>> list() = 0;

  // The one token that a name, label, serial number, URI or module's name means, as it is now. NotFound,
  // TokenAbsent, InvalidParameter (several).
  virtual boost::asio::awaitable<Result<TokenDescription>> describe(std::string token) = 0;
  // A token that was used before, as it was then; it need not be there any more, or another program may hold
  // it. Nothing if it never was.
  virtual std::optional<TokenDescription> used_before(const std::string& token) const = 0;

  // NotFound, TokenAbsent, PinRequired (no PIN and no source), PinRefused, TokenFault.
  // The PIN is kept for `cache`.
  virtual boost::asio::awaitable<Result<TokenDescription>> unlock(std::string token,
                                                                  std::optional<Secret> pin,
                                                                  PinCache cache) = 0;
  boost::asio::awaitable<Result<TokenDescription>> unlock(std::string token, std::optional<Secret> pin) {
    return unlock(std::move(token), std::move(pin), std::nullopt);
  }
  // The same with the PIN from the agent's own pinentry, whatever source the token has.
  virtual boost::asio::awaitable<Result<TokenDescription>> unlock_by_prompt(std::string token,
                                                                            PinCache cache) = 0;
  // Its sessions are closed, its PIN is forgotten, and its card is reset. TokenFault "card-not-reset", also
  // of a token that cannot be seen for that reason.
  virtual boost::asio::awaitable<Result<TokenDescription>> lock(std::string token) = 0;
  virtual boost::asio::awaitable<Result<TokenDescription>> init(InitTokenRequest request) = 0;
  // Sets a new user PIN, by the old one or by the security officer's (`officer`; a PIV card's PUK). Where the
  // token was unlocked it goes on with the new one. PinRefused, InvalidParameter, TokenAbsent, TokenFault.
  virtual boost::asio::awaitable<Result<TokenDescription>> change_pin(std::string token, Secret old_pin,
                                                                      Secret new_pin) = 0;
  virtual boost::asio::awaitable<Result<TokenDescription>> unblock_pin(std::string token, Secret officer,
                                                                       Secret new_pin) = 0;
  // Whether generate() could make the key: what is known before anybody agrees to it, and before a PIN is
  // sent. MechanismUnsupported (not through the token's module), AlreadyExists (the PIV slot has a key),
  // InvalidParameter (id; soPin: all is well but that one), TokenFault (the card does not answer). `request`
  // lives until it completes.
  virtual boost::asio::awaitable<Result<void>> can_generate(const GenerateRequest& request) = 0;
  // Sensitive, not extractable, checked after the fact (the object is destroyed if the token did otherwise;
  // in a PIV slot it cannot be, and the error says so). A card that the security officer made a key on is
  // locked for its user afterwards.
  virtual boost::asio::awaitable<Result<FoundKey>> generate(GenerateRequest request) = 0;
  // The one private key that the URI names: NotFound if none, InvalidParameter if several.
  virtual boost::asio::awaitable<Result<FoundKey>> find(std::string uri) = 0;
  // What the key's card says of it, by its own word (an attestation is signed). Nothing where there is no
  // such card, it does not tell, or is busy.
  virtual boost::asio::awaitable<std::optional<KeyPolicies>> policies(FoundKey key) = 0;
  // What is in the certificate objects of the token that the URI names: DER, as they have it. Without a
  // login: through the token's host, if it is unlocked, which may have read them when it began; else by a
  // process of its own.
  virtual boost::asio::awaitable<Result<std::vector<Bytes>>> read_certificates(std::string uri) = 0;
  // Writes a certificate object beside a key. A card that the security officer writes to is locked for its
  // user afterwards. AlreadyExists (another one is there), InvalidParameter (soPin: only the security officer
  // may; certificate: too large; key: it has no CKA_ID), PinRequired, PinRefused, TokenAbsent, TokenFault.
  virtual boost::asio::awaitable<Result<StoredCertificate>> store_certificate(
      StoreCertificateRequest request) = 0;
  // Does not verify the signature: the caller does, against the public key. TokenAbsent, PinRequired: only
  // after `waiting` has told of them, if it tells, and nobody came.
  virtual boost::asio::awaitable<Result<TokenSignature>> sign(KeyLocation key, TokenMechanism mechanism,
                                                              Bytes input, Waiting waiting) = 0;
  boost::asio::awaitable<Result<TokenSignature>> sign(KeyLocation key, TokenMechanism mechanism,
                                                      Bytes input) {
    return sign(std::move(key), mechanism, std::move(input), Waiting());
  }
  // The same for several inputs, spread over the sessions of the key's tokens. What a person must do is
  // waited for once. Completes when `watch` was told of each.
  virtual boost::asio::awaitable<void> sign_many(KeyLocation key, TokenMechanism mechanism,
                                                 std::vector<Bytes> inputs, Waiting waiting,
                                                 ManyWatch watch) = 0;
  // The signature did not verify, so another card answered: the token's host is ended, its PIN forgotten, and
  // all scouts look again. `place`: TokenSignature's.
  virtual void distrust(const KeyLocation& key, std::size_t place) = 0;
  // Why this token is not asked for a key that is on several, now; it is tried again by itself. Nothing: it
  // is.
  virtual std::optional<std::string> fault_of(const KeyPlace& place, const Bytes& spki) const = 0;
  // Completes when the tokens, or what is known of them, may be others than at generation `seen`, or after
  // that long; the generation now, from 1 on, or 0 when the agent is stopping. While somebody waits here,
  // modules are asked every second, and at once when udev tells of a reader.
  virtual boost::asio::awaitable<std::uint64_t> changed(std::uint64_t seen,
                                                        std::chrono::milliseconds at_most) = 0;
  // A person has looked at the token and says that PINs may be sent again: what was tried before is
  // forgotten.
  virtual boost::asio::awaitable<Result<TokenDescription>> reset_pin_budget(std::string token) = 0;
  // Ends all hosts; calls in flight are answered first, as far as the deadline allows.
  virtual boost::asio::awaitable<void> drain(std::chrono::milliseconds deadline) = 0;
};

}  // namespace signet
