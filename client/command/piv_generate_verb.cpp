#include "client/command/piv_generate_verb.h"

#include <chrono>
#include <thread>

#include "client/command/console.h"
#include "client/command/describe.h"
#include "client/command/pin_prompt.h"
#include "client/command/session.h"

namespace signet::client {
namespace {

Error slot_error(std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", "--slot"}}};
}

std::string commands_text(const PivCommands& commands) {
  std::string text;
  for (const std::string& line : commands.lines) text += "  " + line + "\n";
  for (const std::string& remark : commands.remarks) text += remark + "\n";
  return text;
}

Outcome commands_outcome(const TokenInfo& token, const PivKey& key, const PivCommands& commands) {
  boost::json::object json{{"commands", to_json(commands.lines)}, {"publicKey", commands.public_key_file}};
  Outcome outcome("No key is made yet. Token " + in_quotes(token.name) +
                      " makes keys by its own tool only. Run:\n" + commands_text(commands) +
                      "Then run this again with --then-enrol, which takes the key in slot " + key.slot +
                      ".\n",
                  std::move(json));
  outcome.exit_code = ExitCode::Failed;
  return outcome;
}

Result<void> wait_for_person(Session& session, const TokenInfo& token, const PivCommands& commands) {
  session.note(Color::Notice, "Token " + in_quotes(token.name) +
                                  " makes keys by its own tool only. Run this in another window:");
  for (const std::string& line : commands.lines) session.note(Color::None, "  " + line);
  for (const std::string& remark : commands.remarks) session.note(Color::Notice, remark);
  auto answer = prompt_line("Type \"done\" when that is done, Ctrl-C to give up: ");
  if (!answer) return answer.error();
  if (*answer == "done") return {};
  return slot_error("Nothing was enrolled. When the key is in its slot, run this again with --then-enrol.");
}

Error token_gone(const TokenInfo& before) {
  return {
      ErrorName::TokenAbsent,
      "Token " + in_quotes(before.name) +
          " is not there any more, or is called another name now. See \"signet token list\", and run this "
          "again with --then-enrol.",
      {{"label", before.label}, {"serial", before.serial}}};
}

Result<std::optional<TokenInfo>> find_token(Session& session, const std::string& name) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto tokens = (*agent)->list_tokens();
  if (!tokens) return tokens.error();
  for (TokenInfo& token : *tokens)
    if (name == token.name || name == token.label || name == token.serial || name == token.uri)
      return std::optional<TokenInfo>(std::move(token));
  return std::optional<TokenInfo>();
}

// What ykman changed is seen by a host that begins anew: modules keep what they read of a card.
Result<TokenInfo> begin_anew(Agent& agent, const TokenInfo& before, const std::optional<Secret>& pin) {
  auto tokens = agent.list_tokens();
  if (!tokens) return tokens.error();
  const TokenInfo* const token = find_again(*tokens, before);
  if (token == nullptr) return token_gone(before);
  if (auto locked = agent.lock_token(token->uri); !locked || !pin) return locked;
  return agent.unlock_token(token->uri, pin);
}

// The agent hears only now that OpenSC calls the card otherwise since ykman wrote to it: it is not found
// once.
Result<Outcome> enrol_made_key(Agent& agent, const TokenInfo& before, const std::string& slot,
                               const std::optional<Secret>& pin, const EnrolUri& enrol) {
  constexpr int kTries = 5;
  constexpr std::chrono::milliseconds kPause(1000);
  for (int tries = 1;; ++tries) {
    const auto token = begin_anew(agent, before, pin);
    auto outcome = token ? enrol(piv_key_uri(*token, slot)) : Result<Outcome>(token.error());
    if (outcome || outcome.error().name != ErrorName::TokenAbsent || tries == kTries) return outcome;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

void add_piv_options(Verb& verb, PivArguments& arguments) {
  verb.choice("--slot", "SLOT", &arguments.slot, piv_slots(),
              "Of a PIV card (a YubiKey): 9a, 9c, 9d, 9e, or 82 to 95. Its own tool, ykman, makes the key.");
  verb.choice(
      "--touch-policy", "POLICY", &arguments.touch_policy, {"always", "cached", "never"},
      "With --slot: whether each signature needs a touch: always (the default), cached (one touch lasts "
      "15 seconds) or never.");
  verb.choice(
      "--pin-policy", "POLICY", &arguments.pin_policy, {"default", "once", "always", "never"},
      "With --slot: when a signature needs the PIN: default (the slot's own), once, always or never.");
  verb.flag("--then-enrol", &arguments.then_enrol, "With --slot: ykman was run; enrol what is in the slot.");
}

Result<Outcome> generate_in_slot(Session& session, const std::string& token_name, PivKey key,
                                 const PivArguments& arguments, const std::optional<Secret>& pin,
                                 const EnrolUri& enrol) {
  const auto found = find_token(session, token_name);
  if (!found) return found.error();
  if (!found->has_value())
    return Error{ErrorName::NotFound,
                 "There is no token " + in_quotes(token_name) + ". See \"signet token list\".",
                 {{"kind", "token"}, {"name", token_name}}};
  const TokenInfo& token = **found;
  if (!is_piv(token))
    return slot_error("Token " + in_quotes(token.name) + " is no PIV card: leave out --slot.");
  key.slot = *arguments.slot;
  key.pin_policy = arguments.pin_policy;
  key.touch_policy = arguments.touch_policy;
  const auto commands = piv_commands(token, key);
  if (!commands) return commands.error();
  if (!arguments.then_enrol && !session.interactive()) return commands_outcome(token, key, *commands);
  if (!arguments.then_enrol)
    if (auto done = wait_for_person(session, token, *commands); !done) return done.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  return enrol_made_key(**agent, token, key.slot, pin, enrol);
}

Error explain_missing_slot(Session& session, const std::string& token_name, Error error) {
  if (error.name != ErrorName::TokenFault && error.name != ErrorName::MechanismUnsupported &&
      error.name != ErrorName::InvalidParameter)
    return error;
  const auto found = find_token(session, token_name);
  if (!found || !found->has_value() || !is_piv(**found)) return error;
  return slot_error(
      "Token " + in_quotes((*found)->name) +
      " has its keys in slots: say which with --slot, for signing 9c. ykman makes the key there, and "
      "this verb says how.");
}

}  // namespace signet::client
