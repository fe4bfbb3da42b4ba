// What changes from one metadata to the next: what a person is asked to approve, what a limit counts, what
// the record says. Pure, thread safe; values that own what they say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"

namespace signet {

template <typename T>
struct Change {
  T before{}, after{};
  bool differs() const { return before != after; }
};

// A key as a role names it.
struct KeyMention {
  std::string keyid;
  std::string fingerprint;  // SHA-256 of its SPKI; empty for a key that Signet cannot use
  std::string scheme;
  bool keyid_matches = true;  // false: anybody could have given a key this id
};

// The keys of one role. replaced: the key id stayed, the key behind it is another.
struct RoleKeysDifference {
  std::string role;
  std::vector<KeyMention> added, removed, replaced;
  Change<std::int64_t> threshold;  // before: 0 where there was none
  Change<std::size_t> keys;        // how many
  bool any() const { return !added.empty() || !removed.empty() || !replaced.empty() || threshold.differs(); }
};

struct TargetMention {
  std::string path;
  std::string
      hash;  // "sha256:HEX" (or the first other one), of what is signed now; of a removed one, of what was
  std::int64_t length = 0;   // the same
  bool custom_only = false;  // changed: the file is the same, what is said of it is not
};

struct DelegationDifference {
  enum class Kind { Added, Removed, Changed };
  Kind kind = Kind::Changed;
  std::string name;  // of succinct roles: "PREFIX-*"
  RoleKeysDifference keys;
  std::vector<std::string> paths_added, paths_removed;  // path hash prefixes as "hash:PREFIX"
  Change<bool> terminating;
  Change<int> bit_length;  // of succinct roles; else 0
};

struct FileMention {
  enum class Kind { Added, Removed, Changed };
  Kind kind = Kind::Changed;
  std::string name;
  Change<std::int64_t> version;  // 0: none (Notary has none)
};

struct MetadataDifference {
  std::string role;
  RoleType type = RoleType::Root;
  std::optional<std::int64_t> from_version;  // nothing: there is no other to compare with
  std::int64_t version = 0;
  bool supersedes = false;  // other bytes for a version that was released
  Change<std::string> expires;
  bool expires_sooner = false;
  Change<std::string> spec_version;                    // TUF only
  Change<bool> consistent_snapshot;                    // root only
  std::vector<RoleKeysDifference> roles;               // root: those that differ
  std::vector<TargetMention> added, removed, changed;  // targets, sorted by path
  std::vector<DelegationDifference> delegations;       // those that differ, by name
  bool delegations_reordered = false;                  // among those that stayed: the order is their priority
  std::vector<FileMention> files;                      // snapshot and timestamp: those that differ, by name
  std::vector<std::string> others;                     // see add_other_members(); sorted
  std::vector<std::string> warnings;                   // of the parser, of what is to be signed

  // Nothing but version and expiry (and warnings) differ.
  bool same_content() const;
};

// previous: what was signed or observed last of this role, null if nothing was. supersedes: previous is the
// release that `next` replaces. Both are of one type and format.
MetadataDifference metadata_difference(std::string_view role, const Signed* previous, const Signed& next,
                                       bool supersedes);

// Adds what the parsed form does not hold: the top-level members of the two "signed" objects that differ
// though nothing of the above says so (those that TUF leaves to others, and details inside of the known
// ones).
void add_other_members(const boost::json::object& previous, const boost::json::object& next,
                       MetadataDifference& difference);

// The paths of targets that are added, removed or changed: sorted, each once. What limits count.
std::vector<std::string> changed_target_paths(const Signed* previous, const Signed& next);

}  // namespace signet
