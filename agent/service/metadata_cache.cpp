#include "agent/service/metadata_cache.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Error unreadable(const Error& why) {
  return {ErrorName::LedgerUnavailable,
          "Metadata that the ledger holds cannot be read any more (" + why.message +
              "). Restore the ledger from a backup, or run an agent of the version that wrote it.",
          {{"why", "corrupt"}}};
}

}  // namespace

std::shared_ptr<const MetadataFile> MetadataCache::known(const std::string& name) {
  const auto found = slots_.find(name);
  if (found == slots_.end()) return nullptr;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.file;
}

std::shared_ptr<const MetadataFile> MetadataCache::keep(std::string name, MetadataFile content) {
  if (auto file = known(name)) return file;  // another call parsed it meanwhile
  auto file = std::make_shared<const MetadataFile>(std::move(content));
  uses_.push_front(name);
  Slot slot{file, uses_.begin()};
  slots_.emplace(std::move(name), std::move(slot));
  bytes_ += file->canonical.size();
  while (slots_.size() > kMaxEntries || (bytes_ > max_bytes_ && slots_.size() > 1)) forget_oldest();
  return file;
}

void MetadataCache::forget_oldest() {
  const auto oldest = slots_.find(uses_.back());
  bytes_ -= oldest->second.file->canonical.size();
  slots_.erase(oldest);
  uses_.pop_back();
}

awaitable<MetadataCache::Entry> MetadataCache::get(const std::string& digest, const std::string& text,
                                                   MetadataFormat format) {
  if (auto file = known(digest)) co_return file;
  const auto parse = [&text, format] { return parse_metadata_file(text, format); };
  Result<MetadataFile> parsed = co_await bench_.run(text.size(), parse);
  if (!parsed) co_return unreadable(parsed.error());
  co_return keep(digest, std::move(*parsed));
}

awaitable<MetadataCache::Entry> MetadataCache::get_signed(const std::string& digest,
                                                          const std::string& canonical,
                                                          MetadataFormat format) {
  // Not under the digest alone: whoever asks for the whole file must not get one without signatures.
  const std::string name = "signed:" + digest;
  if (auto file = known(name)) co_return file;
  const auto parse = [&canonical, format] { return parse_signed(canonical, format); };
  Result<Signed> parsed = co_await bench_.run(canonical.size(), parse);
  if (!parsed) co_return unreadable(parsed.error());
  MetadataFile file;
  file.content = std::move(*parsed);
  file.canonical = canonical;
  co_return keep(name, std::move(file));
}

}  // namespace signet
