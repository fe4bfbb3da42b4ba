// Checkpoints of a ledger as signetd has them made, with the signer's real process; and ledgers that are set
// back: restored backups, snapshots of a whole state directory, and anchors that are gone.
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "agent/ledger/ledger_files.h"
#include "tests/agent/checkpoint/checkpointer_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("records get a signed checkpoint, in the anchor too, over restarts", "[checkpointer]") {
  Site site;
  std::string key;
  for (int start = 0; start < 3; ++start) {
    Run run(site);
    REQUIRE(run.attached);
    run.record(7);
    const auto kept = run.covered();
    REQUIRE(kept);
    CHECK(run.why() == "none");
    const auto parsed = parse_signed_checkpoint(kept->note).value();
    CHECK(parsed.checkpoint.size == static_cast<std::uint64_t>(7 * (start + 1)));
    CHECK(parsed.checkpoint.root == run.await(run.ledger->tree_head())->root);
    const std::string present = run.checkpointer->state().verifier_key;
    if (start > 0) CHECK(present == key);
    key = present;
    CHECK(check_note(parsed.note, NoteKey::parse(key).value()) == NoteVerdict::Good);
    CHECK_FALSE(run.checkpointer->state().fault);
  }
  CHECK(read_text(site.anchor).starts_with("log\n21\n"));
}

void copy_ledger(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive);
}

TEST_CASE("a restored backup of the database is quarantined, and begins a branch of the log",
          "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  copy_ledger(site.state, site.scratch.path() / "backup");
  fill(site, 5);
  fs::remove_all(site.state);
  copy_ledger(site.scratch.path() / "backup", site.state);
  bool with_anchor = true;
  SECTION("the anchor knows") {
    fs::remove_all(site.signer);
  }
  SECTION("the signer knows") {
    with_anchor = false;
  }
  {
    Run run(site, with_anchor);
    REQUIRE(run.attached);
    CHECK(run.why() != "none");
    const auto branch = run.await(run.ledger->tree_head())->branch;
    if (with_anchor) return;  // without its signer nothing more is signed: see below
    CHECK(run.why() == "rollback");
    CHECK(branch.size() == 16);
    CHECK(run.checkpointer->state().origin == "log/" + branch);
    const auto kept = run.covered();
    REQUIRE(kept);
    CHECK(kept->note.starts_with("log/" + branch + "\n"));
  }
  Run again(site, with_anchor);
  CHECK(again.why() == "rollback");
  const auto rows = again.await(again.ledger->read(1, 1000)).value();
  int begun = 0;
  for (const RecordRow& row : rows)
    begun += row.statement.find("\"kind\":\"ledger.quarantine\"") != std::string::npos;
  CHECK(begun == 1);
}

// The signer's memory lies in the state directory by default, and is set back with it: the anchor is what is
// left.
TEST_CASE("a restored snapshot of everything but the anchor is quarantined", "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  copy_ledger(site.state, site.scratch.path() / "snapshot-state");
  copy_ledger(site.signer, site.scratch.path() / "snapshot-signer");
  fill(site, 5);
  fs::remove_all(site.state);
  fs::remove_all(site.signer);
  copy_ledger(site.scratch.path() / "snapshot-state", site.state);
  copy_ledger(site.scratch.path() / "snapshot-signer", site.signer);
  {
    Run run(site);
    REQUIRE(run.attached);
    CHECK(run.why() == "rollback");
    REQUIRE(run.covered());
  }
  // The anchor has the branch now: the next start finds it in order, and the quarantine goes on.
  CHECK(read_text(site.anchor).starts_with("log/"));
  {
    Run run(site);
    CHECK(run.why() == "rollback");
    run.record(3);
    CHECK(run.covered());
  }
  // Set back once more, to before the branch: another quarantine.
  fs::remove_all(site.state);
  fs::remove_all(site.signer);
  copy_ledger(site.scratch.path() / "snapshot-state", site.state);
  copy_ledger(site.scratch.path() / "snapshot-signer", site.signer);
  Run run(site);
  CHECK(run.why() == "other-log");
}

TEST_CASE("a new ledger in the place of an old one is quarantined", "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  fs::remove_all(site.state);
  fs::create_directory(site.state);
  create_ledger(site.state, {}).value();
  Run run(site);
  CHECK(run.why() == "rollback");
}

