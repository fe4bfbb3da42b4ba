// A token as this process holds it: one login for all sessions, as Cryptoki has it, and the PIN while it is
// needed.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "pkcs11/card_watch.h"
#include "pkcs11/fault.h"
#include "pkcs11/module.h"
#include "pkcs11/session.h"
#include "pkcs11/slots.h"

namespace signet::host {

// Thread safe. The rules about the PIN (docs/host-protocol.md, "PINs") are kept here and nowhere else:
// - a PIN goes to the token once for each LoginRequest, and is kept only after the token has accepted it;
// - it is sent again by itself only when the token lost the login (a card reset), only to the token it was
//   accepted by, never when the token says that tries are used up, and never twice without a good signature
//   in between;
// - a PIN that was refused is wiped, and so is one whose card left the reader. Modules keep a copy of their
//   own, and send it to the card that they find: after such a change the process must end.
class Token {
 public:
  // `card` was begun before the token was seen in `slot`.
  Token(Module& module, SlotDescription slot, std::unique_ptr<CardWatch> card, bool read_write);

  // FaultKind::TokenAbsent from the moment on when the card left its reader, even if it is back: this process
  // has then done its duty. Asked before every call that may make the module send a PIN. For tokens in
  // PC/SC's readers; others are never found absent by this.
  HostResult<void> expect_same_card();

  // Opens the session that keeps the token's login alive while other sessions come and go.
  HostResult<void> attach();
  HostResult<LoginReply> login(Secret pin);

  // C_Login as the security officer, for one task: sent once, and not kept. log_out_officer() ends it.
  HostResult<void> login_officer(const Secret& so_pin);
  HostResult<void> log_out_officer();

  // For a token that answered CKR_USER_NOT_LOGGED_IN: sends the kept PIN, by the rules above. `seen` is
  // login_count() from before the failed call: if another thread has logged in since, nothing is sent. False:
  // there is no PIN that may be sent. A fault is C_Login's.
  HostResult<bool> login_again(std::uint64_t seen);
  // C_Login(CKU_CONTEXT_SPECIFIC) for an operation in progress in `session`, with the kept PIN.
  HostResult<void> login_for_operation(const Session& session);

  // C_Logout, and the kept PIN is wiped. What the card remembers is ResetCard's affair.
  void forget_login();
  // The card forgets who was verified, if this process logged in to it. The module must be
  // finalised.
  void reset_card();

  std::uint64_t login_count() const { return login_count_; }
  // After a signature: the login works, so that a later reset may be answered with the kept PIN.
  void signed_well() {
    if (login_again_spent_) login_again_spent_ = false;
  }

  // A new session with the token, wherever it is now.
  HostResult<std::unique_ptr<Session>> open_session();

  // SignInit – Login(CONTEXT_SPECIFIC) – Sign of a key that always authenticates is alone on its token;
  // signatures by other keys run side by side. Taken in turn, so that neither kind starves the other.
  std::shared_lock<std::shared_mutex> side_by_side();
  std::unique_lock<std::shared_mutex> alone();

  SlotDescription slot() const;
  const TokenIdentity& identity() const { return identity_; }

 private:
  HostResult<void> send_pin(CK_USER_TYPE user, CK_SESSION_HANDLE session, const Secret& pin);
  void log_out();
  HostResult<bool> logged_in() const;
  HostResult<bool> may_send_kept_pin();
  void forget_pin();
  Fault card_left();

  Module& module_;
  const TokenIdentity identity_;
  const bool read_write_;

  const std::unique_ptr<CardWatch> card_;  // null where PC/SC knows nothing of it

  mutable std::mutex slot_mutex_;
  SlotDescription slot_;  // under slot_mutex_

  std::mutex login_mutex_;  // over everything below
  std::unique_ptr<Session> anchor_;
  Secret pin_;                                   // accepted by the token
  std::atomic<std::uint64_t> login_count_ = 0;   // read without the mutex
  std::atomic<bool> login_again_spent_ = false;  // read and reset without the mutex
  std::atomic<bool> officer_was_in_ = false;     // read without the mutex

  std::mutex turnstile_;
  std::shared_mutex operations_;
};

// The tokens that this process has opened. Thread safe.
class TokenTable {
 public:
  TokenTable(Module& module, bool read_write) : module_(module), read_write_(read_write) {}
  HostResult<std::shared_ptr<Token>> open(const TokenIdentity& identity);
  void reset_cards();

 private:
  HostResult<std::shared_ptr<Token>> locate(const TokenIdentity& identity);

  Module& module_;
  const bool read_write_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Token>> tokens_;  // by label, NUL, serial
};

}  // namespace signet::host
