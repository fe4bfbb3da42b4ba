#include "agent/tokens/touch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kYubiKeyWait(15);
constexpr int kOpenScTries = 2;

}  // namespace

seconds touch_wait(std::string_view library) {
  return library.find("OpenSC") == std::string_view::npos ? kYubiKeyWait : kOpenScTries * kYubiKeyWait;
}

asio::awaitable<std::optional<TouchTurns::Turn>> TouchTurns::take(Clock::time_point until) {
  if (taken_) {
    const bool handed_over = co_await waiting_.wait(until);
    if (!handed_over) co_return std::optional<Turn>();
  }
  taken_ = true;
  co_return std::optional<Turn>(std::in_place, *this);
}

void TouchReminder::begun(TokenEvent event) {
  ++round_;
  timer_.cancel();
  asio::co_spawn(executor_, remind(shared_from_this(), round_, std::move(event)), asio::detached);
}

asio::awaitable<void> TouchReminder::remind(std::shared_ptr<TouchReminder> self, int round,
                                            TokenEvent event) {
  if (self->delay_ > milliseconds(0) && round == self->round_) {
    self->timer_.expires_after(self->delay_);
    boost::system::error_code ignored;
    co_await self->timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (round != self->round_) co_return;
  ++self->telling_;
  co_await self->waiting_.tell(std::move(event));
  --self->telling_;
  self->told_.wake_all();
}

asio::awaitable<void> TouchReminder::finish() {
  const auto self = shared_from_this();
  ++round_;
  timer_.cancel();
  while (telling_ > 0) co_await told_.wait();
}

}  // namespace signet
