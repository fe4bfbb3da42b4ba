#include "protocol/metadata_keys.h"

#include <set>

#include "protocol/canonical_json.h"
#include "protocol/metadata_error.h"
#include "protocol/signature.h"

namespace signet {
namespace {

namespace json = boost::json;

bool is_ecdsa(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::EcdsaP256 || algorithm == KeyAlgorithm::EcdsaP384;
}

std::string_view plain_keytype(KeyAlgorithm algorithm) {
  if (algorithm == KeyAlgorithm::Ed25519) return "ed25519";
  return is_ecdsa(algorithm) ? "ecdsa" : "rsa";
}

std::string hash_of(const json::object& object) {
  const auto canonical = canonical_json(object);
  return canonical ? sha256_hex(as_bytes(*canonical)) : std::string();
}

// TUF hashes {keytype, scheme, keyval}; older writers hash what else the object holds as well.
bool keyid_is_hash(std::string_view keyid, const json::object& object, MetadataFormat format) {
  if (keyid == hash_of(object)) return true;
  if (format == MetadataFormat::Notary) return false;
  json::object core;
  for (const char* name : {"keytype", "keyval", "scheme"})
    if (const json::value* part = object.if_contains(name)) core[name] = *part;
  return keyid == hash_of(core);
}

// A private key in metadata is published with it. Old writers put "" or null there.
void refuse_private_key(const JsonNode& keyval) {
  const auto part = keyval.find("private");
  if (part && !part->value().is_null() && !(part->value().is_string() && part->string().empty()))
    part->refuse("private-key",
                 "a private key stands here. Remove it, and replace the key wherever it was used");
}

// What came of a key object: a key, or why it never counts.
struct KeyReading {
  std::optional<PublicKey> key;
  std::string why_not;
};

KeyReading usable(Result<PublicKey> key) {
  if (!key) return {std::nullopt, key.error().message};
  return {*key, ""};
}

KeyReading read_tuf_public(std::string_view keytype, std::string_view scheme, const JsonNode& keyval) {
  // Old writers repeat ECDSA's scheme as the type; python-tuf reads it still.
  const bool old_ecdsa =
      keytype == scheme && (scheme == "ecdsa-sha2-nistp256" || scheme == "ecdsa-sha2-nistp384");
  const std::string_view plain = old_ecdsa ? "ecdsa" : keytype;
  if (plain != "ecdsa" && plain != "rsa" && plain != "ed25519")
    return {std::nullopt, "its type is not known"};
  refuse_private_key(keyval);
  const std::string_view text = keyval.member("public").string();
  if (text.starts_with("-----BEGIN CERTIFICATE")) return {std::nullopt, "it is a certificate"};
  KeyReading reading;
  if (plain == "ed25519") {
    const auto raw = from_hex(text);
    reading = raw ? usable(PublicKey::from_ed25519(*raw)) : KeyReading{std::nullopt, "it is not hexadecimal"};
  } else {
    reading = usable(PublicKey::from_pem(text));
  }
  if (reading.key && plain_keytype(reading.key->algorithm()) != plain)
    return {std::nullopt, "its type " + quoted(keytype) + " does not fit it"};
  if (reading.key && to_string(metadata_scheme(reading.key->algorithm(), MetadataFormat::Tuf)) != scheme)
    return {std::nullopt, "its scheme " + quoted(scheme) + " does not fit it or is not known"};
  return reading;
}

KeyReading read_notary_public(std::string_view keytype, const JsonNode& keyval) {
  refuse_private_key(keyval);
  keyval.member("private");  // Notary hashes its "private":null
  const JsonNode node = keyval.member("public");
  const auto decoded = from_base64(node.string());
  if (!decoded) {
    node.refuse("public-key", "this is not base64");
    return {};
  }
  KeyReading reading;
  std::string_view plain = keytype;
  if (keytype == "ecdsa-x509" || keytype == "rsa-x509") {
    plain.remove_suffix(std::string_view("-x509").size());
    reading = usable(PublicKey::from_pem(as_text(*decoded)));
  } else if (keytype == "ecdsa" || keytype == "rsa") {
    reading = usable(PublicKey::from_spki(*decoded));
  } else if (keytype == "ed25519") {
    reading = usable(PublicKey::from_ed25519(*decoded));
  } else {
    return {std::nullopt, "its type is not known"};
  }
  if (reading.key && plain_keytype(reading.key->algorithm()) != plain)
    return {std::nullopt, "its type " + quoted(keytype) + " does not fit it"};
  return reading;
}

MetadataKey read_key(std::string_view keyid, const JsonNode& node, MetadataFormat format,
                     std::vector<std::string>& warnings) {
  MetadataKey out;
  out.keyid = keyid;
  out.object = node.object();
  const std::string_view keytype = node.member("keytype").string();
  const JsonNode keyval = node.member("keyval");
  keyval.object();
  KeyReading reading;
  if (format == MetadataFormat::Tuf) {
    out.scheme = node.member("scheme").string();
    if (!node.failed()) reading = read_tuf_public(keytype, out.scheme, keyval);
  } else {
    node.only({"keytype", "keyval"});
    keyval.only({"private", "public"});
    out.scheme = keytype;
    if (!node.failed()) reading = read_notary_public(keytype, keyval);
  }
  out.key = reading.key;
  out.keyid_matches = keyid_is_hash(keyid, out.object, format);
  if (!out.key) warnings.push_back("The key " + quoted(keyid) + " never counts: " + reading.why_not);
  if (!out.keyid_matches) warnings.push_back("The key id " + quoted(keyid) + " is not the hash of its key.");
  return out;
}

void refuse_line_feeds(const JsonNode& node) {
  if (node.value().is_string() && node.string().find('\n') != std::string_view::npos)
    node.refuse("control-character", "a line feed stands in this string; only a key's PEM may hold one");
  if (node.value().is_array()) node.each_element(refuse_line_feeds);
  if (node.value().is_object())
    node.each_member([](std::string_view, const JsonNode& member) { refuse_line_feeds(member); });
}

void refuse_line_feeds_in_keys(const JsonNode& keys) {
  keys.each_member([](std::string_view, const JsonNode& key) {
    key.each_member([](std::string_view name, const JsonNode& member) {
      if (name != "keyval") refuse_line_feeds(member);
    });
  });
}

}  // namespace

MetadataKeys read_keys(const JsonNode& keys, MetadataFormat format, std::vector<std::string>& warnings) {
  if (keys.object().size() > kMaxKeys)
    keys.refuse("limit", "there are more than " + std::to_string(kMaxKeys) + " keys");
  MetadataKeys out;
  keys.each_member([&](std::string_view keyid, const JsonNode& node) {
    if (keyid.empty()) node.refuse("keyid", "the key id of this key is empty");
    out.emplace(keyid, read_key(keyid, node, format, warnings));
  });
  return out;
}

RoleKeys read_role_keys(const JsonNode& role, const MetadataKeys& keys) {
  RoleKeys out;
  std::set<std::string_view> keyids;
  std::set<std::string_view> fingerprints;
  const JsonNode list = role.member("keyids");
  if (list.array().size() > kMaxKeysPerRole)
    list.refuse("limit", "the role has more than " + std::to_string(kMaxKeysPerRole) + " keys");
  list.each_element([&](const JsonNode& element) {
    const std::string_view keyid = element.string();
    if (element.failed()) return;
    const auto found = keys.find(std::string(keyid));
    if (found == keys.end())
      element.refuse("undefined-key", "the role names a key that \"keys\" does not define");
    else if (!keyids.insert(keyid).second)
      element.refuse("key-twice", "the role names this key id twice");
    else if (found->second.key && !fingerprints.insert(found->second.key->fingerprint()).second)
      element.refuse("key-twice", "the role has this public key under another key id already");
    out.keyids.emplace_back(keyid);
  });
  const JsonNode threshold = role.member("threshold");
  out.threshold = threshold.integer(1, static_cast<std::int64_t>(kMaxKeysPerRole));
  if (out.threshold > static_cast<std::int64_t>(out.keyids.size()))
    threshold.refuse("threshold", "the threshold is " + std::to_string(out.threshold) +
                                      ", and the role has " + std::to_string(out.keyids.size()) +
                                      " keys: it can never be met");
  return out;
}

void refuse_stray_line_feeds(const JsonNode& signed_node) {
  signed_node.each_member([](std::string_view name, const JsonNode& member) {
    if (name == "keys" && member.value().is_object()) {
      refuse_line_feeds_in_keys(member);
    } else if (name == "delegations" && member.value().is_object()) {
      member.each_member([](std::string_view part, const JsonNode& node) {
        if (part == "keys" && node.value().is_object())
          refuse_line_feeds_in_keys(node);
        else
          refuse_line_feeds(node);
      });
    } else {
      refuse_line_feeds(member);
    }
  });
}

json::object metadata_key_object(const PublicKey& key, MetadataFormat format) {
  json::object keyval;
  json::object object;
  object["keytype"] = plain_keytype(key.algorithm());
  const bool ed25519 = key.algorithm() == KeyAlgorithm::Ed25519;
  if (format == MetadataFormat::Tuf) {
    keyval["public"] = ed25519 ? to_hex(key.ed25519_raw()) : key.pem();
    object["keyval"] = std::move(keyval);
    object["scheme"] = to_string(metadata_scheme(key.algorithm(), format));
  } else {
    keyval["private"] = nullptr;
    keyval["public"] = to_base64(ed25519 ? key.ed25519_raw() : key.spki());
    object["keyval"] = std::move(keyval);
  }
  return object;
}

std::string metadata_keyid(const PublicKey& key, MetadataFormat format) {
  return hash_of(metadata_key_object(key, format));
}

}  // namespace signet
