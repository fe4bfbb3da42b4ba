// What an anchor says of the ledger: every cell.
#include <catch2/catch.hpp>
#include <fstream>

#include "agent/checkpoint/anchor.h"
#include "agent/checkpoint/signer.h"
#include "agent/ledger/quarantine_rules.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

struct Log {
  explicit Log(const std::filesystem::path& directory, const std::string& origin = "log")
      : signer(Signer::open(directory, origin).value()),
        key(NoteKey::parse(signer.greeting().verifier_key).value()),
        origin_(origin) {}
  std::string note(std::uint64_t size) {
    SignerRequest request;
    MerkleHash root{};
    root[0] = static_cast<std::uint8_t>(size);
    request.text = format_checkpoint({origin_, size, root});
    return signer.sign(request).value();
  }
  Signer signer;
  NoteKey key;
  std::string origin_;
};

AnchorFacts facts(const Log& log, Result<std::optional<std::string>> note) {
  AnchorFacts made;
  made.name = "file /a";
  made.known = true;
  made.note = std::move(note);
  made.origin = "log";
  made.key = log.key;
  return made;
}

std::string verdict(const AnchorFacts& made) {
  const AnchorReading reading = read_anchor(made);
  if (reading.cause) {
    CHECK_FALSE(reading.checkpoint);
    CHECK(reading.cause->message.back() == '.');
    return reading.cause->why;
  }
  return reading.checkpoint ? "checkpoint" : "new";
}

TEST_CASE("an anchor is read, and what is wrong with it has a name", "[anchor]") {
  ScratchDir scratch;
  Log log(scratch.path() / "log"), other(scratch.path() / "other", "other");
  const std::string good = log.note(5);
  CHECK(verdict(facts(log, good)) == "checkpoint");
  CHECK(verdict(facts(log, std::optional<std::string>())) == "anchor-missing");
  AnchorFacts fresh = facts(log, std::optional<std::string>());
  fresh.known = false;
  CHECK(verdict(fresh) == "new");
  CHECK(verdict(facts(log, Error{ErrorName::FileFault, "It cannot be read."})) == "anchor-unreadable");
  CHECK(verdict(facts(log, std::string("garbage"))) == "anchor-tampered");
  CHECK(verdict(facts(log, std::string())) == "anchor-tampered");
  std::string smaller = good;
  smaller.replace(smaller.find("\n5\n"), 3, "\n4\n");
  CHECK(verdict(facts(log, smaller)) == "anchor-tampered");
  CHECK(verdict(facts(log, other.note(5))) == "other-log");
  Log forger(scratch.path() / "forger");
  CHECK(verdict(facts(log, forger.note(5))) == "anchor-tampered");
  AnchorFacts keyless = facts(log, good);
  keyless.key.reset();
  CHECK(verdict(keyless) == "checkpoint");
}

TEST_CASE("every byte of an anchor that is changed shows", "[anchor]") {
  ScratchDir scratch;
  Log log(scratch.path() / "log");
  const std::string good = log.note(5);
  std::size_t tries = 0;
  for (std::size_t place = 0; place < good.size(); ++place)
    for (const int bit : {1, 4, 32}) {
      std::string changed = good;
      changed[place] = static_cast<char>(changed[place] ^ bit);
      const std::string found = verdict(facts(log, changed));
      if (found == "checkpoint" || found == "new") FAIL("byte " << place << " of " << changed);
      ++tries;
    }
  for (std::size_t size = 0; size < good.size(); ++size)
    if (verdict(facts(log, good.substr(0, size))) != "anchor-tampered") FAIL("cut at " << size);
  CHECK(tries > 300);
}

TEST_CASE("a ledger is older than its anchor, another one, or goes on from it", "[anchor]") {
  const Checkpoint checkpoint{"log", 5, merkle_leaf_hash({})};
  CHECK(compare_anchor("a", checkpoint, 4, std::nullopt)->why == "rollback");
  CHECK(compare_anchor("a", checkpoint, 9, merkle_empty_root())->why == "other-log");
  CHECK_FALSE(compare_anchor("a", checkpoint, 9, checkpoint.root));
  CHECK(loses_history("rollback"));
  CHECK(loses_history("other-log"));
  CHECK_FALSE(loses_history("restored"));
  CHECK_FALSE(loses_history("anchor-missing"));
  CHECK(anchor_unasked("anchor-missing"));
  CHECK(anchor_unasked("anchor-unreadable"));
  CHECK(anchor_unasked("anchor-tampered"));
  CHECK_FALSE(anchor_unasked("rollback"));
  CHECK_FALSE(anchor_unasked("restored"));
}

TEST_CASE("a file anchor holds what was written last", "[anchor]") {
  ScratchDir scratch;
  const auto anchor = file_anchor(scratch.path() / "anchor");
  CHECK_FALSE(anchor->read().value());
  REQUIRE(anchor->write("one"));
  REQUIRE(anchor->write("two"));
  CHECK(anchor->read().value() == "two");
  CHECK_FALSE(file_anchor(scratch.path() / "nowhere" / "anchor")->write("x"));
  std::ofstream(scratch.path() / "large") << std::string(kMaxNoteSize + 1, 'x');
  CHECK_FALSE(file_anchor(scratch.path() / "large")->read());
}

}  // namespace
}  // namespace signet::test
