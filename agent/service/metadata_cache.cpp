#include "agent/service/metadata_cache.h"

namespace signet {

Result<std::shared_ptr<const MetadataFile>> MetadataCache::get(const std::string& digest,
                                                               const std::string& text,
                                                               MetadataFormat format) {
  const auto known = slots_.find(digest);
  if (known != slots_.end()) {
    uses_.splice(uses_.begin(), uses_, known->second.use);
    return known->second.file;
  }
  Result<MetadataFile> parsed = parse_metadata_file(text, format);
  if (!parsed)
    return Error{ErrorName::LedgerUnavailable,
                 "Metadata that the ledger holds cannot be read any more (" + parsed.error().message +
                     "). Restore the ledger from a backup, or run an agent of the version that wrote it.",
                 {{"why", "corrupt"}}};
  auto file = std::make_shared<const MetadataFile>(std::move(*parsed));
  uses_.push_front(digest);
  Slot slot{file, uses_.begin()};
  slots_.emplace(digest, std::move(slot));
  if (slots_.size() > kMaxEntries) {
    slots_.erase(uses_.back());
    uses_.pop_back();
  }
  return file;
}

}  // namespace signet
