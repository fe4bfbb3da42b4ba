#include "agent/tokens/token_module.h"

#include <algorithm>
#include <tuple>

#include "agent/tokens/pin_budget.h"

namespace signet {

namespace asio = boost::asio;

namespace {

std::string identity_key(const std::string& label, const std::string& serial) {
  return label + '\0' + serial;
}

std::string identity_key(const ListedToken& token) {
  return identity_key(token.description.label, token.description.serial);
}

ListedToken to_listed(const host::SlotDescription& slot, const ModuleConfig& config) {
  ListedToken listed;
  TokenDescription& told = listed.description;
  told.label = slot.token.label;
  told.serial = slot.token.serial;
  told.manufacturer = slot.manufacturer;
  told.model = slot.model;
  told.module = config.name;
  told.removable = config.removable && slot.removable;
  told.pin = user_pin_state(slot);
  told.state = TokenState::Locked;
  if (!slot.login_required) told.state = TokenState::Open;
  if (!slot.initialised) told.state = TokenState::Blank;
  if (slot.ckr != 0) told.state = TokenState::Faulty;
  listed.slot = slot.slot;
  listed.reader = slot.slot_description;
  listed.initialised = slot.initialised;
  listed.login_required = slot.login_required;
  listed.protected_path = slot.protected_path;
  return listed;
}

auto pin_source_members(const PinSource& source) {
  return std::tie(source.token, source.kind, source.file, source.command);
}

auto deadline_members(const Deadlines& deadlines) {
  return std::tie(deadlines.discovery, deadlines.login, deadlines.sign, deadlines.generate, deadlines.queue);
}

}  // namespace

bool same_module(const ModuleConfig& one, const ModuleConfig& other) {
  const auto members = [](const ModuleConfig& config) {
    return std::tie(config.name, config.path, config.environment, config.init_args, config.sessions,
                    config.queue, config.shared, config.removable, config.idle_release);
  };
  return members(one) == members(other) &&
         deadline_members(one.deadlines) == deadline_members(other.deadlines) &&
         std::ranges::equal(one.pins, other.pins, [](const PinSource& a, const PinSource& b) {
           return pin_source_members(a) == pin_source_members(b);
         });
}

TokenModule::TokenModule(asio::any_io_executor executor, ModuleConfig config, std::filesystem::path host_path,
                         std::shared_ptr<PinBudget> budget, std::shared_ptr<PinPrompt> prompt)
    : executor_(executor),
      config_(std::make_shared<const ModuleConfig>(std::move(config))),
      host_path_(std::move(host_path)),
      budget_(std::move(budget)),
      prompt_(std::move(prompt)),
      load_(std::make_shared<ModuleLoad>()) {
  scout_ = std::make_shared<ModuleScout>(
      executor_, launch(host::Mode::Scout, "scout of module " + config_->name), load_);
  if (config_->shared) {
    shared_slot_ = std::make_shared<HostSlot>(
        executor_, launch(host::Mode::Token, "token host of module " + config_->name), load_);
  }
}

HostLaunch TokenModule::launch(host::Mode mode, std::string about) const {
  HostLaunch made;
  made.program = host_path_;
  made.mode = mode;
  made.module = *config_;
  made.about = std::move(about);
  return made;
}

ModuleDescription TokenModule::describe() const {
  ModuleDescription told;
  told.name = config_->name;
  told.path = config_->path.string();
  told.usable = scout_->report().usable;
  told.why = scout_->report().why;
  return told;
}

std::vector<ListedToken> TokenModule::listed() const {
  std::vector<ListedToken> tokens;
  if (!scout_->report().usable) return tokens;
  for (const host::SlotDescription& slot : scout_->report().slots) {
    if (slot.present) tokens.push_back(to_listed(slot, *config_));
  }
  return tokens;
}

void TokenModule::present(const std::vector<ListedToken>& tokens, bool complete) {
  present_ = tokens;
  for (const ListedToken& token : tokens)
    if (token.description.removable && !token.reader.empty()) seen_[token.reader] = token;
  for (auto& [key, token] : hosted_) {
    const std::string& wanted = key;
    const auto found = std::ranges::find_if(
        tokens, [&wanted](const ListedToken& listed) { return identity_key(listed) == wanted; });
    if (found != tokens.end()) {
      const auto index = static_cast<std::size_t>(found - tokens.begin());
      token->refresh(*found, pin_source_of(config_->pins, tokens, index));
    } else if (complete && !config_->shared) {
      token->lock("the token was removed");
    }
  }
}

std::optional<ListedToken> TokenModule::seen(std::string_view selector) const {
  for (const auto& [reader, token] : seen_)
    if (selector_fits(selector, token)) return token;
  return std::nullopt;
}

std::shared_ptr<HostedToken> TokenModule::hosted(const ListedToken& token) {
  auto& known = hosted_[identity_key(token)];
  if (known) return known;
  const auto slot =
      config_->shared
          ? shared_slot_
          : std::make_shared<HostSlot>(
                executor_, launch(host::Mode::Token, "token host of \"" + token.description.name + "\""),
                load_);
  known =
      std::make_shared<HostedToken>(executor_, config_, slot, load_, token, budget_, prompt_, card_access());
  // A scout's module may hold on to the card (ykcs11, measured): it lets go with its process.
  known->on_release([scout = std::weak_ptr(scout_)] {
    if (const auto there = scout.lock()) there->rest("its card is left to other programs");
  });
  for (std::size_t index = 0; index < present_.size(); ++index) {
    if (identity_key(present_[index]) != identity_key(token)) continue;
    known->refresh(token, pin_source_of(config_->pins, present_, index));
  }
  return known;
}

std::shared_ptr<HostedToken> TokenModule::known(const std::string& label, const std::string& serial) const {
  const auto found = hosted_.find(identity_key(label, serial));
  return found != hosted_.end() ? found->second : nullptr;
}

std::vector<std::shared_ptr<HostedToken>> TokenModule::all_hosted() const {
  std::vector<std::shared_ptr<HostedToken>> all;
  for (const auto& [key, token] : hosted_) all.push_back(token);
  return all;
}

CardAccess TokenModule::card_access() const {
  return {executor_, launch(host::Mode::Card, "card host of module " + config_->name), load_};
}

AdminTask TokenModule::admin_task(const ListedToken& token) const {
  AdminTask task;
  task.executor = executor_;
  task.launch = launch(host::Mode::Admin, "admin host of \"" + token.description.name + "\"");
  task.load = load_;
  task.token = token;
  task.login.about.token = token.description.name;
  task.login.about.label = token.description.label;
  task.login.about.serial = token.description.serial;
  task.login.budget_id = pin_budget_id(token.description);
  task.login.budget = budget_;
  task.login.limit = login_limit(config_->deadlines);
  if (token.description.removable) task.login.card = card_access();
  return task;
}

std::vector<std::shared_ptr<HostProcess>> TokenModule::close(const std::string& why) {
  std::vector<std::shared_ptr<HostProcess>> ended;
  scout_->close(why);
  for (auto& [key, token] : hosted_) {
    if (auto process = token->close(why)) ended.push_back(std::move(process));
  }
  if (shared_slot_) shared_slot_->close(why);
  return ended;
}

}  // namespace signet
