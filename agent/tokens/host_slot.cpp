#include "agent/tokens/host_slot.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstDelay(100), kLongestDelay(5000);
// A caller waits that long for a restart; beyond it, it is told.
constexpr milliseconds kLongestWait(2000);

}  // namespace

milliseconds restart_delay(int failures) {
  if (failures <= 1) return milliseconds(0);
  const int doublings = std::min(failures - 2, 20);
  return std::min(kLongestDelay, kFirstDelay * (1 << doublings));
}

HostSlot::HostSlot(asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load)
    : executor_(std::move(executor)), launch_(std::move(launch)), load_(std::move(load)) {}

HostSlot::~HostSlot() {
  if (host_) host_->abandon("the agent let go of the " + launch_.about);
}

std::shared_ptr<HostProcess> HostSlot::running() const {
  return host_ && !host_->ended() ? host_ : nullptr;
}

// Takes notice of a host that ended since the last look.
void HostSlot::note_end() {
  if (!host_ || !host_->ended()) return;
  if (host_->failed()) {
    ++failures_;
    not_before_ = Clock::now() + restart_delay(failures_);
    last_failure_ = host_->why();
  }
  host_.reset();
}

void HostSlot::fail(const std::shared_ptr<HostProcess>& host, std::string why) {
  note_end();
  host->stop(why);
  if (host != host_) return;  // let go, or ended and counted before
  host_.reset();
  ++failures_;
  not_before_ = Clock::now() + restart_delay(failures_);
  last_failure_ = std::move(why);
}

void HostSlot::stop(std::string why) {
  note_end();
  if (host_) host_->stop(std::move(why));
  host_.reset();
}

void HostSlot::close(std::string why) {
  closed_ = true;
  last_failure_ = why;
  stop(std::move(why));
}

void HostSlot::let_go() {
  note_end();
  if (host_) host_->end_when_unused();
  host_.reset();
}

asio::awaitable<HostSlot::Host> HostSlot::get() {
  note_end();
  while (!host_ && Clock::now() < not_before_) {
    const auto left = std::chrono::duration_cast<milliseconds>(not_before_ - Clock::now());
    if (left > kLongestWait) {
      co_return HostLost(last_failure_ + "; after " + std::to_string(failures_) +
                         " failures in a row it is started again in " + std::to_string(left.count()) + " ms");
    }
    asio::steady_timer timer(executor_, not_before_);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    note_end();  // somebody else may have started it, and it may have failed again
  }
  if (host_) co_return host_;
  if (closed_) co_return HostLost(last_failure_, HostLost::Kind::Stopped);
  auto started = HostProcess::start(executor_, launch_, load_);
  if (!started) {
    ++failures_;
    not_before_ = Clock::now() + restart_delay(failures_);
    last_failure_ = started.error().message;
    co_return HostLost(last_failure_);
  }
  host_ = std::move(*started);
  co_return host_;
}

}  // namespace signet
