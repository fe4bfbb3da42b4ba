#include "agent/tokens/token_login.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/tokens/pin_length.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// For the card to count its tries: it may be busy with another program.
constexpr std::chrono::milliseconds kCountTime(1500);

using host::CkrClass;
using host::Fault;
using host::FaultKind;

struct PinFlags {
  PinTold told;
  bool protected_path = false;
  PinLengths lengths;
};

// The token itself, asked now: the flags of a minute ago are no ground to risk a try on.
asio::awaitable<std::variant<PinFlags, Fault, HostLost>> ask_flags(HostProcess& host,
                                                                   HostConnection& connection,
                                                                   const LoginContext& context) {
  const host::Request request{host::ListTokensRequest()};
  HostAnswer answer = co_await host.call(connection, request, context.limit);
  if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
  if (auto* lost = std::get_if<HostLost>(&answer)) co_return std::move(*lost);
  const auto& slots = std::get<host::ListTokensReply>(std::get<host::Reply>(answer)).slots;
  const auto slot = std::ranges::find_if(slots, [&](const host::SlotDescription& candidate) {
    return candidate.present && candidate.ckr == 0 && candidate.token.label == context.about.label &&
           candidate.token.serial == context.about.serial;
  });
  if (slot == slots.end()) {
    Fault absent;
    absent.kind = FaultKind::TokenAbsent;
    absent.klass = CkrClass::RestartHost;
    co_return absent;
  }
  PinFlags flags;
  flags.told = co_await ask_told(context, *slot);
  flags.protected_path = slot->protected_path;
  flags.lengths = pin_lengths(*slot);
  co_return flags;
}

// The token's flags after a failed attempt; nothing if it does not say.
asio::awaitable<std::optional<PinFlags>> flags_after(HostProcess& host, HostConnection& connection,
                                                     const LoginContext& context) {
  if (host.ended()) co_return std::nullopt;
  auto asked = co_await ask_flags(host, connection, context);
  if (auto* flags = std::get_if<PinFlags>(&asked)) co_return *flags;
  co_return std::nullopt;
}

Error failure(const HostAnswer& answer, const LoginContext& context, const PinTold& told) {
  if (const auto* lost = std::get_if<HostLost>(&answer)) return to_error(*lost, context.about);
  const Fault& fault = std::get<Fault>(answer);
  if (fault.kind == FaultKind::Cryptoki && fault.call == "C_Login") {
    if (host::pin_locked(fault.ckr)) {
      return pin_refused_error(context.about.token, PinState::Blocked,
                               "no try is left; the token has locked it.", told.left);
    }
    if (host::pin_refused(fault.ckr)) {
      return pin_refused_error(context.about.token, told.state,
                               "it is wrong. The agent will not send it again.", told.left);
    }
    if (login_outcome(answer) == PinOutcome::NotTried && fault.klass == CkrClass::CallersFault) {
      return pin_refused_error(context.about.token, told.state,
                               "the token did not even compare it (" + host::ckr_name(fault.ckr) +
                                   "): it is too short, too long or has not been set.");
    }
  }
  return to_error(fault, context.about);
}

bool was_not_counted(const PinTold& before, const PinTold& after) {
  if (before.left && after.left) return *after.left >= *before.left;
  return before.tells && after.untouched;
}

bool host_is_useless(const HostAnswer& answer) {
  const auto* fault = std::get_if<Fault>(&answer);
  return fault == nullptr || fault->klass == CkrClass::RestartHost;
}

}  // namespace

asio::awaitable<PinTold> ask_told(LoginContext context, host::SlotDescription slot) {
  if (context.card && is_piv(slot)) {
    CardAccess card = *context.card;
    const host::CardTriesReply counted =
        co_await card_tries(std::move(card), slot.slot_description, kCountTime);
    if (counted.pin.known) co_return told_by_count(counted.pin);
  }
  co_return told_by_flags(user_pin_state(slot), tells_tries(slot));
}

Error named(Error error, const LoginContext& context) {
  if (error.parameters.contains("token")) error.parameters["token"] = context.about.token;
  const std::size_t at = error.message.find(context.budget_id);
  if (!context.budget_id.empty() && at != std::string::npos) {
    const std::size_t end = error.message.find('"', at);  // the names of budgets may go on: "…/puk"
    error.message.replace(at, end == std::string::npos ? context.budget_id.size() : end - at,
                          context.about.token);
  }
  return error;
}

