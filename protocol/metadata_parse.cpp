// The content of "signed", type by type.
#include <array>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"
#include "protocol/metadata_delegations.h"
#include "protocol/metadata_error.h"
#include "protocol/metadata_keys.h"
#include "protocol/metadata_parse.h"
#include "protocol/metadata_time.h"

namespace signet {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kTopLevelRoles{"root", "targets", "snapshot", "timestamp"};
constexpr std::array<std::string_view, 4> kNotaryTypes{"Root", "Targets", "Snapshot", "Timestamp"};
constexpr std::array<RoleType, 4> kRoleTypes{RoleType::Root, RoleType::Targets, RoleType::Snapshot,
                                             RoleType::Timestamp};
constexpr std::string_view kFileSuffix = ".json";

RoleType read_type(const JsonNode& node, MetadataFormat format) {
  const std::string_view name = node.string();
  const auto& names = format == MetadataFormat::Tuf ? kTopLevelRoles : kNotaryTypes;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return kRoleTypes[i];
  node.refuse("type", quoted(name) + " is no type of " + std::string(to_string(format)) + " metadata");
  return RoleType::Root;
}

// python-tuf reads 1.X and 1.X.Y, and refuses any other.
void check_spec_version(const JsonNode& node) {
  const std::string_view version = node.string();
  std::size_t dots = 0;
  bool fits =
      version.starts_with("1.") && version.back() != '.' && version.find("..") == std::string_view::npos;
  for (const char c : version) {
    dots += c == '.' ? 1 : 0;
    fits = fits && (c == '.' || (c >= '0' && c <= '9'));
  }
  if (!fits || dots > 2) node.refuse("spec-version", "Signet reads specification versions 1.X and 1.X.Y");
}

void read_expiry(const JsonNode& node, Signed& out) {
  out.expires = node.string();
  const auto time = parse_expiry(out.expires, out.format);
  if (!time)
    return node.refuse("expires", out.format == MetadataFormat::Tuf
                                      ? "an expiry is an existing time as YYYY-MM-DDTHH:MM:SSZ"
                                      : "an expiry is an existing time in RFC 3339 as Go prints it, with Z");
  out.expires_at = *time;
}

void read_common(const JsonNode& node, Signed& out) {
  out.type = read_type(node.member("_type"), out.format);
  out.version = node.member("version").integer(1, kMaxVersion);
  read_expiry(node.member("expires"), out);
  if (out.format == MetadataFormat::Notary) return;
  const JsonNode spec_version = node.member("spec_version");
  out.spec_version = spec_version.string();
  check_spec_version(spec_version);
}

bool is_certificate(const MetadataKey& key) {
  return key.scheme.ends_with("-x509");
}

void warn_of_plain_root_keys(Signed& out) {
  for (const std::string& keyid : out.roles["root"].keyids)
    if (!is_certificate(out.keys.at(keyid)))
      out.warnings.push_back("The root key " + quoted(keyid) +
                             " has no certificate; Notary's clients want one.");
}

void read_root(const JsonNode& node, Signed& out) {
  if (out.format == MetadataFormat::Notary) {
    node.only({"_type", "consistent_snapshot", "expires", "keys", "roles", "version"});
    out.consistent_snapshot = node.member("consistent_snapshot").boolean();
  } else if (const auto consistent = node.find("consistent_snapshot")) {
    out.consistent_snapshot = consistent->boolean();
  }
  out.keys = read_keys(node.member("keys"), out.format, out.warnings);
  const JsonNode roles = node.member("roles");
  roles.each_member([&](std::string_view name, const JsonNode& role) {
    if (role_type(name) == RoleType::Targets && name != "targets")
      role.refuse("role-name", "a root has the roles root, targets, snapshot and timestamp only");
    if (out.format == MetadataFormat::Notary) role.only({"keyids", "threshold"});
    out.roles.emplace(name, read_role_keys(role, out.keys));
  });
  for (const std::string_view name : kTopLevelRoles) roles.member(name);
  if (out.format == MetadataFormat::Notary && !node.failed()) warn_of_plain_root_keys(out);
}

std::size_t digest_size(std::string_view algorithm) {
  if (algorithm == "sha256") return 32;
  if (algorithm == "sha512") return 64;
  return 0;  // not known: any size
}

std::optional<Bytes> decode_hash(std::string_view text, MetadataFormat format) {
  if (format == MetadataFormat::Notary) return from_base64(text);
  // Clients compare the text: upper case would never match.
  if (text.find_first_of("ABCDEF") != std::string_view::npos) return std::nullopt;
  return from_hex(text);
}

std::map<std::string, std::string> read_hashes(const JsonNode& hashes, MetadataFormat format) {
  std::map<std::string, std::string> out;
  if (hashes.object().empty()) hashes.refuse("hashes", "there is no hash");
  hashes.each_member([&](std::string_view algorithm, const JsonNode& node) {
    const auto digest = decode_hash(node.string(), format);
    const std::size_t wanted = digest_size(algorithm);
    if (!digest || digest->empty() || (wanted != 0 && digest->size() != wanted))
      return node.refuse("hashes", format == MetadataFormat::Tuf
                                       ? "a hash is lower-case hexadecimal of its algorithm's length"
                                       : "a hash is base64 of its algorithm's length");
    out.emplace(algorithm, to_hex(*digest));
  });
  return out;
}

TargetFile read_target(const JsonNode& node, MetadataFormat format) {
  TargetFile out;
  if (format == MetadataFormat::Notary) node.only({"custom", "hashes", "length"});
  out.length = node.member("length").integer(0, kMaxJsonInteger);
  out.hashes = read_hashes(node.member("hashes"), format);
  const auto custom = node.find("custom");
  // Notary lets any JSON stand here; TUF wants an object.
  if (custom && (format == MetadataFormat::Tuf || custom->value().is_object())) out.custom = custom->object();
  return out;
}

void read_targets(const JsonNode& node, Signed& out) {
  node.member("targets").each_member([&](std::string_view path, const JsonNode& target) {
    out.targets.emplace_hint(out.targets.end(), path, read_target(target, out.format));
  });
  if (out.format == MetadataFormat::Notary) {
    node.only({"_type", "delegations", "expires", "targets", "version"});
    read_delegations(node.member("delegations"), out);
  } else if (const auto delegations = node.find("delegations")) {
    read_delegations(*delegations, out);
  }
}

MetaFile read_meta_file(const JsonNode& node, MetadataFormat format) {
  MetaFile out;
  if (format == MetadataFormat::Notary) {
    node.only({"hashes", "length"});
    out.length = node.member("length").integer(0, kMaxJsonInteger);
    const JsonNode hashes = node.member("hashes");
    out.hashes = read_hashes(hashes, format);
    hashes.member("sha256");
    return out;
  }
  out.version = node.member("version").integer(1, kMaxVersion);
  if (const auto length = node.find("length")) out.length = length->integer(0, kMaxJsonInteger);
  if (const auto hashes = node.find("hashes")) out.hashes = read_hashes(*hashes, format);
  return out;
}

// The role of a file name of "meta"; Notary's names are bare.
std::string_view meta_role(std::string_view name, MetadataFormat format) {
  if (format == MetadataFormat::Notary) return name;
  if (!name.ends_with(kFileSuffix)) return {};
  name.remove_suffix(kFileSuffix.size());
  return name;
}

// Snapshot and timestamp. least: the role that must be listed.
void read_meta(const JsonNode& node, std::string_view least, Signed& out) {
  if (out.format == MetadataFormat::Notary) node.only({"_type", "expires", "meta", "version"});
  const JsonNode meta = node.member("meta");
  meta.each_member([&](std::string_view name, const JsonNode& file) {
    const std::string_view role = meta_role(name, out.format);
    if (!check_role_name(role, out.format))
      return file.refuse("meta", quoted(name) + " is no file name of metadata");
    out.meta.emplace(std::string(role) + std::string(kFileSuffix), read_meta_file(file, out.format));
  });
  const bool tuf = out.format == MetadataFormat::Tuf;
  meta.member(std::string(least) + std::string(tuf ? kFileSuffix : ""));
  if (out.type == RoleType::Timestamp && out.meta.size() > 1)
    meta.refuse("meta", "a timestamp lists the snapshot and nothing else");
}

}  // namespace

Result<Signed> read_signed(const json::value& value, MetadataFormat format) {
  JsonDocument document(value);
  const JsonNode node = document.root();
  Signed out;
  out.format = format;
  read_common(node, out);
  if (document.failed()) return document.error();
  switch (out.type) {
    case RoleType::Root:
      read_root(node, out);
      break;
    case RoleType::Targets:
      read_targets(node, out);
      break;
    case RoleType::Snapshot:
      read_meta(node, "targets", out);
      break;
    case RoleType::Timestamp:
      read_meta(node, "snapshot", out);
      break;
  }
  refuse_stray_line_feeds(node);
  if (document.failed()) return document.error();
  return out;
}

Result<Signed> parse_signed(std::string_view text, MetadataFormat format) {
  const auto value = parse_canonical_json(text, kMaxMetadataSize);
  if (!value) return value.error();
  return read_signed(*value, format);
}

}  // namespace signet
