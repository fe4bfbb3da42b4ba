#include "agent/policy/sentences.h"

#include <array>
#include <ctime>

#include "protocol/json_text.h"

namespace signet {
namespace {

constexpr std::size_t kMostShown = 120;

std::string hex_escape(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

std::string quoted_name(std::string_view name) {
  std::string text = "\"";
  const std::string_view all = name;
  while (!name.empty() && all.size() - name.size() < kMostShown) {
    const CodePoint point = next_code_point(name);
    const std::size_t size = point.size == 0 ? 1 : point.size;
    if (point.size == 0 || is_control(point.value)) {
      for (const char byte : name.substr(0, size)) text += hex_escape(static_cast<unsigned char>(byte));
    } else {
      if (point.value == '"' || point.value == '\\') text += '\\';
      text += name.substr(0, size);
    }
    name.remove_prefix(size);
  }
  return text + (name.empty() ? "\"" : "…\"");
}

std::string count_text(std::int64_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string week_time(std::chrono::sys_seconds time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return std::string(kDays.at(static_cast<std::size_t>(parts.tm_wday))) + " " +
         std::string(text.data(), length);
}

std::string who_text(const PolicyIdentity& who) {
  std::string text = "uid " + std::to_string(who.uid);
  if (who.claims) text += ", as a job of " + quoted_name(who.claims->issuer) + ",";
  return text;
}

std::string what_text(const PolicyRequest& request) {
  std::string text{to_string(request.action)};
  if (request.key) text += " with the key " + quoted_name(request.key->name);
  if (request.token && !request.key)
    text += " of the token " +
            quoted_name(request.token->label.empty() ? request.token->serial : request.token->label);
  if (request.role) text += " for the role " + quoted_name(*request.role);
  if (request.repository) text += (request.role ? " of " : " for ") + quoted_name(*request.repository);
  return text;
}

}  // namespace signet
