#include "agent/tokens/card_holder.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>

#include "agent/tokens/child_process.h"

namespace signet {

namespace {

namespace fs = std::filesystem;
using Inode = std::uint32_t;

// A card answers within milliseconds. One that does not is in another program's transaction.
constexpr std::chrono::milliseconds kLookTime(1500);
constexpr std::uint64_t kSharingViolation = 0x8010000B;  // SCARD_E_SHARING_VIOLATION (PC/SC, part 5)
constexpr std::uint8_t kEstablished = 1;                 // TCP_ESTABLISHED, which AF_UNIX uses, too

struct DumpRequest {
  nlmsghdr header;
  unix_diag_req body;
};

bool ask_for_all(int netlink) {
  DumpRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = 1U << kEstablished;
  request.body.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(netlink, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof kernel) == static_cast<ssize_t>(sizeof request);
}

// The peer's inode, if the socket has that name (an accepted socket has its listener's).
std::optional<Inode> peer_of(const nlmsghdr& message, const std::string& name) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) return std::nullopt;
  std::optional<Inode> peer;
  bool named = false;
  const auto* body = static_cast<const unix_diag_msg*>(NLMSG_DATA(&message));
  const auto* attribute = reinterpret_cast<const rtattr*>(body + 1);
  auto left = static_cast<unsigned>(message.nlmsg_len - NLMSG_LENGTH(sizeof(unix_diag_msg)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    const auto size = static_cast<std::size_t>(RTA_PAYLOAD(attribute));
    if (attribute->rta_type == UNIX_DIAG_PEER && size == sizeof(Inode)) {
      std::memcpy(&peer.emplace(), RTA_DATA(attribute), sizeof(Inode));
    } else if (attribute->rta_type == UNIX_DIAG_NAME) {
      const std::string_view told(static_cast<const char*>(RTA_DATA(attribute)), size);
      named = told.substr(0, told.find('\0')) == name;
    }
  }
  return named ? peer : std::nullopt;
}

std::set<Inode> clients_of(const std::string& name) {
  std::set<Inode> clients;
  const FileDescriptor netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink || !ask_for_all(netlink.get())) return clients;
  alignas(nlmsghdr) std::array<char, 32768> buffer{};
  for (;;) {
    const ssize_t got = ::recv(netlink.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return clients;
    auto left = static_cast<unsigned>(got);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return clients;
      if (const auto peer = peer_of(*message, name)) clients.insert(*peer);
    }
  }
}

// proc(5): the name is in brackets and may hold anything; the parent comes after the state.
pid_t parent_of(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string text;
  std::getline(file, text);
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos || end + 4 >= text.size()) return 0;
  return static_cast<pid_t>(std::strtol(text.c_str() + end + 4, nullptr, 10));
}

bool has_socket(const fs::path& process, const std::set<Inode>& sockets) {
  std::error_code failed;
  for (fs::directory_iterator at(process / "fd", failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(at->path(), gone).string();
    constexpr std::string_view kSocket = "socket:[";
    if (gone || !target.starts_with(kSocket)) continue;
    const auto inode = static_cast<Inode>(std::strtoul(target.c_str() + kSocket.size(), nullptr, 10));
    if (sockets.contains(inode)) return true;
  }
  return false;
}

std::string program_of(const fs::path& process) {
  std::ifstream file(process / "comm");
  std::string name;
  std::getline(file, name);
  std::ranges::replace_if(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return name.empty() ? "a program" : name;
}

std::string named(const CardUser& user) {
  return user.program + " (pid " + std::to_string(user.pid) + ")";
}

}  // namespace

fs::path pcscd_socket(const std::map<std::string, std::string>& environment) {
  const auto named = environment.find("PCSCLITE_CSOCK_NAME");
  return named != environment.end() ? fs::path(named->second) : fs::path("/run/pcscd/pcscd.comm");
}

std::vector<CardUser> card_users(const fs::path& socket) {
  std::vector<CardUser> users;
  const std::set<Inode> clients = clients_of(socket.string());
  if (clients.empty()) return users;
  std::error_code failed;
  for (fs::directory_iterator at("/proc", failed), end; !failed && at != end; at.increment(failed)) {
    const auto pid = static_cast<pid_t>(std::strtol(at->path().filename().c_str(), nullptr, 10));
    if (pid <= 0 || pid == ::getpid() || parent_of(at->path()) == ::getpid()) continue;
    if (!has_socket(at->path(), clients)) continue;
    users.push_back({pid, program_of(at->path())});
  }
  std::ranges::sort(users, {}, &CardUser::pid);
  return users;
}

std::string held_by(const std::vector<CardUser>& users) {
  if (users.empty()) return "Another program holds it.";
  if (users.size() == 1) return "It is held by " + named(users.front()) + ".";
  std::string text = "It is held by one of these programs: ";
  for (std::size_t i = 0; i < users.size(); ++i) text += (i == 0 ? "" : ", ") + named(users[i]);
  return text + ".";
}

boost::asio::awaitable<bool> card_is_held(CardAccess access, std::string reader) {
  host::CardTriesRequest question;
  question.reader = std::move(reader);
  const host::Request request(std::move(question));
  const CallLimit limit(kLookTime, std::chrono::milliseconds(0));
  const HostAnswer answer = co_await ask_card(std::move(access), request, limit);
  if (const auto* lost = std::get_if<HostLost>(&answer)) co_return lost->kind == HostLost::Kind::Deadline;
  const auto* fault = std::get_if<host::Fault>(&answer);
  co_return fault != nullptr && fault->kind == host::FaultKind::Card && fault->ckr == kSharingViolation;
}

std::string who_holds_cards(const CardAccess& access) {
  return held_by(card_users(pcscd_socket(access.launch.module.environment)));
}

Error token_held_error(const FaultContext& about, const std::string& holder) {
  boost::json::object parameters;
  parameters["label"] = about.label;
  parameters["serial"] = about.serial;
  return Error(ErrorName::TokenAbsent,
               "Token \"" + about.label + "\" (serial number " + about.serial +
                   ") cannot be reached: another program has its card for itself. " + holder +
                   " Have it let go, or end it.",
               std::move(parameters));
}

}  // namespace signet
