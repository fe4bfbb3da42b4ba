#include "agent/tokens/pin_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <system_error>

#include "agent/tokens/child_process.h"

namespace signet {

namespace asio = boost::asio;

namespace {

Error source_error(const std::string& token, const std::string& what) {
  boost::json::object parameters;
  parameters["token"] = token;
  return Error(ErrorName::PinRequired, "The PIN source of token \"" + token + "\" gives no PIN: " + what,
               std::move(parameters));
}

// Memory that a PIN passes through; wiped when it goes.
template <std::size_t N>
struct WipedArray {
  ~WipedArray() { wipe_memory(data.data(), data.size()); }
  std::array<char, N> data{};
  std::size_t size = 0;
  std::string_view text() const { return {data.data(), size}; }
};

Result<Secret> checked_pin(const std::string& token, std::string_view text) {
  if (text.empty()) return source_error(token, "it is empty.");
  if (text.size() > kMaxPinSize) {
    return source_error(token, "it is longer than " + std::to_string(kMaxPinSize) + " bytes.");
  }
  if (text.find_first_of(std::string_view("\0\n\r", 3)) != std::string_view::npos) {
    return source_error(token, "it holds a line break or a NUL byte in its midst; a PIN is one line.");
  }
  return Secret(text);
}

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// Who may own the file and which mode bits it must not have.
struct FileRules {
  bool root_may_own = false;
  mode_t forbidden = 0;
  std::string mend;
};

FileRules file_rules(const PinSource& source) {
  // systemd gives the service's user access by an ACL, which shows as the group's read bit.
  if (source.kind == PinSource::Kind::Credential)
    return FileRules{true, 0037, "a credential is readable by its service only"};
  return FileRules{false, 07177, "run: chmod 0400 " + source.file.string()};
}

Result<void> check_file(int fd, const std::filesystem::path& path, const FileRules& rules,
                        const std::string& token) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return source_error(token, path.string() + ": " + std::strerror(errno) + ".");
  if (!S_ISREG(info.st_mode)) return source_error(token, path.string() + " is not a regular file.");
  if (info.st_uid != ::geteuid() && !(rules.root_may_own && info.st_uid == 0)) {
    return source_error(token, path.string() + " belongs to uid " + std::to_string(info.st_uid) +
                                   ", not to the agent's uid " + std::to_string(::geteuid()) + ".");
  }
  if ((info.st_mode & rules.forbidden) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(info.st_mode & 07777));
    return source_error(token, path.string() + " has mode " + mode.data() +
                                   "; others may read it. Mend it: " + rules.mend + ".");
  }
  return {};
}

Result<Secret> read_file(const std::filesystem::path& path, const FileRules& rules,
                         const std::string& token) {
  // O_NONBLOCK: a FIFO put in the file's place must not hang the agent.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const std::string why =
        errno == ELOOP ? "is a symbolic link, which is not followed" : std::strerror(errno);
    return source_error(token, path.string() + ": " + why + ".");
  }
  if (auto sound = check_file(fd.get(), path, rules, token); !sound) return sound.error();
  WipedArray<kMaxPinSize + 3> buffer;  // room for CR LF, and one more to see that there is more
  while (buffer.size < buffer.data.size()) {
    const ssize_t got = ::read(fd.get(), buffer.data.data() + buffer.size, buffer.data.size() - buffer.size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return source_error(token, path.string() + ": " + std::strerror(errno) + ".");
    if (got == 0) break;
    buffer.size += static_cast<std::size_t>(got);
  }
  return checked_pin(token, without_line_end(buffer.text()));
}

Result<Secret> read_credential(const PinSource& source, const std::string& token) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || directory[0] != '/') {
    return source_error(
        token,
        "$CREDENTIALS_DIRECTORY is not set; run signetd under systemd with LoadCredential= or "
        "SetCredential=.");
  }
  const std::string name = source.file.string();
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return source_error(token, "\"" + name + "\" is no credential name: it is one file name, without \"/\".");
  }
  return read_file(std::filesystem::path(directory) / name, file_rules(source), token);
}

std::vector<std::string> own_environment() {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) result.emplace_back(*entry);
  return result;
}

