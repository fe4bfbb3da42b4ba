#include "agent/tokens/host_process.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>
#include <cstring>

#include "pkcs11/host_socket.h"

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;

namespace {

constexpr auto kNever = Clock::time_point::max();
// How long after the end of its sockets a process is reaped, on a busy machine.
constexpr std::chrono::milliseconds kReapTime(200);
// How long a host that is told to end may take; it gives itself half of that (pkcs11/main.cpp).
constexpr std::chrono::milliseconds kLeaveTime(1000);

std::vector<std::string> host_environment(const ModuleConfig& module) {
  std::map<std::string, std::string> values;
  values["PATH"] = "/usr/bin:/bin";
  values["LANG"] = "C.UTF-8";
  // Modules look for their configuration in the home folder.
  if (const char* home = std::getenv("HOME")) values["HOME"] = home;
  // Vendor modules allocate a lot in C_Sign; glibc's default of 7 cached chunks per size costs SoftHSM a
  // tenth of its rate.
  values["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=200";
  for (const auto& [name, value] : module.environment) values[name] = value;
  std::vector<std::string> result;
  for (const auto& [name, value] : values) result.push_back(name + "=" + value);
  return result;
}

ChildCommand host_command(const HostLaunch& launch, int control) {
  ChildCommand command;
  command.program = launch.program;
  switch (launch.mode) {
    case host::Mode::Scout:
      command.arguments.emplace_back("--scout");
      break;
    case host::Mode::Token:
      command.arguments.emplace_back("--token");
      break;
    case host::Mode::Admin:
      command.arguments.emplace_back("--admin");
      break;
    case host::Mode::Card:
      command.arguments.emplace_back("--card");
      break;
  }
  if (launch.mode != host::Mode::Card) {
    command.arguments.emplace_back("--module");
    command.arguments.push_back(launch.module.path.string());
  }
  command.environment = host_environment(launch.module);
  command.descriptor_3 = control;
  return command;
}

}  // namespace

CallLimit discovery_limit(const Deadlines& deadlines) {
  return {deadlines.discovery, deadlines.sign};
}
CallLimit login_limit(const Deadlines& deadlines) {
  return {deadlines.login, deadlines.sign};
}
CallLimit sign_limit(const Deadlines& deadlines) {
  return {deadlines.sign, std::chrono::milliseconds(0), true};
}
CallLimit generate_limit(const Deadlines& deadlines) {
  return {deadlines.generate, std::chrono::milliseconds(0), true};
}

// A call under way; takes itself off the list however its coroutine ends. Its time begins when all calls
// before it on its connection have ended.
struct HostProcess::InFlight {
  InFlight(HostProcess& host_in, HostConnection& connection_in, CallLimit limit_in)
      : host(host_in), connection(connection_in), load(host_in.load_), limit(limit_in) {
    const bool follows = next_on_connection() != nullptr;
    host.in_flight_.push_back(this);
    if (limit.signing) ++load->signing;
    if (!follows) begin();
  }
  ~InFlight() {
    std::erase(host.in_flight_, this);
    if (limit.signing) --load->signing;
    if (InFlight* next = next_on_connection(); next != nullptr && next->deadline == kNever) next->begin();
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  void begin() {
    deadline = Clock::now() + limit.deadline;
    last = deadline + limit.patience;
    host.watch(deadline);
  }
  InFlight* next_on_connection() const {
    const auto same = [this](const InFlight* call) { return &call->connection == &connection; };
    const auto found = std::ranges::find_if(host.in_flight_, same);
    return found == host.in_flight_.end() ? nullptr : *found;
  }

  HostProcess& host;
  HostConnection& connection;
  std::shared_ptr<ModuleLoad> load;
  const CallLimit limit;
  Clock::time_point deadline = kNever, last = kNever;  // no patience goes beyond `last`
  bool expired = false;
};

Result<std::shared_ptr<HostProcess>> HostProcess::start(asio::any_io_executor executor, HostLaunch launch,
                                                        std::shared_ptr<ModuleLoad> load) {
  auto control = socket_pair(SOCK_SEQPACKET);
  if (!control) return control.error();
  auto child = ChildProcess::start(executor, host_command(launch, control->second.get()));
  if (!child) return child.error();
  const std::shared_ptr<HostProcess> started(new HostProcess(executor, std::move(launch), std::move(load),
                                                             std::move(*child), std::move(control->first)));
  spdlog::debug("Started the {} (pid {}).", started->launch_.about, started->pid_);
  asio::co_spawn(
      executor, [started]() -> asio::awaitable<void> { return started->reap(); }, asio::detached);
  return started;
}

HostProcess::HostProcess(asio::any_io_executor executor, HostLaunch launch, std::shared_ptr<ModuleLoad> load,
                         ChildProcess child, FileDescriptor control)
    : executor_(executor),
      launch_(std::move(launch)),
      load_(std::move(load)),
      child_(std::move(child)),
      control_(std::move(control)),
      pid_(child_.pid()),
      timer_(executor),
      gone_(executor) {}

asio::awaitable<void> HostProcess::reap() {
  const auto self = shared_from_this();
  const std::string how = co_await child_.wait();
  reaped_ = true;
  timer_.cancel();
  end("the " + launch_.about + " " + (how.empty() ? "ended by itself" : how), Ending::Failed);
  gone_.wake_all();
}

// The one place where a host ends: whatever comes first tells why.
void HostProcess::end(std::string why, Ending ending) {
  if (ended_) return;
  ended_ = true;
  failed_ = ending == Ending::Failed;
  why_ = std::move(why);
  if (failed_) {
    spdlog::warn("Token host (pid {}): {}.", pid_, why_);
  } else {
    spdlog::debug("Token host (pid {}): {}.", pid_, why_);
  }
  control_.reset();  // the host takes that as the order to end
  // Not by the sockets' end alone: a child of the vendor's own could hold them open.
  for (InFlight* call : in_flight_) call->connection.shut_down();
  timer_.cancel();
  if (ending != Ending::Told || reaped_) {
    child_.kill();
    return;
  }
  timer_.expires_after(kLeaveTime);
  timer_.async_wait([self = shared_from_this()](boost::system::error_code) { self->child_.kill(); });
}

void HostProcess::stop(std::string why) {
  end(std::move(why), Ending::Told);
}

void HostProcess::abandon(std::string why) {
  end(std::move(why), Ending::Abandoned);
}

void HostProcess::remove_user() {
  if (--users_ == 0 && unwanted_) abandon("the " + launch_.about + " is used by no token any more");
}

void HostProcess::end_when_unused() {
  unwanted_ = true;
  if (users_ == 0) stop("the " + launch_.about + " is used by no token any more");
}

asio::awaitable<void> HostProcess::gone(Clock::time_point until) {
  const auto self = shared_from_this();
  while (!reaped_) {
    if (!co_await gone_.wait(until)) co_return;
  }
}

void HostProcess::watch(Clock::time_point until) {
  if (until >= armed_ || ended_) return;
  armed_ = until;
  timer_.expires_at(until);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    if (cancelled) return;
    if (const auto self = weak.lock()) self->check_deadlines();
  });
}

