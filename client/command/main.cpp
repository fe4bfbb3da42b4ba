// signet: the command. Parses, runs one verb, prints its outcome once.
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "client/command/command_line.h"
#include "client/command/error_text.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

void print_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int finish(const Result<void>& printed, ExitCode code) {
  if (printed) return static_cast<int>(code);
  print_error("signet: " + printed.error().message + "\n");
  return static_cast<int>(ExitCode::Failed);
}

// The command line may be wrong in a way that hides --json from the parser.
bool names_json(int argc, const char* const* argv) {
  for (int index = 1; index < argc; ++index)
    if (std::string_view(argv[index]) == "--json") return true;
  return false;
}

int print_without_running(const Parsed& parsed, bool json) {
  if (parsed.exit_code == ExitCode::Ok) return finish(print_out(parsed.text), ExitCode::Ok);
  if (json) {
    boost::json::object parameters;
    parameters["parameter"] = "command line";
    const Error error(ErrorName::InvalidParameter, parsed.error, std::move(parameters));
    return finish(print_out(boost::json::serialize(error_json(error)) + "\n"), parsed.exit_code);
  }
  print_error(parsed.text);
  return static_cast<int>(parsed.exit_code);
}

int print_outcome(const Result<Outcome>& outcome, const GlobalOptions& globals) {
  if (!outcome) {
    const Error& error = outcome.error();
    if (globals.json)
      return finish(print_out(boost::json::serialize(error_json(error)) + "\n"), exit_code(error));
    print_error(error_text(error, Paint(color_wanted(2, globals.no_color))));
    return static_cast<int>(exit_code(error));
  }
  if (outcome->streamed) return static_cast<int>(outcome->exit_code);
  if (globals.json)
    return finish(print_out(boost::json::serialize(outcome->json) + "\n"), outcome->exit_code);
  return finish(print_out(outcome->text), outcome->exit_code);
}

int run(int argc, const char* const* argv) {
  CommandLine command_line;
  add_verbs(command_line.root());
  const Parsed parsed = command_line.parse(argc, argv);
  if (!parsed.action) return print_without_running(parsed, names_json(argc, argv));
  Session session(command_line.globals());
  return print_outcome(parsed.action(session), command_line.globals());
}

}  // namespace
}  // namespace signet::client

int main(int argc, char** argv) {
  // A file size limit is then an error of write(), which leaves the old file as it was, and not the end of
  // the program.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return signet::client::run(argc, argv);
  } catch (const std::exception& bug) {
    std::fprintf(stderr,
                 "signet: A bug in signet ended it: %s. Please report it with the command that you ran.\n",
                 bug.what());
    return static_cast<int>(signet::client::ExitCode::Failed);
  }
}
