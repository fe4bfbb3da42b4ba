// Parsed trusted roots and observed metadata, so that a signature does not parse them again.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

// Least recently used first out. Keyed by the digest of the canonical "signed", so an entry never goes stale.
// Used on the event loop only.
class MetadataCache {
 public:
  static constexpr std::size_t kMaxEntries = 64;

  // `text` is parsed where the digest is not known. LedgerUnavailable(corrupt) if what the ledger holds does
  // not parse.
  Result<std::shared_ptr<const MetadataFile>> get(const std::string& digest, const std::string& text,
                                                  MetadataFormat format);

 private:
  struct Slot {
    std::shared_ptr<const MetadataFile> file;
    std::list<std::string>::iterator use;
  };
  std::list<std::string> uses_;  // the most recent first
  std::unordered_map<std::string, Slot> slots_;
};

}  // namespace signet
