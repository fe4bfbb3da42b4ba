// The command line as the verbs see it. CLI11 stays behind this header: it is compiled once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/command/exit_code.h"
#include "client/command/outcome.h"
#include "protocol/result.h"

namespace signet::client {

class Session;

// What every verb understands, before or after its name.
struct GlobalOptions {
  std::optional<std::string> socket;
  std::optional<std::int64_t> timeout_seconds;
  bool json = false;
  bool no_color = false;
};

using VerbAction = std::function<Result<Outcome>(Session&)>;

// Where a value from the command line goes. The target outlives the parsing.
using OptionTarget = std::variant<std::string*, std::optional<std::string>*, std::vector<std::string>*,
                                  std::optional<std::int64_t>*>;
enum class Need { Optional, Required };

class CommandLine;

// A node of the tree of verbs: a group ("token") or a verb ("token list"). A handle: copies mean the same
// node, which lives as long as its CommandLine.
class Verb {
 public:
  Verb group(std::string name, std::string summary);
  // `text`: what --help says below the options: how it works, and examples.
  Verb verb(std::string name, std::string summary, std::string text);

  // `value`: how the value is called in the help, e.g. FILE.
  Verb& positional(std::string name, OptionTarget target, std::string help, Need need = Need::Required);
  Verb& option(std::string names, std::string value, OptionTarget target, std::string help,
               Need need = Need::Optional);
  Verb& choice(std::string names, std::string value, OptionTarget target, std::vector<std::string> allowed,
               std::string help, Need need = Need::Optional);
  Verb& flag(std::string names, bool* target, std::string help);
  // Of the options named last, none may be given with another.
  Verb& exclusive(const std::vector<std::string>& names);
  void run(VerbAction action);

 private:
  friend class CommandLine;
  Verb(CommandLine* owner, void* app) : owner_(owner), app_(app) {}
  CommandLine* owner_;
  void* app_;  // the CLI::App, borrowed
};

// What a command line came to: something to do, or something to print and an exit code.
struct Parsed {
  VerbAction action;  // empty: print `text` and leave
  std::string text;   // --help, --version or what is wrong
  std::string error;  // the same for --json, without the advice; empty where nothing is wrong
  ExitCode exit_code = ExitCode::Ok;
};

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Verb root();
  const GlobalOptions& globals() const;
  Parsed parse(int argc, const char* const* argv);

 private:
  friend class Verb;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace signet::client
