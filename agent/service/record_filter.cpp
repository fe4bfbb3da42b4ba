#include "agent/service/record_filter.h"

#include <limits>

#include "agent/service/parameters.h"
#include "protocol/metadata_time.h"

namespace signet {
namespace {

bool is_fingerprint(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<std::optional<std::string>> time_member(const boost::json::object& filter, std::string_view name) {
  auto time = optional_text(filter, name);
  if (!time || !time->has_value()) return time;
  if (!parse_expiry(**time, MetadataFormat::Tuf))
    return invalid_parameter("filter." + std::string(name),
                             "\"" + **time + "\" is no time; write it as 2026-11-21T23:00:00Z.");
  return time;
}

// A key may be gone from the agent's view for long; its records are not.
Result<std::optional<std::string>> fingerprint_of(const boost::json::object& filter, const KeyBook& keys) {
  auto name = optional_text(filter, "key");
  if (!name || !name->has_value()) return name;
  if (const auto entry = keys.find(**name)) return std::optional<std::string>(entry->fingerprint);
  if (is_fingerprint(**name)) return name;
  return Error{ErrorName::NotFound,
               "No key named " + **name + " was ever enrolled in this agent. See \"signet key list\".",
               {{"kind", "key"}, {"name", **name}}};
}

Result<RecordFilter> read_members(const boost::json::object& given, const KeyBook& keys) {
  RecordFilter filter;
  for (const auto& [name, member] : {std::pair{"since", &filter.since}, {"until", &filter.until}}) {
    auto time = time_member(given, name);
    if (!time) return time.error();
    *member = std::move(*time);
  }
  for (const auto& [name, member] : {std::pair{"kind", &filter.kind},
                                     {"repository", &filter.repository},
                                     {"role", &filter.role},
                                     {"outcome", &filter.outcome}}) {
    auto text = optional_text(given, name);
    if (!text) return text.error();
    *member = std::move(*text);
  }
  auto key = fingerprint_of(given, keys);
  if (!key) return key.error();
  filter.fingerprint = std::move(*key);
  const auto uid = optional_integer(given, "uid");
  if (!uid) return uid.error();
  if (*uid && (**uid < 0 || **uid > std::numeric_limits<uid_t>::max()))
    return invalid_parameter("filter.uid", "\"uid\" is no user's number.");
  filter.uid = *uid;
  return filter;
}

}  // namespace

Result<RecordFilter> record_filter(const boost::json::object& parameters, const KeyBook& keys) {
  const boost::json::value* const given = parameters.if_contains("filter");
  if (given == nullptr || given->is_null()) return RecordFilter();
  if (!given->is_object()) return invalid_parameter("filter", "\"filter\" must be an object.");
  return read_members(given->get_object(), keys);
}

}  // namespace signet
