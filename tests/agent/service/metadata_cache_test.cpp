#include "agent/service/metadata_cache.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <exception>
#include <memory>
#include <string>
#include <vector>

using namespace signet;

namespace {

// Canonical targets metadata of exactly `size` bytes, another for each version.
std::string targets_of(std::size_t size, int version) {
  const std::string head = R"({"_type":"targets","expires":"2040-01-01T00:00:00Z","spec_version":"1.0.31",)"
                           R"("targets":{},"version":)";
  const std::string tail = std::to_string(version) + "}";
  std::string filled = head + tail;
  // An unknown member, in its place of the order, fills it up.
  const std::string member = R"("fill":"",)";
  REQUIRE(size > filled.size() + member.size());
  const std::string fill(size - filled.size() - member.size(), 'x');
  filled.insert(filled.find("\"spec_version\""), R"("fill":")" + fill + R"(",)");
  return filled;
}

struct Cache {
  explicit Cache(std::size_t max_bytes) : cache(bench, max_bytes) {}

  std::shared_ptr<const MetadataFile> get(const std::string& text) {
    boost::asio::io_context loop{1};
    std::shared_ptr<const MetadataFile> file;
    const std::string digest = "digest of " + text;  // both outlive the call
    boost::asio::co_spawn(loop, cache.get_signed(digest, text, MetadataFormat::Tuf),
                          [&](const std::exception_ptr& fault, MetadataCache::Entry entry) {
                            if (fault) std::rethrow_exception(fault);
                            if (entry) file = *entry;
                          });
    loop.run();
    REQUIRE(file);
    return file;
  }

  Workbench bench;
  MetadataCache cache;
};

}  // namespace

TEST_CASE("what was used last stays, up to so many bytes") {
  Cache cache(3000);
  std::vector<std::weak_ptr<const MetadataFile>> kept;
  for (int version = 1; version <= 3; ++version) kept.push_back(cache.get(targets_of(1000, version)));
  for (const auto& file : kept) CHECK_FALSE(file.expired());
  CHECK(cache.get(targets_of(1000, 1)) == kept[0].lock());  // used again: now the second is the oldest
  kept.push_back(cache.get(targets_of(1000, 4)));
  CHECK_FALSE(kept[0].expired());
  CHECK(kept[1].expired());
  CHECK_FALSE(kept[2].expired());
  CHECK_FALSE(kept[3].expired());
  kept.push_back(cache.get(targets_of(1001, 5)));  // one byte more than the room of one
  CHECK(kept[2].expired());
  CHECK(kept[0].expired());
  CHECK_FALSE(kept[3].expired());
}

TEST_CASE("one that is larger than the room is kept alone") {
  Cache cache(3000);
  const std::weak_ptr<const MetadataFile> small = cache.get(targets_of(1000, 1));
  const std::weak_ptr<const MetadataFile> large = cache.get(targets_of(4000, 2));
  CHECK(small.expired());
  CHECK_FALSE(large.expired());
  CHECK(cache.get(targets_of(4000, 2)) == large.lock());
  CHECK_FALSE(cache.get(targets_of(1000, 3)) == nullptr);
  CHECK(large.expired());
}

TEST_CASE("no more entries than the limit, however small") {
  Cache cache(MetadataCache::kMaxBytes);
  std::vector<std::weak_ptr<const MetadataFile>> kept;
  const int count = static_cast<int>(MetadataCache::kMaxEntries) + 1;
  for (int version = 1; version <= count; ++version) kept.push_back(cache.get(targets_of(1000, version)));
  CHECK(kept[0].expired());
  CHECK_FALSE(kept[1].expired());
}
