#include "agent/pinentry/dialogue.h"

#include <assuan.h>

#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "agent/pinentry/prompt_text.h"

namespace signet {
namespace {

struct ReleaseContext {
  void operator()(assuan_context_t context) const { assuan_release(context); }
};
using Context = std::unique_ptr<assuan_context_s, ReleaseContext>;

gpg_error_t transact(assuan_context_t context, const std::string& command) {
  return assuan_transact(context, command.c_str(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
}

// The conversation is over: the pinentry went away, or what came was no Assuan.
bool is_over(gpg_error_t error) {
  switch (gpg_err_code(error)) {
    case GPG_ERR_ASS_READ_ERROR:
    case GPG_ERR_ASS_WRITE_ERROR:
    case GPG_ERR_ASS_INV_RESPONSE:
    case GPG_ERR_ASS_INCOMPLETE_LINE:
    case GPG_ERR_ASS_LINE_TOO_LONG:
    case GPG_ERR_ASS_GENERAL:
    case GPG_ERR_EOF:
    case GPG_ERR_EPIPE:
      return true;
    default:
      return false;
  }
}

PromptOutcome unavailable(const std::string& step, gpg_error_t error) {
  PromptOutcome outcome;
  outcome.why = "The pinentry failed at " + step + ": " + gpg_strerror(error) + ".";
  return outcome;
}

PromptOutcome outcome_of(gpg_error_t error, const char* command) {
  PromptOutcome outcome;
  switch (gpg_err_code(error)) {
    case GPG_ERR_NO_ERROR:
      outcome.kind = PromptOutcome::Kind::Confirmed;
      return outcome;
    case GPG_ERR_CANCELED:
    case GPG_ERR_FULLY_CANCELED:
    case GPG_ERR_NOT_CONFIRMED:
      outcome.kind = PromptOutcome::Kind::Refused;
      return outcome;
    case GPG_ERR_TIMEOUT:
      outcome.kind = PromptOutcome::Kind::TimedOut;
      return outcome;
    default:
      return unavailable(command, error);
  }
}

// Where libassuan puts the PIN, piece by piece.
struct PinBuffer {
  ~PinBuffer() { wipe_memory(bytes.data(), bytes.size()); }
  std::array<char, 256> bytes{};
  std::size_t size = 0;
};

gpg_error_t take_pin(void* opaque, const void* data, std::size_t size) {
  auto& buffer = *static_cast<PinBuffer*>(opaque);
  if (size > buffer.bytes.size() - buffer.size) return gpg_error(GPG_ERR_TOO_LARGE);
  std::memcpy(buffer.bytes.data() + buffer.size, data, size);
  buffer.size += size;
  return 0;
}

PromptOutcome ask_pin(assuan_context_t context, const std::string& error) {
  const auto say = [&](const std::string& command) { return is_over(transact(context, command)); };
  if (say("SETPROMPT PIN:")) return unavailable("SETPROMPT", gpg_error(GPG_ERR_EOF));
  if (!error.empty() && say("SETERROR " + assuan_escaped(error)))
    return unavailable("SETERROR", gpg_error(GPG_ERR_EOF));
  PinBuffer buffer;
  assuan_begin_confidential(context);  // libassuan logs nothing of it
  const gpg_error_t ended =
      assuan_transact(context, "GETPIN", take_pin, &buffer, nullptr, nullptr, nullptr, nullptr);
  assuan_end_confidential(context);
  PromptOutcome outcome = outcome_of(ended, "GETPIN");
  if (outcome.kind == PromptOutcome::Kind::Confirmed)
    outcome.pin = Secret(std::string_view(buffer.bytes.data(), buffer.size));
  return outcome;
}

}  // namespace

PromptOutcome converse(FileDescriptor connection, const Dialogue& dialogue) {
  assuan_context_t made = nullptr;
  if (const gpg_error_t error = assuan_new(&made)) return unavailable("the start", error);
  const Context context(made);
  // Waits for the greeting. The descriptor is libassuan's from here on: it closes it also when this fails.
  if (const gpg_error_t error = assuan_socket_connect_fd(made, connection.release(), 0))
    return unavailable("its greeting", error);

  for (const auto& [name, value] : dialogue.options)
    if (const gpg_error_t error = transact(made, "OPTION " + name + "=" + value); is_over(error))
      return unavailable("OPTION " + name, error);
  const std::pair<const char*, std::string> words[] = {
      {"SETTITLE ", dialogue.title},
      {"SETOK ", dialogue.ok},
      {"SETCANCEL ", dialogue.cancel},
      {"SETTIMEOUT ", std::to_string(dialogue.timeout.count())},
  };
  for (const auto& [command, argument] : words)
    if (const gpg_error_t error = transact(made, command + assuan_escaped(argument)); is_over(error))
      return unavailable(command, error);
  // What is asked must stand there: without it there is no confirmation.
  if (const gpg_error_t error = transact(made, "SETDESC " + assuan_escaped(dialogue.description)))
    return unavailable("SETDESC", error);
  PromptOutcome outcome =
      dialogue.asks_pin ? ask_pin(made, dialogue.error) : outcome_of(transact(made, "CONFIRM"), "CONFIRM");
  transact(made, "BYE");
  return outcome;
}

}  // namespace signet