struct StartedCommand {
  StartedCommand(ChildProcess child_in, FileDescriptor output_in)
      : child(std::move(child_in)), output(std::move(output_in)) {}
  ChildProcess child;
  FileDescriptor output;
};

Result<StartedCommand> start_command(asio::any_io_executor executor, const PinSource& source,
                                     const std::string& token) {
  if (source.command.empty() || !source.command.front().starts_with('/')) {
    return source_error(token, "its command must be an array that starts with an absolute path.");
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return source_error(token, std::string("pipe: ") + std::strerror(errno) + ".");
  FileDescriptor output(ends[0]);
  const FileDescriptor input(ends[1]);
  ChildCommand command;
  command.program = source.command.front();
  command.arguments.assign(source.command.begin() + 1, source.command.end());
  command.environment = own_environment();
  command.standard_output = input.get();
  auto child = ChildProcess::start(std::move(executor), command);
  if (!child) return source_error(token, child.error().message);
  return StartedCommand(std::move(*child), std::move(output));
}

asio::awaitable<Result<Secret>> run_command(asio::any_io_executor executor, PinSource source,
                                            std::string token, std::chrono::milliseconds deadline) {
  auto started = start_command(executor, source, token);
  if (!started) co_return started.error();
  const std::string program = source.command.front();
  // Shared with the timer's handler, which may already be queued when this coroutine ends.
  const auto child = std::make_shared<ChildProcess>(std::move(started->child));
  asio::posix::stream_descriptor output(executor, started->output.release());

  auto late = std::make_shared<bool>(false);
  asio::steady_timer timer(executor, deadline);
  timer.async_wait([late, child](boost::system::error_code failed) {
    if (failed) return;
    *late = true;
    child->kill();
  });
  WipedArray<kMaxPinCommandOutput + 1> buffer;
  boost::system::error_code ended;
  while (!ended && buffer.size < buffer.data.size()) {
    const auto space = asio::buffer(buffer.data.data() + buffer.size, buffer.data.size() - buffer.size);
    buffer.size += co_await output.async_read_some(space, asio::redirect_error(asio::use_awaitable, ended));
  }
  const bool too_much = buffer.size > kMaxPinCommandOutput;
  if (too_much) child->kill();
  const std::string how = co_await child->wait();
  timer.cancel();
  if (*late) {
    co_return source_error(token,
                           program + " did not end within " + std::to_string(deadline.count()) + " ms.");
  }
  if (too_much) {
    co_return source_error(token,
                           program + " wrote more than " + std::to_string(kMaxPinCommandOutput) + " bytes.");
  }
  if (!how.empty())
    co_return source_error(token, program + " " + how + "; see its messages in the agent's log.");
  const std::string_view text = buffer.text();
  co_return checked_pin(token, without_line_end(text.substr(0, text.find('\n'))));
}

}  // namespace

asio::awaitable<Result<Secret>> read_pin(asio::any_io_executor executor, PinSource source, std::string token,
                                         std::chrono::milliseconds deadline) {
  switch (source.kind) {
    case PinSource::Kind::File:
      co_return read_file(source.file, file_rules(source), token);
    case PinSource::Kind::Credential:
      co_return read_credential(source, token);
    case PinSource::Kind::Pinentry:
      co_return source_error(token, "the agent has no pinentry.");
    case PinSource::Kind::Command:
      break;
  }
  co_return co_await run_command(std::move(executor), std::move(source), std::move(token), deadline);
}

asio::awaitable<Result<Secret>> ask_for_pin(std::shared_ptr<PinPrompt> prompt, std::string token,
                                            std::string error) {
  if (!*prompt) co_return source_error(token, "this agent has no pinentry to ask with.");
  co_return co_await (*prompt)(std::move(token), std::move(error));
}

bool worth_asking_again(const Error& refused) {
  if (refused.name == ErrorName::InvalidParameter) {
    const auto* parameter = refused.parameters.if_contains("parameter");
    return parameter != nullptr && *parameter == "pin";
  }
  if (refused.name != ErrorName::PinRefused) return false;
  const auto* remaining = refused.parameters.if_contains("remaining");
  return remaining == nullptr || (*remaining != "final" && *remaining != "locked");
}

}  // namespace signet
