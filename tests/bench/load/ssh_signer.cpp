// Clients of an ssh-agent (draft-miller-ssh-agent): one connection each, one sign request after the other.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "tests/bench/load/signer.h"

namespace signet::bench {

namespace {

constexpr std::uint8_t kRequestIdentities = 11, kIdentitiesAnswer = 12, kSignRequest = 13, kSignResponse = 14;
constexpr std::uint32_t kRsaSha256 = 2;  // SSH_AGENT_RSA_SHA2_256
constexpr std::uint32_t kMaxAnswer = 256 * 1024;

void put_number(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_string(Bytes& out, BytesView text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

std::uint32_t number_at(BytesView from) {
  return (std::uint32_t{from[0]} << 24) | (std::uint32_t{from[1]} << 16) | (std::uint32_t{from[2]} << 8) |
         from[3];
}

// Takes a string off the front; nothing when it is cut short.
std::optional<BytesView> take_string(BytesView& from) {
  if (from.size() < 4) return std::nullopt;
  const std::uint32_t size = number_at(from);
  if (from.size() - 4 < size) return std::nullopt;
  const BytesView text = from.subspan(4, size);
  from = from.subspan(4 + size);
  return text;
}

Error agent_error(std::string message) {
  return {ErrorName::ConnectionFailed, "ssh-agent: " + std::move(message)};
}

class Connection {
 public:
  explicit Connection(int descriptor) : descriptor_(descriptor) {}
  Connection(Connection&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  static Result<Connection> open(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return agent_error("the socket's path is too long.");
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    Connection made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return agent_error(path + ": " + std::strerror(errno));
    return made;
  }

  // The answer to a request, without its length.
  Result<Bytes> ask(BytesView request) {
    Bytes frame;
    put_string(frame, request);
    if (::send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size()))
      return agent_error(std::strerror(errno));
    Bytes answer;
    for (std::size_t wanted = 4; answer.size() < wanted;) {
      std::uint8_t buffer[8192];
      const ssize_t got = ::read(descriptor_, buffer, sizeof buffer);
      if (got <= 0) return agent_error("it closed the connection.");
      answer.insert(answer.end(), buffer, buffer + got);
      if (answer.size() < 4) continue;
      wanted = 4 + number_at(answer);
      if (wanted > kMaxAnswer) return agent_error("its answer is too long.");
    }
    answer.erase(answer.begin(), answer.begin() + 4);
    return answer;
  }

 private:
  int descriptor_;
};

// The blob of the first key with this comment.
Result<Bytes> find_identity(Connection& connection, const std::string& comment) {
  const auto answer = connection.ask(Bytes{kRequestIdentities});
  if (!answer) return answer.error();
  if (answer->size() < 5 || answer->front() != kIdentitiesAnswer)
    return agent_error("it lists no identities.");
  BytesView rest = BytesView(*answer).subspan(5);
  while (const auto blob = take_string(rest)) {
    const auto text = take_string(rest);
    if (text && as_text(*text) == comment) return to_bytes(*blob);
  }
  return agent_error("it offers no key \"" + comment + "\".");
}

class SshSigner : public Signer {
 public:
  SshSigner(Connection connection, Bytes blob, Algorithm algorithm, int client)
      : connection_(std::move(connection)), blob_(std::move(blob)), algorithm_(algorithm), client_(client) {}

  Result<void> sign(std::uint64_t number) override {
    Bytes request{kSignRequest};
    put_string(request, blob_);
    put_string(request, make_message(client_, number));
    put_number(request, algorithm_ == Algorithm::Rsa2048 ? kRsaSha256 : 0);
    const auto answer = connection_.ask(request);
    if (!answer) return answer.error();
    if (answer->empty() || answer->front() != kSignResponse) return agent_error("it did not sign.");
    return {};
  }

 private:
  Connection connection_;
  Bytes blob_;
  Algorithm algorithm_;
  int client_;
};

}  // namespace

SignerMaker ssh_signers(SshTarget target) {
  return [target = std::move(target)](int client) -> Result<std::unique_ptr<Signer>> {
    auto connection = Connection::open(target.socket);
    if (!connection) return connection.error();
    auto blob = find_identity(*connection, target.key);
    if (!blob) return blob.error();
    return std::unique_ptr<Signer>(
        std::make_unique<SshSigner>(std::move(*connection), std::move(*blob), target.algorithm, client));
  };
}

}  // namespace signet::bench
