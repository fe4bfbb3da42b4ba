#include "agent/ledger/version_rules.h"

#include <algorithm>

namespace signet {
namespace {

Decision refuse(Ruling ruling, std::string against = {}, std::size_t key = 0) {
  Decision decision;
  decision.ruling = ruling;
  decision.against = std::move(against);
  decision.key = key;
  return decision;
}

const MarkRow* find_mark(const VersionFacts& facts, const std::string& digest) {
  const auto found = std::find_if(facts.marks.begin(), facts.marks.end(),
                                  [&](const MarkRow& mark) { return mark.digest == digest; });
  return found == facts.marks.end() ? nullptr : &*found;
}

// What the version stands for now: its released or observed mark. The schema allows one at most.
const MarkRow* current_mark(const VersionFacts& facts) {
  const auto found = std::find_if(facts.marks.begin(), facts.marks.end(), [](const MarkRow& mark) {
    return mark.state == MarkRowState::Released || mark.state == MarkRowState::Observed;
  });
  return found == facts.marks.end() ? nullptr : &*found;
}

std::optional<Decision> decide_keys(const VersionFacts& facts, const WantedVersion& wanted) {
  for (std::size_t index = 0; index < facts.keys.size(); ++index) {
    const KeyFacts& key = facts.keys[index];
    if (!key.enrolled) return refuse(Ruling::KeyUnknown, {}, index);
    if (key.retired && !wanted.root) return refuse(Ruling::KeyRetired, {}, index);
    if (!key.other_pair.empty()) return refuse(Ruling::SharedKey, {}, index);
  }
  return std::nullopt;
}

// The mark of (repository, role).
Decision decide_version(const VersionFacts& facts, const WantedVersion& wanted) {
  Decision accept;
  const MarkRow* own = find_mark(facts, wanted.digest);
  const MarkRow* current = current_mark(facts);
  accept.released_before = own && own->released;
  if (current && current == own) return accept;
  if (current) {
    if (current->state == MarkRowState::Observed || !wanted.supersede)
      return refuse(Ruling::OtherBytes, current->digest);
    accept.supersedes = current->digest;
  }
  // Nothing of this version stands, or it is to be replaced: an old version is for neither, not even one that
  // was reserved in time.
  if (facts.highest > wanted.version) return refuse(Ruling::Older);
  return accept;
}

// The marks of (public key, type, version). What the key released of this version is in the way unless an act
// replaced it: then, or now.
std::optional<Decision> decide_key_marks(const VersionFacts& facts, const WantedVersion& wanted,
                                         bool supersedes) {
  const auto replaced = [&](const std::string& digest) {
    const MarkRow* mark = find_mark(facts, digest);
    if (!mark) return false;  // another epoch's
    return mark->state == MarkRowState::Superseded || (supersedes && mark->state == MarkRowState::Released);
  };
  for (std::size_t index = 0; index < facts.keys.size(); ++index) {
    const std::vector<std::string>& released = facts.keys[index].released;
    if (std::find(released.begin(), released.end(), wanted.digest) != released.end()) continue;
    for (const std::string& digest : released)
      if (!replaced(digest)) return refuse(Ruling::KeyUsed, digest, index);
  }
  return std::nullopt;
}

bool is_busy(const VersionFacts& facts) {
  return facts.other_bytes_in_flight ||
         std::any_of(facts.keys.begin(), facts.keys.end(),
                     [](const KeyFacts& key) { return key.in_flight_elsewhere; });
}

}  // namespace

Decision decide(const VersionFacts& facts, const WantedVersion& wanted) {
  if (const auto refused = decide_keys(facts, wanted)) return *refused;
  Decision decision = decide_version(facts, wanted);
  if (decision.ruling != Ruling::Accept) return decision;
  if (const auto refused = decide_key_marks(facts, wanted, decision.supersedes.has_value())) return *refused;
  // Last: a refusal that waiting cannot mend is said at once.
  if (is_busy(facts)) return refuse(Ruling::Busy);
  return decision;
}

}  // namespace signet
