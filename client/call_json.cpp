#include "client/call_json.h"

#include <utility>

namespace signet::client {

boost::json::string_view json_view(std::string_view text) {
  return {text.data(), text.size()};
}

boost::json::array strings(const std::vector<std::string>& all) {
  boost::json::array array;
  for (const auto& one : all) array.emplace_back(one);
  return array;
}

boost::json::array base64_list(const std::vector<Bytes>& all) {
  boost::json::array array;
  array.reserve(all.size());
  for (const Bytes& one : all) array.emplace_back(to_base64(one));
  return array;
}

void put_secret(boost::json::object& parameters, std::string_view name, const std::optional<Secret>& secret) {
  if (!secret)
    parameters[json_view(name)] = nullptr;
  else
    parameters[json_view(name)] = boost::json::string(json_view(secret->text()), parameters.storage());
}

void put_optional(boost::json::object& parameters, std::string_view name,
                  const std::optional<std::string>& text) {
  if (text) parameters[json_view(name)] = *text;
}

boost::json::object filter_json(const RecordFilterInfo& filter) {
  boost::json::object json;
  for (const auto& [name, member] : {std::pair{"since", &filter.since},
                                     {"until", &filter.until},
                                     {"kind", &filter.kind},
                                     {"repository", &filter.repository},
                                     {"role", &filter.role},
                                     {"key", &filter.key},
                                     {"outcome", &filter.outcome}})
    if (*member) json[name] = **member;
  if (filter.uid) json["uid"] = *filter.uid;
  return json;
}

}  // namespace signet::client
