// Where megabytes are read: beside the event loop, so that the calls of others go on meanwhile.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace boost::asio {
class thread_pool;
}

namespace signet {

// One thread, begun with the first large piece of work: one piece after the other, in the order in which they
// were asked for. Asked on one event loop, which it must not outlive; not thread safe beyond that. Destroying
// it waits for the piece at hand and drops the others with the coroutines that wait for them.
class Workbench {
 public:
  // Parsing so much takes about 4 ms; to wake a thread and be woken by it, about 0.1 ms.
  static constexpr std::size_t kSmall = 64 * 1024;

  Workbench();
  ~Workbench();
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  static bool is_large(std::size_t bytes) { return bytes > kSmall; }

  // What `work` returns. Where it has to do with few `bytes` it runs here and now. Else it runs on the
  // bench's thread while the caller waits: it may read what the caller owns or holds a share of, and change
  // what the caller alone owns, but nothing that anybody on the loop may change meanwhile. An exception comes
  // to the caller. The work is not cut short: it runs to its end, as handlers do.
  template <typename Work>
  boost::asio::awaitable<std::invoke_result_t<Work&>> run(std::size_t bytes, Work work) {
    if (!is_large(bytes)) co_return work();
    std::optional<std::invoke_result_t<Work&>> result;
    std::function<void()> piece = [&result, &work] { result.emplace(work()); };
    co_await carry_out(std::move(piece));
    co_return std::move(*result);
  }

 private:
  boost::asio::awaitable<void> carry_out(std::function<void()> piece);

  std::unique_ptr<boost::asio::thread_pool> thread_;
};

}  // namespace signet
