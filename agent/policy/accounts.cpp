#include "agent/policy/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>

namespace signet {
namespace {

constexpr std::uint32_t kUsualOverflow = 65534;
constexpr std::size_t kFirstBuffer = 4096, kLargestBuffer = 1024 * 1024;
constexpr int kMostGroups = 65536;  // the kernel's NGROUPS_MAX

std::uint32_t kernel_number(const char* file) {
  std::ifstream stream(file);
  std::uint32_t number = kUsualOverflow;
  stream >> number;
  return stream ? number : kUsualOverflow;
}

// Calls a get…_r function with ever larger buffers; what `read` makes of the entry, nothing if there is none.
template <typename Entry, typename Get, typename Read>
auto look_up(Get get, Read read) -> std::optional<decltype(read(std::declval<const Entry&>()))> {
  for (std::size_t size = kFirstBuffer; size <= kLargestBuffer; size *= 4) {
    std::vector<char> buffer(size);
    Entry entry{};
    Entry* found = nullptr;
    const int status = get(&entry, buffer.data(), buffer.size(), &found);
    if (status == ERANGE) continue;
    if (status != 0 || found == nullptr) return std::nullopt;
    return read(entry);
  }
  return std::nullopt;
}

std::optional<uid_t> uid_of(const std::string& name) {
  return look_up<passwd>(
      [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
      },
      [](const passwd& entry) { return entry.pw_uid; });
}

std::optional<gid_t> gid_of(const std::string& name) {
  return look_up<group>([&](group* entry, char* buffer, std::size_t size,
                            group** found) { return ::getgrnam_r(name.c_str(), entry, buffer, size, found); },
                        [](const group& entry) { return entry.gr_gid; });
}

struct NamedAccount {
  std::string name;
  Account account;
};

std::optional<NamedAccount> account_of(uid_t uid) {
  return look_up<passwd>([&](passwd* entry, char* buffer, std::size_t size,
                             passwd** found) { return ::getpwuid_r(uid, entry, buffer, size, found); },
                         [](const passwd& entry) {
                           NamedAccount named;
                           named.name = entry.pw_name;
                           named.account.uid = entry.pw_uid;
                           named.account.gid = entry.pw_gid;
                           return named;
                         });
}

std::vector<gid_t> groups_of(const NamedAccount& named) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(named.name.c_str(), named.account.gid, groups.data(), &count) < 0) {
    if (count <= static_cast<int>(groups.size()) || count > kMostGroups) return {};
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  std::erase(groups, named.account.gid);
  return groups;
}

std::optional<uid_t> parse_number(std::string_view text) {
  if (text.starts_with("uid:")) text.remove_prefix(4);
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size() || uid == static_cast<uid_t>(-1))
    return std::nullopt;
  return uid;
}

}  // namespace

PolicyAccounts system_accounts() {
  PolicyAccounts accounts;
  accounts.uid_of = uid_of;
  accounts.gid_of = gid_of;
  accounts.self = ::geteuid();
  accounts.overflow_uid = kernel_number("/proc/sys/kernel/overflowuid");
  accounts.overflow_gid = kernel_number("/proc/sys/kernel/overflowgid");
  return accounts;
}

std::optional<Account> find_account(const std::string& user) {
  std::optional<uid_t> uid = uid_of(user);
  if (!uid) uid = parse_number(user);
  if (!uid) return std::nullopt;
  std::optional<NamedAccount> named = account_of(*uid);
  if (!named) {
    Account unnamed;
    unnamed.uid = *uid;
    return unnamed;
  }
  named->account.groups = groups_of(*named);
  return std::move(named->account);
}

std::string account_name(uid_t uid) {
  const std::optional<NamedAccount> named = account_of(uid);
  return named ? named->name : std::string();
}

bool means_account(const std::string& user, uid_t uid) {
  const std::string name = account_name(uid);
  if (!name.empty() && user == name) return true;
  return parse_number(user) == uid;
}

}  // namespace signet
