#include "agent/sinks/record_feed.h"

#include <boost/asio/post.hpp>

namespace signet {

void RecordFeed::committed() {
  if (on_its_way_.exchange(true)) return;
  boost::asio::post(executor_, [self = shared_from_this()] {
    self->on_its_way_ = false;
    self->wake();
  });
}

void RecordFeed::wake() {
  ++count_;
  news_.notify();
}

boost::asio::awaitable<void> RecordFeed::wait(std::uint64_t seen) {
  while (count_ == seen) co_await news_.wait();
}

}  // namespace signet
