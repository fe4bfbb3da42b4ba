#include "pkcs11/token.h"

#include <utility>

namespace signet::host {

Token::Token(Module& module, SlotDescription slot, std::unique_ptr<CardWatch> card, bool read_write)
    : module_(module),
      identity_(slot.token),
      read_write_(read_write),
      card_(std::move(card)),
      slot_(std::move(slot)) {}

HostResult<void> Token::expect_same_card() {
  if (!card_ || card_->unchanged()) return {};
  const std::lock_guard lock(login_mutex_);
  return card_left();
}

// login_mutex_ is held.
Fault Token::card_left() {
  forget_pin();
  return make_fault(FaultKind::TokenAbsent, "The card of token " + identity_.label + " with serial number " +
                                                identity_.serial + " was taken out of its reader.");
}

SlotDescription Token::slot() const {
  const std::lock_guard lock(slot_mutex_);
  return slot_;
}

HostResult<std::unique_ptr<Session>> Token::open_session() {
  // Where it was last, if it still is there: a search asks every slot, and a slot may be slow.
  HostResult<SlotDescription> now = expect_token(module_, slot().slot, identity_);
  if (!now) now = locate_token(module_, identity_);
  if (!now) return now.error();
  {
    const std::lock_guard lock(slot_mutex_);
    slot_ = *now;
  }
  return Session::open(module_, now->slot, read_write_);
}

HostResult<void> Token::attach() {
  const std::lock_guard lock(login_mutex_);
  if (anchor_) return {};
  auto opened = open_session();
  if (!opened) return opened.error();
  anchor_ = std::move(*opened);
  return {};
}

HostResult<void> Token::send_pin(CK_USER_TYPE user, CK_SESSION_HANDLE session, const Secret& pin) {
  // Cryptoki wants a pointer to non-const; NULL stands for the reader's own pad.
  auto* text = pin.empty() ? nullptr : const_cast<unsigned char*>(pin.bytes().data());
  return module_.call("C_Login", &CK_FUNCTION_LIST::C_Login, session, user, text, CK_ULONG{pin.size()});
}

// A module that believes it is logged in answers CKR_USER_ALREADY_LOGGED_IN and checks nothing: it must
// forget first. Whether it could is seen from what C_Login says next. login_mutex_ is held.
void Token::log_out() {
  static_cast<void>(module_.call("C_Logout", &CK_FUNCTION_LIST::C_Logout, anchor_->handle()));
}

// Whether the module holds a login that this process made. login_mutex_ is held.
HostResult<bool> Token::logged_in() const {
  if (pin_.empty() && !slot().protected_path) return false;
  if (login_count_ == 0) return false;
  return anchor_->user_logged_in();
}

void Token::forget_pin() {
  pin_.wipe();
}

void Token::forget_login() {
  const std::lock_guard lock(login_mutex_);
  forget_pin();
  if (anchor_) log_out();
}

void Token::reset_card() {
  if (card_ && (login_count_ > 0 || officer_was_in_)) card_->reset_card();
}

HostResult<LoginReply> Token::login(Secret pin) {
  const std::lock_guard lock(login_mutex_);
  if (!anchor_) return make_fault(FaultKind::Protocol, "Login came before Open.");
  if (pin.empty() && !slot().protected_path)
    return make_fault(FaultKind::Protocol,
                      "An empty PIN is only for tokens whose PIN is typed on the reader.");
  HostResult<bool> before = logged_in();
  if (!before) {  // the session went away, and with it, perhaps, the login
    anchor_.reset();
    auto opened = open_session();
    if (!opened) return opened.error();
    anchor_ = std::move(*opened);
    before = false;
  }
  if (*before) return LoginReply{true};
  forget_pin();
  auto sent = send_pin(CKU_USER, anchor_->handle(), pin);
  if (!sent && sent.error().ckr == CKR_USER_ALREADY_LOGGED_IN) {
    // A login that is not ours (ykcs11 says so of a card that was pulled). The PIN was not looked at: no try
    // is used.
    log_out();
    sent = send_pin(CKU_USER, anchor_->handle(), pin);
  }
  if (!sent && sent.error().ckr == CKR_USER_ALREADY_LOGGED_IN) return LoginReply{true};
  if (!sent) return sent.error();
  pin_ = std::move(pin);
  ++login_count_;
  login_again_spent_ = false;
  return LoginReply{false};
}

HostResult<void> Token::login_officer(const Secret& so_pin) {
  const std::lock_guard lock(login_mutex_);
  if (!anchor_ || so_pin.empty())
    return make_fault(FaultKind::Protocol, "The security officer's login comes after Open, with a PIN.");
  auto sent = send_pin(CKU_SO, anchor_->handle(), so_pin);
  if (sent) officer_was_in_ = true;
  return sent;
}

HostResult<void> Token::log_out_officer() {
  const std::lock_guard lock(login_mutex_);
  return module_.call("C_Logout", &CK_FUNCTION_LIST::C_Logout, anchor_->handle());
}

// The kept PIN may only go to the token that accepted it, and only if a mistake would not cost its last
// tries: the PIN may have been changed elsewhere since. login_mutex_ is held.
HostResult<bool> Token::may_send_kept_pin() {
  if (pin_.empty() && !slot().protected_path) return false;
  if (card_ && !card_->unchanged()) return card_left();
  const auto now = expect_token(module_, slot().slot, identity_);
  if (!now) return now.error();
  return !now->user_pin_low && !now->user_pin_final && !now->user_pin_locked;
}

HostResult<bool> Token::login_again(std::uint64_t seen) {
  const std::lock_guard lock(login_mutex_);
  if (login_count_ != seen) return true;  // somebody else has done it
  if (login_again_spent_) {
    forget_pin();
    return false;
  }
  const auto allowed = may_send_kept_pin();
  if (!allowed) return allowed.error();
  if (!*allowed) {
    forget_pin();
    return false;
  }
  if (!anchor_ || anchor_->user_logged_in().has_error()) {
    anchor_.reset();
    auto opened = open_session();
    if (!opened) return opened.error();
    anchor_ = std::move(*opened);
  }
  login_again_spent_ = true;
  const auto believes = anchor_->user_logged_in();
  if (believes && *believes) log_out();  // the module has not noticed yet that the card forgot
  const auto sent = send_pin(CKU_USER, anchor_->handle(), pin_);
  if (!sent) {
    forget_pin();
    return sent.error();
  }
  ++login_count_;
  log_line("logged in again to token " + identity_.label + ", which had lost its login");
  return true;
}

HostResult<void> Token::login_for_operation(const Session& session) {
  const std::lock_guard lock(login_mutex_);
  if (pin_.empty() && !slot().protected_path) {
    Fault fault = cryptoki_fault("C_Login", CKR_USER_NOT_LOGGED_IN, {});
    fault.detail =
        "The key asks for the PIN at each use, and the PIN is not known here: unlock the token again.";
    return fault;
  }
  if (card_ && !card_->unchanged()) return card_left();
  auto sent = send_pin(CKU_CONTEXT_SPECIFIC, session.handle(), pin_);
  if (!sent && pin_refused(sent.error().ckr)) forget_pin();
  return sent;
}

std::shared_lock<std::shared_mutex> Token::side_by_side() {
  const std::lock_guard turn(turnstile_);
  return std::shared_lock(operations_);
}

std::unique_lock<std::shared_mutex> Token::alone() {
  const std::lock_guard turn(turnstile_);
  return std::unique_lock(operations_);
}

// Without the mutex: a slow slot must not hold up connections to other tokens.
HostResult<std::shared_ptr<Token>> TokenTable::locate(const TokenIdentity& identity) {
  auto slot = locate_token(module_, identity);
  if (!slot) return slot.error();
  std::unique_ptr<CardWatch> card;
  if (slot->removable) {
    card = CardWatch::begin(slot->slot_description);
    slot = locate_token(module_, identity);  // so that what is watched is what was recognised
    if (!slot) return slot.error();
  }
  return std::make_shared<Token>(module_, std::move(*slot), std::move(card), read_write_);
}

HostResult<std::shared_ptr<Token>> TokenTable::open(const TokenIdentity& identity) {
  const std::string key = identity.label + '\0' + identity.serial;
  std::shared_ptr<Token> token;
  {
    const std::lock_guard lock(mutex_);
    const auto known = tokens_.find(key);
    if (known != tokens_.end()) token = known->second;
  }
  if (!token) {
    auto located = locate(identity);
    if (!located) return located.error();
    const std::lock_guard lock(mutex_);
    token = tokens_.try_emplace(key, std::move(*located)).first->second;
  }
  const auto same = token->expect_same_card();
  if (!same) return same.error();
  const auto attached = token->attach();
  if (!attached) return attached.error();
  return token;
}

void TokenTable::reset_cards() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, token] : tokens_) token->reset_card();
}

}  // namespace signet::host
