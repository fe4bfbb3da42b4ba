#include "tests/hsm_network/link_ends.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace signet::test {

namespace {

constexpr const char* kDevice = "hsm0";

LinkFault failed(const std::string& what) {
  return {what + " failed: " + std::strerror(errno) + "."};
}

bool write_file(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return written;
}

// An ordinary user becomes root of a user namespace, and of nothing else.
std::optional<LinkFault> enter_user_namespace() {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) return failed("Making a user namespace (unprivileged ones may be off)");
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1")) {
    return failed("Mapping the user into its namespace");
  }
  return std::nullopt;
}

ifreq request_for_device() {
  ifreq request{};
  std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
  return request;
}

void set_address(sockaddr& where, const char* address) {
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &inet.sin_addr);
  std::memcpy(&where, &inet, sizeof inet);
}

std::optional<LinkFault> configure(int socket, const char* own, const char* other) {
  ifreq request = request_for_device();
  set_address(request.ifr_addr, own);
  if (::ioctl(socket, SIOCSIFADDR, &request) != 0) return failed("Giving the device its address");
  set_address(request.ifr_dstaddr, other);
  if (::ioctl(socket, SIOCSIFDSTADDR, &request) != 0) return failed("Naming the other end");
  request = request_for_device();
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket, SIOCSIFFLAGS, &request) != 0) return failed("Bringing the device up");
  return std::nullopt;
}

std::optional<LinkFault> make_end(LinkEnd& end, const char* own, const char* other) {
  if (::unshare(CLONE_NEWNET) != 0) return failed("Making a network namespace");
  end.space = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (end.space < 0) return failed("Opening the network namespace");
  end.device = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (end.device < 0) return failed("Opening /dev/net/tun (the kernel needs TUN)");
  ifreq request = request_for_device();
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(end.device, TUNSETIFF, &request) != 0) return failed("Making a TUN device");
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return failed("Making a socket");
  auto fault = configure(socket, own, other);
  ::close(socket);
  return fault;
}

}  // namespace

std::variant<LinkEnds, LinkFault> make_link_ends() {
  LinkEnds ends;
  ends.own_users = ::geteuid() != 0;
  if (ends.own_users) {
    if (auto fault = enter_user_namespace()) return std::move(*fault);
  }
  if (auto fault = make_end(ends.near, kNearAddress, kFarAddress)) return std::move(*fault);
  if (auto fault = make_end(ends.far, kFarAddress, kNearAddress)) return std::move(*fault);
  return ends;
}

}  // namespace signet::test
