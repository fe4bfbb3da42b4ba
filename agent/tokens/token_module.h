// A configured module: its scout, its hosts and the tokens that are served through it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/tokens/admin_host.h"
#include "agent/tokens/hosted_token.h"
#include "agent/tokens/module_scout.h"
#include "agent/tokens/pin_source.h"

namespace signet {

// Whether two configurations of a module mean the same hosts.
bool same_module(const ModuleConfig& one, const ModuleConfig& other);

// Runs on one event loop; not thread safe.
class TokenModule {
 public:
  TokenModule(boost::asio::any_io_executor executor, ModuleConfig config, std::filesystem::path host_path,
              std::shared_ptr<PinBudget> budget, std::shared_ptr<PinPrompt> prompt);

  const ModuleConfig& config() const { return *config_; }
  ModuleScout& scout() { return *scout_; }
  ModuleDescription describe() const;

  // What the scout reported last, as tokens without names. Blank and unanswering ones are among them.
  std::vector<ListedToken> listed() const;
  // The tokens are as listed (all of this module's): their names and PIN sources follow; a hosted one that is
  // not among them was removed, and its host ends, for it may hold a stale PIN (measured on ykcs11).
  // `complete`: the list is fresh.
  void present(const std::vector<ListedToken>& tokens, bool complete);

  // The token that was seen last in each reader, if the selector means it. It need not be there any more.
  std::optional<ListedToken> seen(std::string_view selector) const;

  // The token's server, made on first need.
  std::shared_ptr<HostedToken> hosted(const ListedToken& token);
  // Null if it was never needed.
  std::shared_ptr<HostedToken> known(const std::string& label, const std::string& serial) const;
  std::vector<std::shared_ptr<HostedToken>> all_hosted() const;

  AdminTask admin_task(const ListedToken& token) const;
  CardAccess card_access() const;
  // One of its tokens is at a signature, and may wait for a touch.
  bool busy_signing() const { return load_->signing > 0; }

  // Ends all its processes and starts none any more. The token hosts among them, to wait until they are gone.
  std::vector<std::shared_ptr<HostProcess>> close(const std::string& why);

 private:
  HostLaunch launch(host::Mode mode, std::string about) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const ModuleConfig> config_;
  std::filesystem::path host_path_;
  std::shared_ptr<PinBudget> budget_;
  std::shared_ptr<PinPrompt> prompt_;
  std::shared_ptr<ModuleLoad> load_;
  std::shared_ptr<ModuleScout> scout_;
  std::shared_ptr<HostSlot> shared_slot_;                       // shared modules only
  std::map<std::string, std::shared_ptr<HostedToken>> hosted_;  // by label, NUL, serial
  std::vector<ListedToken> present_;
  std::map<std::string, ListedToken> seen_;  // removable ones, by reader
};

}  // namespace signet
