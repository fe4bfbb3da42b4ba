#include "client/command/user_names.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <vector>

namespace signet::client {
namespace {

constexpr std::size_t kEntrySize = 16 * 1024;

}  // namespace

Result<std::int64_t> uid_of(const std::string& user) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(user.data(), user.data() + user.size(), number);
  if (fault == std::errc() && end == user.data() + user.size() && number >= 0) return number;
  std::vector<char> room(kEntrySize);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found);
  if (found != nullptr) return static_cast<std::int64_t>(found->pw_uid);
  return Error{ErrorName::InvalidParameter,
               "This machine has no user \"" + user + "\". Give a name, or a user's number.",
               {{"parameter", "--who"}}};
}

std::string user_name(std::int64_t uid) {
  std::vector<char> room(kEntrySize);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(static_cast<uid_t>(uid), &entry, room.data(), room.size(), &found);
  if (found != nullptr) return found->pw_name;
  return "uid " + std::to_string(uid);
}

}  // namespace signet::client
