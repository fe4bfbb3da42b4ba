// TUF 1.0.x and Notary v1 metadata, read into one model. Parsing only: what may be signed is decided in
// agent/signing, whether enough people signed in protocol/threshold.h.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/public_key.h"
#include "protocol/result.h"

namespace signet {

enum class MetadataFormat { Tuf, Notary };
enum class RoleType { Root, Targets, Snapshot, Timestamp };

std::string_view to_string(MetadataFormat format);  // "tuf", "notary"
Result<MetadataFormat> parse_metadata_format(std::string_view name);
std::string_view to_string(RoleType type);  // "root", "targets", "snapshot", "timestamp"
// The type that a role of this name has: a delegation is of type Targets.
RoleType role_type(std::string_view role);

// MetadataInvalid for a name that is no role: empty, over 255 bytes, control characters, "/" at an end, "."
// or ".." as a part, a backslash; for Notary, anything but ^targets/[-a-z0-9_/]+$ beside the four top-level
// names.
Result<void> check_role_name(std::string_view role, MetadataFormat format);
// Repository names (GUNs) in their one normal form: lower-case host, no trailing "/", no empty, "." or ".."
// part, no scheme, at most 255 bytes. MetadataInvalid otherwise, with the normal form in the message where
// there is one.
Result<std::string> normalise_repository(std::string_view name);

struct MetadataKey {
  std::string keyid;           // as it stands in the metadata
  boost::json::object object;  // as it stands in the metadata
  std::string scheme;          // TUF scheme, or Notary's key type (ecdsa, ecdsa-x509, rsa, rsa-x509, ed25519)
  std::optional<PublicKey> key;  // nothing for a key type that Signet does not know: such a key never counts
  bool keyid_matches = true;     // the keyid is the hash of the object
};

struct RoleKeys {
  std::vector<std::string> keyids;
  std::int64_t threshold = 1;
};

struct TargetFile {
  std::int64_t length = 0;
  std::map<std::string, std::string> hashes;  // algorithm -> lower-case hex (Notary's base64 is converted)
  boost::json::object custom;
};

struct DelegatedRole {
  std::string name;
  RoleKeys keys;
  std::vector<std::string> paths;
  std::vector<std::string> path_hash_prefixes;
  bool terminating = false;
};

struct SuccinctRoles {
  RoleKeys keys;
  int bit_length = 1;
  std::string name_prefix;
};

struct MetaFile {
  std::int64_t version = 0;  // 0 where the format has none (Notary's snapshot)
  std::optional<std::int64_t> length;
  std::map<std::string, std::string> hashes;
};

// The content of "signed". Which members are used depends on `type`.
struct Signed {
  RoleType type = RoleType::Root;
  MetadataFormat format = MetadataFormat::Tuf;
  std::int64_t version = 0;
  std::string expires;  // as it stands
  std::chrono::sys_seconds expires_at;
  std::string spec_version;  // TUF only
  // root; and the delegations of targets
  std::map<std::string, MetadataKey> keys;
  std::map<std::string, RoleKeys> roles;  // root only: the four top-level roles
  bool consistent_snapshot = false;
  // targets
  std::map<std::string, TargetFile> targets;
  std::vector<DelegatedRole> delegations;
  std::optional<SuccinctRoles> succinct;
  // snapshot ("root.json", "targets.json", "delegation.json") and timestamp ("snapshot.json"); Notary's names
  // get the same ".json"
  std::map<std::string, MetaFile> meta;
  std::vector<std::string> warnings;  // e.g. a key id that does not match its key
};

struct SignatureEntry {
  std::string keyid;
  std::string method;  // Notary only
  Bytes signature;     // decoded; empty for TUF's "" placeholder
};

// A whole metadata file.
struct MetadataFile {
  Signed content;
  std::string canonical;                   // the canonical bytes of "signed": what is hashed and signed
  std::vector<SignatureEntry> signatures;  // one for each keyid at most
  boost::json::object signed_object;
};

inline constexpr std::size_t kMaxMetadataSize = 12 * 1024 * 1024;
inline constexpr std::int64_t kMaxVersion = 9007199254740992;  // 2^53
inline constexpr std::size_t kMaxKeysPerRole = 256;
inline constexpr std::size_t kMaxKeys = 1024;  // in one "keys"; each costs a point check
inline constexpr std::size_t kMaxSignatures = 1024;

// `text` must be its own canonical form, byte for byte (see parse_canonical_json). MetadataInvalid with a
// JSON pointer in `where` for what is JSON and not metadata; `why` is one of: type (of a JSON value, or
// `_type`), missing-member, unknown-member (Notary only: its server drops what it does not know, and the
// signature with it), range (an integer), limit, spec-version, expires, control-character (a line feed
// outside a key's PEM), keyid (empty), private-key, public-key (Notary: not base64), undefined-key, key-twice
// (in one role, by key id or by public key), threshold (above the number of the role's keys), role-name,
// role-twice, paths, succinct-roles, hashes, meta.
Result<Signed> parse_signed(std::string_view text, MetadataFormat format);

// A file as it lies in a repository: white space and order are free, "signed" is canonicalised again. Besides
// the above: keyid-twice (two signatures of one key id), signature-encoding (neither hexadecimal nor base64,
// as the format has it).
Result<MetadataFile> parse_metadata_file(std::string_view text, MetadataFormat format);
// The same, with the format told from `_type` ("root" or "Root").
Result<MetadataFile> parse_metadata_file(std::string_view text);

// How a file is written: TUF: {"signatures":[…],"signed":{…}}, one space of indent, final newline. Notary:
// the exact wire bytes that Go would write (docs/formats.md).
std::string write_metadata_file(const boost::json::object& signed_object,
                                const boost::json::array& signatures, MetadataFormat format);

// A key object for metadata, and its key id. For Notary keys of type ecdsa, rsa or ed25519 (root certificates
// come with IssueCertificate).
boost::json::object metadata_key_object(const PublicKey& key, MetadataFormat format);
std::string metadata_keyid(const PublicKey& key, MetadataFormat format);

}  // namespace signet
