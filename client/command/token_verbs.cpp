// signet token list | init | unlock | lock | change-pin | unblock | reset-pin-budget.
#include <algorithm>
#include <memory>

#include "client/command/describe.h"
#include "client/command/pin_prompt.h"
#include "client/command/pin_source.h"
#include "client/command/session.h"
#include "client/command/verbs.h"

namespace signet::client {
namespace {

struct TokenArguments {
  std::string token, label;
  PinOptions pin, so_pin, new_pin;
  bool source = false, pinentry = false, yes = false;
};

Outcome token_outcome(std::string text, const TokenInfo& token) {
  return Outcome(std::move(text), one_member("token", to_json(token)));
}

// What the token says of its PIN matters only when it is not fine.
std::string pin_note(const TokenInfo& token) {
  std::string tries = token.pin_tries ? std::to_string(*token.pin_tries) + " tries left" : "";
  if (token.pin == "low") return tries.empty() ? "a wrong PIN was given" : tries;
  if (token.pin == "final") return "the last try is left";
  if (token.pin == "blocked") return "the PIN is blocked";
  if (token.pin == "unset") return "no PIN is set";
  return tries;
}

Result<Outcome> list(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto tokens = (*agent)->list_tokens();
  if (!tokens) return tokens.error();
  std::vector<std::vector<std::string>> rows;
  for (const auto& token : *tokens)
    rows.push_back({token.name, token.state, token.serial, token.module,
                    token.manufacturer + " " + token.model, pin_note(token)});
  std::string text =
      rows.empty() ? "There is no token. Insert one; \"signet status\" says whether its module is usable.\n"
                   : table({"TOKEN", "STATE", "SERIAL", "MODULE", "MODEL", "PIN"}, rows);
  return Outcome(std::move(text), one_member("tokens", to_json(*tokens)));
}

// Initialising erases. A token that is not blank is named again by whoever wants that. Tells whether it is
// such a one.
Result<bool> confirm_erasing(Session& session, const TokenArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto tokens = (*agent)->list_tokens();
  if (!tokens) return tokens.error();
  const auto found = std::find_if(tokens->begin(), tokens->end(), [&](const TokenInfo& token) {
    return token.name == arguments.token || token.uri == arguments.token || token.label == arguments.token;
  });
  // A name that is no token's is a module's with one blank slot, or the agent will say what is wrong with it.
  if (found == tokens->end() || found->state == "blank") return false;
  if (arguments.yes) return true;
  if (!session.interactive())
    return Error(ErrorName::InvalidParameter,
                 "Token " + in_quotes(found->name) +
                     " is initialised: all keys on it would be lost. Give --yes if that is meant.");
  auto answer = prompt_line("ALL KEYS on token \"" + found->name + "\" (serial " + found->serial +
                            ") will be lost. Type its name to go on: ");
  if (!answer) return answer.error();
  if (*answer == found->name) return true;
  return Error(ErrorName::InvalidParameter,
               "That is not its name: token " + in_quotes(found->name) + " is as it was.");
}

Result<Outcome> init(Session& session, const TokenArguments& arguments) {
  auto erasing = confirm_erasing(session, arguments);
  if (!erasing) return erasing.error();
  InitTokenCall call;
  call.token = arguments.token;
  call.label = arguments.label;
  const std::string so_prompt = "SO PIN (the administrator's) of token " + arguments.token;
  auto so_pin = *erasing ? session.need_pin(arguments.so_pin, so_prompt)
                         : session.need_new_pin(arguments.so_pin, so_prompt);
  if (!so_pin) return so_pin.error();
  call.so_pin = std::move(*so_pin);
  auto pin = session.need_new_pin(arguments.pin, "PIN of token " + arguments.label);
  if (!pin) return pin.error();
  call.pin = std::move(*pin);
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto token = (*agent)->init_token(call);
  if (!token) return token.error();
  return token_outcome("Token " + in_quotes(token->name) + " (serial " + printable(token->serial) +
                           ") is initialised.\nNext: signet key generate NAME --token " +
                           printable(token->name) + " --use tuf\n",
                       *token);
}

Result<Outcome> unlock(Session& session, const TokenArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  if (arguments.pinentry) {
    auto token = (*agent)->unlock_token_by_pinentry(arguments.token);
    if (!token) return token.error();
    return token_outcome("Token " + in_quotes(token->name) + " is " + printable(token->state) + ".\n",
                         *token);
  }
  std::optional<Secret> pin;
  if (!arguments.source) {
    auto given = session.need_pin(arguments.pin, "PIN of token " + arguments.token);
    if (!given) return given.error();
    pin.emplace(std::move(*given));
  }
  auto token = (*agent)->unlock_token(arguments.token, pin);
  if (!token) return token.error();
  return token_outcome("Token " + in_quotes(token->name) + " is " + printable(token->state) + ".\n", *token);
}

Result<Outcome> lock(Session& session, const TokenArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto token = (*agent)->lock_token(arguments.token);
  if (!token) return token.error();
  return token_outcome("Token " + in_quotes(token->name) + " is " + printable(token->state) +
                           ": the agent has forgotten its PIN, and so has its card, if it is one.\n",
                       *token);
}

Result<Outcome> change_pin(Session& session, const TokenArguments& arguments) {
  auto old_pin = session.need_pin(arguments.pin, "Old PIN of token " + arguments.token);
  if (!old_pin) return old_pin.error();
  auto new_pin = session.need_new_pin(arguments.new_pin, "New PIN of token " + arguments.token);
  if (!new_pin) return new_pin.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto token = (*agent)->change_pin(arguments.token, *old_pin, *new_pin);
  if (!token) return token.error();
  return token_outcome("The PIN of token " + in_quotes(token->name) + " is changed; the token is " +
                           printable(token->state) + ".\n",
                       *token);
}

Result<Outcome> unblock(Session& session, const TokenArguments& arguments) {
  auto officer = session.need_pin(arguments.so_pin, "PUK or SO PIN of token " + arguments.token);
  if (!officer) return officer.error();
  auto new_pin = session.need_new_pin(arguments.new_pin, "New PIN of token " + arguments.token);
  if (!new_pin) return new_pin.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto token = (*agent)->unblock_pin(arguments.token, *officer, *new_pin);
  if (!token) return token.error();
  return token_outcome("Token " + in_quotes(token->name) + " has a new PIN.\nNext: signet token unlock " +
                           printable(token->name) + "\n",
                       *token);
}

Result<Outcome> reset_pin_budget(Session& session, const TokenArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto token = (*agent)->reset_pin_budget(arguments.token);
  if (!token) return token.error();
  return token_outcome("PINs may be sent to token " + in_quotes(token->name) + " again.\n", *token);
}

void add_init(Verb& token) {
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb = token.verb("init", "Initialise a token. All keys on it are lost.",
                         "TOKEN is a token's name or pkcs11: URI (\"signet token list\"), or the name of a\n"
                         "module that has exactly one blank slot. A token that is not blank is erased only\n"
                         "after you have typed its name, or with --yes.\n"
                         "\n"
                         "Examples:\n"
                         "  signet token init softhsm --label release\n"
                         "  signet token init softhsm --label ci --so-pin-file so.pin --pin-file user.pin\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  verb.option("--label", "LABEL", &arguments->label, "The label that it gets.", Need::Required);
  add_pin_options(verb, "so-pin", arguments->so_pin,
                  "the SO PIN (of a token that is not blank: the one it has)");
  add_pin_options(verb, "pin", arguments->pin, "the user PIN that is set");
  verb.flag("--yes", &arguments->yes, "Erase a token that is not blank without asking.");
  verb.run([arguments](Session& session) { return init(session, *arguments); });
}

void add_unlock(Verb& token) {
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb =
      token.verb("unlock", "Log in to a token, so that its keys can sign.",
                 "The PIN is asked for on the terminal, without echo. It stays with the token's host\n"
                 "until \"signet token lock\", or until the agent or the token goes away.\n"
                 "\n"
                 "Examples:\n"
                 "  signet token unlock release\n"
                 "  signet token unlock release --pin-fd 3 3< <(pass show release-pin)\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  add_pin_options(verb, "pin", arguments->pin, "the PIN");
  verb.flag("--configured", &arguments->source,
            "Use the PIN source that the agent's configuration has for the token.");
  verb.flag("--pinentry", &arguments->pinentry,
            "Ask at the agent's own prompt: the PIN does not pass through this program.");
  verb.exclusive({"--pinentry", "--configured"});
  verb.exclusive({"--pinentry", "--pin-file"});
  verb.exclusive({"--pinentry", "--pin-fd"});
  verb.exclusive({"--configured", "--pin-file"});
  verb.exclusive({"--configured", "--pin-fd"});
  verb.run([arguments](Session& session) { return unlock(session, *arguments); });
}

void add_change_pin(Verb& token) {
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb =
      token.verb("change-pin", "Change a token's PIN.",
                 "Asks for the old PIN and twice for the new one. A token that was unlocked goes on with\n"
                 "the new PIN. If the agent has a PIN source for the token, give that the new one, too.\n"
                 "\n"
                 "Examples:\n"
                 "  signet token change-pin release\n"
                 "  signet token change-pin release --pin-file old.pin --new-pin-file new.pin\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  add_pin_options(verb, "pin", arguments->pin, "the old PIN");
  add_pin_options(verb, "new-pin", arguments->new_pin, "the new PIN");
  verb.run([arguments](Session& session) { return change_pin(session, *arguments); });
}

void add_unblock(Verb& token) {
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb =
      token.verb("unblock", "Set a new PIN where the old one is blocked or forgotten.",
                 "A YubiKey, or another PIV card, takes its PUK for that; other tokens the SO PIN (the\n"
                 "administrator's). That has tries of its own: a wrong one is never sent twice, and the\n"
                 "last try is left to the token's own tool.\n"
                 "\n"
                 "Examples:\n"
                 "  signet token unblock \"YubiKey PIV #15835999\"\n"
                 "  signet token unblock release --so-pin-file so.pin --new-pin-file new.pin\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  add_pin_options(verb, "so-pin", arguments->so_pin, "the PUK or the SO PIN");
  add_pin_options(verb, "new-pin", arguments->new_pin, "the new PIN");
  verb.run([arguments](Session& session) { return unblock(session, *arguments); });
}

void add_reset_pin_budget(Verb& token) {
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb =
      token.verb("reset-pin-budget", "Let the agent send PINs to a token again.",
                 "After a wrong PIN the agent sends no other to a token that does not tell how many tries\n"
                 "are left: so software never locks a token. Look at the token first (its own tool tells\n"
                 "the tries that are left), then say with this verb that the agent may try again. The SO\n"
                 "PIN and the PUK are treated alike.\n"
                 "\n"
                 "Example:\n"
                 "  signet token reset-pin-budget release\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  verb.run([arguments](Session& session) { return reset_pin_budget(session, *arguments); });
}

}  // namespace

void add_token_verbs(Verb& root) {
  Verb token = root.group("token", "List, initialise, unlock and lock tokens.");
  token
      .verb("list", "List the tokens that are there, and their state.",
            "States: blank (not initialised), locked (needs a PIN), unlocked, open (has no PIN),\n"
            "faulty (does not answer).\n"
            "\n"
            "Examples:\n"
            "  signet token list\n"
            "  signet --json token list | jq -r '.tokens[].uri'\n")
      .run(list);
  add_init(token);
  add_unlock(token);
  auto arguments = std::make_shared<TokenArguments>();
  Verb verb = token.verb("lock", "End a token's sessions and forget its PIN.",
                         "A card in a reader is reset: other programs have to give its PIN again, too.\n"
                         "\n"
                         "Example:\n"
                         "  signet token lock release\n");
  verb.positional("TOKEN", &arguments->token, "Which token.");
  verb.run([arguments](Session& session) { return lock(session, *arguments); });
  add_change_pin(token);
  add_unblock(token);
  add_reset_pin_budget(token);
}

}  // namespace signet::client
