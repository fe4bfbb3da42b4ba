// The enrolled keys in memory, so that a signature costs the same with 10 keys and with 10,000.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/ledger/ledger.h"

namespace signet {

// A mirror of the ledger's keys: filled at start, changed after the ledger acknowledged the change. Used on
// the event loop only. A public key has at most one entry: its newest enrolment.
class KeyBook {
 public:
  using Entry = std::shared_ptr<const LedgerKey>;

  void load(std::vector<LedgerKey> keys);
  void put(LedgerKey key);

  Entry by_fingerprint(const std::string& fingerprint) const;
  // By name (an active key before a retired one), fingerprint, TUF or Notary key id; null if there is none.
  Entry find(const std::string& name) const;
  // Sorted by name.
  std::vector<Entry> all() const;

 private:
  std::unordered_map<std::string, Entry> by_fingerprint_;
  std::unordered_map<std::string, std::string> fingerprint_of_keyid_;
  std::multimap<std::string, std::string> fingerprint_of_name_;
};

}  // namespace signet
