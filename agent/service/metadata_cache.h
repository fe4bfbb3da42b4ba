// Parsed trusted roots and observed metadata, so that a signature does not parse them again.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "agent/varlink/workbench.h"
#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

// Least recently used first out. Keyed by the digest of the canonical "signed", so an entry never goes stale.
// Used on the event loop only.
class MetadataCache {
 public:
  static constexpr std::size_t kMaxEntries = 64;
  // Of canonical "signed"; parsed, it takes several times as much. One that is larger alone is kept alone.
  static constexpr std::size_t kMaxBytes = 32 * 1024 * 1024;
  using Entry = Result<std::shared_ptr<const MetadataFile>>;

  // Parses on the bench.
  explicit MetadataCache(Workbench& bench, std::size_t max_bytes = kMaxBytes)
      : bench_(bench), max_bytes_(max_bytes) {}

  // `text` is parsed where the digest is not known. LedgerUnavailable(corrupt) if what the ledger holds does
  // not parse. The arguments stay as they are until the end.
  boost::asio::awaitable<Entry> get(const std::string& digest, const std::string& text,
                                    MetadataFormat format);
  // The same from the canonical "signed" alone: a file without signatures.
  boost::asio::awaitable<Entry> get_signed(const std::string& digest, const std::string& canonical,
                                           MetadataFormat format);

 private:
  std::shared_ptr<const MetadataFile> known(const std::string& name);
  std::shared_ptr<const MetadataFile> keep(std::string name, MetadataFile file);
  void forget_oldest();

  struct Slot {
    std::shared_ptr<const MetadataFile> file;
    std::list<std::string>::iterator use;
  };
  Workbench& bench_;
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;        // of the canonical texts of slots_
  std::list<std::string> uses_;  // the most recent first
  std::unordered_map<std::string, Slot> slots_;
};

}  // namespace signet
