// Records of the ledger for people and for scripts, and the times that people write.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "client/command/console.h"
#include "client/signet.h"
#include "protocol/ledger_record.h"

namespace signet::client {

// "2026-11-21T23:00:00Z", "2026-11-21" (its first second, UTC), or how long ago: "90m", "24h", "7d". As RFC
// 3339; nothing for other texts.
std::optional<std::string> parse_moment(const std::string& text, std::chrono::sys_seconds now);

// {sequence, time, statement}, as org.signet.Agent has it, and the statement taken apart: kind, uid, body,
// detail. A statement that cannot be read is given alone.
boost::json::object record_json(const LedgerRecordInfo& record);

// Of each record its number, time, who asked, and describe_record().
std::string record_table(const std::vector<LedgerRecordInfo>& records, const KeyNames& names);
std::string record_line(const LedgerRecordInfo& record, const KeyNames& names);
// One record in full, its partner, and the private detail where it was given: with what its hash says of it.
std::string record_page(const RecordDetails& details, const KeyNames& names, const Paint& paint);

// Whether the detail is what the statement's hash was made of; nothing if no detail was given.
std::optional<bool> detail_holds(const RecordDetails& details);

}  // namespace signet::client
