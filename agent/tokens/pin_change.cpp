#include "agent/tokens/pin_change.h"

#include <algorithm>
#include <optional>

#include "agent/tokens/admin_process.h"
#include "agent/tokens/pin_length.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// For the card to count its tries.
constexpr std::chrono::milliseconds kCountTime(1500);

Result<void> check_length(const Secret& pin, const host::SlotDescription& slot, const FaultContext& about,
                          std::string_view parameter) {
  auto fits = check_pin_length(pin.size(), pin_lengths(slot), about.token);
  if (fits) return fits;
  Error error = fits.error();
  error.parameters["parameter"] = parameter;
  return error;
}

// --- the old PIN, and a new one ---

// The slot that holds the token in this process: slot numbers of another process mean nothing.
std::optional<host::SlotDescription> find_token(const std::vector<host::SlotDescription>& slots,
                                                const FaultContext& about) {
  const auto found = std::ranges::find_if(slots, [&](const host::SlotDescription& slot) {
    return slot.present && slot.ckr == 0 && slot.token.label == about.label &&
           slot.token.serial == about.serial;
  });
  if (found == slots.end()) return std::nullopt;
  return *found;
}

// As it is after a PIN was refused; as it was, where that is not to be had.
asio::awaitable<host::SlotDescription> look_again(AdminHost& admin, const AdminTask& task,
                                                  host::SlotDescription before) {
  const host::Request list{host::ListTokensRequest()};
  const auto listed = co_await ask<host::ListTokensReply>(admin, list, task.login.limit, task.login.about);
  if (!listed) co_return before;
  co_return find_token(listed->slots, task.login.about).value_or(before);
}

Error change_failure(const HostAnswer& answer, const FaultContext& about, const PinTold& now) {
  const auto* fault = std::get_if<host::Fault>(&answer);
  if (fault != nullptr && fault->kind == host::FaultKind::Cryptoki && host::pin_refused(fault->ckr))
    return pin_refused_error(about.token, now.state, "the old one is wrong. Nothing was changed.", now.left);
  return answer_error(answer, about);
}

}  // namespace

asio::awaitable<Result<void>> change_pin(AdminTask task, Secret old_pin, Secret new_pin) {
  const LoginContext& login = task.login;
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost admin = std::move(*started);
  const auto slot = co_await open_token(admin, task);
  if (!slot) co_return slot.error();
  if (auto fits = check_length(old_pin, *slot, login.about, "oldPin"); !fits) co_return fits.error();
  if (auto fits = check_length(new_pin, *slot, login.about, "newPin"); !fits) co_return fits.error();
  const PinTold told = co_await ask_told(login, *slot);
  Secret counted = old_pin.copy();
  const auto begun =
      co_await login.budget->begin(login.budget_id, std::move(counted), told, PinGiver::Person);
  if (!begun) co_return named(begun.error(), login);

  host::SetPinRequest set;
  set.old_pin = std::move(old_pin);
  set.new_pin = std::move(new_pin);
  const host::Request request(std::move(set));
  const HostAnswer answer = co_await admin.process().call(admin.connection(), request, login.limit);
  const auto ended = co_await login.budget->end(login.budget_id, pin_outcome(answer, "C_SetPIN"));
  if (!std::holds_alternative<host::Reply>(answer)) {
    const host::SlotDescription after = co_await look_again(admin, task, *slot);
    const PinTold now = co_await ask_told(login, after);
    co_return change_failure(answer, login.about, now);
  }
  if (!ended) co_return named(ended.error(), login);
  admin.finish();
  co_return co_await login.budget->replaced(login.budget_id);
}

