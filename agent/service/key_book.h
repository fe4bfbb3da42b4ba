// The enrolled keys in memory, so that a signature costs the same with 10 keys and with 10,000.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/ledger/ledger.h"
#include "protocol/public_key.h"

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
  // The entry's key, parsed. Kept, at most kMaxParsedKeys of them: reading a P-256 key took OpenSSL 3.0
  // two fifths of what a message cost the agent, since it looks its decoders up by name each time (profiled).
  Result<PublicKey> public_key(const LedgerKey& entry);
  static constexpr std::size_t kMaxParsedKeys = 1024;

  // Sorted by name.
  std::vector<Entry> all() const;

 private:
  std::unordered_map<std::string, Entry> by_fingerprint_;
  std::unordered_map<std::string, std::string> fingerprint_of_keyid_;
  std::multimap<std::string, std::string> fingerprint_of_name_;
  std::unordered_map<std::string, PublicKey> parsed_;  // by fingerprint
};

}  // namespace signet
