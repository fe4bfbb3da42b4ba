// Makes the agent's token service.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "agent/config/config.h"
#include "agent/tokens/pin_source.h"
#include "agent/tokens/token_service.h"

namespace signet {

// A TokenService whose configuration can be replaced (SIGHUP). Runs on the executor's one thread; not thread
// safe. Coroutines that are under way keep what they need alive: it may be destroyed at any time after
// drain().
class ReloadableTokenService : public TokenService {
 public:
  // Hosts of modules whose configuration is the same go on; the others are ended, and their tokens locked.
  // Calls in flight on them are tried again with the new configuration where it still has their module.
  virtual void reload(std::vector<ModuleConfig> modules) = 0;
  // How people are asked for PINs at the agent's own prompt. Without it nobody can be.
  virtual void ask_through(PinPrompt prompt) = 0;
};

// "signet-token-host" beside the running program.
std::filesystem::path default_host_path();

// Starts nothing: hosts are started on need. `host_path` empty: default_host_path().
std::unique_ptr<ReloadableTokenService> make_token_service(boost::asio::any_io_executor executor,
                                                           std::vector<ModuleConfig> modules,
                                                           std::shared_ptr<PinBudget> budget,
                                                           std::filesystem::path host_path = {});

}  // namespace signet
