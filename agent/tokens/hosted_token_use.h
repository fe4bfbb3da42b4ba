// Internal to hosted_token*.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/tokens/hosted_token.h"

namespace signet {

struct HostedToken::Use {
  const host::Request& request;
  CallLimit limit;
  const Gate& gate;
  TokenClient client;
  Persistence persistence;
  PinCache cache;
  std::optional<std::uint64_t> claimed{};  // the login that serves it, by epoch
  bool rides = true;                       // another call may make its signature (only once in vain)
};

// A signature that waits for a session. What it refers to is its call's, which waits with it.
struct HostedToken::Ride : FairQueue::Errand {
  Ride(const host::SignRequest& request_in, const Gate& gate_in) : request(request_in), gate(gate_in) {}

  const host::SignRequest& request;
  const Gate& gate;
  std::optional<Attempt> outcome;  // nothing: it was not made, and its call has to do it by itself
};

// Those who ride along with a call. They go on when this goes.
struct HostedToken::Company {
  Company() = default;
  ~Company();
  Company(const Company&) = delete;
  Company& operator=(const Company&) = delete;

  host::Request request(const host::SignRequest& own) const;
  // Gives each its signature, and leaves the call its own.
  void share(host::SignReply& made);

  std::vector<std::shared_ptr<Ride>> rides;
};

// No session is to be had now.
Error busy_error(const std::string& token, const PoolBusy& busy);

}  // namespace signet
