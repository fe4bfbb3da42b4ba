#include "raw_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace signet::test {

RawClient::RawClient(const std::filesystem::path& socket)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  const std::string why = std::strerror(errno);
  ::close(fd_);
  throw std::runtime_error("cannot connect to " + socket.string() + ": " + why);
}

RawClient::~RawClient() {
  close();
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::size_t RawClient::send_some(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) break;
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

// One read; false at the end of the stream.
bool RawClient::fill(std::chrono::milliseconds patience) {
  pollfd poll{fd_, POLLIN, 0};
  if (::poll(&poll, 1, static_cast<int>(patience.count())) <= 0)
    throw std::runtime_error("no answer in time");
  std::array<char, 65536> chunk;
  const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
  if (n <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(n));
  return true;
}

std::optional<std::string> RawClient::receive() {
  std::size_t nul = 0;
  while ((nul = buffer_.find('\0')) == std::string::npos)
    if (!fill(kPatience)) return std::nullopt;
  std::string frame = buffer_.substr(0, nul);
  buffer_.erase(0, nul + 1);
  return frame;
}

boost::json::object RawClient::reply() {
  const std::optional<std::string> frame = receive();
  if (!frame) throw std::runtime_error("the connection ended where a reply was due");
  return boost::json::parse(*frame).as_object();
}

bool RawClient::anything_within(std::chrono::milliseconds time) {
  if (buffer_.find('\0') != std::string::npos) return true;
  pollfd poll{fd_, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(time.count())) > 0;
}

void RawClient::shutdown_writing() {
  ::shutdown(fd_, SHUT_WR);
}

void RawClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string call_json(std::string_view method, boost::json::object parameters, boost::json::object flags) {
  boost::json::object call{{"method", std::string(method)}, {"parameters", std::move(parameters)}};
  for (const auto& flag : flags) call[flag.key()] = flag.value();
  return boost::json::serialize(call);
}

}  // namespace signet::test
