#include "tests/client/fake_agent.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace signet::test {

std::optional<VarlinkCall> FakeClient::read() {
  for (;;) {
    auto frame = frames_.next();
    if (!frame) return std::nullopt;
    if (*frame) {
      auto call = parse_call(as_text(**frame));
      return call ? std::optional<VarlinkCall>(std::move(*call)) : std::nullopt;
    }
    const auto room = frames_.prepare(65536);
    const ssize_t count = ::recv(descriptor_, room.data(), room.size(), 0);
    if (count <= 0) return std::nullopt;
    frames_.commit(static_cast<std::size_t>(count));
  }
}

bool FakeClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

FakeAgent::FakeAgent(Script script)
    : script_(std::move(script)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket().string();
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the scratch path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0)
    throw std::runtime_error("cannot listen at " + path);
  server_ = std::thread([this] { serve(); });
}

FakeAgent::~FakeAgent() {
  ::shutdown(listener_, SHUT_RDWR);
  server_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int one : open_) ::shutdown(one, SHUT_RDWR);
  }
  for (auto& client : clients_) client.join();
  ::close(listener_);
}

void FakeAgent::serve() {
  for (;;) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const std::lock_guard lock(mutex_);
    const int number = connections_++;
    open_.push_back(descriptor);
    clients_.emplace_back([this, descriptor, number] {
      FakeClient client(descriptor);
      script_(client, number);
      const std::lock_guard closing(mutex_);
      ::close(descriptor);
      open_.remove(descriptor);
      closed_.notify_all();
    });
  }
}

void FakeAgent::wait_until_closed() {
  std::unique_lock lock(mutex_);
  closed_.wait(lock, [this] { return connections_ > 0 && open_.empty(); });
}

FakeAgent::Script always(std::string frame) {
  return [frame = std::move(frame)](FakeClient& client, int) {
    while (client.read())
      if (!client.reply(frame)) return;
  };
}

}  // namespace signet::test
