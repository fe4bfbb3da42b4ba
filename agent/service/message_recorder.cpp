#include "agent/service/message_recorder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <optional>
#include <set>
#include <utility>

#include "agent/varlink/signal.h"

namespace signet {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::awaitable;

// The signatures of one record.
struct MessageRecorder::Entry::Group {
  Group(const asio::any_io_executor& executor, Ledger& ledger_, const Requester& who_, bool closed_)
      : ledger(ledger_), who(who_), closed(closed_), written(executor) {}

  struct Failure {
    Failure(std::size_t index_, std::string outcome_) : index(index_), outcome(std::move(outcome_)) {}
    std::size_t index;
    std::string outcome;
  };

  Ledger& ledger;
  const Requester who;  // of the first; of all others only the uid is the same
  bool closed;          // takes no other
  bool shared = false;  // by several signatures
  json::array statements;
  json::array requesters;
  std::vector<std::string> keys;                 // each one's
  std::optional<Result<std::int64_t>> sequence;  // of its record, once that is durable
  Signal written;
  std::size_t open = 0;  // signatures that have not ended
  bool any_signed = false;
  std::vector<Failure> failures;  // not recorded yet
};

struct MessageRecorder::State : std::enable_shared_from_this<State> {
  explicit State(asio::any_io_executor executor_) : executor(std::move(executor_)), timer(executor) {}

  using Clock = asio::steady_timer::clock_type;

  std::shared_ptr<Group> group_for(Ledger& ledger, const MessageIntent& intent);
  Clock::duration pause() const;
  void schedule();
  void flush();
  void written();
  awaitable<void> write(std::shared_ptr<Group> group);
  void record_ends(const std::shared_ptr<Group>& group);
  void record_later(const Group& group, json::object body);

  asio::any_io_executor executor;
  asio::steady_timer timer;
  std::chrono::milliseconds delay{0};
  std::vector<std::shared_ptr<Group>> waiting;  // for the next flush
  std::size_t waiting_count = 0;                // signatures in them
  std::size_t writing_count = 0;                // signatures whose record is being written
  std::size_t writing = 0;                      // records
  bool scheduled = false, failing = false;

