// What the clients of a ledger saw, and whether a ledger that comes back from a crash agrees with it.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "agent/ledger/ledger_options.h"
#include "agent/ledger/ledger_types.h"

namespace signet::test {

// One fact that the ledger acknowledged before the client went on.
struct Sighting {
  enum class Kind { Left, Observed } kind = Kind::Left;
  std::string repository, role;
  std::int64_t version = 0;
  std::string digest;
  std::vector<std::string> fingerprints;  // Left: of the keys whose signatures left
};

// One line each, so that a process that is killed leaves whole lines.
std::string to_line(const Sighting& sighting);
std::vector<Sighting> read_sightings(const std::filesystem::path& file);

struct Findings {
  std::vector<std::string> broken;  // every promise that the ledger broke; empty: it is sound
  std::int64_t records = 0;
  std::int64_t crashed_intents = 0;  // outcomes "unknown after restart"
};

// Opens the ledger (a fault of opening is a finding) and holds it against what was seen:
// - nothing acknowledged is lost;
// - no version left with two payloads, but for those that the records say superseded one;
// - no key gave one version of one role two payloads, with the same exception;
// - every intent has exactly one outcome, and none is open;
// - no role is stuck: a version above all others can be reserved.
Findings examine(const std::filesystem::path& directory, const std::vector<Sighting>& seen,
                 const LedgerOptions& options = {});

}  // namespace signet::test
