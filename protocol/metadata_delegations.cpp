#include "protocol/metadata_delegations.h"

#include <set>

#include "protocol/metadata_keys.h"

namespace signet {
namespace {

constexpr std::string_view kLowerHex = "0123456789abcdef";
constexpr std::size_t kMaxHashPrefix = 64;  // a whole SHA-256

std::vector<std::string> read_strings(const JsonNode& list) {
  std::vector<std::string> out;
  list.each_element([&](const JsonNode& element) { out.emplace_back(element.string()); });
  return out;
}

bool is_top_level(std::string_view name) {
  return name == "root" || name == "targets" || name == "snapshot" || name == "timestamp";
}

void check_delegated_name(const JsonNode& node, std::string_view name, MetadataFormat format) {
  if (node.failed()) return;
  if (is_top_level(name))
    return node.refuse("role-name", "a delegation cannot have the name of a top-level role");
  if (const auto checked = check_role_name(name, format); !checked)
    node.refuse("role-name", "a delegation cannot have this name: " + checked.error().message);
}

void read_tuf_paths(const JsonNode& role, DelegatedRole& out) {
  const auto paths = role.find("paths");
  const auto prefixes = role.find("path_hash_prefixes");
  if (paths.has_value() == prefixes.has_value())
    return role.refuse("paths", "a delegation has either \"paths\" or \"path_hash_prefixes\"");
  if (paths) out.paths = read_strings(*paths);
  if (!prefixes) return;
  prefixes->each_element([&](const JsonNode& element) {
    const std::string_view prefix = element.string();
    if (prefix.empty() || prefix.size() > kMaxHashPrefix ||
        prefix.find_first_not_of(kLowerHex) != std::string_view::npos)
      element.refuse("paths", "a hash prefix is 1 to 64 lower-case hexadecimal digits");
    out.path_hash_prefixes.emplace_back(prefix);
  });
}

// Go leaves "paths" out when there are none, and its prefixes hide everything then.
void read_notary_paths(const JsonNode& role, DelegatedRole& out) {
  role.only({"keyids", "name", "paths", "threshold"});
  const auto paths = role.find("paths");
  if (!paths) return;
  out.paths = read_strings(*paths);
  if (out.paths.empty()) paths->refuse("paths", "Notary leaves \"paths\" out where there are none");
}

DelegatedRole read_role(const JsonNode& role, const Signed& context) {
  DelegatedRole out;
  const JsonNode name = role.member("name");
  out.name = name.string();
  check_delegated_name(name, out.name, context.format);
  out.keys = read_role_keys(role, context.keys);
  if (context.format == MetadataFormat::Notary) {
    read_notary_paths(role, out);
  } else {
    read_tuf_paths(role, out);
    out.terminating = role.member("terminating").boolean();
  }
  return out;
}

SuccinctRoles read_succinct(const JsonNode& node, const Signed& context) {
  SuccinctRoles out;
  out.keys = read_role_keys(node, context.keys);
  out.bit_length = static_cast<int>(node.member("bit_length").integer(1, 32));
  const JsonNode prefix = node.member("name_prefix");
  out.name_prefix = prefix.string();
  check_delegated_name(prefix, out.name_prefix + "-0", context.format);
  return out;
}

void read_roles(const JsonNode& roles, Signed& out) {
  std::set<std::string> names;
  roles.each_element([&](const JsonNode& role) {
    DelegatedRole read = read_role(role, out);
    if (!names.insert(read.name).second) role.refuse("role-twice", "two delegations have this name");
    out.delegations.push_back(std::move(read));
  });
}

}  // namespace

void read_delegations(const JsonNode& delegations, Signed& out) {
  out.keys = read_keys(delegations.member("keys"), out.format, out.warnings);
  if (out.format == MetadataFormat::Notary) {
    delegations.only({"keys", "roles"});
    return read_roles(delegations.member("roles"), out);
  }
  const auto roles = delegations.find("roles");
  const auto succinct = delegations.find("succinct_roles");
  if (roles.has_value() == succinct.has_value())
    return delegations.refuse("succinct-roles", "delegations have either \"roles\" or \"succinct_roles\"");
  if (roles)
    read_roles(*roles, out);
  else
    out.succinct = read_succinct(*succinct, out);
}

}  // namespace signet
