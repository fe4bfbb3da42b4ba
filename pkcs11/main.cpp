// signet-token-host: the only program of Signet that loads vendor code. Started by signetd, one for each
// token (or module), and killed by it when a call does not come back. See docs/host-protocol.md.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "pkcs11/connection.h"
#include "pkcs11/hardening.h"
#include "pkcs11/host_socket.h"

namespace signet::host {
namespace {

constexpr int kMaxConnections = 512;
constexpr std::chrono::milliseconds kFinaliseTime(500);
constexpr int kUsageError = 2;

struct Options {
  Mode mode = Mode::Scout;
  std::string module;
};

std::optional<Mode> parse_mode(std::string_view word) {
  if (word == "--scout") return Mode::Scout;
  if (word == "--token") return Mode::Token;
  if (word == "--admin") return Mode::Admin;
  return std::nullopt;
}

// Exactly: MODE --module PATH; or --card, which loads no module.
std::optional<Options> parse_options(int count, char** words) {
  if (count == 2 && std::string_view(words[1]) == "--card") return Options{Mode::Card, ""};
  if (count != 4 || std::string_view(words[2]) != "--module") return std::nullopt;
  const auto mode = parse_mode(words[1]);
  if (!mode || words[3][0] != '/') return std::nullopt;
  return Options{*mode, words[3]};
}

bool has_control_socket() {
  struct stat status {};
  return ::fstat(kControlFd, &status) == 0 && S_ISSOCK(status.st_mode);
}

// One thread a connection: it blocks in the module, and only killing the process ends it.
void start_thread(HostProcess& process, std::atomic<int>& connections, int socket) {
  if (connections >= kMaxConnections) {
    log_line("refused a connection: there are " + std::to_string(kMaxConnections));
    ::close(socket);
    return;
  }
  ++connections;
  try {
    std::thread([&process, &connections, socket] {
      serve(process, socket);
      --connections;
    }).detach();
  } catch (const std::system_error&) {
    log_line("refused a connection: no thread could be started");
    --connections;
    ::close(socket);
  }
}

[[noreturn]] void end_process(HostProcess& process, int status) {
  // C_Finalize lets the module log the token out and release the card. It may hang: the timer does not.
  const auto deadline = std::chrono::steady_clock::now() + kFinaliseTime;
  std::thread([deadline, status] {
    std::this_thread::sleep_until(deadline);
    ::_exit(status);
  }).detach();
  process.finalise(deadline);
  ::_exit(status);  // no destructors: session threads may still run
}

int run(const Options& options) {
  HostProcess process(options.mode, options.module);
  std::atomic<int> connections = 0;
  for (;;) {
    const auto message = receive_session(kControlFd);
    if (const int* socket = std::get_if<int>(&message)) {
      start_thread(process, connections, *socket);
    } else if (const auto* fault = std::get_if<ControlFault>(&message)) {
      log_line("the control socket failed: " + std::system_category().message(fault->error));
      end_process(process, 1);
    } else {
      end_process(process, 0);
    }
  }
}

}  // namespace
}  // namespace signet::host

int main(int argc, char** argv) {
  using namespace signet::host;
  const auto options = parse_options(argc, argv);
  if (!options || !has_control_socket()) {
    log_line(
        "usage: signet-token-host --scout|--token|--admin --module /PATH, or --card; with a control socket "
        "as "
        "descriptor 3. "
        "signetd starts it; people do not.");
    return kUsageError;
  }
  const std::string failed = harden_process();
  if (!failed.empty()) {
    log_line("refused to run: could not set " + failed);
    return 1;
  }
  return run(*options);
}
