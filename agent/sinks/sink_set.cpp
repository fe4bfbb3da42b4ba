#include "agent/sinks/sink_set.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kLook{20};

std::unique_ptr<RecordSink> make_sink(const SinkConfig& config) {
  switch (config.kind) {
    case SinkConfig::Kind::File:
      return make_file_sink(config.path);
    case SinkConfig::Kind::Journald:
      return make_journald_sink();
    case SinkConfig::Kind::Syslog:
      break;
  }
  return config.path.empty() ? make_syslog_sink() : make_syslog_sink(config.path);
}

}  // namespace

SinkSet::SinkSet(const asio::any_io_executor& executor, std::shared_ptr<RecordFeed> feed,
                 const std::vector<SinkConfig>& sinks, const std::filesystem::path& state_directory)
    : executor_(executor) {
  for (const SinkConfig& sink : sinks)
    pumps_.push_back(std::make_shared<SinkPump>(executor, feed, sink, make_sink(sink), state_directory));
}

SinkSet::~SinkSet() {
  for (const auto& pump : pumps_) pump->stop();
}

void SinkSet::attach(Ledger& ledger) {
  for (const auto& pump : pumps_) pump->start(ledger);
}

std::vector<SinkState> SinkSet::states() const {
  std::vector<SinkState> states;
  for (const auto& pump : pumps_) states.push_back(pump->state());
  return states;
}

bool SinkSet::busy() const {
  return std::any_of(pumps_.begin(), pumps_.end(), [](const auto& pump) { return pump->busy(); });
}

std::function<void(std::string)> SinkSet::checkpoint_inlet() const {
  return [executor = executor_, pumps = pumps_](std::string note) {
    asio::post(executor, [pumps, note = std::move(note)] {
      for (const auto& pump : pumps) pump->push_checkpoint(note);
    });
  };
}

asio::awaitable<void> SinkSet::drain(std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  const auto at_work = [](const auto& pump) { return !pump->idle() && !pump->state().failing; };
  asio::steady_timer timer(executor_);
  while (std::any_of(pumps_.begin(), pumps_.end(), at_work) && std::chrono::steady_clock::now() < end) {
    boost::system::error_code ignored;
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  for (const auto& pump : pumps_) pump->stop();
}

}  // namespace signet
