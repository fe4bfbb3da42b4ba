#include "client/tuf/merge_signatures.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "protocol/canonical_json.h"
#include "protocol/signature.h"

namespace signet::client {
namespace {

std::string keyid_of(const boost::json::value& signature) {
  const auto* object = signature.if_object();
  const auto* keyid = object == nullptr ? nullptr : object->if_contains("keyid");
  if (keyid == nullptr || !keyid->is_string()) return {};
  return {keyid->get_string().data(), keyid->get_string().size()};
}

// Of a key that the file itself defines, over other bytes than the file's.
bool stale(const MetadataFile& file, const SignatureEntry& entry) {
  if (entry.signature.empty() || file.content.type != RoleType::Root) return false;
  const auto known = file.content.keys.find(entry.keyid);
  if (known == file.content.keys.end() || !known->second.key) return false;
  return !verify_metadata_signature(*known->second.key, file.content.format, as_bytes(file.canonical), entry);
}

Error not_an_envelope() {
  return {ErrorName::MetadataInvalid,
          "This file has no \"signed\": it is the content alone, or no metadata. Put the content into "
          "{\"signatures\": [], \"signed\": …} and sign that.",
          {{"where", ""}, {"why", "not-an-envelope"}}};
}

}  // namespace

Result<SignableFile> parse_signable(std::string_view text) {
  auto value = parse_strict_json(text, kMaxMetadataSize);
  if (!value) return value.error();
  if (!value->is_object() || !value->get_object().contains("signed")) return not_an_envelope();
  auto& envelope = value->get_object();
  const bool unsigned_yet = !envelope.contains("signatures");
  if (unsigned_yet) envelope["signatures"] = boost::json::array();
  auto metadata =
      unsigned_yet ? parse_metadata_file(boost::json::serialize(envelope)) : parse_metadata_file(text);
  if (!metadata) return metadata.error();
  SignableFile file;
  file.metadata = std::move(*metadata);
  file.signatures = envelope.at("signatures").as_array();
  return file;
}

MergedSignatures merge_signatures(const SignableFile& file, const std::vector<boost::json::object>& fresh) {
  MergedSignatures merged;
  for (const auto& entry : file.metadata.signatures)
    if (stale(file.metadata, entry)) merged.dropped.push_back(entry.keyid);
  merged.signatures = file.signatures;
  for (const auto& signature : fresh) {
    const std::string keyid = keyid_of(signature);
    const auto place = std::find_if(merged.signatures.begin(), merged.signatures.end(),
                                    [&](const boost::json::value& old) { return keyid_of(old) == keyid; });
    const bool known = place != merged.signatures.end();
    if (known)
      *place = signature;
    else
      merged.signatures.emplace_back(signature);
    (known ? merged.replaced : merged.added).push_back(keyid);
    std::erase(merged.dropped, keyid);
  }
  boost::json::array kept;
  for (auto& signature : merged.signatures)
    if (std::find(merged.dropped.begin(), merged.dropped.end(), keyid_of(signature)) == merged.dropped.end())
      kept.push_back(std::move(signature));
  merged.signatures = std::move(kept);
  return merged;
}

}  // namespace signet::client
