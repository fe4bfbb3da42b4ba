// Exported logs that are tampered with, thousands of times, with each try named by the check. The seed is
// fixed; the counts are printed.
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <random>

#include "protocol/signature.h"
#include "tests/client/log_fixture.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

using namespace signet::client;
using Random = std::mt19937_64;

struct Tampering {
  std::string name;
  std::set<std::string> findings;  // one of these is among what is found
  std::function<void(const fs::path&, Random&)> apply;
  bool against = false;
};

std::string bundle_path(std::size_t index) {
  return index < 256 ? "tile/entries/000" : "tile/entries/001.p/44";
}

std::string bundle_of(const Statements& entries) {
  Bytes bundle;
  for (const std::string& entry : entries) append_entry(bundle, entry);
  return std::string(as_text(bundle));
}

Statements entries_of(std::size_t bundle, const Statements& all) {
  const auto middle = all.begin() + 256;
  return bundle == 0 ? Statements(all.begin(), middle) : Statements(middle, all.end());
}

// Rewrites the bundle that has record `index` with what `change` makes of its entries.
void rewrite_bundle(const fs::path& log, std::size_t index,
                    const std::function<void(Statements&, std::size_t)>& change) {
  Statements entries = entries_of(index < 256 ? 0 : 1, statements(kRecords));
  change(entries, index < 256 ? index : index - 256);
  write_text(log / bundle_path(index), bundle_of(entries));
}

// Everything anew, as whoever has the whole log but not the key would.
void rewrite_log(const fs::path& log, const Statements& all, const std::string& note) {
  fs::remove_all(log);
  export_to(log, all, note).value();
}

// The checkpoint of these records with the signature of the true one.
std::string with_old_signature(const Statements& all) {
  SignedNote note = parse_signed_note(signed_checkpoint(all)).value();
  note.signatures = parse_signed_note(signed_checkpoint(statements(kRecords))).value().signatures;
  return format_signed_note(note);
}

void flip(const fs::path& file, Random& random) {
  std::string text = read_text(file);
  text[random() % text.size()] ^= static_cast<char>(1U << (random() % 8));
  write_text(file, text);
}

fs::path any_of(const fs::path& log, Random& random, const std::vector<const char*>& files) {
  return log / files[random() % files.size()];
}

const std::vector<const char*> kBundles{"tile/entries/000", "tile/entries/001.p/44"};
const std::vector<const char*> kTiles{"tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"};

std::vector<Tampering> tamperings() {
  return {
      {"a byte of a bundle",
       {"record-changed", "bundle-malformed"},
       [](const fs::path& log, Random& random) { flip(any_of(log, random, kBundles), random); }},
      {"a record, well formed",
       {"record-changed"},
       [](const fs::path& log, Random& random) {
         rewrite_bundle(log, random() % kRecords, [](Statements& entries, std::size_t place) {
           entries[place].replace(entries[place].find("record"), 6, "forged");
         });
       }},
      {"a record dropped",
       {"record-missing"},
       [](const fs::path& log, Random& random) {
         rewrite_bundle(log, random() % kRecords, [](Statements& entries, std::size_t place) {
           entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(place));
         });
       }},
      {"a record twice, another dropped",
       {"record-out-of-place"},
       [](const fs::path& log, Random& random) {
         rewrite_bundle(log, random() % kRecords, [](Statements& entries, std::size_t place) {
           entries[place] = entries[(place + 1) % entries.size()];
         });
       }},
      {"two records swapped",
       {"record-out-of-place"},
       [](const fs::path& log, Random& random) {
         rewrite_bundle(log, random() % kRecords, [&](Statements& entries, std::size_t place) {
           std::swap(entries[place], entries[(place + 1 + random() % (entries.size() - 1)) % entries.size()]);
         });
       }},
      {"a bundle cut short",
       {"bundle-malformed"},
       [](const fs::path& log, Random& random) {
         const fs::path file = any_of(log, random, kBundles);
         fs::resize_file(file, random() % fs::file_size(file));
       }},
      {"a bundle or tile removed",
       {"bundle-missing", "tile-missing"},
       [](const fs::path& log, Random& random) {
         fs::remove(any_of(log, random, random() % 2 == 0 ? kBundles : kTiles));
       }},
      {"a byte of a tile",
       {"tile-changed", "record-changed"},
       [](const fs::path& log, Random& random) { flip(any_of(log, random, kTiles), random); }},
      {"a tile cut short",
       {"tile-changed"},
       [](const fs::path& log, Random& random) {
         const fs::path file = any_of(log, random, kTiles);
         fs::resize_file(file, random() % fs::file_size(file));
       }},
      {"a byte of the checkpoint",
       {"checkpoint-malformed", "checkpoint-forged", "checkpoint-not-signed", "checkpoint-missing"},
       [](const fs::path& log, Random& random) { flip(log / "checkpoint", random); }},
      {"a record and all tiles",
       {"root-differs"},
       [](const fs::path& log, Random& random) {
         Statements all = statements(kRecords);
         const std::size_t index = random() % kRecords;
         all[index] = statement(index + 1, "forged");
         rewrite_log(log, all, signed_checkpoint(all));
         write_text(log / "checkpoint", signed_checkpoint(statements(kRecords)));
       }},
      {"a record, all tiles, the checkpoint",
       {"checkpoint-forged"},
       [](const fs::path& log, Random& random) {
         Statements all = statements(kRecords);
         const std::size_t index = random() % kRecords;
         all[index] = statement(index + 1, "forged");
         rewrite_log(log, all, with_old_signature(all));
       }},
      {"everything, signed by another key",
       {"checkpoint-not-signed"},
       [](const fs::path& log, Random& random) {
         Statements all = statements(kRecords);
         const std::size_t index = random() % kRecords;
         all[index] = statement(index + 1, "forged");
         rewrite_log(log, all, signed_checkpoint(all, 1));
       }},
      {"everything, signed by the log's own key",
       {"not-consistent"},
       [](const fs::path& log, Random& random) {
         Statements all = statements(kRecords + random() % 50);
         const std::size_t index = random() % kRecords;
         all[index] = statement(index + 1, "forged");
         rewrite_log(log, all, signed_checkpoint(all));
       },
       true},
      {"the end cut off, signed by the log's own key",
       {"shorter-than-old"},
       [](const fs::path& log, Random& random) {
         const Statements all = statements(random() % kRecords);
         rewrite_log(log, all, signed_checkpoint(all));
       },
       true},
      {"a record dropped, signed by the log's own key",
       {"record-out-of-place", "shorter-than-old"},
       [](const fs::path& log, Random& random) {
         Statements all = statements(kRecords);
         all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % kRecords));
         rewrite_log(log, all, signed_checkpoint(all));
       },
       true},
  };
}

