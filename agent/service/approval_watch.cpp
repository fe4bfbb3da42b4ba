#include "agent/service/approval_watch.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {

void ApprovalWatch::changed() {
  ++changes_;
  for (boost::asio::steady_timer* timer : waiting_) timer->cancel();
}

boost::asio::awaitable<void> ApprovalWatch::wait(std::uint64_t seen, std::chrono::seconds at_most) {
  if (changes_ != seen) co_return;
  boost::asio::steady_timer timer(executor_, at_most);
  waiting_.insert(&timer);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  waiting_.erase(&timer);
}

}  // namespace signet