void HostProcess::check_deadlines() {
  armed_ = kNever;
  const auto now = Clock::now();
  InFlight* late = nullptr;
  auto next = kNever;
  for (InFlight* call : in_flight_) {
    if (call->deadline <= now && !call->limit.signing && load_->signing > 0 && now < call->last) {
      call->deadline = std::min(call->last, now + std::chrono::milliseconds(250));
    }
    if (call->deadline <= now) {
      call->expired = true;
      late = call;
    }
    next = std::min(next, call->deadline);
  }
  if (late != nullptr) {
    end("the " + launch_.about + " did not answer within its deadline and was killed", Ending::Failed);
  } else if (next != kNever) {
    watch(next);
  }
}

HostLost HostProcess::lost(HostLost seen, bool expired) const {
  if (expired) return HostLost(why_, HostLost::Kind::Deadline);
  if (!ended_) return seen;
  return HostLost(why_, failed_ ? HostLost::Kind::Died : HostLost::Kind::Stopped);
}

// A host's end is seen on its sockets before it is reaped: waits a moment for the better explanation. One
// that lives and does not keep to the protocol is ended: nobody may go on using it.
asio::awaitable<void> HostProcess::see_end(std::string symptom) {
  if (!ended_) co_await gone_.wait(Clock::now() + kReapTime);
  if (ended_) co_return;
  // The programs of two builds need not understand each other.
  end("the " + launch_.about + " broke the protocol: " + symptom +
          " (if Signet was upgraded while the agent ran, restart the agent)",
      Ending::Failed);
}

asio::awaitable<HostAnswer> HostProcess::call(HostConnection& connection, const host::Request& request,
                                              CallLimit limit) {
  const auto self = shared_from_this();
  if (ended_) co_return HostLost(why_, HostLost::Kind::Stopped);
  InFlight flight(*this, connection, limit);
  HostAnswer answer = co_await connection.call(request);
  if (auto* seen = std::get_if<HostLost>(&answer)) {
    co_await see_end(seen->why);
    HostLost told = lost(std::move(*seen), flight.expired);
    told.call = cryptoki_call(request);
    co_return told;
  }
  co_return answer;
}

asio::awaitable<HostProcess::Connected> HostProcess::connect(CallLimit limit, host::HelloReply* hello) {
  const auto self = shared_from_this();
  if (ended_) co_return HostLost(why_, HostLost::Kind::Stopped);
  auto ends = socket_pair(SOCK_STREAM);
  if (!ends) co_return HostLost(ends.error().message);
  if (const int failed = host::send_session(control_.get(), ends->second.get())) {
    // EPIPE: it has just ended. EAGAIN: it has not taken the last hundreds of them, and will not take this
    // one.
    co_await see_end(std::string("it takes no connection: ") + std::strerror(failed));
    const HostLost seen(why_);
    co_return lost(seen, false);
  }
  ends->second.reset();
  auto connection = std::make_unique<HostConnection>(executor_, std::move(ends->first));
  host::HelloRequest greeting;
  greeting.init_args = launch_.module.init_args;
  const host::Request request(std::move(greeting));
  HostAnswer answer = co_await call(*connection, request, limit);
  if (auto* lost_now = std::get_if<HostLost>(&answer)) co_return std::move(*lost_now);
  if (auto* fault = std::get_if<host::Fault>(&answer)) co_return std::move(*fault);
  if (hello != nullptr) *hello = std::get<host::HelloReply>(std::get<host::Reply>(answer));
  co_return connection;
}

}  // namespace signet