TEST_CASE("random tampering with an export is found, and named", "[log][tamper]") {
  ScratchDir scratch;
  const fs::path good = scratch.path() / "good", log = scratch.path() / "log";
  const Statements all = statements(kRecords);
  REQUIRE(export_to(good, all, signed_checkpoint(all)));
  Random random(20261122);
  std::size_t tries = 0;
  constexpr int kTries = 130;
  for (const Tampering& tampering : tamperings()) {
    std::map<std::string, int> counts;
    for (int attempt = 0; attempt < kTries; ++attempt, ++tries) {
      fs::remove_all(log);
      fs::copy(good, log, fs::copy_options::recursive);
      tampering.apply(log, random);
      LogCheckOptions options = checked_with_key();
      if (tampering.against) options.against = good;
      const LogReport report = check_log(TileDirectory(log), options);
      bool named = false;
      for (const std::string& name : names(report)) {
        ++counts[name];
        named = named || tampering.findings.count(name) != 0;
      }
      for (const LogFinding& finding : report.findings)
        if (finding.message.empty()) FAIL("a finding that says nothing: " << finding.name);
      if (!named)
        FAIL(tampering.name << ", attempt " << attempt << ": " << report.findings.size() << " findings");
    }
    std::printf("  %-46s %d tries, all found:", tampering.name.c_str(), kTries);
    for (const auto& [name, count] : counts) std::printf(" %s %d", name.c_str(), count);
    std::printf("\n");
  }
  std::printf("tampering with an export: %zu tries, %zu found\n", tries, tries);
}

TEST_CASE("an older checkpoint alone is enough to find another history", "[log]") {
  ScratchDir scratch;
  const Statements all = statements(kRecords);
  write_text(scratch.path() / "noted", signed_checkpoint(statements(100)));
  REQUIRE(export_to(scratch.path() / "log", all, signed_checkpoint(all)));
  LogCheckOptions options = checked_with_key();
  options.against = scratch.path() / "noted";
  CHECK(check_log(TileDirectory(scratch.path() / "log"), options).good());
  Statements changed = all;
  changed[50] = statement(51, "forged");
  fs::remove_all(scratch.path() / "log");
  REQUIRE(export_to(scratch.path() / "log", changed, signed_checkpoint(changed)));
  CHECK(names(check_log(TileDirectory(scratch.path() / "log"), options)) ==
        std::set<std::string>{"not-consistent"});
  options.against = scratch.path() / "nowhere";
  CHECK(names(check_log(TileDirectory(scratch.path() / "log"), options)) ==
        std::set<std::string>{"old-unreadable"});
  write_text(scratch.path() / "noted", signed_checkpoint(statements(100), 0, "example.com/other"));
  options.against = scratch.path() / "noted";
  options.key.reset();
  CHECK(names(check_log(TileDirectory(scratch.path() / "log"), options)) ==
        std::set<std::string>{"other-log"});
}

TEST_CASE("the first record that differs from an older export is named", "[log]") {
  ScratchDir scratch;
  const Statements all = statements(kRecords);
  REQUIRE(export_to(scratch.path() / "old", all, signed_checkpoint(all)));
  Statements changed = all;
  changed[271] = statement(272, "forged");
  REQUIRE(export_to(scratch.path() / "log", changed, signed_checkpoint(changed)));
  LogCheckOptions options;
  options.against = scratch.path() / "old";
  const LogReport report = check_log(TileDirectory(scratch.path() / "log"), options);
  REQUIRE_FALSE(report.good());
  CHECK(report.findings.back().name == "not-consistent");
  CHECK(report.findings.back().sequence == 272);
  CHECK(report.findings.front().name == "signature-unchecked");
  CHECK(report.findings.front().warning);
}

}  // namespace
}  // namespace signet::test
