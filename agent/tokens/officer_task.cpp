#include "agent/tokens/officer_task.h"

#include "agent/tokens/pin_told.h"

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t kArgumentsBad = 0x07, kPinLengthRange = 0xA2;

Error officer_not_compared(const host::Fault& fault, const FaultContext& about) {
  boost::json::object parameters;
  parameters["parameter"] = "soPin";
  return Error(ErrorName::InvalidParameter,
               "Token \"" + about.token + "\" did not even compare the SO PIN (" + host::ckr_name(fault.ckr) +
                   "). A YubiKey's management key has 48 hexadecimal digits.",
               std::move(parameters));
}

}  // namespace

asio::awaitable<Result<HostAnswer>> ask_as_officer(AdminHost& admin, const AdminTask& task,
                                                   const host::SlotDescription& slot,
                                                   const host::Request& request, Secret so_pin,
                                                   CallLimit limit) {
  const LoginContext& login = task.login;
  const std::string budget_id = login.budget_id + "/so";
  const auto begun =
      co_await login.budget->begin(budget_id, std::move(so_pin), so_told(slot), PinGiver::Person);
  if (!begun) co_return named(begun.error(), login);
  HostAnswer answer = co_await admin.process().call(admin.connection(), request, limit);
  const auto ended = co_await login.budget->end(budget_id, officer_outcome(answer));
  if (!ended && std::holds_alternative<host::Reply>(answer)) co_return named(ended.error(), login);
  co_return answer;
}

asio::awaitable<Result<void>> lock_for_officer(const TokenRegistry::Found& found,
                                               std::shared_ptr<HostedToken> hosted, std::string what) {
  if (!found.token.description.removable) co_return Result<void>();
  co_return co_await hosted->lock_whole(what + " by the token's security officer");
}

// Which of the two was wrong cannot be told: ykcs11 2.2 calls the right management key wrong if it is an AES
// key, as firmware 5.7 has them (measured).
std::optional<Error> officer_login_error(const HostAnswer& answer, const FaultContext& about,
                                         std::string_view nothing_done, std::string_view own_tool) {
  const auto* fault = std::get_if<host::Fault>(&answer);
  if (fault == nullptr || fault->kind != host::FaultKind::Cryptoki || fault->call != "C_Login")
    return std::nullopt;
  if (host::pin_locked(fault->ckr))
    return pin_refused_error(about.token, PinState::Blocked, "its security officer's PIN is locked.", 0U);
  if (host::pin_refused(fault->ckr))
    return pin_refused_error(
        about.token, PinState::Ok,
        "the security officer's PIN is wrong, or of a kind that the module does not know (a YubiKey's "
        "management key is an AES key since firmware 5.7, which ykcs11 2.2 does not know). " +
            std::string(nothing_done) + ", and the agent will not send it again." + std::string(own_tool));
  if (fault->ckr == kArgumentsBad || fault->ckr == kPinLengthRange)
    return officer_not_compared(*fault, about);
  return std::nullopt;
}

bool is_ykcs11(const TokenDescription& token) {
  return is_piv(token) && token.manufacturer.starts_with("Yubico");
}

}  // namespace signet
