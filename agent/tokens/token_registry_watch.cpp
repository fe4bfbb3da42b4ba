// TokenRegistry: how it notices that tokens come and go.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/tokens/card_holder.h"
#include "agent/tokens/token_registry.h"

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;
using std::chrono::milliseconds;

namespace {

// After udev's word: at once, and again while pcscd and the module get to know a new reader.
constexpr milliseconds kLooks[] = {milliseconds(0), milliseconds(100), milliseconds(300), milliseconds(700),
                                   milliseconds(1500)};
constexpr milliseconds kPollPause(1000);
// A scout that hangs must not hold up the tokens of other modules for longer.
constexpr std::chrono::seconds kDoubtAtMost(3);

asio::awaitable<void> sleep_for(asio::any_io_executor executor, milliseconds time) {
  asio::steady_timer timer(executor, time);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace

void TokenRegistry::note_changes(const std::vector<ListedToken>& tokens) {
  std::string seen;
  for (const ListedToken& token : tokens) {
    const TokenDescription& told = token.description;
    seen += told.module + '\0' + told.label + '\0' + told.serial + '\0';
    seen += static_cast<char>('a' + static_cast<int>(told.state));
    seen += static_cast<char>('a' + static_cast<int>(told.pin));
  }
  if (seen == last_seen_) return;
  last_seen_ = std::move(seen);
  ++generation_;
  changed_.wake_all();
}

void TokenRegistry::listen(std::shared_ptr<DeviceMonitor> monitor) {
  monitor_ = std::move(monitor);
  if (!monitor_) return;
  asio::co_spawn(executor_, hear(weak_from_this(), monitor_), asio::detached);
}

asio::awaitable<void> TokenRegistry::hear(std::weak_ptr<TokenRegistry> registry,
                                          std::shared_ptr<DeviceMonitor> monitor) {
  for (;;) {
    const auto change = co_await monitor->next();
    const auto self = registry.lock();
    if (!change || !self || self->draining_) co_return;
    if (*change == DeviceMonitor::Change::Removed) self->doubt("a reader was unplugged");
    self->look_again();
  }
}

void TokenRegistry::doubt(const std::string& why) {
  doubted_ = true;
  for (const auto& module : modules_) {
    if (module->config().removable && !module->config().shared) module->scout().restart(why);
  }
}

void TokenRegistry::look_again() {
  ++device_changes_;
  if (looking_) return;
  looking_ = true;
  asio::co_spawn(executor_, look_around(), asio::detached);
}

asio::awaitable<void> TokenRegistry::look_around() {
  const auto self = shared_from_this();
  std::uint64_t seen = 0;
  while (seen != device_changes_ && !draining_) {
    seen = device_changes_;
    const std::uint64_t before = generation_;
    for (const milliseconds pause : kLooks) {
      co_await sleep_for(executor_, pause);
      if (seen != device_changes_ || draining_) break;
      co_await scan();
      if (seen != device_changes_) break;
      doubted_ = false;
      settled_.wake_all();
      if (generation_ != before) break;
    }
  }
  looking_ = false;
}

asio::awaitable<void> TokenRegistry::settled() {
  const auto until = Clock::now() + kDoubtAtMost;
  while (doubted_ && !draining_) {
    if (!co_await settled_.wait(until)) co_return;
  }
}

void TokenRegistry::distrust(const std::string& label, const std::string& serial) {
  for (const auto& module : modules_) {
    if (const auto token = module->known(label, serial)) token->lock("another card answered in its place");
  }
  doubt("a signature was not the token's");
  look_again();
}

bool TokenRegistry::worth_looking() const {
  if (draining_) return false;
  if (watchers_ > 0) return true;
  for (const auto& module : modules_) {
    for (const auto& token : module->all_hosted()) {
      if (token->unlocked() && token->listed().description.removable) return true;
    }
  }
  return false;
}

void TokenRegistry::keep_looking() {
  if (polling_ || !worth_looking()) return;
  polling_ = true;
  asio::co_spawn(executor_, poll(weak_from_this()), asio::detached);
}

asio::awaitable<void> TokenRegistry::poll(std::weak_ptr<TokenRegistry> registry) {
  for (;;) {
    const auto executor = co_await asio::this_coro::executor;
    co_await sleep_for(executor, kPollPause);
    const auto self = registry.lock();
    if (!self) co_return;
    if (!self->worth_looking()) {
      self->polling_ = false;
      co_return;
    }
    co_await self->scan();
  }
}

asio::awaitable<std::uint64_t> TokenRegistry::changed(std::uint64_t seen, Clock::time_point until) {
  const auto self = shared_from_this();
  ++watchers_;
  keep_looking();
  while (generation_ == seen && !draining_) {
    if (!co_await changed_.wait(until)) break;
  }
  --watchers_;
  co_return draining_ ? 0 : generation_;
}

// The module whose token is in its reader, but held by another program; null if it is not so.
asio::awaitable<std::shared_ptr<TokenModule>> TokenRegistry::holder_seen_by(FaultContext about) {
  const auto modules = modules_;
  for (const auto& module : modules) {
    const auto token = module->known(about.label, about.serial);
    if (!token || !token->listed().description.removable || token->listed().reader.empty()) continue;
    if (module->busy_signing()) continue;  // it is ours that holds it
    const std::string reader = token->listed().reader;
    if (co_await card_is_held(module->card_access(), reader)) co_return module;
  }
  co_return nullptr;
}

// A token that was in a reader whose card another program holds now, whether or not it was ever needed.
asio::awaitable<std::optional<Error>> TokenRegistry::held_though_seen(std::string selector) {
  const auto modules = modules_;
  for (const auto& module : modules) {
    const auto token = module->seen(selector);
    if (!token || module->busy_signing()) continue;
    if (!co_await card_is_held(module->card_access(), token->reader)) continue;
    FaultContext about;
    about.token = token->description.name;
    about.label = token->description.label;
    about.serial = token->description.serial;
    co_return token_held_error(about, who_holds_cards(module->card_access()));
  }
  co_return std::nullopt;
}

// A module of ours may have a card for itself, too (OpenSC's connect_exclusive).
bool TokenRegistry::is_ours(const std::string& reader) const {
  constexpr std::size_t kSlotDescription = 64;  // CK_SLOT_INFO's room for the reader's name
  for (const auto& module : modules_)
    for (const auto& token : module->all_hosted())
      if (token->listed().reader == reader.substr(0, kSlotDescription)) return true;
  return false;
}

// The token may be on a card that no module could see since this agent began.
asio::awaitable<Error> TokenRegistry::with_held_cards(Error absent) {
  const auto self = shared_from_this();
  const auto modules = modules_;
  HeldReaders all;
  for (const auto& module : modules) {
    if (!module->config().removable) continue;
    const HeldReaders held = co_await held_cards_->look(module->card_access());
    for (const std::string& reader : held.readers)
      if (!is_ours(reader) && std::ranges::count(all.readers, reader) == 0) all.readers.push_back(reader);
    if (all.holder.empty()) all.holder = held.holder;
  }
  if (!all.readers.empty()) absent.message += " " + held_cards_hint(all);
  co_return absent;
}

asio::awaitable<Error> TokenRegistry::absence(FaultContext about) {
  const auto self = shared_from_this();
  const auto tokens = co_await scan();
  if (const auto module = co_await holder_seen_by(about)) {
    co_return token_held_error(about, who_holds_cards(module->card_access()));
  }
  std::vector<std::string> present;
  for (const ListedToken& token : tokens) {
    if (token.description.removable) present.push_back(token.description.name);
  }
  Error absent = token_absent_error(about, present);
  const auto known = best_known(about.label, about.serial);
  if (known && !known->listed().description.removable) co_return absent;
  co_return co_await with_held_cards(std::move(absent));
}

}  // namespace signet
