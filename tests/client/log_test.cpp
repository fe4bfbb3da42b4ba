// Exported logs: written in steps, over crashes; and proofs of single records.
#include <array>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <random>

#include "client/log/record_proof.h"
#include "protocol/canonical_json.h"
#include "protocol/signature.h"
#include "tests/client/log_fixture.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

using namespace signet::client;
using Random = std::mt19937_64;

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
  for (const std::uint64_t index : std::array<std::uint64_t, 5>{0, 5, 63, 64, 76}) {
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
