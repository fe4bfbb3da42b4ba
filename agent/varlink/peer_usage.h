// What each uid uses of the server: the base of the limits per uid. One event loop, not thread safe.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "agent/varlink/signal.h"

namespace signet {

struct UidUsage {
  explicit UidUsage(const boost::asio::any_io_executor& executor) : frame_freed(executor) {}

  std::size_t connections = 0;
  std::size_t calls = 0;         // being handled
  std::size_t large_frames = 0;  // being read or handled
  Signal frame_freed;
};

// One of something that is counted, for as long as it lives.
class Counted {
 public:
  Counted() = default;
  Counted(std::shared_ptr<UidUsage> usage, std::size_t UidUsage::*count)
      : usage_(std::move(usage)), count_(count) {
    ++((*usage_).*count_);
  }
  Counted(Counted&& other) noexcept : usage_(std::move(other.usage_)), count_(other.count_) {}
  Counted& operator=(Counted&& other) noexcept {
    std::swap(usage_, other.usage_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Counted() {
    if (!usage_) return;
    --((*usage_).*count_);
    if (count_ == &UidUsage::large_frames) usage_->frame_freed.notify();
  }
  explicit operator bool() const { return usage_ != nullptr; }

 private:
  std::shared_ptr<UidUsage> usage_;
  std::size_t UidUsage::*count_ = nullptr;
};

// A uid is forgotten when nobody holds its usage any more.
class PeerUsage {
 public:
  explicit PeerUsage(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  std::shared_ptr<UidUsage> of(uid_t uid) {
    std::shared_ptr<UidUsage> usage = by_uid_[uid].lock();
    if (usage) return usage;
    std::erase_if(by_uid_, [](const auto& entry) { return entry.second.expired(); });
    usage = std::make_shared<UidUsage>(executor_);
    by_uid_[uid] = usage;
    return usage;
  }

 private:
  boost::asio::any_io_executor executor_;
  std::map<uid_t, std::weak_ptr<UidUsage>> by_uid_;
};

}  // namespace signet
