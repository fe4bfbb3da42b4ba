// A call that is begun first and awaited later gives its whole result, whichever ends first.
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "agent/service/begun_call.h"
#include "protocol/result.h"
#include "tests/support/result_printing.h"

using namespace signet;
namespace asio = boost::asio;
using asio::awaitable;

namespace {

using Answer = Result<std::int64_t>;

awaitable<void> turns(asio::io_context& loop, int count) {
  for (; count > 0; --count) co_await asio::post(loop, asio::use_awaitable);
}

awaitable<Answer> refused_after(asio::io_context& loop, int count) {
  co_await turns(loop, count);
  boost::json::object parameters{{"why", "full"}};
  co_return Error{ErrorName::LedgerUnavailable, "There is no room left.", std::move(parameters)};
}

awaitable<void> await_after(asio::io_context& loop, BegunCall<Answer>& call, int count,
                            std::optional<Answer>& answer) {
  co_await turns(loop, count);
  answer = co_await call.result();
}

}  // namespace

TEST_CASE("a begun call's error is whole, whether it ended before it was awaited or after") {
  const auto [call_turns, other_turns] = GENERATE(std::pair(0, 20), std::pair(20, 0), std::pair(5, 5));
  asio::io_context loop;
  BegunCall<Answer> call(loop.get_executor(), refused_after(loop, call_turns));
  std::optional<Answer> answer;
  asio::co_spawn(loop, await_after(loop, call, other_turns, answer), asio::detached);
  loop.run();
  REQUIRE(answer);
  REQUIRE_FALSE(*answer);
  const Error error = answer->error();
  CHECK(error.message == "There is no room left.");
  CHECK(error.parameters.at("why") == "full");
}

TEST_CASE("a begun call that nobody awaits runs to its end") {
  asio::io_context loop;
  bool ended = false;
  {
    const auto work = [](asio::io_context& on, bool& done) -> awaitable<Answer> {
      co_await turns(on, 5);
      done = true;
      co_return 1;
    };
    const BegunCall<Answer> call(loop.get_executor(), work(loop, ended));
  }
  loop.run();
  CHECK(ended);
}

TEST_CASE("a begun call's exception comes to who awaits it") {
  asio::io_context loop;
  const auto work = []() -> awaitable<Answer> {
    throw std::logic_error("a bug");
    co_return 1;
  };
  BegunCall<Answer> call(loop.get_executor(), work());
  std::exception_ptr bug;
  asio::co_spawn(loop, call.result(), [&bug](std::exception_ptr thrown, Answer) { bug = std::move(thrown); });
  loop.run();
  CHECK_THROWS_AS(std::rethrow_exception(bug), std::logic_error);
}
