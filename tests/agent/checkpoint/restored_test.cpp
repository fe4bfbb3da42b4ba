// Ledgers that were restored from a backup by "signet ledger restore": in quarantine, whatever lies outside.
#include <filesystem>

#include "agent/ledger/ledger_backup.h"
#include "tests/agent/checkpoint/checkpointer_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(10);

// Signs as the process does, and remembers nothing, as a key on a token.
class ForgetfulSigner final : public CheckpointSigner {
 public:
  explicit ForgetfulSigner(std::unique_ptr<CheckpointSigner> signer) : signer_(std::move(signer)) {}
  bool remembers() const override { return false; }
  boost::asio::awaitable<Result<SignerGreeting>> open(std::string origin, std::string branch) override {
    auto greeting = co_await signer_->open(std::move(origin), std::move(branch));
    if (greeting) greeting->newest.reset();
    co_return greeting;
  }
  boost::asio::awaitable<Result<std::string>> sign(Checkpoint checkpoint,
                                                   std::vector<MerkleHash> proof) override {
    return signer_->sign(std::move(checkpoint), std::move(proof));
  }

 private:
  std::unique_ptr<CheckpointSigner> signer_;
};

std::unique_ptr<CheckpointSigner> forgetful(std::unique_ptr<CheckpointSigner> signer) {
  return std::make_unique<ForgetfulSigner>(std::move(signer));
}

void restore_newest(Site& site) {
  REQUIRE(back_up_ledger(site.state, site.scratch.path() / "backup.db"));
  REQUIRE(restore_ledger(site.state, site.scratch.path() / "backup.db"));
}

// That all agree says nothing of what was signed since the backup: only people know whether there was
// anything.
TEST_CASE("a restored ledger stays in quarantine, though all agree with it", "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  restore_newest(site);
  for (int start = 0; start < 2; ++start) {
    Run run(site);
    REQUIRE(run.attached);
    CHECK(run.why() == "restored");
    run.record(1);
    REQUIRE(run.covered());
    CHECK(run.await(run.ledger->tree_head())->branch.empty());
  }
  // An anchor that goes and comes back changes nothing about that.
  const std::string content = read_text(site.anchor);
  fs::remove(site.anchor);
  {
    Run run(site);
    CHECK(run.why() == "anchor-missing");
  }
  std::ofstream(site.anchor) << content;
  {
    Run run(site);
    CHECK(run.why() == "restored");
    REQUIRE(run.await(run.ledger->clear_quarantine("", "", "a test", someone())));
    CHECK(run.why() == "none");
  }
  Run run(site);
  CHECK(run.why() == "none");
}

TEST_CASE("a restored ledger of which the signer knows more is a rollback", "[checkpointer][rollback]") {
  Site site;
  fill(site, 5);
  REQUIRE(back_up_ledger(site.state, site.scratch.path() / "backup.db"));
  fill(site, 5);
  REQUIRE(restore_ledger(site.state, site.scratch.path() / "backup.db"));
  Run run(site, false);
  CHECK(run.why() == "rollback");
  CHECK(run.await(run.ledger->tree_head())->branch.size() == 16);
}

TEST_CASE("a restored ledger of which nobody knows begins a branch, once", "[checkpointer][rollback]") {
  Site site;
  {
    Run run(site, Run::AnchorList(), kPatience, forgetful);
    run.record(5);
    REQUIRE(run.covered());
  }
  restore_newest(site);
  std::string branch;
  for (int start = 0; start < 2; ++start) {
    Run run(site, Run::AnchorList(), kPatience, forgetful);
    CHECK(run.why() == "rollback");
    const std::string present = run.await(run.ledger->tree_head())->branch;
    CHECK(present.size() == 16);
    if (start > 0) CHECK(present == branch);
    branch = present;
    CHECK(run.covered());
  }
}

}  // namespace
}  // namespace signet::test
