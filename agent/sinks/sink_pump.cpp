#include "agent/sinks/sink_pump.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr std::int64_t kBatch = 256;
constexpr std::chrono::seconds kShoutPause{60};  // between two lines of the log about one failing sink
constexpr std::chrono::seconds kKeepPause{1};

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

// Runs on the sink's thread.
awaitable<Result<void>> work_on(std::shared_ptr<RecordSink> sink,
                                std::function<Result<void>(RecordSink&)> work) {
  co_return work(*sink);
}

}  // namespace

SinkPump::SinkPump(const asio::any_io_executor& executor, std::shared_ptr<RecordFeed> feed, SinkConfig config,
                   std::unique_ptr<RecordSink> sink, const std::filesystem::path& state_directory,
                   SinkPauses pauses)
    : executor_(executor),
      feed_(std::move(feed)),
      config_(std::move(config)),
      sink_(std::move(sink)),
      kept_(state_directory, config_.name),
      pauses_(pauses),
      thread_(std::make_unique<asio::thread_pool>(1)),
      timer_(executor),
      next_pause_(pauses.first) {
  state_.name = config_.name;
  state_.kind = to_string(config_.kind);
}

// A thread that hangs in the kernel (a dead network file system) cannot be ended: it is left to the process's
// end, which comes soon.
SinkPump::~SinkPump() {
  if (busy_) (void)thread_.release();
}

void SinkPump::start(Ledger& ledger) {
  ledger_ = &ledger;
  idle_ = false;
  const auto body = [self = shared_from_this()]() -> awaitable<void> { co_await self->run(); };
  asio::co_spawn(executor_, body, asio::detached);
}

void SinkPump::push_checkpoint(std::string note) {
  checkpoint_ = std::move(note);
  feed_->wake();
}

void SinkPump::stop() {
  stopping_ = true;
  timer_.cancel();
  feed_->wake();
  keep_position();
}

awaitable<void> SinkPump::run() {
  bool begun = false;
  while (!stopping_) {
    const std::uint64_t news = feed_->count();
    if (!begun) {
      const auto began = co_await begin();
      begun = began.has_value();
      if (!begun) co_await pause();  // the ledger cannot be read: that is said elsewhere
      continue;
    }
    const auto more = co_await step();
    if (stopping_) break;
    if (!more) {
      failed(more.error());
      co_await pause();
    } else if (!*more) {
      keep_position();
      idle_ = true;
      co_await feed_->wait(news);
      idle_ = false;
    }
  }
}

// Where to go on: behind what the sink itself holds, else what was kept of it, else (a new sink) behind the
// newest record, or with backfill at the beginning.
awaitable<Result<void>> SinkPump::begin() {
  const auto summary = co_await ledger_->summary();
  if (!summary) co_return summary.error();
  ledger_id_ = summary->id;
  auto known = std::make_shared<std::optional<std::int64_t>>();
  std::function<Result<void>(RecordSink&)> ask = [known, id = ledger_id_](RecordSink& sink) -> Result<void> {
    *known = sink.last(id);
    return {};
  };
  co_await deliver(std::move(ask));
  if (!*known) *known = kept_.load(ledger_id_);
  state_.position = known->value_or(config_.backfill ? 0 : summary->records);
  if (state_.position > summary->records) {
    spdlog::error(
        "The sink {} was given record {} of this ledger, which ends at {}: an older ledger was put in its "
        "place.",
        state_.name, state_.position, summary->records);
    state_.position = summary->records;
  }
  co_return Result<void>();
}

// One page, or the checkpoint. False: there is nothing to deliver.
awaitable<Result<bool>> SinkPump::step() {
  // Taken before the page is read: so its records are in the page, or delivered.
  const std::optional<std::string> checkpoint = checkpoint_;
  RecordCursor cursor;
  cursor.after = state_.position;
  cursor.limit = kBatch;
  RecordFilter all;
  auto page = co_await ledger_->find_records(std::move(all), cursor);
  if (!page) co_return page.error();
  std::function<Result<void>(RecordSink&)> work;
  const std::int64_t last = page->rows.empty() ? state_.position : page->rows.back().sequence;
  if (!page->rows.empty()) {
    work = [id = ledger_id_, rows = std::move(page->rows)](RecordSink& sink) { return sink.write(id, rows); };
  } else if (checkpoint) {
    work = [id = ledger_id_, note = *checkpoint](RecordSink& sink) {
      return sink.write_checkpoint(id, note);
    };
  } else {
    co_return checkpoint_.has_value();  // one may have come meanwhile
  }
  const auto delivered = co_await deliver(std::move(work));
  if (!delivered) co_return delivered.error();
  recovered();
  if (last == state_.position && checkpoint == checkpoint_) checkpoint_.reset();
  state_.position = last;
  if (Steady::now() - last_kept_ >= kKeepPause) keep_position();
  co_return true;
}

awaitable<Result<void>> SinkPump::deliver(std::function<Result<void>(RecordSink&)> work) {
  busy_ = true;
  awaitable<Result<void>> working = work_on(sink_, std::move(work));
  auto result = co_await asio::co_spawn(thread_->get_executor(), std::move(working), asio::use_awaitable);
  busy_ = false;
  co_return result;
}

awaitable<void> SinkPump::pause() {
  if (stopping_) co_return;
  boost::system::error_code ignored;
  timer_.expires_after(next_pause_);
  next_pause_ = std::min(next_pause_ * 2, pauses_.longest);
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void SinkPump::failed(const Error& error) {
  ++state_.failures;
  state_.error = now_text() + ": " + error.message;
  const auto now = Steady::now();
  if (!std::exchange(state_.failing, true) || now - last_shout_ >= kShoutPause) {
    last_shout_ = now;
    spdlog::error("The sink {} does not get the ledger's records (failure {}; behind record {}): {}",
                  state_.name, state_.failures, state_.position, error.message);
  }
}

void SinkPump::recovered() {
  next_pause_ = pauses_.first;
  if (std::exchange(state_.failing, false))
    spdlog::info("The sink {} takes records again, after {} failures", state_.name, state_.failures);
}

void SinkPump::keep_position() {
  last_kept_ = Steady::now();
  if (ledger_id_.empty() || kept_position_ == state_.position) return;
  if (const auto kept = kept_.save(ledger_id_, state_.position); !kept)
    spdlog::debug("{}", kept.error().message);
  else
    kept_position_ = state_.position;
}

}  // namespace signet
