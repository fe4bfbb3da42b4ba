#include "client/command/piv_generate_verb.h"

#include <chrono>
#include <thread>
#include <utility>
#include <variant>

#include "client/command/console.h"
#include "client/command/describe.h"
#include "client/command/error_text.h"
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

// Without a person who runs them. `why`: a sentence.
Outcome commands_outcome(const PivKey& key, const PivCommands& commands, const std::string& why) {
  boost::json::object json{
      {"why", why}, {"commands", to_json(commands.lines)}, {"publicKey", commands.public_key_file}};
  Outcome outcome("No key is made yet. " + printable(why) + " Run:\n" + commands_text(commands) +
                      "Then run this again with --then-enrol, which takes the key in slot " + key.slot +
                      ".\n",
                  std::move(json));
  outcome.exit_code = ExitCode::Failed;
  return outcome;
}

Result<void> wait_for_person(Session& session, const PivCommands& commands, const std::string& why) {
  session.note(Color::Notice, why + " Run this in another window:");
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
                               const std::optional<Secret>& pin, const PivFollowUp& follow_up) {
  constexpr int kTries = 5;
  constexpr std::chrono::milliseconds kPause(1000);
  for (int tries = 1;; ++tries) {
    const auto token = begin_anew(agent, before, pin);
    auto outcome = token ? follow_up.enrol(piv_key_uri(*token, slot)) : Result<Outcome>(token.error());
    if (outcome || outcome.error().name != ErrorName::TokenAbsent || tries == kTries) return outcome;
    std::this_thread::sleep_for(kPause);
  }
}

// --- by the card's module ---

// The key, or why its module does not make it: a sentence.
using MadeByModule = std::variant<KeyInfo, std::string>;

bool wants_management_key(const Error& error) {
  return error.name == ErrorName::InvalidParameter && text_parameter(error, "parameter") == "soPin";
}

Error with_replacement(Error error, const PivCommands& commands) {
  const bool slot_taken = error.name == ErrorName::AlreadyExists && text_parameter(error, "kind") == "object";
  if (!slot_taken || commands.lines.size() != 1) return error;
  error.message +=
      " To put a new key in its place all the same, run this, and then this verb with "
      "--then-enrol: " +
      commands.lines.front();
  return error;
}

// The card's management key; nothing if its person has none to type.
Result<std::optional<Secret>> ask_for_management_key(const TokenInfo& token) {
  auto typed =
      prompt_secret("Management key of token " + token.name + " (Enter alone: ykman makes the key): ");
  if (typed) return std::optional<Secret>(std::move(*typed));
  if (typed.error().name == ErrorName::PinRequired) return std::optional<Secret>();
  return typed.error();
}

// The agent is asked without the management key first, so that nobody types it in vain.
Result<MadeByModule> make_by_module(Session& session, Agent& agent, const TokenInfo& token,
                                    GenerateKeyCall& call, const PivArguments& arguments) {
  auto given = read_pin(arguments.management_key);
  if (!given) return given.error();
  call.so_pin = std::move(*given);
  auto key = agent.generate_key(call);
  if (!key && !call.so_pin && wants_management_key(key.error())) {
    if (!session.interactive())
      return MadeByModule(
          "The token's module makes this key for the holder of the management key: give that with "
          "--so-pin-file, or have ykman make the key.");
    auto typed = ask_for_management_key(token);
    if (!typed) return typed.error();
    if (!*typed) return MadeByModule("No management key was given.");
    call.so_pin = std::move(*typed);
    key = agent.generate_key(call);
  }
  if (key) return MadeByModule(std::move(*key));
  if (key.error().name == ErrorName::MechanismUnsupported) return MadeByModule(key.error().message);
  return key.error();
}

