// Exported logs: written in steps, over crashes; and tampered with, thousands of times, with each try named
// by the check. The seed is fixed; the counts are printed.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "client/log/log_check.h"
#include "client/log/log_export.h"
#include "client/log/record_proof.h"
#include "protocol/canonical_json.h"
#include "protocol/signature.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;
using namespace signet::client;
using Statements = std::vector<std::string>;
using Random = std::mt19937_64;

constexpr const char* kOrigin = "example.com/log";
constexpr std::uint64_t kRecords = 300;  // a full bundle and a partial one

std::string statement(std::uint64_t sequence, const std::string& text = "record") {
  const boost::json::object value{{"body", {{"text", text + std::to_string(sequence)}}},
                                  {"detail", std::string(64, 'a')},
                                  {"kind", "test"},
                                  {"sequence", sequence},
                                  {"time", "2026-11-22T00:00:00Z"},
                                  {"uid", 1000}};
  return canonical_json(value).value();
}

Statements statements(std::uint64_t count) {
  Statements all;
  for (std::uint64_t sequence = 1; sequence <= count; ++sequence) all.push_back(statement(sequence));
  return all;
}

std::string signed_checkpoint(const Statements& all, int key_number = 0,
                              const std::string& origin = kOrigin) {
  MerkleTree tree;
  for (const std::string& one : all) tree.append(merkle_leaf_hash(as_bytes(one)));
  const TestKey& key = test_key(KeyAlgorithm::Ed25519, key_number);
  const NoteKey name = NoteKey::create(origin, key.public_key()).value();
  SignedNote note;
  note.text = format_checkpoint({origin, tree.size(), tree.root()});
  note.signatures.push_back(
      {name.name(), name.id(), key.sign(SignatureScheme::Ed25519, as_bytes(note.text))});
  return format_signed_note(note);
}

LogCheckOptions checked_with_key() {
  LogCheckOptions options;
  options.key = NoteKey::create(kOrigin, test_key(KeyAlgorithm::Ed25519).public_key()).value();
  return options;
}

StatementSource source_of(const Statements& all) {
  return [&all](std::int64_t first, std::int64_t limit) -> Result<Statements> {
    Statements page;
    for (auto index = static_cast<std::size_t>(first - 1); index < all.size() && limit > 0; ++index, --limit)
      page.push_back(all[index]);
    return page;
  };
}

Result<ExportReport> export_to(const fs::path& path, const Statements& all, const std::string& note) {
  TileDirectory directory(path);
  return export_log(directory, note, source_of(all));
}

std::set<std::string> names(const LogReport& report) {
  std::set<std::string> found;
  for (const LogFinding& finding : report.findings)
    if (!finding.warning) found.insert(finding.name);
  CHECK(found.empty() == report.good());
  return found;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::map<std::string, std::string> content_of(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), directory)] = read_text(entry.path());
  return files;
}

std::string why(const Error& error) {
  return std::string(error.parameters.at("why").as_string());
}

TEST_CASE("an export verifies, and steps of it make what one makes", "[log]") {
  ScratchDir scratch;
  Random random(3);
  for (int attempt = 0; attempt < 12; ++attempt) {
    const fs::path stepwise = scratch.path() / ("steps-" + std::to_string(attempt));
    std::uint64_t size = 0;
    fs::path before;
    for (int step = 0; step < 4; ++step) {
      size += random() % 260;
      const Statements all = statements(size);
      const auto report = export_to(stepwise, all, signed_checkpoint(all));
      REQUIRE(report);
      LogCheckOptions options = checked_with_key();
      if (step > 0) options.against = before;
      const LogReport checked = check_log(TileDirectory(stepwise), options);
      if (!checked.good()) FAIL(checked.findings.front().name << ": " << checked.findings.front().message);
      CHECK(checked.signature_checked);
      before = scratch.path() / ("old-" + std::to_string(attempt) + "-" + std::to_string(step));
      fs::copy(stepwise, before, fs::copy_options::recursive);
    }
    const fs::path whole = scratch.path() / ("whole-" + std::to_string(attempt));
    const Statements all = statements(size);
    REQUIRE(export_to(whole, all, signed_checkpoint(all)));
    const auto steps = content_of(stepwise);
    for (const auto& [name, content] : content_of(whole)) CHECK(steps.at(name) == content);
  }
}

TEST_CASE("an empty log is exported and verifies", "[log]") {
  ScratchDir scratch;
  REQUIRE(export_to(scratch.path(), {}, signed_checkpoint({})));
  CHECK(check_log(TileDirectory(scratch.path()), checked_with_key()).good());
}