TEST_CASE("a ledger whose history was rewritten is another log", "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  fs::remove_all(site.state);
  fs::create_directory(site.state);
  create_ledger(site.state, {}).value();
  {
    auto store = LedgerStore::open(site.state, {}).value();
    store->begin_group(true).value();
    for (int number = 0; number < 9; ++number) {
      NewRecord record{"message-intent", {{"forged", number}}, {}, someone()};
      store->run(true, [&] { return store->records().append(std::move(record)); }).value();
    }
    store->commit_group().value();
  }
  Run run(site);
  CHECK(run.why() == "other-log");
}

TEST_CASE("an anchor that is gone, unreadable or damaged holds everything up until it is back",
          "[checkpointer]") {
  Site site;
  fill(site, 5);
  const std::string content = read_text(site.anchor);
  std::string expected;
  SECTION("missing") {
    fs::remove(site.anchor);
    expected = "anchor-missing";
  }
  SECTION("unreadable") {
    fs::remove(site.anchor);
    fs::create_directory(site.anchor);
    expected = "anchor-unreadable";
  }
  SECTION("damaged") {
    std::ofstream(site.anchor) << "log\n3\n";
    expected = "anchor-tampered";
  }
  for (int start = 0; start < 2; ++start) {
    Run run(site);
    REQUIRE(run.attached);
    CHECK(run.why() == expected);
    CHECK(run.await(run.ledger->tree_head())->branch.empty());
    run.record(1);
    const auto kept = run.covered();  // nothing is signed meanwhile, and the anchor is not made anew
    REQUIRE_FALSE(kept);
    CHECK(kept.error().name == ErrorName::LedgerUnavailable);
    CHECK(string_parameter(kept.error(), "why") == "quarantined");
  }
  fs::remove_all(site.anchor);
  std::ofstream(site.anchor) << content;
  Run run(site);
  CHECK(run.why() == "none");
  CHECK(run.covered());
}

TEST_CASE("an anchor that is away for a start does not end what a rollback began",
          "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  copy_ledger(site.state, site.scratch.path() / "backup");
  fill(site, 5);
  fs::remove_all(site.state);
  copy_ledger(site.scratch.path() / "backup", site.state);
  {
    Run run(site);
    REQUIRE(run.why() == "rollback");
    REQUIRE(run.covered());
  }
  const std::string content = read_text(site.anchor);
  fs::remove(site.anchor);
  fs::create_directory(site.anchor);
  CHECK(Run(site).why() == "anchor-unreadable");
  fs::remove_all(site.anchor);
  std::ofstream(site.anchor) << content;
  Run run(site);
  CHECK(run.why() == "rollback");
  CHECK(run.covered());
}

TEST_CASE("a signer whose memory is gone is an anchor that is missing", "[checkpointer]") {
  Site site;
  fill(site, 5);
  fs::remove_all(site.signer);
  Run run(site, false);
  CHECK(run.why() == "anchor-missing");
}

TEST_CASE("a signer that cannot start is said, and the agent serves on", "[checkpointer]") {
  Site site;
  std::ofstream(site.signer) << "no directory";
  Run run(site);
  REQUIRE(run.attached);
  CHECK(run.why() == "none");
  REQUIRE(run.checkpointer->state().fault);
  run.record(1);
  CHECK_FALSE(run.covered());
}

TEST_CASE("an anchor that cannot be written is counted, and checkpoints go on", "[checkpointer]") {
  Site site;
  fs::create_directory(site.anchor.string() + ".new");  // in the way of the file that is written first
  Run run(site);
  run.record(1);
  REQUIRE(run.covered());
  while (run.checkpointer->state().failed_writes == 0) run.await(run.ledger->summary()).value();
  CHECK_FALSE(fs::exists(site.anchor));
}

// The only child of this process.
pid_t signer_process() {
  std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
  pid_t pid = 0;
  children >> pid;
  return pid;
}

TEST_CASE("a signer that was killed is started again, and remembers", "[checkpointer]") {
  Site site;
  Run run(site);
  run.record(2);
  REQUIRE(run.covered());
  const pid_t first = signer_process();
  REQUIRE(first > 0);
  REQUIRE(kill(first, SIGKILL) == 0);
  run.record(2);
  CHECK_FALSE(run.covered());  // the one that found it dead; the next attempt is ten seconds away
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (run.checkpointer->state().fault && std::chrono::steady_clock::now() < until)
    run.await(run.ledger->summary()).value();
  REQUIRE(run.covered());
  CHECK(signer_process() != first);
  CHECK(read_text(site.anchor).starts_with("log\n4\n"));
}

}  // namespace
}  // namespace signet::test
