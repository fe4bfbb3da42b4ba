#include "agent/varlink/workbench.h"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

std::unique_ptr<asio::thread_pool> start_thread() {
  auto thread = std::make_unique<asio::thread_pool>(1);
  asio::post(*thread, [] { pthread_setname_np(pthread_self(), "workbench"); });
  return thread;
}

// Runs on the bench's thread.
awaitable<void> work_on(std::function<void()> piece) {
  piece();
  co_return;
}

}  // namespace

Workbench::Workbench() = default;
Workbench::~Workbench() = default;

awaitable<void> Workbench::carry_out(std::function<void()> piece) {
  if (!thread_) thread_ = start_thread();
  awaitable<void> work = work_on(std::move(piece));
  // What waits is owned by what is waited for: nobody can take it away while the thread writes into it.
  co_await asio::co_spawn(thread_->get_executor(), std::move(work), asio::use_awaitable);
}

}  // namespace signet
