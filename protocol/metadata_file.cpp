// A whole metadata file: its envelope, and its two ways of being written.
#include <algorithm>
#include <set>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"
#include "protocol/metadata_error.h"
#include "protocol/metadata_parse.h"
#include "protocol/metadata_reader.h"

namespace signet {
namespace {

namespace json = boost::json;

SignatureEntry read_signature(const JsonNode& node, MetadataFormat format) {
  SignatureEntry out;
  out.keyid = node.member("keyid").string();
  const JsonNode sig = node.member("sig");
  const bool notary = format == MetadataFormat::Notary;
  if (notary) {
    node.only({"keyid", "method", "sig"});
    out.method = node.member("method").string();
  }
  auto decoded = notary ? from_base64(sig.string()) : from_hex(sig.string());
  if (decoded)
    out.signature = std::move(*decoded);
  else
    sig.refuse("signature-encoding", notary ? "a signature is base64" : "a signature is hexadecimal");
  return out;
}

std::vector<SignatureEntry> read_signatures(const JsonNode& list, MetadataFormat format) {
  std::vector<SignatureEntry> out;
  std::set<std::string> keyids;
  if (list.array().size() > kMaxSignatures)
    list.refuse("limit", "there are more than " + std::to_string(kMaxSignatures) + " signatures");
  list.each_element([&](const JsonNode& element) {
    out.push_back(read_signature(element, format));
    if (!keyids.insert(out.back().keyid).second)
      element.refuse("keyid-twice", "this key id has another signature already");
  });
  return out;
}

// What a reader of `signed` said, told from the top of the file.
Error below_signed(Error error) {
  json::value& where = error.parameters["where"];
  where = "/signed" + std::string(where.as_string());
  return error;
}

Result<MetadataFile> read_file(const json::value& value, MetadataFormat format) {
  JsonDocument document(value);
  const JsonNode node = document.root();
  if (format == MetadataFormat::Notary) node.only({"signed", "signatures"});
  auto signatures = read_signatures(node.member("signatures"), format);
  const JsonNode signed_node = node.member("signed");
  signed_node.object();
  if (document.failed()) return document.error();

  auto content = read_signed(signed_node.value(), format);
  if (!content) return below_signed(content.error());
  auto canonical = canonical_json(signed_node.value());
  if (!canonical) return below_signed(canonical.error());
  MetadataFile file;
  file.content = std::move(*content);
  file.canonical = std::move(*canonical);
  file.signatures = std::move(signatures);
  file.signed_object = signed_node.object();
  return file;
}

// Notary's types begin with a capital.
MetadataFormat format_of(const json::value& value) {
  const json::object* file = value.if_object();
  const json::value* signed_part = file == nullptr ? nullptr : file->if_contains("signed");
  const json::object* signed_object = signed_part == nullptr ? nullptr : signed_part->if_object();
  const json::value* type = signed_object == nullptr ? nullptr : signed_object->if_contains("_type");
  const json::string* name = type == nullptr ? nullptr : type->if_string();
  const bool capital = name != nullptr && !name->empty() && name->front() >= 'A' && name->front() <= 'Z';
  return capital ? MetadataFormat::Notary : MetadataFormat::Tuf;
}

}  // namespace

Result<MetadataFile> parse_metadata_file(std::string_view text, MetadataFormat format) {
  const auto value = parse_strict_json(text, kMaxMetadataSize);
  if (!value) return value.error();
  return read_file(*value, format);
}

Result<MetadataFile> parse_metadata_file(std::string_view text) {
  const auto value = parse_strict_json(text, kMaxMetadataSize);
  if (!value) return value.error();
  return read_file(*value, format_of(*value));
}

}  // namespace signet
