#include "agent/checkpoint/checkpointer.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/ledger/quarantine_rules.h"

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr const char* kSignerName = "checkpoint signer";
constexpr std::chrono::seconds kRetry{10};  // after a checkpoint that could not be made

awaitable<void> sleep_until_woken(asio::steady_timer& timer, std::chrono::steady_clock::time_point until) {
  timer.expires_at(until);
  boost::system::error_code woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

}  // namespace

Checkpointer::Checkpointer(asio::any_io_executor executor, CheckpointerSettings settings)
    : executor_(executor), settings_(std::move(settings)), wake_(executor), signed_(executor) {}

void Checkpointer::add_anchor(std::unique_ptr<Anchor> anchor) {
  OutsideCalls calls(executor_, anchor->name(), settings_.outside_patience);
  anchors_.push_back({std::move(anchor), std::move(calls)});
}

void Checkpointer::add_sink(std::unique_ptr<CheckpointSink> sink) {
  OutsideCalls calls(executor_, sink->name(), settings_.outside_patience);
  sinks_.push_back({std::move(sink), std::move(calls)});
}

awaitable<Result<void>> Checkpointer::attach(Ledger& ledger) {
  ledger_ = &ledger;
  vouched_ = false;
  signer_ = settings_.signer(ledger);
  const auto summary = co_await ledger.summary();
  if (!summary) co_return summary.error();
  ledger_id_ = summary->id;
  if (const auto opened = co_await open_log(); !opened) co_return opened.error();
  auto cause = co_await find_cause();
  if (!cause) co_return cause.error();
  if (const auto settled = co_await settle(std::move(*cause)); !settled) co_return settled.error();
  if (const auto dropped = co_await drop_other_log(); !dropped) co_return dropped.error();
  running_ = true;
  dirty_->store(true);
  asio::co_spawn(executor_, run(), asio::detached);
  co_return Result<void>();
}

// Who signs for the branch that the ledger is on. A signer that cannot be had is the state's fault, not ours.
awaitable<Result<void>> Checkpointer::open_log() {
  const auto head = co_await ledger_->tree_head();
  if (!head) co_return head.error();
  state_.origin = settings_.origin.empty() ? "signet/" + ledger_id_ : settings_.origin;
  if (!head->branch.empty()) state_.origin += "/" + head->branch;
  greeting_ = co_await signer_->open(state_.origin, head->branch);
  key_.reset();
  state_.verifier_key.clear();
  state_.fault.reset();
  if (!greeting_) {
    state_.fault = greeting_.error();
    co_return Result<void>();
  }
  auto key = NoteKey::parse(greeting_->verifier_key);
  if (!key) co_return key.error();
  state_.verifier_key = key->text();
  key_ = std::move(*key);
  co_return Result<void>();
}

// A checkpoint under another name is none of this log's: the configuration has named it anew.
awaitable<Result<void>> Checkpointer::drop_other_log() {
  const auto kept = co_await ledger_->checkpoint();
  if (!kept) co_return kept.error();
  const auto parsed = parse_signed_checkpoint(kept->note);
  if (kept->note.empty() || (parsed && parsed->checkpoint.origin == state_.origin)) co_return Result<void>();
  KeptCheckpoint none;
  co_return co_await ledger_->keep_checkpoint(std::move(none));
}

// The signer's own memory, where it has one.
awaitable<Result<std::optional<QuarantineCause>>> Checkpointer::judge_signer() {
  const std::optional<QuarantineCause> agrees;
  if (!signer_->remembers()) co_return agrees;
  const auto known = co_await ledger_->anchor_known(kSignerName);
  if (!known) co_return known.error();
  if (greeting_) vouched_ = true;  // also by having signed nothing at all
  if (greeting_ && greeting_->newest) {
    const Checkpoint newest = *greeting_->newest;
    const auto root = co_await ledger_->tree_root(static_cast<std::int64_t>(newest.size));
    if (!root) co_return root.error();
    const auto head = co_await ledger_->tree_head();
    if (!head) co_return head.error();
    co_return compare_anchor(kSignerName, newest, head->size, *root);
  }
  if (!*known) co_return agrees;
  AnchorFacts signer;
  signer.name = kSignerName;
  signer.known = true;
  signer.origin = state_.origin;
  if (!greeting_) signer.note = greeting_.error();
  co_return read_anchor(signer).cause;
}

