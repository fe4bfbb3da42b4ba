// signet-checkpoint-signer: holds the key that signs a ledger's checkpoints, and does nothing else. Started
// by signetd, which it talks to over descriptor 3; it ends when signetd does.
//   signet-checkpoint-signer DIRECTORY ORIGIN
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "agent/checkpoint/signer.h"
#include "agent/hardening.h"

namespace {

using signet::kMaxSignerMessage;
using signet::kSignerSocket;

bool receive_all(char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(kSignerSocket, data, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send_all(std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(kSignerSocket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<std::string> receive_message() {
  std::array<unsigned char, 4> head{};
  if (!receive_all(reinterpret_cast<char*>(head.data()), head.size())) return std::nullopt;
  const std::size_t size =
      (std::size_t{head[0]} << 24) | (std::size_t{head[1]} << 16) | (std::size_t{head[2]} << 8) | head[3];
  if (size > kMaxSignerMessage) return std::nullopt;
  std::string message(size, '\0');
  if (!receive_all(message.data(), size)) return std::nullopt;
  return message;
}

bool send_message(const std::string& message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string framed{static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                     static_cast<char>(size >> 8), static_cast<char>(size)};
  return send_all(framed + message);
}

int serve(const char* directory, const char* origin) {
  auto signer = signet::Signer::open(directory, origin);
  if (!signer) {
    send_message(signet::format_answer(signer.error()));
    return 1;
  }
  if (!send_message(signet::format_greeting(signer->greeting()))) return 0;
  for (auto message = receive_message(); message; message = receive_message()) {
    const auto request = signet::parse_request(*message);
    if (!request) return 1;
    if (!send_message(signet::format_answer(signer->sign(*request)))) return 0;
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  // Descriptor 3 is inherited; harden_process() has what is above 2 closed on exec, and nothing is executed
  // here.
  signet::harden_process();
  if (count != 3) {
    std::fprintf(stderr,
                 "signet-checkpoint-signer: signetd starts this program by itself, to sign its ledger's "
                 "checkpoints; there is nothing to start by hand.\n");
    return 2;
  }
  try {
    return serve(words[1], words[2]);
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "signet-checkpoint-signer: %s\n", fault.what());
    return 1;
  }
}