namespace {

// --- unblocking ---

PinOutcome unblock_outcome(const HostAnswer& answer) {
  const auto* fault = std::get_if<host::Fault>(&answer);
  // Without a word from the card nobody knows whether it has compared; a card that was not reached has not.
  if (fault != nullptr && fault->kind != host::FaultKind::Cryptoki)
    return fault->call == "SCardTransmit" ? PinOutcome::Unknown : PinOutcome::NotTried;
  return pin_outcome(answer, host::kUnblockCall);
}

Error officer_refused(const FaultContext& about, std::string_view officer, const host::Fault& fault,
                      const PinTold& now) {
  const std::string name(officer);
  if (host::pin_locked(fault.ckr)) {
    return pin_refused_error(about.token, PinState::Blocked,
                             "its " + name + " is locked, so the PIN cannot be unblocked any more.", 0U);
  }
  return pin_refused_error(about.token, now.state,
                           "the " + name + " is wrong. The agent will not send it again.", now.left);
}

bool is_refusal(const HostAnswer& answer) {
  const auto* fault = std::get_if<host::Fault>(&answer);
  return fault != nullptr && fault->kind == host::FaultKind::Cryptoki &&
         (host::pin_refused(fault->ckr) || host::pin_locked(fault->ckr));
}

asio::awaitable<PinTold> puk_told(CardAccess card, std::string reader) {
  const host::CardTriesReply counted = co_await card_tries(std::move(card), std::move(reader), kCountTime);
  co_return counted.puk.known ? told_by_count(counted.puk) : told_by_flags(PinState::Ok, false);
}

asio::awaitable<Result<void>> unblock_by_puk(AdminTask task, CardAccess card, Secret puk, Secret new_pin) {
  const LoginContext& login = task.login;
  const std::string& reader = task.token.reader;
  const std::string budget_id = login.budget_id + "/puk";
  const PinTold told = co_await puk_told(card, reader);
  Secret counted = puk.copy();
  const auto begun = co_await login.budget->begin(budget_id, std::move(counted), told, PinGiver::Person);
  if (!begun) co_return named(begun.error(), login);
  const HostAnswer answer = co_await unblock_card(card, reader, std::move(puk), std::move(new_pin));
  const auto ended = co_await login.budget->end(budget_id, unblock_outcome(answer));
  if (is_refusal(answer)) {
    const PinTold now = co_await puk_told(card, reader);
    co_return officer_refused(login.about, "PUK", std::get<host::Fault>(answer), now);
  }
  if (!std::holds_alternative<host::Reply>(answer)) co_return answer_error(answer, login.about);
  if (!ended) co_return named(ended.error(), login);
  co_return co_await login.budget->clear(login.budget_id);
}

asio::awaitable<Result<void>> unblock_by_officer(AdminTask task, Secret so_pin, Secret new_pin) {
  const LoginContext& login = task.login;
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost admin = std::move(*started);
  const host::Request list{host::ListTokensRequest()};
  const auto listed = co_await ask<host::ListTokensReply>(admin, list, login.limit, login.about);
  if (!listed) co_return listed.error();
  const auto slot = find_token(listed->slots, login.about);
  if (!slot) co_return token_absent_error(login.about);
  if (auto fits = check_length(new_pin, *slot, login.about, "newPin"); !fits) co_return fits.error();

  const std::string budget_id = login.budget_id + "/so";
  Secret counted = so_pin.copy();
  const auto begun =
      co_await login.budget->begin(budget_id, std::move(counted), so_told(*slot), PinGiver::Person);
  if (!begun) co_return named(begun.error(), login);
  host::InitPinRequest set;
  set.slot = slot->slot;
  set.expected = slot->token;
  set.so_pin = std::move(so_pin);
  set.pin = std::move(new_pin);
  const host::Request request(std::move(set));
  const HostAnswer answer = co_await admin.process().call(admin.connection(), request, login.limit);
  const auto ended = co_await login.budget->end(budget_id, officer_outcome(answer));
  if (is_refusal(answer) && std::get<host::Fault>(answer).call == "C_Login") {
    const host::SlotDescription after = co_await look_again(admin, task, *slot);
    co_return officer_refused(login.about, "security officer's PIN", std::get<host::Fault>(answer),
                              so_told(after));
  }
  if (!std::holds_alternative<host::Reply>(answer)) co_return answer_error(answer, login.about);
  if (!ended) co_return named(ended.error(), login);
  admin.finish();
  co_return co_await login.budget->clear(login.budget_id);
}

}  // namespace

asio::awaitable<Result<void>> unblock_pin(AdminTask task, Secret officer, Secret new_pin) {
  const TokenDescription& told = task.token.description;
  if (!task.login.card || !is_piv(told))
    co_return co_await unblock_by_officer(std::move(task), std::move(officer), std::move(new_pin));
  host::SlotDescription card_slot;  // for the lengths that all PIV cards have
  card_slot.manufacturer = told.manufacturer;
  card_slot.model = told.model;
  if (auto fits = check_length(officer, card_slot, task.login.about, "soPin"); !fits) co_return fits.error();
  if (auto fits = check_length(new_pin, card_slot, task.login.about, "newPin"); !fits) co_return fits.error();
  CardAccess card = *task.login.card;
  co_return co_await unblock_by_puk(std::move(task), std::move(card), std::move(officer), std::move(new_pin));
}

}  // namespace signet
