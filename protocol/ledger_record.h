// What the ledger's records say: to filters, and in one line to people. docs/ledger.md lists the kinds and
// their bodies. Pure functions, thread safe.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/record_statement.h"

namespace signet {

// What a filter asks for, out of a body. Empty where the body has no such member.
std::string record_repository(const boost::json::object& body);
std::string record_role(const boost::json::object& body);
// How it ended, in one word: released, nothing-signed, withheld, unknown (after a crash), accepted, refused,
// signed, or an error's name.
std::string record_outcome(const boost::json::object& body);
// The record that this one is the outcome of.
std::optional<std::int64_t> record_intent(const boost::json::object& body);
// Fingerprints of all keys that the body names, each once.
std::vector<std::string> record_keys(const boost::json::object& body);

// How a key is called; for a fingerprint that it does not know it gives a short form of it.
using KeyNames = std::function<std::string(const std::string& fingerprint)>;
// The first eight digits.
std::string short_digest(const std::string& digest);
// One line without its end, e.g. "released example.org/app targets 7 (sha256 3f2a9c01), signed by root-a;
// failed: root-b". What was given from outside may hold any character: print it with care.
std::string describe_record(const RecordStatement& record, const KeyNames& names = short_digest);

// Whether `detail` is what the statement's hash was made of.
bool detail_matches(const std::string& detail_hash, BytesView salt, std::string_view detail);

}  // namespace signet
