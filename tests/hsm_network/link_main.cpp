// test-link: a network link of a test's own, from one network namespace to another, with delay and loss as
// ordered, that can be cut and mended. For kernels without netem: a TUN device at each end, and this program
// in between. It carries IPv4 between its own two addresses and nothing else; it needs no rights where
// ordinary users may make user namespaces.
//
// Its first line on standard output: "ready NEAR FAR OWN_USERS": the descriptors of the two namespaces, for
//   nsenter [--user=/proc/PID/ns/user --preserve-credentials] --net=/proc/PID/fd/NEAR COMMAND
// and whether they belong to a user namespace (1) or not (0). Then each line on standard input is an order,
// answered by one line, "ok …" or "error …":
//   delay MS       one way, with a fraction
//   loss PERCENT   of packets, each way
//   cut            everything under way is lost, nothing passes
//   mend
//   counts         "ok PASSED LOST", in packets
// It ends, and all of it with it, when its standard input does.
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/hsm_network/delay_line.h"
#include "tests/hsm_network/link_ends.h"

namespace signet::test {
namespace {

using Clock = DelayLine::Clock;

constexpr std::size_t kLargestPacket = 65536;

// IPv4 from the one address to the other; the kernel's own IPv6 chatter stays out.
bool belongs(const Packet& packet, const char* from, const char* to) {
  if (packet.size() < 20 || packet[0] >> 4U != 4) return false;
  in_addr source{}, destination{};
  std::memcpy(&source, packet.data() + 12, sizeof source);
  std::memcpy(&destination, packet.data() + 16, sizeof destination);
  return source.s_addr == ::inet_addr(from) && destination.s_addr == ::inet_addr(to);
}

class Link {
 public:
  explicit Link(const LinkEnds& ends) : ends_(ends) {}
  int run();

 private:
  void read_packets(int device, DelayLine& line, const char* from, const char* to);
  static void write_due(int device, DelayLine& line, Clock::time_point now);
  bool read_orders();
  std::string obey(std::string_view order);
  std::string obey(std::string_view word, double number);
  timespec until_next(Clock::time_point now) const;

  LinkEnds ends_;
  LinkWeather weather_;
  // Seeded alike in every run: the same packets of the same traffic are lost.
  DelayLine outward_{20261128}, homeward_{82116202};
  std::string typed_;
};

void Link::read_packets(int device, DelayLine& line, const char* from, const char* to) {
  static std::array<std::uint8_t, kLargestPacket> buffer;
  const auto now = Clock::now();
  for (int count = 0; count < 64; ++count) {  // then the other direction has its turn
    const ssize_t size = ::read(device, buffer.data(), buffer.size());
    if (size <= 0) return;
    Packet packet(buffer.begin(), buffer.begin() + size);
    if (belongs(packet, from, to)) line.take(std::move(packet), weather_, now);
  }
}

void Link::write_due(int device, DelayLine& line, Clock::time_point now) {
  // A device that takes no packet loses it, as a link would.
  while (const auto packet = line.due(now)) {
    if (::write(device, packet->data(), packet->size()) < 0 && errno == EBADF) std::abort();
  }
}

std::string Link::obey(std::string_view word, double number) {
  if (word == "delay" && number >= 0 && number <= 60000) {
    weather_.delay = std::chrono::microseconds(static_cast<long>(number * 1000));
  } else if (word == "loss" && number >= 0 && number <= 100) {
    weather_.loss = number / 100;
  } else {
    return "error there is no such order, or its number is out of range";
  }
  return "ok";
}

std::string Link::obey(std::string_view order) {
  if (order == "cut") {
    weather_.cut = true;
    outward_.cut();
    homeward_.cut();
    return "ok";
  }
  if (order == "mend") {
    weather_.cut = false;
    return "ok";
  }
  if (order == "counts") {
    return "ok " + std::to_string(outward_.passed() + homeward_.passed()) + " " +
           std::to_string(outward_.lost() + homeward_.lost());
  }
  const auto space = order.find(' ');
  double number = -1;
  if (space != std::string_view::npos) {
    std::from_chars(order.data() + space + 1, order.data() + order.size(), number);
  }
  return obey(order.substr(0, space), number);
}

// False at the end of standard input.
bool Link::read_orders() {
  std::array<char, 256> buffer{};
  const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size <= 0) return false;
  typed_.append(buffer.data(), static_cast<std::size_t>(size));
  for (auto end = typed_.find('\n'); end != std::string::npos; end = typed_.find('\n')) {
    std::puts(obey(std::string_view(typed_).substr(0, end)).c_str());
    typed_.erase(0, end + 1);
  }
  std::fflush(stdout);
  return true;
}

timespec Link::until_next(Clock::time_point now) const {
  std::chrono::nanoseconds wait = std::chrono::seconds(60);
  for (const DelayLine* line : {&outward_, &homeward_}) {
    if (const auto next = line->next()) wait = std::min<std::chrono::nanoseconds>(wait, *next - now);
  }
  wait = std::max(wait, std::chrono::nanoseconds(0));
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  return {static_cast<time_t>(whole.count()), static_cast<long>((wait - whole).count())};
}

int Link::run() {
  const int near = ends_.near.device;
  const int far = ends_.far.device;
  std::printf("ready %d %d %d\n", ends_.near.space, ends_.far.space, ends_.own_users ? 1 : 0);
  std::fflush(stdout);
  for (;;) {
    std::array<pollfd, 3> wanted = {{{STDIN_FILENO, POLLIN, 0}, {near, POLLIN, 0}, {far, POLLIN, 0}}};
    const timespec wait = until_next(Clock::now());
    if (::ppoll(wanted.data(), wanted.size(), &wait, nullptr) < 0 && errno != EINTR) return 1;
    if (wanted[1].revents != 0) read_packets(near, outward_, kNearAddress, kFarAddress);
    if (wanted[2].revents != 0) read_packets(far, homeward_, kFarAddress, kNearAddress);
    const auto now = Clock::now();
    write_due(far, outward_, now);
    write_due(near, homeward_, now);
    if (wanted[0].revents != 0 && !read_orders()) return 0;
  }
}

int run() {
  std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the test, which tidies up
  const auto made = make_link_ends();
  if (const auto* fault = std::get_if<LinkFault>(&made)) {
    std::fprintf(stderr, "test-link: %s\n", fault->why.c_str());
    return 1;
  }
  return Link(std::get<LinkEnds>(made)).run();
}

}  // namespace
}  // namespace signet::test

int main() {
  return signet::test::run();
}