// A crash: the source (or the disk) ends in the middle. The checkpoint that was there still has a whole log.
TEST_CASE("an export that breaks off leaves the log that was there, and is made good by the next", "[log]") {
  ScratchDir scratch;
  const Statements before = statements(200), after = statements(700);
  REQUIRE(export_to(scratch.path(), before, signed_checkpoint(before)));
  for (std::int64_t end = 1; end < 640; end += 64) {
    TileDirectory directory(scratch.path());
    const StatementSource breaks = [&](std::int64_t first, std::int64_t limit) -> Result<Statements> {
      if (first > end) return Error{ErrorName::ConnectionFailed, "The agent is gone.", {{"why", "closed"}}};
      return source_of(after)(first, limit);
    };
    CHECK_FALSE(export_log(directory, signed_checkpoint(after), breaks));
    const LogReport report = check_log(TileDirectory(scratch.path()), checked_with_key());
    CHECK(report.good());
    CHECK(report.checkpoint->size == 200);
  }
  REQUIRE(export_to(scratch.path(), after, signed_checkpoint(after)));
  CHECK(check_log(TileDirectory(scratch.path()), checked_with_key()).checkpoint->size == 700);
}

TEST_CASE("an export refuses what does not go on from the directory", "[log]") {
  ScratchDir scratch;
  const Statements all = statements(kRecords);
  REQUIRE(export_to(scratch.path(), all, signed_checkpoint(all)));
  const Statements fewer = statements(10);
  CHECK(why(export_to(scratch.path(), fewer, signed_checkpoint(fewer)).error()) == "export-newer");
  CHECK(why(export_to(scratch.path(), all, signed_checkpoint(all, 0, "example.com/other")).error()) ==
        "export-other-log");
  Statements changed = statements(kRecords + 5);
  changed[270] = statement(271, "forged");
  CHECK(why(export_to(scratch.path(), changed, signed_checkpoint(changed)).error()) == "export-differs");
  changed = statements(kRecords + 5);
  changed[3] = statement(4, "forged");  // in a bundle that is not read again
  CHECK(why(export_to(scratch.path(), changed, signed_checkpoint(changed)).error()) == "export-differs");
}

// --- tampering ---

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

// --- proof files ---

RecordProofInfo proof_of(const Statements& all, std::uint64_t index) {
  MerkleTree tree;
  for (const std::string& one : all) tree.append(merkle_leaf_hash(as_bytes(one)));
  RecordProofInfo info;
  info.statement = all[index];
  info.index = static_cast<std::int64_t>(index);
  const auto proof = merkle_inclusion_proof(index, all.size(), tree.reader());
  for (const MerkleHash& hash : *proof) info.proof.push_back(merkle_hash_text(hash));
  info.checkpoint = signed_checkpoint(all);
  return info;
}

TEST_CASE("a proof file verifies, and nothing that is changed in it does", "[log]") {
  const Statements all = statements(77);
  const auto key = checked_with_key().key;
  Random random(5);
  std::size_t tries = 0;
  for (const std::uint64_t index : {0, 5, 63, 64, 76}) {
    const std::string file = proof_file(proof_of(all, index)).value();
    const auto good = check_proof_file(file, key, std::nullopt);
    REQUIRE(good);
    CHECK(good->why_not.empty());
    CHECK(good->checked.signature_checked);
    CHECK(good->checked.proof.entry == all[index]);
    for (int attempt = 0; attempt < 400; ++attempt, ++tries) {
      std::string changed = file;
      changed[random() % changed.size()] ^= static_cast<char>(1U << (random() % 8));
      const auto verdict = check_proof_file(changed, key, std::nullopt);
      if (verdict && verdict->why_not.empty()) FAIL("taken: " << changed);
    }
  }
  std::printf("proof files: %zu tries, none taken\n", tries);
}

TEST_CASE("a proof that does not fit is refused by name", "[log]") {
  const Statements all = statements(20);
  const auto key = checked_with_key().key;
  const auto other = NoteKey::create(kOrigin, test_key(KeyAlgorithm::Ed25519, 1).public_key()).value();
  const std::string file = proof_file(proof_of(all, 7)).value();
  CHECK(check_proof_file(file, other, std::nullopt)->why_not == "checkpoint-not-signed");
  CHECK(check_proof_file(file, key, std::string(64, '0'))->why_not == "digest-differs");
  RecordProofInfo wrong = proof_of(all, 7);
  wrong.statement = all[8];
  CHECK_FALSE(proof_file(wrong));
  wrong = proof_of(all, 7);
  wrong.proof[0] = "nonsense";
  CHECK_FALSE(proof_file(wrong));
}

}  // namespace
}  // namespace signet::test
