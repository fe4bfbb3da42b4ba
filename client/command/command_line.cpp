#include "client/command/command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "client/command/help_format.h"

namespace signet::client {

struct CommandLine::State {
  CLI::App app{"Signs with keys that never leave their token, through the agent signetd.", "signet"};
  GlobalOptions globals;
  VerbAction action;  // of the verb that was named
};

namespace {

CLI::App& app_of(void* app) {
  return *static_cast<CLI::App*>(app);
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    std::string text = wrap_text(app->get_description(), 0) + "\n";
    text += "Usage: " + usage(*app) + "\n";
    text += section("Arguments", *app, [](const CLI::Option* one) { return one->get_positional(); });
    text += verbs(*app);
    text += section("Options", *app, [](const CLI::Option* one) { return one->nonpositional(); });
    if (!app->get_footer().empty()) text += "\n" + wrap_paragraphs(app->get_footer());
    if (app->get_parent() != nullptr)
      text += "\nEvery verb takes --json, --socket, --timeout and --no-color: see \"signet --help\".\n";
    return text;
  }

 private:
  static std::string full_name(const CLI::App& app) {
    return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
  }

  static std::string usage(const CLI::App& app) {
    std::string line = full_name(app);
    for (const auto* one : app.get_options(
             [](const CLI::Option* option) { return option->nonpositional() && option->get_required(); }))
      line += " " + first_name(*one) + " " + one->get_type_name();
    line += " [OPTIONS]";
    for (const auto* one :
         app.get_options([](const CLI::Option* option) { return option->get_positional(); })) {
      const bool many = one->get_expected_max() >= CLI::detail::expected_max_vector_size;
      const std::string name = one->get_name(true, false) + (many ? "..." : "");
      line += one->get_required() ? " " + name : " [" + name + "]";
    }
    if (!app.get_subcommands({}).empty()) line += " VERB";
    return line;
  }

  static std::string first_name(const CLI::Option& option) {
    return option.get_lnames().empty() ? "-" + option.get_snames().front()
                                       : "--" + option.get_lnames().front();
  }

  static std::string section(const std::string& title, const CLI::App& app,
                             const std::function<bool(const CLI::Option*)>& which) {
    std::string text;
    for (const auto* one : app.get_options(which)) {
      std::string name = one->get_positional() ? one->get_name(true, false) : one->get_name(false, true);
      for (auto comma = name.find(','); comma != std::string::npos; comma = name.find(',', comma + 2))
        name.insert(comma + 1, " ");
      if (!one->get_positional() && !one->get_type_name().empty()) name += " " + one->get_type_name();
      text += help_entry(name, one->get_description());
    }
    return text.empty() ? text : "\n" + title + ":\n" + text;
  }

  static std::string verbs(const CLI::App& app) {
    std::string text;
    for (const auto* one : app.get_subcommands({}))
      text += help_entry(one->get_name(), one->get_description());
    return text.empty() ? text : "\nVerbs:\n" + text;
  }
};

CLI::Option* add(CLI::App& app, const std::string& names, const std::string& help, OptionTarget target) {
  return std::visit([&](auto* value) { return app.add_option(names, *value, help); }, target);
}

CLI::Option* add_option(CLI::App& app, const std::string& names, const std::string& value,
                        OptionTarget target, const std::string& help, Need need) {
  CLI::Option* option = add(app, names, help, target);
  if (!value.empty()) option->type_name(value);
  option->required(need == Need::Required);
  // One value each time it is named: a positional that follows is never swallowed.
  if (option->nonpositional() && std::holds_alternative<std::vector<std::string>*>(target))
    option->allow_extra_args(false);
  return option;
}

// The app that was parsed last: its help is what a wrong command line is pointed to.
const CLI::App& deepest(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : deepest(*parsed.front());
}

std::string name_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : name_of(*app.get_parent()) + " " + app.get_name();
}

std::string sentence(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
  return text + ".";
}

