#include "agent/tokens/token_login.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/tokens/pin_length.h"

namespace signet {

namespace asio = boost::asio;

namespace {

using host::CkrClass;
using host::Fault;
using host::FaultKind;

struct PinFlags {
  PinState state = PinState::Ok;
  bool tells = false;
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
  flags.state = user_pin_state(*slot);
  flags.tells = tells_tries(*slot);
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

// The budget knows tokens by their lasting identity; people know them by name.
Error named(Error error, const LoginContext& context) {
  if (error.parameters.contains("token")) error.parameters["token"] = context.about.token;
  const std::size_t at = error.message.find(context.budget_id);
  if (!context.budget_id.empty() && at != std::string::npos) {
    error.message.replace(at, context.budget_id.size(), context.about.token);
  }
  return error;
}

Error failure(const HostAnswer& answer, const LoginContext& context, PinState state) {
  if (const auto* lost = std::get_if<HostLost>(&answer)) return to_error(*lost, context.about);
  const Fault& fault = std::get<Fault>(answer);
  if (fault.kind == FaultKind::Cryptoki && fault.call == "C_Login") {
    if (host::pin_locked(fault.ckr)) {
      return pin_refused_error(context.about.token, PinState::Blocked,
                               "no try is left; the token has locked it.");
    }
    if (host::pin_refused(fault.ckr)) {
      return pin_refused_error(context.about.token, state, "it is wrong. The agent will not send it again.");
    }
    if (login_outcome(answer) == PinOutcome::NotTried && fault.klass == CkrClass::CallersFault) {
      return pin_refused_error(context.about.token, state,
                               "the token did not even compare it (" + host::ckr_name(fault.ckr) +
                                   "): it is too short, too long or has not been set.");
    }
  }
  return to_error(fault, context.about);
}

bool host_is_useless(const HostAnswer& answer) {
  const auto* fault = std::get_if<Fault>(&answer);
  return fault == nullptr || fault->klass == CkrClass::RestartHost;
}

}  // namespace

PinState user_pin_state(const host::SlotDescription& slot) {
  if (slot.initialised && !slot.user_pin_initialised && slot.login_required) return PinState::Unset;
  if (slot.user_pin_locked) return PinState::Blocked;
  if (slot.user_pin_final) return PinState::Final;
  return slot.user_pin_low ? PinState::Low : PinState::Ok;
}

PinState so_pin_state(const host::SlotDescription& slot) {
  if (slot.so_pin_locked) return PinState::Blocked;
  if (slot.so_pin_final) return PinState::Final;
  return slot.so_pin_low ? PinState::Low : PinState::Ok;
}

bool tells_tries(const host::SlotDescription& slot) {
  return slot.user_pin_low || slot.user_pin_final || slot.user_pin_locked ||
         slot.manufacturer == "SoftHSM project";
}

PinOutcome login_outcome(const HostAnswer& answer) {
  if (std::holds_alternative<host::Reply>(answer)) {
    const auto& reply = std::get<host::LoginReply>(std::get<host::Reply>(answer));
    return reply.already ? PinOutcome::NotTried : PinOutcome::Accepted;
  }
  const auto* fault = std::get_if<Fault>(&answer);
  if (fault == nullptr) return PinOutcome::Unknown;
  if (fault->call != "C_Login") return PinOutcome::NotTried;  // it did not come that far
  if (host::pin_refused(fault->ckr) || host::pin_locked(fault->ckr)) return PinOutcome::Refused;
  // Return codes by which a token says that it compared nothing: ARGUMENTS_BAD, FUNCTION_NOT_SUPPORTED,
  // PIN_LEN_RANGE, SESSION_CLOSED, SESSION_HANDLE_INVALID, USER_PIN_NOT_INITIALIZED,
  // CRYPTOKI_NOT_INITIALIZED.
  constexpr std::array<std::uint64_t, 7> kNotCompared = {0x07, 0x54, 0xA2, 0xB0, 0xB3, 0x102, 0x190};
  return std::ranges::find(kNotCompared, fault->ckr) != kNotCompared.end() ? PinOutcome::NotTried
                                                                           : PinOutcome::Unknown;
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
        co_await context.budget->begin(context.budget_id, std::move(counted_pin), flags.state, flags.tells);
    if (!begun) co_return LoginFailed(named(begun.error(), context));
  }
  host::LoginRequest login;
  login.pin = std::move(pin);
  host::Request request(std::move(login));
  const HostAnswer answer = co_await host.call(connection, request, context.limit);
  std::get<host::LoginRequest>(request).pin.wipe();

  PinOutcome outcome = login_outcome(answer);
  PinState state = flags.state;
  if (outcome != PinOutcome::Accepted) {
    const std::optional<PinFlags> after = co_await flags_after(host, connection, context);
    if (after) state = after->state;
    // A token that counts wrong PINs and has counted none was not asked.
    if (outcome == PinOutcome::Unknown && after && flags.tells && after->state == PinState::Ok)
      outcome = PinOutcome::NotTried;
  }
  if (counted) {
    auto ended = co_await context.budget->end(context.budget_id, outcome);
    if (!ended) co_return LoginFailed(named(ended.error(), context), false, true);
  }
  if (std::holds_alternative<host::Reply>(answer)) co_return LoginDone();
  co_return LoginFailed(failure(answer, context, state), host_is_useless(answer),
                        outcome != PinOutcome::NotTried);
}

}  // namespace signet
