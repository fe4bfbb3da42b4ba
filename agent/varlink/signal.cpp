#include "agent/varlink/signal.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace signet {

boost::asio::awaitable<void> Signal::wait() {
  boost::system::error_code woken;
  co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

void Deadline::arm(std::chrono::milliseconds after, std::function<void()> action) {
  armed_ = true;
  timer_.expires_after(after);
  // The round outlives this object: an expiry that is queued already when it is destroyed must find that out.
  timer_.async_wait(
      [round = round_, mine = ++*round_, run = std::move(action)](boost::system::error_code ec) {
        if (!ec && *round == mine) run();
      });
}

}  // namespace signet
