// The decision rules of the signing memory, alone: no SQL, no clock, no state. docs/ledger.md has them as
// tables; each cell is a test. reserve(), check() and finish() all decide by decide(): there is no second
// place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet {

// How far the bytes of one digest went, for one version of one role.
enum class MarkRowState {
  Reserved,      // durable before a token is asked; nothing left the agent
  Released,      // a signature left, or may have left
  Superseded,    // released, then replaced by an act of its own
  Contradicted,  // released here, but other bytes were observed for this version
  Observed,      // seen at full threshold
};

struct MarkRow {
  std::string digest;
  MarkRowState state = MarkRowState::Reserved;
  bool released = false;  // by this ledger
};

struct KeyFacts {
  std::string fingerprint;
  bool enrolled = true;
  bool retired = false;
  std::string other_pair;  // "repository role" that it released this type for, unless it may be shared
  std::vector<std::string> released;  // digests that it released of this type and version for this very role
  bool in_flight_elsewhere = false;   // it signs for another pair right now, and may not be shared
};

// All that is known when (repository, role, version, digest, keys) is asked for.
struct VersionFacts {
  std::vector<MarkRow> marks;  // of this version, in the role's present epoch
  std::int64_t highest =
      0;  // highest version of the role that is released or observed in this epoch; 0: none
  std::vector<KeyFacts> keys;
  bool other_bytes_in_flight = false;  // other bytes of this version are with a token now
};

struct WantedVersion {
  std::int64_t version = 0;
  std::string digest;
  bool supersede = false;
  bool root = false;  // the one type that a retired key may sign: the root that removes it
};

enum class Ruling { Accept, KeyUnknown, KeyRetired, SharedKey, OtherBytes, Older, KeyUsed, Busy };

struct Decision {
  Ruling ruling = Ruling::Accept;
  bool released_before = false;           // Accept: these same bytes were released before
  std::optional<std::string> supersedes;  // Accept: the digest whose release these bytes replace
  std::string against;                    // OtherBytes, KeyUsed: the digest that stands in the way
  std::size_t key = 0;  // KeyUnknown, KeyRetired, SharedKey, KeyUsed: index in VersionFacts::keys
};

Decision decide(const VersionFacts& facts, const WantedVersion& wanted);

}  // namespace signet
