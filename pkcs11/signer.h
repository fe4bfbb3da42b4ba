// Signing over one session of one token, with what is needed to keep that session warm.
#pragma once

#include <p11-kit/pkcs11.h>

#include <map>
#include <memory>

#include "pkcs11/fault.h"
#include "pkcs11/key_search.h"
#include "pkcs11/session.h"
#include "pkcs11/token.h"

namespace signet::host {

// One connection's session with its token. Opened on first use, closed by any failed operation (OpenSC leaves
// a failed one active), opened again on next use. One thread at a time.
class Signer {
 public:
  explicit Signer(std::shared_ptr<Token> token) : token_(std::move(token)) {}

  Token& token() const { return *token_; }
  // The session, opened if need be.
  HostResult<Session*> session();
  // Closes the session and forgets all handles.
  void close();

  // Runs once more over a new session after a fault of class Retry or ReopenSession, and once more after a
  // new login when the token lost it; never after a fault that came late (kTouchWait): that was a touch that
  // did not come.
  HostResult<SignReply> sign(const SignRequest& request);
  HostResult<FindKeyReply> find(const FindKeyRequest& request);
  // Private keys hide until a login: none found in a session that is logged out of a token that wants one is
  // CKR_USER_NOT_LOGGED_IN (of C_FindObjects), in all three.
  HostResult<FindObjectsReply> list(const FindObjectsRequest& request);
  HostResult<ListCertificatesReply> certificates();

  static constexpr std::size_t kMaxCachedKeys = 256;
  static constexpr std::uint32_t kTouchWait =
      3000;  // ms: a card that was reset answers at once, a missed touch after 15 s

 private:
  struct Cached {
    FoundPrivateKey found;
    bool fresh = true;  // not used yet
  };
  HostResult<Cached*> cached_key(BytesView spki, const Bytes& id, const std::string& label);
  HostResult<void> keys_are_visible();
  HostResult<SignReply> sign_once(const SignRequest& request);
  void sign_further(const SignRequest& request, SignReply& reply);
  HostResult<Bytes> run_operation(const FoundPrivateKey& key, Mechanism wanted, const Bytes& input);
  // Calls `work` until it succeeds or nothing is left to try.
  template <typename Work>
  auto persistently(Work work) -> decltype(work());
  HostResult<bool> mend(const Fault& fault, std::uint64_t logins_seen, bool& retried, bool& logged_in_again);

  std::shared_ptr<Token> token_;
  std::unique_ptr<Session> session_;
  std::map<Bytes, Cached> keys_;  // by SPKI
  bool logged_in_again_ = false;  // within the current call
};

}  // namespace signet::host
