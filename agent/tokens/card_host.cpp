#include "agent/tokens/card_host.h"

#include <spdlog/spdlog.h>

#include "agent/tokens/card_holder.h"

namespace signet {

namespace asio = boost::asio;

namespace {

// Over a touch that another program waits for, and over a slow card.
constexpr std::chrono::milliseconds kResetTime(5000);
// Four questions. One that waits for a touch for another program is not waited for.
constexpr std::chrono::milliseconds kSlotTime(3000);

std::string why_of(const HostAnswer& answer) {
  if (const auto* fault = std::get_if<host::Fault>(&answer)) return fault->call + " failed. " + fault->detail;
  return std::get<HostLost>(answer).why + ".";
}

}  // namespace

asio::awaitable<HostAnswer> ask_card(CardAccess access, const host::Request& request, CallLimit limit) {
  auto started = HostProcess::start(access.executor, access.launch, access.load);
  if (!started) co_return HostLost(started.error().message);
  const std::shared_ptr<HostProcess> process = std::move(*started);
  HostProcess::Connected connected = co_await process->connect(limit);
  HostAnswer answer = HostLost("");
  if (auto* made = std::get_if<std::unique_ptr<HostConnection>>(&connected)) {
    const std::unique_ptr<HostConnection> connection = std::move(*made);
    answer = co_await process->call(*connection, request, limit);
  } else if (auto* fault = std::get_if<host::Fault>(&connected)) {
    answer = std::move(*fault);
  } else {
    answer = std::move(std::get<HostLost>(connected));
  }
  process->stop("it has answered");
  co_return answer;
}

asio::awaitable<Result<void>> reset_card(CardAccess access, std::string reader, FaultContext about) {
  host::ResetCardRequest reset;
  reset.reader = std::move(reader);
  const host::Request request(std::move(reset));
  const CallLimit limit(kResetTime, std::chrono::milliseconds(0));
  const HostAnswer answer = co_await ask_card(access, request, limit);
  if (std::holds_alternative<host::Reply>(answer)) co_return Result<void>();
  const std::string holder = who_holds_cards(access);
  const std::string why = why_of(answer);
  spdlog::warn("The card of token \"{}\" could not be reset: {}", about.token, why);
  boost::json::object parameters;
  parameters["token"] = about.token;
  parameters["ckr"] = "card-not-reset";
  parameters["call"] = "SCardDisconnect";
  co_return Error(ErrorName::TokenFault,
                  "The agent has closed its sessions with token \"" + about.token +
                      "\" and forgotten its PIN, but the card could not be reset, and may let other programs "
                      "use its keys without the PIN: " +
                      why + " " + holder + " Lock it again when nobody else uses it, or take it out.",
                  std::move(parameters));
}

asio::awaitable<host::CardTriesReply> card_tries(CardAccess access, std::string reader,
                                                 std::chrono::milliseconds at_most) {
  host::CardTriesRequest question;
  question.reader = std::move(reader);
  const host::Request request(std::move(question));
  const CallLimit limit(at_most, std::chrono::milliseconds(0));
  const HostAnswer answer = co_await ask_card(std::move(access), request, limit);
  if (const auto* reply = std::get_if<host::Reply>(&answer)) co_return std::get<host::CardTriesReply>(*reply);
  spdlog::debug("How many tries a card has left is not known: {}", why_of(answer));
  co_return host::CardTriesReply{};
}

asio::awaitable<host::CardKeyReply> card_key(CardAccess access, std::string reader, Bytes spki,
                                             std::chrono::milliseconds at_most) {
  host::CardKeyRequest question;
  question.reader = std::move(reader);
  question.spki = std::move(spki);
  const host::Request request(std::move(question));
  const CallLimit limit(at_most, std::chrono::milliseconds(0));
  const HostAnswer answer = co_await ask_card(std::move(access), request, limit);
  if (const auto* reply = std::get_if<host::Reply>(&answer)) co_return std::get<host::CardKeyReply>(*reply);
  spdlog::debug("What a card says of its key is not known: {}", why_of(answer));
  co_return host::CardKeyReply{};
}

asio::awaitable<Result<host::CardSlotReply>> card_slot(CardAccess access, std::string reader,
                                                       std::uint8_t slot, FaultContext about) {
  host::CardSlotRequest question;
  question.reader = std::move(reader);
  question.slot = slot;
  const host::Request request(std::move(question));
  const CallLimit limit(kSlotTime, std::chrono::milliseconds(0));
  const HostAnswer answer = co_await ask_card(access, request, limit);
  if (const auto* reply = std::get_if<host::Reply>(&answer)) co_return std::get<host::CardSlotReply>(*reply);
  const std::string holder = who_holds_cards(access);
  boost::json::object parameters;
  parameters["token"] = about.token;
  parameters["ckr"] = "card-busy";
  parameters["call"] = "SCardTransmit";
  co_return Error(ErrorName::TokenFault,
                  "The card of token \"" + about.token + "\" could not be asked what its slots hold: " +
                      why_of(answer) + " " + holder + " Try again when nobody else uses it.",
                  std::move(parameters));
}

asio::awaitable<HostAnswer> unblock_card(CardAccess access, std::string reader, Secret puk, Secret pin) {
  host::UnblockCardRequest unblock;
  unblock.reader = std::move(reader);
  unblock.puk = std::move(puk);
  unblock.pin = std::move(pin);
  const host::Request request(std::move(unblock));
  const CallLimit limit = login_limit(access.launch.module.deadlines);
  co_return co_await ask_card(std::move(access), request, limit);
}

}  // namespace signet
