// The public statement of a ledger's record: what a leaf of its tree is. Read strictly, by the agent that
// checks its own ledger and by whoever checks an export. Pure, thread safe.
//   {"body":{…},"detail":"HEX","kind":"sign.intent","sequence":7,"time":"2026-11-21T23:00:00Z","uid":1000}
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace signet {

// What every statement has; there may be more members.
struct RecordStatement {
  std::int64_t sequence = 0;
  std::string time;  // RFC 3339, whole seconds, UTC: such texts order as their times do
  std::string kind;
  std::string detail_hash;  // 64 hexadecimal digits
  std::int64_t uid = 0;
  boost::json::object body;
};

// MetadataInvalid, with why one of: statement-malformed (no JSON object with these members, or 64 KiB or
// more), statement-not-canonical.
Result<RecordStatement> parse_record_statement(std::string_view text);

}  // namespace signet
