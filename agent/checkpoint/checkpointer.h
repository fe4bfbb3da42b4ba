// Keeps the ledger's signed checkpoint up to date: after records were written, at most once an interval, it
// has the tree's head signed, keeps the note, writes it to the anchors and pushes it to the sinks. At the
// start it holds the ledger against what lies outside it, and quarantines a ledger that was set back.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/checkpoint/anchor.h"
#include "agent/checkpoint/checkpoint_signer.h"
#include "agent/checkpoint/checkpoint_sink.h"
#include "agent/checkpoint/outside_calls.h"
#include "agent/ledger/ledger.h"
#include "protocol/signed_note.h"

namespace signet {

struct CheckpointerSettings {
  std::string origin;  // empty: "signet/" and the ledger's id
  std::chrono::milliseconds interval{1000};
  // For an anchor or a sink to answer. One that hangs is as one that cannot be read or written.
  std::chrono::milliseconds outside_patience{10'000};
  // Made when there is a ledger.
  std::function<std::unique_ptr<CheckpointSigner>(Ledger&)> signer;
};

// What Status and ReadCheckpoint tell.
struct CheckpointerState {
  std::string origin;
  std::string verifier_key;        // empty: not known
  std::optional<Error> fault;      // of the last attempt to sign
  std::int64_t failed_writes = 0;  // to anchors and sinks, since the start
};

// Lives on the agent's event loop; records_written() alone may be called from any thread.
class Checkpointer {
 public:
  Checkpointer(boost::asio::any_io_executor executor, CheckpointerSettings settings);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Before attach().
  void add_anchor(std::unique_ptr<Anchor> anchor);
  void add_sink(std::unique_ptr<CheckpointSink> sink);

  // Compares and, where it must, quarantines; then checkpoints are made until stop(). The ledger outlives it.
  // LedgerUnavailable where the ledger itself cannot be read or written: then nothing is to be served.
  boost::asio::awaitable<Result<void>> attach(Ledger& ledger);
  void records_written();
  // No checkpoint is begun any more; completes when the one in progress is done.
  boost::asio::awaitable<void> stop();

  const CheckpointerState& state() const { return state_; }
  // The newest checkpoint that has at least `records` records; waits for it as long as `patience`. Busy, or
  // why none is signed.
  boost::asio::awaitable<Result<KeptCheckpoint>> covering(std::int64_t records,
                                                          std::chrono::milliseconds patience);

 private:
  using Steady = std::chrono::steady_clock;
  // Shared with a call that hangs, which may outlive all of this.
  struct OutsideAnchor {
    std::shared_ptr<Anchor> anchor;
    OutsideCalls calls;
  };
  struct OutsideSink {
    std::shared_ptr<CheckpointSink> sink;
    OutsideCalls calls;
  };

  boost::asio::awaitable<Result<void>> open_log();
  boost::asio::awaitable<Result<std::optional<QuarantineCause>>> find_cause();
  boost::asio::awaitable<Result<std::optional<QuarantineCause>>> judge_signer();
  boost::asio::awaitable<Result<std::optional<QuarantineCause>>> judge(AnchorFacts facts);
  boost::asio::awaitable<Result<void>> drop_other_log();
  boost::asio::awaitable<Result<void>> settle(std::optional<QuarantineCause> cause);
  boost::asio::awaitable<Result<void>> agree();
  boost::asio::awaitable<Result<void>> quarantine(QuarantineCause cause);
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<Result<bool>> make();
  boost::asio::awaitable<Result<void>> publish(const KeptCheckpoint& kept);
  boost::asio::awaitable<bool> allowed();
  boost::asio::awaitable<Result<std::optional<std::string>>> read(OutsideAnchor& place);
  boost::asio::awaitable<Result<void>> write(OutsideCalls& calls, std::string name,
                                             std::function<Result<void>()> work);

  boost::asio::any_io_executor executor_;
  CheckpointerSettings settings_;
  std::vector<OutsideAnchor> anchors_;
  std::vector<OutsideSink> sinks_;
  Ledger* ledger_ = nullptr;
  std::unique_ptr<CheckpointSigner> signer_;
  CheckpointerState state_;
  std::optional<NoteKey> key_;
  Result<SignerGreeting> greeting_ = SignerGreeting();
  std::string ledger_id_;
  std::shared_ptr<std::atomic<bool>> dirty_ = std::make_shared<std::atomic<bool>>(false);
  boost::asio::steady_timer wake_;    // cancelled: there is something to do
  boost::asio::steady_timer signed_;  // cancelled: a checkpoint was made, or failed
  bool vouched_ = false;              // something outside knows this log, and was asked
  bool running_ = false, stopping_ = false;
};

}  // namespace signet
