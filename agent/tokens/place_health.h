// Which tokens are passed over for keys that are on several, and when they are asked again.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/tokens/token_service.h"

namespace signet {

// A token that failed is looked at so long after its failure, then each time after twice as long, up to the
// most.
inline constexpr std::chrono::milliseconds kFirstProbe{200};
inline constexpr std::chrono::milliseconds kLongestProbePause{30000};

// Runs on one event loop; not thread safe. Lives in a shared_ptr: its coroutines hold weak ones.
class PlaceHealth : public std::enable_shared_from_this<PlaceHealth> {
 public:
  // Whether a token serves a key again. Signs nothing.
  using Probe = std::function<boost::asio::awaitable<Result<void>>(KeyPlace, Bytes spki)>;

  PlaceHealth(boost::asio::any_io_executor executor, Probe probe);
  ~PlaceHealth();
  PlaceHealth(const PlaceHealth&) = delete;
  PlaceHealth& operator=(const PlaceHealth&) = delete;

  // What a call came to. Only errors that place_choice.h lays at the token's door count.
  void failed(const KeyPlace& place, const Bytes& spki, const Error& error);
  void worked(const KeyPlace& place, const Bytes& spki);
  // Another card answered there with this key's signatures: it is looked at after the longest pause.
  void distrusted(const KeyPlace& place, const Bytes& spki, std::string why);

  // Why it is passed over; nothing if it is not.
  std::optional<std::string> fault(const KeyPlace& place, const Bytes& spki) const;
  // Something changed (a token was unlocked, one was inserted): all are looked at now.
  void look_now();
  // For good.
  void close();

 private:
  struct Fault;
  using Faults = std::map<std::string, std::shared_ptr<Fault>>;
  static boost::asio::awaitable<void> watch(std::weak_ptr<PlaceHealth> health, std::shared_ptr<Fault> fault);
  void note(std::string key, const KeyPlace& place, const Bytes& spki, std::string why,
            std::chrono::milliseconds pause);
  void forget(const std::string& key);

  boost::asio::any_io_executor executor_;
  Probe probe_;
  Faults faults_;  // by token, or by token and key
};

}  // namespace signet
