#include "pkcs11/host_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace signet::host {

namespace {

// Room for a few more descriptors than allowed, so that a message with too many is seen and its descriptors
// closed.
constexpr std::size_t kMaxReceived = 4;

struct Received {
  std::array<int, kMaxReceived> fds{};
  std::size_t count = 0;
};

Received collect_descriptors(msghdr& message) {
  Received received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && received.count < kMaxReceived; ++i)
      std::memcpy(&received.fds[received.count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
  }
  return received;
}

}  // namespace

int send_session(int control, int session) {
  std::uint8_t byte = kAttach;
  iovec part{&byte, sizeof byte};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &session, sizeof(int));
  while (::sendmsg(control, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

std::variant<int, ControlClosed, ControlFault> receive_session(int control) {
  std::array<std::uint8_t, 2> bytes{};
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxReceived)> space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  ssize_t size = 0;
  while ((size = ::recvmsg(control, &message, MSG_CMSG_CLOEXEC)) < 0)
    if (errno != EINTR) return ControlFault{errno};
  const Received received = collect_descriptors(message);
  if (size == 0 && received.count == 0) return ControlClosed{};
  if (size == 1 && bytes[0] == kAttach && received.count == 1 && (message.msg_flags & MSG_CTRUNC) == 0)
    return received.fds[0];
  for (std::size_t i = 0; i < received.count; ++i) ::close(received.fds[i]);
  return ControlFault{EPROTO};
}

}  // namespace signet::host