Result<MadeByModule> try_module(Session& session, const TokenInfo& token, const PivKey& key,
                                GenerateKeyCall& call, const PivArguments& arguments) {
  if (auto why = why_by_ykman(token, key)) return MadeByModule(std::move(*why));
  auto agent = session.agent();
  if (!agent) return agent.error();
  call.token = token.uri;
  call.id = piv_key_id(key.slot);
  // The officer makes it alone; the PIN is for what ykman makes.
  std::optional<Secret> pin = std::exchange(call.pin, std::nullopt);
  auto made = make_by_module(session, **agent, token, call, arguments);
  call.pin = std::move(pin);
  return made;
}

PivKey wanted_key(const GenerateKeyCall& call, const PivArguments& arguments) {
  PivKey key;
  key.name = call.name;
  key.algorithm = call.algorithm;
  key.slot = *arguments.slot;
  key.pin_policy = arguments.pin_policy;
  key.touch_policy = arguments.touch_policy;
  return key;
}

Result<TokenInfo> find_piv_token(Session& session, const std::string& name) {
  auto found = find_token(session, name);
  if (!found) return found.error();
  if (!found->has_value())
    return Error{ErrorName::NotFound,
                 "There is no token " + in_quotes(name) + ". See \"signet token list\".",
                 {{"kind", "token"}, {"name", name}}};
  if (!is_piv(**found))
    return slot_error("Token " + in_quotes((*found)->name) + " is no PIV card: leave out --slot.");
  return std::move(**found);
}

}  // namespace

void add_piv_options(Verb& verb, PivArguments& arguments) {
  verb.choice("--slot", "SLOT", &arguments.slot, piv_slots(),
              "Of a PIV card (a YubiKey): 9a, 9c, 9d, 9e, or 82 to 95.");
  verb.choice(
      "--touch-policy", "POLICY", &arguments.touch_policy, {"always", "cached", "never"},
      "With --slot: whether each signature needs a touch: always (the default), cached (one touch lasts "
      "15 seconds) or never.");
  verb.choice(
      "--pin-policy", "POLICY", &arguments.pin_policy, {"default", "once", "always", "never"},
      "With --slot: when a signature needs the PIN: default (the slot's own), once, always or never.");
  add_pin_options(verb, "so-pin", arguments.management_key,
                  "the SO PIN (a YubiKey's management key; for --slot)");
  verb.flag("--then-enrol", &arguments.then_enrol, "With --slot: ykman was run; enrol what is in the slot.");
}

Result<Outcome> generate_in_slot(Session& session, GenerateKeyCall call, const PivArguments& arguments,
                                 const PivFollowUp& follow_up) {
  const auto token = find_piv_token(session, call.token);
  if (!token) return token.error();
  const PivKey key = wanted_key(call, arguments);
  const auto commands = piv_commands(*token, key);
  if (!commands) return commands.error();
  if (!arguments.then_enrol) {
    const auto made = try_module(session, *token, key, call, arguments);
    if (!made) return with_replacement(made.error(), *commands);
    if (const auto* done = std::get_if<KeyInfo>(&*made))
      return follow_up.show(*done,
                            "Its token is locked now. Next: signet token unlock " + in_quotes(token->name));
    const std::string& why = std::get<std::string>(*made);
    if (!session.interactive()) return commands_outcome(key, *commands, why);
    if (auto by_hand = wait_for_person(session, *commands, why); !by_hand) return by_hand.error();
  }
  auto agent = session.agent();
  if (!agent) return agent.error();
  return enrol_made_key(**agent, *token, key.slot, call.pin, follow_up);
}

Error explain_missing_slot(Session& session, const std::string& token_name, Error error) {
  if (error.name != ErrorName::TokenFault && error.name != ErrorName::MechanismUnsupported &&
      error.name != ErrorName::InvalidParameter)
    return error;
  const auto found = find_token(session, token_name);
  if (!found || !found->has_value() || !is_piv(**found)) return error;
  return slot_error(
      "Token " + in_quotes((*found)->name) +
      " has its keys in slots: say which with --slot, for signing 9c. Where its module makes no key there, "
      "ykman does, and this verb says how.");
}

}  // namespace signet::client