  // Clients that wait for one signature after the other come back soon after they were answered. The next
  // COMMIT waits for them, a moment that is short beside itself, so that they do not wait for the one after
  // that (as PostgreSQL's commit_delay does).
  std::size_t expected = 0;
  Clock::time_point begun, expected_until;
};

namespace {

json::object intent_body(json::array statements) {
  if (statements.size() == 1) return std::move(statements.front().as_object());
  json::object body;
  body["signatures"] = std::move(statements);
  return body;
}

// With its keys: whoever looks for one finds the outcome without reading the intent.
json::object outcome_body(std::int64_t intent, std::string outcome, const std::set<std::string>& keys) {
  return {
      {"intent", intent}, {"outcome", std::move(outcome)}, {"keys", json::array(keys.begin(), keys.end())}};
}

}  // namespace

std::shared_ptr<MessageRecorder::Group> MessageRecorder::State::group_for(Ledger& ledger,
                                                                          const MessageIntent& intent) {
  for (const auto& group : waiting)
    if (!group->closed && !intent.alone && group->who.uid == intent.who.uid) return group;
  waiting.push_back(std::make_shared<Group>(executor, ledger, intent.who, intent.alone));
  return waiting.back();
}

// How long the next record may wait for company.
MessageRecorder::State::Clock::duration MessageRecorder::State::pause() const {
  if (delay.count() > 0)
    return waiting_count < kMostMessagesInRecord ? Clock::duration(delay) : Clock::duration(0);
  const auto now = Clock::now();
  return waiting_count < expected && now < expected_until ? expected_until - now : Clock::duration(0);
}

// Behind the record that is being written, if one is; else after the pause, or at once: so that what else is
// ready to run can still join.
void MessageRecorder::State::schedule() {
  if (writing > 0) return;
  const auto wait = pause();
  if (scheduled) {
    if (wait.count() == 0) timer.cancel();  // all are here: its wait ends
    return;
  }
  scheduled = true;
  if (wait.count() == 0) {
    asio::post(executor, [self = shared_from_this()] { self->flush(); });
    return;
  }
  timer.expires_after(wait);
  timer.async_wait([self = shared_from_this()](boost::system::error_code) { self->flush(); });
}

// All of them are handed to the ledger's thread before one of them is written: they share a COMMIT.
void MessageRecorder::State::flush() {
  scheduled = false;
  if (writing > 0 || waiting.empty()) return;
  const auto groups = std::exchange(waiting, {});
  writing_count = std::exchange(waiting_count, 0);
  writing = groups.size();
  begun = Clock::now();
  for (const auto& group : groups) asio::co_spawn(executor, write(group), asio::detached);
}

// The last record of a COMMIT is durable, or failed.
void MessageRecorder::State::written() {
  constexpr Clock::duration kLongestPause = std::chrono::milliseconds(1);
  const auto now = Clock::now();
  expected = waiting_count + std::exchange(writing_count, 0);
  expected_until = now + std::min(kLongestPause, (now - begun) / 4);
  if (!waiting.empty()) schedule();
}

awaitable<void> MessageRecorder::State::write(std::shared_ptr<Group> group) {
  const auto self = shared_from_this();
  group->closed = true;
  const std::size_t count = group->statements.size();
  json::object detail;
  if (count > 1) detail["requesters"] = std::move(group->requesters);
  auto sequence = co_await group->ledger.record("message-intent", intent_body(std::move(group->statements)),
                                                std::move(detail), group->who);
  failing = !sequence;
  group->sequence.emplace(std::move(sequence));
  group->written.notify();
  if (!*group->sequence)
    spdlog::error("{} signatures of messages were not recorded: {}", count, group->sequence->error().message);
  record_ends(group);
  if (--writing == 0) written();
}

// What is known by now of how its signatures ended: each failure has a record, all that were signed share one
// when the last of them ended.
void MessageRecorder::State::record_ends(const std::shared_ptr<Group>& group) {
  if (!group->sequence || !*group->sequence) return;  // not yet; or never, and then nothing left the agent
  const std::int64_t intent = **group->sequence;
  for (Group::Failure& failure : std::exchange(group->failures, {})) {
    json::object body = outcome_body(intent, std::move(failure.outcome), {group->keys[failure.index]});
    if (group->shared) body["signature"] = failure.index;
    record_later(*group, std::move(body));
  }
  if (group->open == 0 && group->any_signed)
    record_later(*group, outcome_body(intent, "signed", {group->keys.begin(), group->keys.end()}));
}

// Not waited for: the intent is durable already, and says that a signature may have left.
void MessageRecorder::State::record_later(const Group& group, json::object body) {
  asio::co_spawn(
      executor,
      [&ledger = group.ledger, who = group.who, body = std::move(body)]() mutable -> awaitable<void> {
        json::object detail;
        const auto written =
            co_await ledger.record_later("message-outcome", std::move(body), std::move(detail), who);
        if (!written)
          spdlog::error("The outcome of a signature was not recorded: {}", written.error().message);
      },
      asio::detached);
}

MessageRecorder::MessageRecorder(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

void MessageRecorder::set_delay(std::chrono::milliseconds delay) {
  state_->delay = delay;
  if (state_->scheduled) state_->timer.cancel();  // what waits for the old one is recorded now
}

MessageRecorder::Entry MessageRecorder::begin(Ledger& ledger, MessageIntent intent) {
  State& state = *state_;
  Entry entry;
  entry.group_ = state.group_for(ledger, intent);
  Group& group = *entry.group_;
  entry.index_ = group.statements.size();
  group.keys.emplace_back(intent.statement.at("key").as_string());
  group.statements.push_back(std::move(intent.statement));
  group.requesters.push_back(json::object{{"gid", intent.who.gid}, {"pid", intent.who.pid}});
  group.shared = group.statements.size() > 1;
  group.closed = group.closed || group.statements.size() >= kMostMessagesInRecord;
  ++group.open;
  ++state.waiting_count;
  state.schedule();
  return entry;
}

awaitable<Result<std::int64_t>> MessageRecorder::recorded(Entry entry) {
  while (!entry.group_->sequence) co_await entry.group_->written.wait();
  co_return *entry.group_->sequence;
}

bool MessageRecorder::record_before_release(const Entry& entry) const {
  if (state_->delay.count() == 0 || state_->failing) return true;
  return entry.group_->sequence.has_value() ||
         state_->waiting_count + state_->writing_count > kMostUnrecorded;
}

void MessageRecorder::ended(const Entry& entry, std::string outcome) {
  Group& group = *entry.group_;
  --group.open;
  if (outcome == "signed")
    group.any_signed = true;
  else
    group.failures.emplace_back(entry.index_, std::move(outcome));
  state_->record_ends(entry.group_);
}

}  // namespace signet
