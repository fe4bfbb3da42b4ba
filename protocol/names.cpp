// The names of formats, role types, roles and repositories.
#include <algorithm>
#include <vector>

#include "protocol/json_text.h"
#include "protocol/metadata.h"
#include "protocol/metadata_error.h"

namespace signet {
namespace {

constexpr std::size_t kMaxNameSize = 255;
constexpr std::string_view kDelegationPrefix = "targets/";

bool is_top_level(std::string_view role) {
  return role == "root" || role == "targets" || role == "snapshot" || role == "timestamp";
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = path.find('/', begin);
    parts.push_back(path.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool is_dot_part(std::string_view part) {
  return part == "." || part == "..";
}

Error bad_role(std::string_view role, const std::string& reason) {
  return metadata_invalid("", "role-name", "The role name " + quoted(role) + " is refused: " + reason + ".");
}

Result<void> check_notary_delegation(std::string_view role) {
  const bool characters_fit = std::all_of(role.begin(), role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
  });
  if (!role.starts_with(kDelegationPrefix) || !characters_fit)
    return bad_role(role, "a delegation of Notary is \"targets/\" and then a-z, 0-9, \"-\", \"_\" and \"/\"");
  return {};
}

Error bad_repository(std::string_view name, const std::string& reason) {
  return metadata_invalid("", "repository-name",
                          "The repository name " + quoted(name) + " is refused: " + reason + ".");
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_repository_character(char c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || std::string_view("-._~+:@/").find(c) != std::string_view::npos;
}

// What `name` most likely means: without scheme, host in lower case, without empty and "." parts. Empty if
// that is nothing.
std::string normal_form(std::string_view name) {
  if (const std::size_t scheme = name.find("://"); scheme != std::string_view::npos)
    name.remove_prefix(scheme + 3);
  std::string out;
  for (const std::string_view part : split(name)) {
    if (part.empty() || part == ".") continue;
    const bool is_host = out.empty();
    if (!is_host) out += '/';
    for (const char c : part) out += is_host ? lower(c) : c;
  }
  return out;
}

}  // namespace

std::string_view to_string(MetadataFormat format) {
  return format == MetadataFormat::Tuf ? "tuf" : "notary";
}

Result<MetadataFormat> parse_metadata_format(std::string_view name) {
  if (name == "tuf") return MetadataFormat::Tuf;
  if (name == "notary") return MetadataFormat::Notary;
  return Error(ErrorName::InvalidParameter,
               "There is no metadata format " + quoted(name) + "; use tuf or notary.",
               {{"parameter", "format"}});
}

std::string_view to_string(RoleType type) {
  switch (type) {
    case RoleType::Root:
      return "root";
    case RoleType::Targets:
      return "targets";
    case RoleType::Snapshot:
      return "snapshot";
    case RoleType::Timestamp:
      break;
  }
  return "timestamp";
}

RoleType role_type(std::string_view role) {
  if (role == "root") return RoleType::Root;
  if (role == "snapshot") return RoleType::Snapshot;
  if (role == "timestamp") return RoleType::Timestamp;
  return RoleType::Targets;
}

Result<void> check_role_name(std::string_view role, MetadataFormat format) {
  if (role.empty()) return bad_role(role, "it is empty");
  if (role.size() > kMaxNameSize) return bad_role(role, "it has more than 255 bytes");
  if (find_string_fault(role)) return bad_role(role, "it holds a control character or is not UTF-8");
  if (role.find('\\') != std::string_view::npos) return bad_role(role, "it holds a backslash");
  for (const std::string_view part : split(role)) {
    if (part.empty()) return bad_role(role, "\"/\" stands at an end or twice in a row");
    if (is_dot_part(part))
      return bad_role(role, "a part of it is \".\" or \"..\", which would leave the folder");
  }
  if (format == MetadataFormat::Notary && !is_top_level(role)) return check_notary_delegation(role);
  return {};
}

Result<std::string> normalise_repository(std::string_view name) {
  if (name.empty()) return bad_repository(name, "it is empty. Name it like registry.example.com/org/app");
  if (name.size() > kMaxNameSize) return bad_repository(name, "it has more than 255 bytes");
  if (!std::all_of(name.begin(), name.end(), is_repository_character))
    return bad_repository(name, "only letters, digits and - . _ ~ + : @ / may stand in it");
  const std::vector<std::string_view> parts = split(name);
  if (std::find(parts.begin(), parts.end(), "..") != parts.end())
    return bad_repository(name, "a part of it is \"..\"");
  const std::string normal = normal_form(name);
  if (normal.empty()) return bad_repository(name, "it has no part that names anything");
  if (normal != name) return bad_repository(name, "it is not in its normal form. Write " + quoted(normal));
  return normal;
}

}  // namespace signet
