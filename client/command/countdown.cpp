#include "client/command/countdown.h"

#include <algorithm>
#include <utility>

namespace signet::client {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

void Countdown::start(std::string text, seconds left) {
  stop();
  stopping_ = false;
  thread_ = std::thread([this, line = std::move(text), end = Clock::now() + left] { run(line, end); });
}

void Countdown::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Countdown::run(const std::string& text, Clock::time_point end) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto left = std::max(std::chrono::ceil<seconds>(end - Clock::now()), seconds(0));
    write_(kClearLine + text + " (" + std::to_string(left.count()) + " s)");
    const auto stopped = [this] { return stopping_; };
    if (left == seconds(0)) {
      wake_.wait(lock, stopped);
    } else {
      wake_.wait_until(lock, end - (left - seconds(1)), stopped);
    }
  }
  write_(kClearLine);
}

}  // namespace signet::client
