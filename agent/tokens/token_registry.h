// All modules and the tokens they show: discovery, names, and which token serves a call.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/tokens/token_module.h"
#include "agent/tokens/wait_list.h"

namespace signet {

// Runs on one event loop; not thread safe. Lives in a shared_ptr: coroutines hold one.
class TokenRegistry : public std::enable_shared_from_this<TokenRegistry> {
 public:
  TokenRegistry(boost::asio::any_io_executor executor, std::vector<ModuleConfig> modules,
                std::filesystem::path host_path, std::shared_ptr<PinBudget> budget);

  struct Found {
    std::shared_ptr<TokenModule> module;
    ListedToken token;
  };

  std::vector<ModuleDescription> modules() const;
  // Asks all scouts at once; named, with the state that the agent knows of.
  boost::asio::awaitable<std::vector<ListedToken>> scan();
  // By name, label, serial, URI or module. NotFound, InvalidParameter; TokenAbsent for a token that was here
  // before.
  boost::asio::awaitable<Result<Found>> resolve(std::string selector);
  boost::asio::awaitable<Result<Found>> resolve(TokenUri uri);
  // The token of a key, without asking anybody if it is served already. TokenAbsent.
  boost::asio::awaitable<Result<std::shared_ptr<HostedToken>>> locate(std::string label, std::string serial);
  // As the token is now, asked again.
  boost::asio::awaitable<Result<TokenDescription>> describe(std::string module, std::string label,
                                                            std::string serial);

  void reload(std::vector<ModuleConfig> modules);

  // Counts an operation that drain() waits for.
  class Operation {
   public:
    explicit Operation(std::shared_ptr<TokenRegistry> registry);
    ~Operation();
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   private:
    std::shared_ptr<TokenRegistry> registry_;
  };
  bool draining() const { return draining_; }
  boost::asio::awaitable<void> drain(std::chrono::milliseconds deadline);

 private:
  std::shared_ptr<TokenModule> module_named(const std::string& name) const;
  std::shared_ptr<HostedToken> best_known(const std::string& label, const std::string& serial) const;
  boost::asio::awaitable<std::vector<ListedToken>> scan_afresh();
  Result<Found> found(const std::vector<ListedToken>& tokens, const Result<std::size_t>& index) const;
  Error absent_or(Error not_found, const std::string& selector) const;

  boost::asio::any_io_executor executor_;
  std::filesystem::path host_path_;
  std::shared_ptr<PinBudget> budget_;
  std::vector<std::shared_ptr<TokenModule>> modules_;
  std::size_t operations_ = 0;
  bool draining_ = false;
  WaitList idle_;
  WaitList::Clock::time_point fresh_scan_{};
};

}  // namespace signet
