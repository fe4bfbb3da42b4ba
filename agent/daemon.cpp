#include "agent/daemon.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "agent/ask_person.h"
#include "agent/checkpoint/checkpointer.h"
#include "agent/config/module_discovery.h"
#include "agent/config/state_directory.h"
#include "agent/daemon_setup.h"
#include "agent/event_loop.h"
#include "agent/hardening.h"
#include "agent/ledger/ledger_files.h"
#include "agent/logging.h"
#include "agent/policy/accounts.h"
#include "agent/service/service.h"
#include "agent/sinks/sink_set.h"
#include "agent/tokens/pin_budget.h"
#include "agent/tokens/token_service_factory.h"
#include "agent/varlink/listener.h"
#include "agent/varlink/peer.h"
#include "agent/varlink/server.h"
#include "protocol/idl.h"

namespace signet {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::awaitable;
using std::chrono::milliseconds;

constexpr int kBadConfiguration = 2;
constexpr milliseconds kTokensDrain{5000};
constexpr milliseconds kSinksDrain{2000};
constexpr std::size_t kOwnFiles = 256;  // beside the connections: hosts, sessions, the ledger

// What cannot be started without.
struct Places {
  StateDirectory state;
  Listener listener;
};

Result<Places> open_places(const DaemonOptions& options, const Config& config) {
  Result<fs::path> socket = choose_socket(options, config);
  if (!socket) return socket.error();
  Result<StateDirectory> state = StateDirectory::open(choose_state(options, config));
  if (!state) return state.error();
  Result<Listener> listener = Listener::open({*socket, config.system});
  if (!listener) return listener.error();
  return Places{std::move(*state), std::move(*listener)};
}

ServiceInfo service_info() {
  ServiceInfo info;
  info.version = SIGNET_VERSION;
  return info;
}

// The longest that a call in progress may take: a signature that waits for a person's touch, and its queue.
milliseconds drain_deadline(const std::vector<ModuleConfig>& modules) {
  milliseconds longest{10'000};
  for (const ModuleConfig& module : modules) longest = std::max(longest, module.deadlines.sign);
  return longest + milliseconds(5000);
}

using AttestationRootsPtr = std::shared_ptr<const AttestationRoots>;

// One agent. Its parts are destroyed in the reverse order of their members.
class Daemon {
 public:
  Daemon(const DaemonOptions& options, Config config, LoadedPolicyPtr policy, AttestationRootsPtr roots,
         Places places)
      : options_(options),
        config_(std::move(config)),
        attestation_roots_(std::move(roots)),
        places_(std::move(places)),
        budget_(std::make_shared<LedgerPinBudget>(places_.state.path(), nullptr)),
        modules_(all_modules(config_, standard_places())),
        tokens_(make_token_service(loop_.get_executor(), modules_, budget_)),
        checkpointer_(
            make_checkpointer(loop_.get_executor(), config_.checkpoint, *tokens_, places_.state.path())),
        pinentry_(loop_.get_executor(), own_environment()),
        service_(loop_.get_executor(), *tokens_, places_.state.path(), places_.listener.path(),
                 config_.system ? JwksOwnership::System : JwksOwnership::Own),
        dispatcher_(agent_idl(), service_.methods(), service_info()),
        server_(loop_.get_executor(), dispatcher_,
                config_.system ? system_rule() : same_uid_rule(::geteuid()), config_.limits,
                service_.workbench()),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        sinks_(loop_.get_executor(), service_.feed(), config_.sinks, places_.state.path()) {
    service_.report_sinks([this] { return sinks_.states(); });
    service_.count_connections([this] { return server_.connections(); });
    service_.configure(settings());
    service_.ask_through(ask_by_pinentry(pinentry_));
    tokens_->ask_through(ask_pin_by_pinentry(pinentry_));
    pinentry_.configure(config_.pinentry);
    spdlog::info("the policy is {}", policy->source);
    service_.set_policy(std::move(policy));
    if (!checkpointer_) return;
    if (!config_.sinks.empty()) checkpointer_->add_sink(record_sinks(sinks_.checkpoint_inlet()));
    service_.use_checkpoints(*checkpointer_);
  }

  // Until a signal ends it; then drained.
  void run() {
    asio::co_spawn(loop_, start(), [](const std::exception_ptr& fault) {
      if (fault) std::rethrow_exception(fault);
    });
    run_event_loop(loop_);
    if (server_.connections() == 0 && !sinks_.busy()) return;
    if (sinks_.busy()) spdlog::warn("a sink is still being written to; it may get its last records again");
    // Handlers that hang at a token hold references to all parts: there is no order to destroy those in. What
    // they did is in the ledger already.
    if (server_.connections() > 0)
      spdlog::warn("{} connections had calls in progress that did not end in time", server_.connections());
    remove_socket();
    spdlog::shutdown();
    ::_exit(0);
  }

 private:
  ServiceSettings settings() const {
    ServiceSettings settings;
    settings.verify_every_message = config_.verify_every_message;
    settings.message_record_delay = config_.message_record_delay;
    settings.attestation_roots = attestation_roots_;
    return settings;
  }

  // Scouts take as long to begin as the agent itself: side by side with it, where there are keys to sign
  // with.
  awaitable<void> find_tokens_early() {
    std::error_code unreadable;  // the ledger's opening says what is wrong with it
    if (fs::exists(ledger_file(places_.state.path()), unreadable))
      asio::co_spawn(
          loop_, [this]() -> awaitable<void> { co_await tokens_->modules(); }, asio::detached);
    co_await asio::post(loop_, asio::use_awaitable);  // they begin before the ledger is waited for
  }

  awaitable<void> start() {
    co_await find_tokens_early();
    co_await service_.start([this](Ledger* ledger) {
      budget_->set_ledger(ledger);
      sinks_.attach(*ledger);
    });
    server_.start(places_.listener.fd());
    asio::co_spawn(loop_, watch_signals(), asio::detached);
    for (const ModuleConfig& module : modules_)
      spdlog::info("module {}: {}", module.name, module.path.string());
    if (modules_.empty())
      spdlog::warn(
          "there is no PKCS#11 module: install one (softhsm2, opensc, ykcs11, tpm2-pkcs11) or name one in "
          "the "
          "configuration");
    spdlog::info("signetd {} is ready at {}, state in {}", SIGNET_VERSION, places_.listener.path().string(),
                 places_.state.path().string());
    ::sd_notify(0, "READY=1");
  }

  awaitable<void> watch_signals() {
    for (;;) {
      const int signal = co_await signals_.async_wait(asio::use_awaitable);
      if (signal == SIGHUP) {
        reload();
      } else if (std::exchange(stopping_, true)) {
        spdlog::warn("told to stop a second time: not waiting longer");
        loop_.stop();
      } else {
        spdlog::info("stopping: calls in progress may end, no other is begun");
        asio::co_spawn(loop_, stop(), asio::detached);
      }
    }
  }

  awaitable<void> stop() {
    ::sd_notify(0, "STOPPING=1");
    remove_socket();
    pinentry_.shut_down();  // a person may take longer than the drain
    // What left before its record is recorded now, and nothing else leaves so.
    ServiceSettings last = settings();
    last.message_record_delay = std::chrono::milliseconds(0);
    service_.configure(last);
    co_await server_.drain(drain_deadline(modules_));
    if (checkpointer_) co_await checkpointer_->stop();
    co_await tokens_->drain(kTokensDrain);
    co_await sinks_.drain(kSinksDrain);
    spdlog::info("stopped");
    loop_.stop();
  }

  // A client that comes now shall be told that nobody is here, not be left in the backlog.
  void remove_socket() {
    std::error_code ignored;
    fs::remove(places_.listener.path(), ignored);
  }

  // Each file for itself, and of each all or nothing: a bad one changes nothing.
  void reload() {
    reload_configuration();
    reload_policy();
  }

  void reload_policy() {
    Result<LoadedPolicyPtr> read = read_policy(config_);
    if (read) {
      spdlog::info("the policy was reloaded: {}, {} rules", (*read)->source, (*read)->policy.rules.size());
      return service_.set_policy(std::move(*read));
    }
    spdlog::error("the policy was not reloaded, the old one stays:");
    std::istringstream mistakes(read.error().message);
    for (std::string line; std::getline(mistakes, line);) spdlog::error("{}", line);
  }

  void reload_configuration() {
    Result<Config> read = read_configuration(options_);
    if (!read)
      return spdlog::error("the configuration was not reloaded, the old one stays: {}", read.error().message);
    Result<AttestationRootsPtr> roots = read_attestation_roots(*read);
    if (!roots)
      return spdlog::error("the configuration was not reloaded, the old one stays: {}",
                           roots.error().message);
    attestation_roots_ = std::move(*roots);
    if (read->system != config_.system || read->socket != config_.socket || read->state != config_.state)
      spdlog::warn("mode, socket and state are read at start only: restart the agent to change them");
    read->system = config_.system;
    config_ = std::move(*read);
    set_up_logging(config_.log_format, config_.log_level);
    server_.set_limits(config_.limits);
    pinentry_.configure(config_.pinentry);
    service_.configure(settings());
    modules_ = all_modules(config_, standard_places());
    tokens_->reload(modules_);
    spdlog::info("the configuration was reloaded");
  }

  asio::io_context loop_{1};
  const DaemonOptions options_;
  Config config_;
  AttestationRootsPtr attestation_roots_;
  Places places_;
  std::shared_ptr<LedgerPinBudget> budget_;
  std::vector<ModuleConfig> modules_;
  std::unique_ptr<ReloadableTokenService> tokens_;
  std::unique_ptr<Checkpointer> checkpointer_;  // null: none are signed
  Pinentry pinentry_;
  Service service_;
  Dispatcher dispatcher_;
  Server server_;
  asio::signal_set signals_;
  SinkSet sinks_;
  bool stopping_ = false;
};

// A message has a line for each mistake of a policy.
int fail(const Error& error, int status) {
  std::istringstream lines(error.message);
  for (std::string line; std::getline(lines, line);) std::fprintf(stderr, "signetd: %s\n", line.c_str());
  return status;
}

}  // namespace

int check_policy(const fs::path& file) {
  PolicyPlace place;
  place.file = file;
  const Result<LoadedPolicyPtr> policy = load_policy(place, system_accounts());
  if (!policy) return fail(policy.error(), kBadConfiguration);
  std::printf("%s is good: %zu rules, %zu principals, %zu issuers.\n", file.c_str(),
              (*policy)->policy.rules.size(), (*policy)->policy.principals.size(),
              (*policy)->policy.issuers.size());
  return 0;
}

int run_daemon(const DaemonOptions& options) {
  if (::geteuid() == overflow_uid())
    return fail(
        {ErrorName::PermissionDenied,
         "The agent runs as the overflow uid (" + std::to_string(overflow_uid()) +
             "), which stands for everybody of another user namespace. Run it under a uid of its own."},
        1);
  Result<Config> config = read_configuration(options);
  if (!config) return fail(config.error(), kBadConfiguration);
  set_up_logging(config->log_format, config->log_level);
  if (options.refused_hardening != nullptr)
    spdlog::warn("the system refused {}: the agent is less protected than it should be",
                 options.refused_hardening);
  const std::size_t wanted = config->limits.connections + kOwnFiles;
  if (const std::size_t files = raise_file_limit(wanted); files < wanted)
    spdlog::warn("only {} files may be open: fewer than the {} that limits.connections may need", files,
                 wanted);
  Result<LoadedPolicyPtr> policy = read_policy(*config);
  if (!policy) return fail(policy.error(), kBadConfiguration);
  Result<AttestationRootsPtr> roots = read_attestation_roots(*config);
  if (!roots) return fail(roots.error(), kBadConfiguration);
  Result<Places> places = open_places(options, *config);
  if (!places) return fail(places.error(), 1);
  Daemon(options, std::move(*config), std::move(*policy), std::move(*roots), std::move(*places)).run();
  return 0;
}

}  // namespace signet