// The first thing outside that says something else than the ledger.
awaitable<Result<std::optional<QuarantineCause>>> Checkpointer::find_cause() {
  auto signer = co_await judge_signer();
  if (!signer || *signer) co_return signer;
  for (OutsideAnchor& place : anchors_) {
    AnchorFacts facts;
    facts.name = place.anchor->name();
    const auto written = co_await ledger_->anchor_known(facts.name);
    if (!written) co_return written.error();
    facts.known = *written;
    facts.note = co_await read(place);
    facts.origin = state_.origin;
    facts.key = key_;
    auto cause = co_await judge(std::move(facts));
    if (!cause || *cause) co_return cause;
  }
  co_return std::optional<QuarantineCause>();
}

awaitable<Result<std::optional<QuarantineCause>>> Checkpointer::judge(AnchorFacts facts) {
  auto reading = read_anchor(facts);
  if (!reading.checkpoint) co_return std::move(reading.cause);
  vouched_ = true;
  const auto root = co_await ledger_->tree_root(static_cast<std::int64_t>(reading.checkpoint->size));
  if (!root) co_return root.error();
  const auto head = co_await ledger_->tree_head();
  if (!head) co_return head.error();
  co_return compare_anchor(facts.name, *reading.checkpoint, head->size, *root);
}

// Everything outside agrees with the ledger, or knows nothing. A quarantine for want of an anchor is over;
// one that is there because history was lost, or because the ledger was restored, is not.
awaitable<Result<void>> Checkpointer::agree() {
  const auto before = co_await ledger_->quarantine();
  if (!before) co_return before.error();
  if (!*before) co_return Result<void>();
  std::string reason = "the anchors can be read again, and agree";
  if (anchor_unasked((*before)->why))
    spdlog::info("the ledger's quarantine ({}) is over: {}", (*before)->why, reason);
  const auto ended = co_await ledger_->end_unasked_quarantine(std::move(reason));
  if (!ended) co_return ended.error();
  const auto left = co_await ledger_->quarantine();
  if (!left) co_return left.error();
  if (!*left) co_return Result<void>();
  spdlog::warn("the ledger is in quarantine ({}) since {}: roles that were not observed since do not sign",
               (*left)->why, (*left)->since);
  if ((*left)->why != "restored" || vouched_) co_return Result<void>();
  QuarantineCause unknown;
  unknown.why = "rollback";
  unknown.anchor = "none: nothing outside the ledger knows how far it was";
  unknown.message = "The ledger was restored, and no signer and no anchor remembers what was signed since.";
  co_return co_await quarantine(std::move(unknown));
}

// Begins a quarantine, or lets one go on.
awaitable<Result<void>> Checkpointer::settle(std::optional<QuarantineCause> cause) {
  if (!cause) co_return co_await agree();
  const auto present = co_await ledger_->quarantine();
  if (!present) co_return present.error();
  spdlog::critical(
      "THE LEDGER IS IN QUARANTINE ({}). {} No role signs before it was observed: see "
      "docs/operations.md.",
      cause->why, cause->message);
  if (*present && (*present)->why == cause->why && (*present)->anchor == cause->anchor)
    co_return Result<void>();
  co_return co_await quarantine(std::move(*cause));
}

awaitable<Result<void>> Checkpointer::quarantine(QuarantineCause cause) {
  const auto begun = co_await ledger_->begin_quarantine(std::move(cause));
  if (!begun) co_return begun.error();
  co_return co_await open_log();
}

void Checkpointer::records_written() {
  if (dirty_->exchange(true)) return;
  asio::post(executor_, [this] { wake_.cancel(); });
}

awaitable<void> Checkpointer::run() {
  auto next = Steady::now();
  while (!stopping_) {
    if (!dirty_->exchange(false)) {
      co_await sleep_until_woken(wake_, Steady::time_point::max());
      continue;
    }
    if (Steady::now() < next) {
      dirty_->store(true);
      co_await sleep_until_woken(wake_, next);
      continue;
    }
    const auto made = co_await make();
    next = Steady::now() + settings_.interval;
    if (!made) {
      if (!state_.fault || state_.fault->message != made.error().message)
        spdlog::error("no checkpoint of the ledger was made: {}", made.error().message);
      state_.fault = made.error();
      dirty_->store(true);
      next = Steady::now() + kRetry;
    }
    signed_.cancel();
  }
  running_ = false;
  signed_.cancel();
}

// Whether checkpoints are signed now: not while an anchor that must be there cannot be compared with.
awaitable<bool> Checkpointer::allowed() {
  const auto present = co_await ledger_->quarantine();
  co_return present && (!*present || !anchor_unasked((*present)->why));
}

