// All modules and the tokens they show: discovery, names, and which token serves a call.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/tokens/device_monitor.h"
#include "agent/tokens/held_cards.h"
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
  // The server of a token that was here before, by the same; null if it was never needed. For what ends its
  // use: it need not be there any more, or another program may hold it.
  std::shared_ptr<HostedToken> known_as(const std::string& selector) const;
  // The token of a key, without asking anybody if it is served already. TokenAbsent.
  boost::asio::awaitable<Result<std::shared_ptr<HostedToken>>> locate(std::string label, std::string serial);
  // Calls that are with the token of a key now.
  std::size_t load_of(const std::string& label, const std::string& serial) const;
  // How many sessions are used at a time, whether each takes calls ahead, and how long a signature takes.
  // Zeros while its host was never needed.
  struct Pace {
    std::size_t sessions = 0;
    bool ahead = false;
    std::chrono::microseconds each{0};
    bool removable = false;
  };
  Pace pace_of(const std::string& label, const std::string& serial) const;
  // As the token is now, asked again.
  boost::asio::awaitable<Result<TokenDescription>> describe(std::string module, std::string label,
                                                            std::string serial);

  // May be empty: nobody can be asked.
  const std::shared_ptr<PinPrompt>& pin_prompt() const { return prompt_; }
  // Null once the configuration has it no more.
  std::shared_ptr<TokenModule> module_of(const ListedToken& token) const {
    return module_named(token.description.module);
  }

  void reload(std::vector<ModuleConfig> modules);

  // --- hot-plug (token_registry_watch.cpp) ---

  // Listens to `monitor` (may be null) until drain().
  void listen(std::shared_ptr<DeviceMonitor> monitor);
  // TokenService::changed() and distrust().
  boost::asio::awaitable<std::uint64_t> changed(std::uint64_t seen, WaitList::Clock::time_point until);
  std::uint64_t generation() const { return generation_; }
  void distrust(const std::string& label, const std::string& serial);
  // Asks every second from now on, as long as a removable token is unlocked or somebody waits in changed().
  void keep_looking();
  // Why a token that was looked for is not there: names those that are.
  boost::asio::awaitable<Error> absence(FaultContext about);

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
  boost::asio::awaitable<Error> absent_or(Error not_found, std::string selector);
  boost::asio::awaitable<std::optional<Error>> held_though_seen(std::string selector);
  boost::asio::awaitable<Error> with_held_cards(Error absent);
  bool is_ours(const std::string& reader) const;

  boost::asio::awaitable<std::shared_ptr<TokenModule>> holder_seen_by(FaultContext about);
  void note_changes(const std::vector<ListedToken>& tokens);
  void doubt(const std::string& why);
  void look_again();
  boost::asio::awaitable<void> look_around();
  boost::asio::awaitable<void> settled();
  bool worth_looking() const;
  static boost::asio::awaitable<void> hear(std::weak_ptr<TokenRegistry> registry,
                                           std::shared_ptr<DeviceMonitor> monitor);
  static boost::asio::awaitable<void> poll(std::weak_ptr<TokenRegistry> registry);

  boost::asio::any_io_executor executor_;
  std::filesystem::path host_path_;
  std::shared_ptr<PinBudget> budget_;
  std::shared_ptr<PinPrompt> prompt_ = std::make_shared<PinPrompt>();
  std::vector<std::shared_ptr<TokenModule>> modules_;
  std::size_t operations_ = 0;
  bool draining_ = false;
  WaitList idle_;
  WaitList::Clock::time_point fresh_scan_{};

  std::shared_ptr<DeviceMonitor> monitor_;
  std::string last_seen_;         // the tokens of the last scan and their states, in one text
  std::uint64_t generation_ = 1;  // counts its changes
  WaitList changed_;
  std::size_t watchers_ = 0;
  bool polling_ = false;
  // A reader was unplugged: until all scouts have looked with new eyes, no token is what it was taken for.
  // OpenSC goes on with another card in a reader of the same name as if it were the first one (measured), and
  // the token's host would send it the first one's PIN.
  bool doubted_ = false;
  bool looking_ = false;
  std::uint64_t device_changes_ = 0;
  WaitList settled_;
  const std::shared_ptr<HeldCards> held_cards_;
};

}  // namespace signet
