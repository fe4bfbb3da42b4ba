#include "agent/ask_person.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Error no_agreement(std::string message) {
  boost::json::object parameters{{"rule", "confirm"}};
  return {ErrorName::PolicyDenied, std::move(message), std::move(parameters)};
}

Result<void> judge(const PromptOutcome& outcome) {
  switch (outcome.kind) {
    case PromptOutcome::Kind::Confirmed:
      return {};
    case PromptOutcome::Kind::Refused:
      return no_agreement("The person who was asked said no.");
    case PromptOutcome::Kind::TimedOut:
      return no_agreement("Nobody answered the agent's prompt in time.");
    case PromptOutcome::Kind::Unavailable:
      break;
  }
  return no_agreement("Nobody could be asked: " + outcome.why);
}

awaitable<Result<void>> ask(Pinentry& pinentry, Confirmation confirmation) {
  ConfirmationPrompt prompt;
  prompt.question = std::move(confirmation.question);
  prompt.details = std::move(confirmation.details);
  prompt.footer = std::move(confirmation.footer);
  const PromptOutcome outcome = co_await pinentry.confirm(std::move(prompt));
  co_return judge(outcome);
}

awaitable<Result<Secret>> ask_pin(Pinentry& pinentry, std::string token, std::string error) {
  std::string question = "The agent needs the PIN of token \"" + token + "\".";
  PromptOutcome outcome = co_await pinentry.ask_pin(std::move(question), std::move(error));
  if (outcome.kind == PromptOutcome::Kind::Confirmed && !outcome.pin.empty())
    co_return std::move(outcome.pin);
  std::string why = "No PIN was entered.";
  if (outcome.kind == PromptOutcome::Kind::TimedOut) why = "Nobody answered the agent's prompt in time.";
  if (outcome.kind == PromptOutcome::Kind::Unavailable) why = "Nobody could be asked: " + outcome.why;
  boost::json::object parameters{{"token", token}};
  co_return Error(ErrorName::PinRequired, "Token \"" + token + "\" needs its PIN. " + why,
                  std::move(parameters));
}

}  // namespace

PinPrompt ask_pin_by_pinentry(Pinentry& pinentry) {
  return [&pinentry](std::string token, std::string error) {
    return ask_pin(pinentry, std::move(token), std::move(error));
  };
}

AskPerson ask_by_pinentry(Pinentry& pinentry) {
  return [&pinentry](Confirmation confirmation) { return ask(pinentry, std::move(confirmation)); };
}

}  // namespace signet
