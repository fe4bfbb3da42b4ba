#include "server_fixture.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <stdexcept>
#include <utility>

namespace signet::test {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::awaitable;
using Reply = awaitable<Result<json::object>>;

constexpr std::string_view kIdl = R"(
interface org.signet.Agent
method Echo(text: string) -> (text: string)
method Wait(text: string) -> (text: string)
method Stream(count: int) -> (n: ?int)
method NeedsMore() -> ()
method Fail() -> ()
method Throw() -> ()
method Missing() -> ()
method Sum(numbers: []int, scale: ?int) -> (sum: int)
method SignMetadata(signed: string) -> (size: int)
method Unlock(token: string, pin: ?string) -> (size: int)
)";

Reply stream(Call call) {
  for (std::int64_t i = 0; i < call.parameters.at("count").get_int64(); ++i) {
    json::object event;
    event["n"] = i;
    co_await call.events.send(std::move(event));
  }
  co_return json::object();
}

}  // namespace

ServerFixture::ServerFixture(Limits limits, PeerRule rule) : idl_(parse_idl(kIdl).value()) {
  dispatcher_ = std::make_unique<Dispatcher>(idl_, methods(), ServiceInfo());
  listener_ = std::make_unique<Listener>(Listener::open({socket(), false}).value());
  if (!rule) rule = same_uid_rule(::geteuid());
  server_ = std::make_unique<Server>(loop_.get_executor(), *dispatcher_, std::move(rule), std::move(limits),
                                     bench_);
  server_->start(listener_->fd());
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(loop_);
    loop_.run();
  });
}

ServerFixture::~ServerFixture() {
  release();
  drain(std::chrono::seconds(5));
  eventually([this] { return drained(); }, "the server drains");
  loop_.stop();
  thread_.join();
}

MethodTable ServerFixture::methods() {
  MethodTable table;
  table["Echo"].allow_oneway = true;
  table["Echo"].handler = [this](Call call) -> Reply {
    ++done_;
    json::object reply;
    reply["text"] = call.parameters.at("text").get_string();
    co_return reply;
  };
  table["Wait"].handler = [this](Call call) -> Reply {
    ++waiting_;
    while (!released_) co_await released_signal_.wait();
    --waiting_;
    ++done_;
    json::object reply;
    reply["text"] = call.parameters.at("text").get_string();
    co_return reply;
  };
  table["Stream"].allow_more = true;
  table["Stream"].handler = stream;
  table["NeedsMore"].require_more = table["NeedsMore"].allow_more = true;
  table["NeedsMore"].handler = [](Call) -> Reply { co_return json::object(); };
  table["Fail"].handler = [](Call) -> Reply {
    co_return Error(ErrorName::TokenAbsent, "Insert it.", {{"label", "release"}, {"serial", "7"}});
  };
  table["Throw"].handler = [](Call) -> Reply {
    throw std::runtime_error("a bug");
    co_return json::object();
  };
  table["Sum"].handler = [](Call call) -> Reply {
    std::int64_t sum = 0;
    for (const json::value& number : call.parameters.at("numbers").get_array()) sum += number.get_int64();
    json::object reply;
    reply["sum"] = sum;
    co_return reply;
  };
  table["Unlock"].handler = [](Call call) -> Reply {
    const Result<std::optional<Secret>> pin = secret_member(call.parameters, "pin");
    if (!pin) co_return pin.error();
    json::object reply;
    reply["size"] = pin->has_value() ? (*pin)->size() : 0;
    co_return reply;
  };
  table["SignMetadata"].handler = [this](Call call) -> Reply {
    ++done_;
    json::object reply;
    reply["size"] = call.parameters.at("signed").get_string().size();
    co_return reply;
  };
  return table;
}

void ServerFixture::await_waiting(int count) {
  eventually([&] { return waiting_ == count; }, "calls wait");
}

void ServerFixture::await_connections(std::size_t count) {
  eventually([&] { return connections() == count; }, "connections are there, or gone");
}

void ServerFixture::release() {
  on_loop([this] {
    released_ = true;
    released_signal_.notify();
  });
}

void ServerFixture::on_loop(const std::function<void()>& action) {
  std::promise<void> done;
  asio::post(loop_, [&] {
    action();
    done.set_value();
  });
  done.get_future().wait();
}

std::function<void()> ServerFixture::hold_bench() {
  const auto held = std::make_shared<std::promise<void>>();
  const auto release = std::make_shared<std::promise<void>>();
  // Without the promise: a test that fails and forgets it lets the bench go.
  const auto hold = [held, released = release->get_future().share()] {
    held->set_value();
    released.wait();
    return true;
  };
  on_loop([&] { asio::co_spawn(loop_, bench_.run(Workbench::kSmall + 1, hold), asio::detached); });
  held->get_future().wait();
  return [release] { release->set_value(); };
}

std::size_t ServerFixture::connections() {
  std::size_t count = 0;
  on_loop([&] { count = server_->connections(); });
  return count;
}

void ServerFixture::drain(std::chrono::milliseconds deadline) {
  asio::post(loop_, [this, deadline] {
    asio::co_spawn(loop_, server_->drain(deadline), [this](std::exception_ptr) { drained_ = true; });
  });
}

void eventually(const std::function<bool()>& condition, const char* what) {
  const auto end = std::chrono::steady_clock::now() + RawClient::kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(std::string("in vain: ") + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace signet::test