PinOutcome pin_outcome(const HostAnswer& answer, std::string_view call) {
  if (std::holds_alternative<host::Reply>(answer)) return PinOutcome::Accepted;
  const auto* fault = std::get_if<Fault>(&answer);
  if (fault == nullptr) return PinOutcome::Unknown;
  if (fault->call != call) return PinOutcome::NotTried;  // it did not come that far
  if (host::pin_refused(fault->ckr) || host::pin_locked(fault->ckr)) return PinOutcome::Refused;
  // Return codes by which a token says that it compared nothing, or nothing wrong: ARGUMENTS_BAD,
  // FUNCTION_NOT_SUPPORTED, PIN_INVALID, PIN_LEN_RANGE, SESSION_CLOSED, SESSION_HANDLE_INVALID,
  // USER_PIN_NOT_INITIALIZED, CRYPTOKI_NOT_INITIALIZED, PIN_TOO_WEAK.
  constexpr std::array<std::uint64_t, 9> kNotCompared = {0x07, 0x54,  0xA1,  0xA2, 0xB0,
                                                         0xB3, 0x102, 0x190, 0x1B8};
  return std::ranges::find(kNotCompared, fault->ckr) != kNotCompared.end() ? PinOutcome::NotTried
                                                                           : PinOutcome::Unknown;
}

PinOutcome login_outcome(const HostAnswer& answer) {
  if (const auto* reply = std::get_if<host::Reply>(&answer);
      reply && std::get<host::LoginReply>(*reply).already)
    return PinOutcome::NotTried;
  return pin_outcome(answer, "C_Login");
}

PinOutcome officer_outcome(const HostAnswer& answer) {
  const auto* fault = std::get_if<Fault>(&answer);
  constexpr std::array<std::string_view, 4> kAfterLogin = {"C_InitPIN", "C_CreateObject", "C_DestroyObject",
                                                           "C_GenerateKeyPair"};
  if (fault != nullptr && std::ranges::find(kAfterLogin, fault->call) != kAfterLogin.end())
    return PinOutcome::Accepted;
  return pin_outcome(answer, "C_Login");
}

asio::awaitable<LoginResult> log_in(HostProcess& host, HostConnection& connection, LoginContext context,
                                    Secret pin) {
  auto told = co_await ask_flags(host, connection, context);
  if (auto* fault = std::get_if<Fault>(&told)) {
    const HostAnswer answer(*fault);
    co_return LoginFailed(to_error(*fault, context.about), host_is_useless(answer));
  }
  if (auto* lost = std::get_if<HostLost>(&told)) co_return LoginFailed(to_error(*lost, context.about), true);
  const PinFlags flags = std::get<PinFlags>(told);

  // A PIN that a person types on the reader is no matter of the budget: the agent neither knows nor repeats
  // it.
  const bool counted = !flags.protected_path;
  if (counted) {
    const auto fits = check_pin_length(pin.size(), flags.lengths, context.about.token);
    if (!fits) co_return LoginFailed(fits.error());
    Secret counted_pin = pin.copy();
    auto begun =
        co_await context.budget->begin(context.budget_id, std::move(counted_pin), flags.told, context.giver);
    if (!begun) co_return LoginFailed(named(begun.error(), context));
  }
  host::LoginRequest login;
  login.pin = std::move(pin);
  host::Request request(std::move(login));
  const HostAnswer answer = co_await host.call(connection, request, context.limit);
  std::get<host::LoginRequest>(request).pin.wipe();

  PinOutcome outcome = login_outcome(answer);
  PinTold now = flags.told;
  if (outcome != PinOutcome::Accepted) {
    const std::optional<PinFlags> after = co_await flags_after(host, connection, context);
    if (after) now = after->told;
    // A token that counts wrong PINs and has counted none was not asked.
    if (outcome == PinOutcome::Unknown && after && was_not_counted(flags.told, after->told))
      outcome = PinOutcome::NotTried;
  }
  if (counted) {
    auto ended = co_await context.budget->end(context.budget_id, outcome);
    if (!ended) co_return LoginFailed(named(ended.error(), context), false, true);
  }
  if (std::holds_alternative<host::Reply>(answer)) co_return LoginDone();
  co_return LoginFailed(failure(answer, context, now), host_is_useless(answer),
                        outcome != PinOutcome::NotTried);
}

}  // namespace signet
