// A call that was begun and is awaited later, so that something else can be done meanwhile. Instead of Asio's
// experimental::promise: that of Boost 1.81 hands a result to who waits already after it has moved it away,
// which loses what an Error says.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "agent/varlink/signal.h"

namespace signet {

// On one event loop. A call whose result is not wanted any more runs to its end.
template <typename T>
class BegunCall {
 public:
  BegunCall(const boost::asio::any_io_executor& executor, boost::asio::awaitable<T> work)
      : state_(std::make_shared<State>(executor)) {
    boost::asio::co_spawn(executor, std::move(work),
                          [state = state_](std::exception_ptr bug, std::optional<T> result) {
                            state->bug = std::move(bug);
                            state->result = std::move(result);
                            state->ended = true;
                            state->end.notify();
                          });
  }

  // Once. An exception of the call's is thrown here.
  boost::asio::awaitable<T> result() {
    const std::shared_ptr<State> state = state_;
    while (!state->ended) co_await state->end.wait();
    if (state->bug) std::rethrow_exception(state->bug);
    co_return std::move(*state->result);
  }

 private:
  struct State {
    explicit State(const boost::asio::any_io_executor& executor) : end(executor) {}
    Signal end;
    bool ended = false;
    std::exception_ptr bug;
    std::optional<T> result;
  };
  std::shared_ptr<State> state_;
};

}  // namespace signet