// CLI11 asks for "a subcommand" where a verb was misspelt.
std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = deepest(root);
  if (app.get_subcommands({}).empty()) return sentence(error.what());
  const auto unknown = root.remaining(true);
  if (unknown.empty()) return "Say which verb of \"" + name_of(app) + "\" is meant.";
  const std::string kind = unknown.front().starts_with("-") ? "option" : "verb";
  return "\"" + name_of(app) + "\" has no " + kind + " \"" + unknown.front() + "\".";
}

}  // namespace

Verb Verb::group(std::string name, std::string summary) {
  CLI::App* app = app_of(app_).add_subcommand(std::move(name), std::move(summary));
  app->require_subcommand(1);
  return {owner_, app};
}

Verb Verb::verb(std::string name, std::string summary, std::string text) {
  CLI::App* app = app_of(app_).add_subcommand(std::move(name), std::move(summary));
  app->footer(std::move(text));
  return {owner_, app};
}

Verb& Verb::positional(std::string name, OptionTarget target, std::string help, Need need) {
  add_option(app_of(app_), name, {}, target, help, need);
  return *this;
}

Verb& Verb::option(std::string names, std::string value, OptionTarget target, std::string help, Need need) {
  add_option(app_of(app_), names, value, target, help, need);
  return *this;
}

Verb& Verb::choice(std::string names, std::string value, OptionTarget target,
                   std::vector<std::string> allowed, std::string help, Need need) {
  CLI::Option* option = add_option(app_of(app_), names, value, target, help, need);
  option->check(CLI::IsMember(std::move(allowed)).description(""));
  option->type_name(value);
  return *this;
}

Verb& Verb::flag(std::string names, bool* target, std::string help) {
  app_of(app_).add_flag(names, *target, help);
  return *this;
}

Verb& Verb::exclusive(const std::vector<std::string>& names) {
  for (const auto& one : names)
    for (const auto& other : names)
      if (one != other) app_of(app_).get_option(one)->excludes(app_of(app_).get_option(other));
  return *this;
}

void Verb::run(VerbAction action) {
  CommandLine::State* state = owner_->state_.get();
  app_of(app_).final_callback([state, action = std::move(action)] { state->action = action; });
}

CommandLine::CommandLine() : state_(std::make_unique<State>()) {
  CLI::App& app = state_->app;
  app.formatter(std::make_shared<HelpFormatter>());
  app.fallthrough();
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help and leave.");
  app.set_version_flag("--version", "signet " SIGNET_VERSION, "Print the version and leave.");
  add_option(app, "--socket", "PATH", &state_->globals.socket,
             "The agent's socket. Without it: $SIGNET_SOCKET, else $XDG_RUNTIME_DIR/signet/agent.sock, else "
             "/run/signet/agent.sock.",
             Need::Optional);
  add_option(app, "--timeout", "SECONDS", &state_->globals.timeout_seconds,
             "How long the agent may take over one answer (30; 300 where a token or a person is asked).",
             Need::Optional)
      ->check(CLI::Range(1, 86400).description(""))
      ->type_name("SECONDS");
  app.add_flag("--json", state_->globals.json,
               "Print exactly one JSON document, on standard output; an error is {\"error\": {name, message, "
               "parameters}}.");
  app.add_flag("--no-color", state_->globals.no_color,
               "No colour. It is used only on a terminal, and never where NO_COLOR is set.");
  app.footer(global_help_text());
}

CommandLine::~CommandLine() = default;

Verb CommandLine::root() {
  return {this, &state_->app};
}

const GlobalOptions& CommandLine::globals() const {
  return state_->globals;
}

Parsed CommandLine::parse(int argc, const char* const* argv) {
  CLI::App& app = state_->app;
  Parsed parsed;
  try {
    app.parse(argc, argv);
    parsed.action = std::move(state_->action);
  } catch (const CLI::CallForHelp&) {
    const CLI::App& asked = deepest(app);
    parsed.text = asked.get_formatter()->make_help(&asked, {}, CLI::AppFormatMode::Normal);
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    parsed.error = explain(app, error);
    parsed.text = "signet: " + parsed.error + "\nSee \"" + name_of(deepest(app)) + " --help\".\n";
    parsed.exit_code = ExitCode::Usage;
  }
  return parsed;
}

}  // namespace signet::client
