#include "client/call_json.h"

#include <utility>

namespace signet::client {

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
