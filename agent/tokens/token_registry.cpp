#include "agent/tokens/token_registry.h"

#include <algorithm>

namespace signet {

namespace asio = boost::asio;
using Clock = WaitList::Clock;

namespace {

// A scout may not see tokens that were made after its start (SoftHSM); it is restarted to look for one, but
// not more often than that.
constexpr std::chrono::seconds kFreshScanPause(1);
constexpr std::chrono::milliseconds kLeaveTime(1500);

// What only the agent knows.
void add_state(ListedToken& token, const HostedToken* hosted) {
  if (hosted == nullptr || token.description.state != TokenState::Locked) return;
  if (hosted->unlocked()) {
    token.description.state = TokenState::Unlocked;
  } else if (hosted->faulty()) {
    token.description.state = TokenState::Faulty;
  }
}

}  // namespace

TokenRegistry::Operation::Operation(std::shared_ptr<TokenRegistry> registry)
    : registry_(std::move(registry)) {
  ++registry_->operations_;
}

TokenRegistry::Operation::~Operation() {
  if (--registry_->operations_ == 0) registry_->idle_.wake_all();
}

TokenRegistry::TokenRegistry(asio::any_io_executor executor, std::vector<ModuleConfig> modules,
                             std::filesystem::path host_path, std::shared_ptr<PinBudget> budget)
    : executor_(executor),
      host_path_(std::move(host_path)),
      budget_(std::move(budget)),
      idle_(executor),
      changed_(executor),
      settled_(executor),
      held_cards_(std::make_shared<HeldCards>(executor)) {
  reload(std::move(modules));
}

void TokenRegistry::reload(std::vector<ModuleConfig> modules) {
  std::vector<std::shared_ptr<TokenModule>> kept;
  for (ModuleConfig& config : modules) {
    const auto same = std::ranges::find_if(
        modules_, [&](const auto& module) { return module && same_module(module->config(), config); });
    if (same != modules_.end()) {
      kept.push_back(std::move(*same));
      same->reset();
    } else {
      kept.push_back(
          std::make_shared<TokenModule>(executor_, std::move(config), host_path_, budget_, prompt_));
    }
  }
  for (const auto& module : modules_) {
    if (module) module->close("the configuration of module " + module->config().name + " was changed");
  }
  modules_ = std::move(kept);
}

std::vector<ModuleDescription> TokenRegistry::modules() const {
  std::vector<ModuleDescription> told;
  for (const auto& module : modules_) told.push_back(module->describe());
  return told;
}

std::shared_ptr<TokenModule> TokenRegistry::module_named(const std::string& name) const {
  const auto found =
      std::ranges::find_if(modules_, [&](const auto& module) { return module->config().name == name; });
  return found != modules_.end() ? *found : nullptr;
}

asio::awaitable<std::vector<ListedToken>> TokenRegistry::scan() {
  const auto self = shared_from_this();
  const auto modules = modules_;  // a reload may come in between
  for (const auto& module : modules) module->scout().begin();
  std::vector<bool> complete;
  for (const auto& module : modules) {
    const bool answered = co_await module->scout().finished();
    complete.push_back(answered && module->scout().report().usable);
  }
  std::vector<ListedToken> tokens;
  for (const auto& module : modules) {
    const auto listed = module->listed();
    tokens.insert(tokens.end(), listed.begin(), listed.end());
  }
  name_tokens(tokens);
  for (std::size_t index = 0; index < modules.size(); ++index) {
    std::vector<ListedToken> own;
    std::ranges::copy_if(tokens, std::back_inserter(own), [&](const ListedToken& token) {
      return token.description.module == modules[index]->config().name;
    });
    modules[index]->present(own, complete[index]);
  }
  for (ListedToken& token : tokens) {
    const auto module = module_named(token.description.module);
    if (module) add_state(token, module->known(token.description.label, token.description.serial).get());
  }
  note_changes(tokens);
  co_return tokens;
}

// A token that nobody sees may be one that the scouts cannot see: they look again with new eyes, now and
// then.
asio::awaitable<std::vector<ListedToken>> TokenRegistry::scan_afresh() {
  if (Clock::now() >= fresh_scan_) {
    fresh_scan_ = Clock::now() + kFreshScanPause;
    for (const auto& module : modules_) module->scout().restart("a token is looked for that it does not see");
  }
  co_return co_await scan();
}

Result<TokenRegistry::Found> TokenRegistry::found(const std::vector<ListedToken>& tokens,
                                                  const Result<std::size_t>& index) const {
  if (!index) return index.error();
  Found result;
  result.token = tokens[*index];
  result.module = module_named(result.token.description.module);
  if (result.module) return result;
  return Error(ErrorName::Busy, "The configuration was just changed. Try again.", {{"retryAfterMs", 100}});
}

std::shared_ptr<HostedToken> TokenRegistry::known_as(const std::string& selector) const {
  for (const auto& module : modules_)
    for (const auto& token : module->all_hosted())
      if (selector_fits(selector, token->listed())) return token;
  return nullptr;
}

asio::awaitable<Error> TokenRegistry::absent_or(Error not_found, std::string selector) {
  if (not_found.name != ErrorName::NotFound) co_return not_found;
  if (auto held = co_await held_though_seen(selector)) co_return std::move(*held);
  if (const auto token = known_as(selector)) not_found = token_absent_error(token->context());
  co_return co_await with_held_cards(std::move(not_found));
}

asio::awaitable<Result<TokenRegistry::Found>> TokenRegistry::resolve(std::string selector) {
  const auto self = shared_from_this();
  if (doubted_) co_await settled();
  auto tokens = co_await scan();
  auto index = select_token(tokens, selector);
  if (!index && index.error().name == ErrorName::NotFound) {
    tokens = co_await scan_afresh();
    index = select_token(tokens, selector);
  }
  if (!index) co_return co_await absent_or(index.error(), selector);
  co_return found(tokens, index);
}

asio::awaitable<Result<TokenRegistry::Found>> TokenRegistry::resolve(TokenUri uri) {
  TokenUri token_part = std::move(uri);
  token_part.id.reset();
  token_part.object.reset();
  const std::string selector = format_token_uri(token_part);
  co_return co_await resolve(selector);
}

std::shared_ptr<HostedToken> TokenRegistry::best_known(const std::string& label,
                                                       const std::string& serial) const {
  std::shared_ptr<HostedToken> best;
  for (const auto& module : modules_) {
    auto token = module->known(label, serial);
    if (!token) continue;
    if (token->unlocked()) return token;
    if (!best || (token->has_pin_source() && !best->has_pin_source())) best = std::move(token);
  }
  return best;
}

asio::awaitable<Result<std::shared_ptr<HostedToken>>> TokenRegistry::locate(std::string label,
                                                                            std::string serial) {
  const auto self = shared_from_this();
  if (doubted_) co_await settled();
  if (auto known = best_known(label, serial)) co_return known;
  const auto fits = [&](const ListedToken& token) {
    return token.initialised && token.description.label == label && token.description.serial == serial;
  };
  auto tokens = co_await scan();
  if (std::ranges::none_of(tokens, fits)) tokens = co_await scan_afresh();
  for (const ListedToken& token : tokens) {
    const auto module = module_named(token.description.module);
    if (fits(token) && module) module->hosted(token);
  }
  if (auto known = best_known(label, serial)) co_return known;
  FaultContext about;
  about.token = label.empty() ? serial : label;
  about.label = std::move(label);
  about.serial = std::move(serial);
  co_return co_await absence(std::move(about));
}

std::size_t TokenRegistry::load_of(const std::string& label, const std::string& serial) const {
  const auto token = best_known(label, serial);
  return token ? token->load() : 0;
}

TokenRegistry::Pace TokenRegistry::pace_of(const std::string& label, const std::string& serial) const {
  Pace pace;
  const auto token = best_known(label, serial);
  if (!token || !token->pool()) return pace;
  pace.sessions = token->pool()->useful(false);
  pace.ahead = token->pool()->is_quick();
  pace.each = token->pool()->service_time();
  pace.removable = token->listed().description.removable;
  return pace;
}

asio::awaitable<Result<TokenDescription>> TokenRegistry::describe(std::string module, std::string label,
                                                                  std::string serial) {
  const auto self = shared_from_this();
  const auto tokens = co_await scan();
  for (const ListedToken& token : tokens) {
    const TokenDescription& told = token.description;
    if (told.module == module && told.label == label && told.serial == serial) co_return told;
  }
  FaultContext about;
  about.token = label;
  about.label = label;
  about.serial = serial;
  co_return token_absent_error(about);
}

asio::awaitable<void> TokenRegistry::drain(std::chrono::milliseconds deadline) {
  const auto self = shared_from_this();
  draining_ = true;
  if (monitor_) monitor_->close();
  changed_.wake_all();
  settled_.wake_all();
  const auto until = Clock::now() + deadline;
  while (operations_ > 0) {
    if (!co_await idle_.wait(until)) break;
  }
  std::vector<std::shared_ptr<HostProcess>> ended;
  for (const auto& module : modules_) {
    const auto some = module->close("the agent is stopping");
    ended.insert(ended.end(), some.begin(), some.end());
  }
  const auto leave = Clock::now() + kLeaveTime;
  for (const auto& process : ended) co_await process->gone(leave);
}

}  // namespace signet