// False: there was nothing to do.
awaitable<Result<bool>> Checkpointer::make() {
  const auto kept = co_await ledger_->checkpoint();
  if (!kept) co_return kept.error();
  const auto head = co_await ledger_->tree_head();
  if (!head) co_return head.error();
  if (head->size == kept->size && !kept->note.empty()) co_return false;
  if (!co_await allowed()) {
    boost::json::object parameters{{"why", "quarantined"}};
    co_return Error{ErrorName::LedgerUnavailable,
                    "An anchor of the ledger is missing or cannot be believed, so nothing is signed of it. "
                    "Bring the anchor back and restart the agent, or end the quarantine (signet ledger "
                    "clear-quarantine).",
                    std::move(parameters)};
  }
  if (!greeting_) {
    if (const auto opened = co_await open_log(); !opened) co_return opened.error();
    if (!greeting_) co_return greeting_.error();
  }
  const std::int64_t before =
      greeting_->newest ? static_cast<std::int64_t>(greeting_->newest->size) : kept->size;
  auto proof = co_await ledger_->consistency_proof(before, head->size);
  if (!proof) co_return proof.error();
  Checkpoint checkpoint;
  checkpoint.origin = state_.origin;
  checkpoint.size = static_cast<std::uint64_t>(head->size);
  checkpoint.root = head->root;
  Checkpoint wanted = checkpoint;
  auto note = co_await signer_->sign(std::move(wanted), std::move(*proof));
  if (!note) co_return note.error();
  if (signer_->remembers()) greeting_->newest = checkpoint;
  KeptCheckpoint made;
  made.size = head->size;
  made.root = head->root;
  made.note = std::move(*note);
  const auto published = co_await publish(made);
  if (!published) co_return published.error();
  state_.fault.reset();
  co_return true;
}

// The ledger first: an anchor must never be ahead of it.
awaitable<Result<void>> Checkpointer::publish(const KeptCheckpoint& kept) {
  KeptCheckpoint copy = kept;
  const auto done = co_await ledger_->keep_checkpoint(std::move(copy));
  if (!done) co_return done.error();
  if (signer_->remembers()) co_await ledger_->note_anchor(kSignerName);
  for (OutsideAnchor& place : anchors_) {
    std::string name = place.anchor->name();
    std::function<Result<void>()> work = [anchor = place.anchor, note = kept.note] {
      return anchor->write(note);
    };
    const auto written = co_await write(place.calls, name, std::move(work));
    if (written) co_await ledger_->note_anchor(std::move(name));
  }
  for (OutsideSink& place : sinks_) {
    std::string name = place.sink->name();
    std::function<Result<void>()> work = [sink = place.sink, note = kept.note] { return sink->push(note); };
    co_await write(place.calls, std::move(name), std::move(work));
  }
  co_return Result<void>();
}

awaitable<Result<std::optional<std::string>>> Checkpointer::read(OutsideAnchor& place) {
  using Note = Result<std::optional<std::string>>;
  const auto note = std::make_shared<Note>(std::optional<std::string>());
  std::function<void()> work = [note, anchor = place.anchor] { *note = anchor->read(); };
  const auto asked = co_await place.calls.run(std::move(work));
  if (!asked) co_return asked.error();
  co_return std::move(*note);
}

awaitable<Result<void>> Checkpointer::write(OutsideCalls& calls, std::string name,
                                            std::function<Result<void>()> work) {
  const auto done = std::make_shared<Result<void>>();
  std::function<void()> task = [done, work = std::move(work)] { *done = work(); };
  auto written = co_await calls.run(std::move(task));
  if (written) written = *done;
  if (written) co_return written;
  ++state_.failed_writes;
  spdlog::error("a checkpoint was not written to {}: {}", name, written.error().message);
  co_return written;
}

awaitable<Result<KeptCheckpoint>> Checkpointer::covering(std::int64_t records,
                                                         std::chrono::milliseconds patience) {
  const auto end = Steady::now() + patience;
  for (;;) {
    auto kept = co_await ledger_->checkpoint();
    if (!kept || (kept->size >= records && !kept->note.empty())) co_return kept;
    if (state_.fault) co_return *state_.fault;
    if (Steady::now() >= end || !running_) {
      boost::json::object parameters{{"retryAfterMs", settings_.interval.count()}};
      co_return Error{ErrorName::Busy,
                      "No checkpoint has this record yet; one is signed every " +
                          std::to_string(settings_.interval.count()) + " ms. Try again in a moment.",
                      std::move(parameters)};
    }
    asio::steady_timer pause(executor_, std::chrono::milliseconds(20));
    boost::system::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

awaitable<void> Checkpointer::stop() {
  stopping_ = true;
  wake_.cancel();
  while (running_) co_await sleep_until_woken(signed_, Steady::now() + std::chrono::milliseconds(50));
}

}  // namespace signet
