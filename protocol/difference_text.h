// A difference of metadata as people and programs read it. Pure, thread safe.
//   root 13 → 14: + key 3f2a90c1d2e3f405… (YubiKey 15835999), threshold 2 → 2, expires 2027-11-21
//   targets 41 → 42: + app:1.2 sha256:9c56cc51b374c3ba…, − app:0.9, ~ app:1.0 (changed), expires 2027-11-21
//   SUPERSEDES targets 42: …
// Names stand as display_name() shows them: none can pass for words of ours.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "protocol/metadata_difference.h"

namespace signet {

// What people call a key ("YubiKey 15835999"); empty for one without a name. It must judge by the
// fingerprint: a key id may be anything.
using KeyNamer = std::function<std::string(const KeyMention&)>;

struct DifferenceTextOptions {
  KeyNamer name;                 // may be empty
  std::size_t max_entries = 10;  // of each list; the rest is counted: "and 123 more"
  std::size_t max_bytes = 4096;  // of the whole, roughly: then "… (cut)"; at least 256
};

// "root 13 → 14", "targets 1 (the first)", "SUPERSEDES targets 42".
std::string difference_title(const MetadataDifference& difference);
// Each change by itself, what weighs most first.
std::vector<std::string> difference_items(const MetadataDifference& difference,
                                          const DifferenceTextOptions& options);
// All of it on one line.
std::string difference_line(const MetadataDifference& difference, const DifferenceTextOptions& options);
// The title, and each change on a line of its own; no final newline.
std::string difference_text(const MetadataDifference& difference, const DifferenceTextOptions& options);

// The value for programs: names as they are, lists cut at max_entries with their full "count":
//   {"role","from"?,"version","supersedes","expires":{before,after},"roles":[…],"targets":{added:{count,list}…},…}
// docs/approvals.md has the whole shape.
boost::json::object difference_json(const MetadataDifference& difference,
                                    const DifferenceTextOptions& options);

}  // namespace signet
