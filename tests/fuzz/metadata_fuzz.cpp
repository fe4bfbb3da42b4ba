// Whatever the metadata parsers accept can be written and read again to the same, and its signatures can be
// counted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"
#include "protocol/threshold.h"

namespace {

using signet::MetadataFormat;

void check(bool holds) {
  if (!holds) std::abort();
}

boost::json::array signatures_of(std::string_view text) {
  const auto value = signet::parse_strict_json(text, text.size());
  return value->as_object().at("signatures").as_array();
}

void check_model(const signet::Signed& content) {
  check(content.version >= 1);
  for (const auto& [name, role] : content.roles) {
    check(role.threshold >= 1 && role.threshold <= static_cast<std::int64_t>(role.keyids.size()));
    check(signet::delegated_keys(content, name).has_value());
  }
  for (const auto& role : content.delegations) check(signet::delegated_keys(content, role.name).has_value());
}

void check_file(std::string_view text, MetadataFormat format) {
  const auto file = signet::parse_metadata_file(text, format);
  if (!file) {
    check(file.error().parameters.contains("where") && file.error().parameters.contains("why"));
    return;
  }
  check_model(file->content);
  check(signet::parse_signed(file->canonical, format).has_value());
  const std::string written = signet::write_metadata_file(file->signed_object, signatures_of(text), format);
  const auto again = signet::parse_metadata_file(written, format);
  check(again.has_value());
  check(again->canonical == file->canonical);
  check(again->signatures.size() == file->signatures.size());
  if (file->content.type == signet::RoleType::Root)
    (void)signet::verify_root_step(file->content, *file).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_file(text, MetadataFormat::Tuf);
  check_file(text, MetadataFormat::Notary);
  for (const MetadataFormat format : {MetadataFormat::Tuf, MetadataFormat::Notary})
    if (const auto content = signet::parse_signed(text, format)) check_model(*content);
  return 0;
}
