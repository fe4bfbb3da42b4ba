#include "agent/tokens/module_scout.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace signet {

namespace asio = boost::asio;

namespace {

// Over the deadline of the call itself, so that its own verdict comes first.
constexpr std::chrono::milliseconds kGrace(500);

std::string describe(const host::Fault& fault) {
  if (fault.kind != host::FaultKind::Cryptoki) return fault.call + " failed: " + fault.detail;
  return fault.call + " failed with " + host::ckr_name(fault.ckr);
}

}  // namespace

ModuleScout::ModuleScout(asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load)
    : executor_(executor),
      deadlines_(launch.module.deadlines),
      slot_(executor, std::move(launch), std::move(load)),
      done_(executor) {}

void ModuleScout::begin() {
  if (asking_) return;
  asking_ = true;
  const auto self = shared_from_this();
  asio::co_spawn(
      executor_, [self]() -> asio::awaitable<void> { return self->ask(); }, asio::detached);
}

asio::awaitable<bool> ModuleScout::finished() {
  const auto self = shared_from_this();
  const auto until = WaitList::Clock::now() + deadlines_.discovery + kGrace;
  while (asking_) {
    if (!co_await done_.wait(until)) break;
  }
  if (asking_ && !report_.usable) report_.why = "it has not answered yet";
  co_return !asking_;
}

asio::awaitable<void> ModuleScout::ask() {
  const auto self = shared_from_this();
  // Once more over a new host: an idle one may have ended, or lost its footing, since it was asked last.
  resting_ = false;
  if (!co_await ask_once() && !resting_) co_await ask_once();
  asking_ = false;
  done_.wake_all();
}

void ModuleScout::failed(const std::string& why) {
  if (report_.usable || report_.why != why) spdlog::warn("{}: {}.", slot_.launch().about, why);
  report_.usable = false;
  report_.why = why;
}

// True if there is nothing to gain by asking again.
asio::awaitable<bool> ModuleScout::ask_once() {
  const CallLimit limit = discovery_limit(deadlines_);
  HostSlot::Host got = co_await slot_.get();
  if (auto* lost = std::get_if<HostLost>(&got)) {
    failed(lost->why);
    co_return true;
  }
  const auto process = std::get<std::shared_ptr<HostProcess>>(got);
  HostAnswer answer = HostLost("");
  if (process != host_ || !connection_) {
    host_ = process;
    connection_.reset();
    HostProcess::Connected connected = co_await process->connect(limit);
    if (auto* made = std::get_if<std::unique_ptr<HostConnection>>(&connected)) connection_ = std::move(*made);
    if (auto* fault = std::get_if<host::Fault>(&connected)) answer = std::move(*fault);
    if (auto* lost = std::get_if<HostLost>(&connected)) answer = std::move(*lost);
  }
  if (connection_) {
    const host::Request request{host::ListTokensRequest()};
    answer = co_await process->call(*connection_, request, limit);
  }
  if (auto* reply = std::get_if<host::Reply>(&answer)) {
    slot_.worked();
    report_.slots = std::move(std::get<host::ListTokensReply>(*reply).slots);
    report_.usable = true;
    report_.why.clear();
    co_return true;
  }
  connection_.reset();
  if (const auto* lost = std::get_if<HostLost>(&answer)) {
    failed(lost->why);
    co_return lost->kind == HostLost::Kind::Deadline;
  }
  const host::Fault& fault = std::get<host::Fault>(answer);
  failed(describe(fault));
  if (fault.klass != host::CkrClass::RestartHost && fault.klass != host::CkrClass::Retry) co_return true;
  slot_.fail(process, describe(fault));
  co_return false;
}

void ModuleScout::rest(std::string why) {
  resting_ = true;
  slot_.stop(std::move(why));
}

void ModuleScout::restart(std::string why) {
  slot_.stop(std::move(why));  // a call under way ends with it, and drops its connection itself
}

}  // namespace signet
