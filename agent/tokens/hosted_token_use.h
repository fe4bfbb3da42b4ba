// Internal to hosted_token*.cpp.
#pragma once

#include "agent/tokens/hosted_token.h"

namespace signet {

struct HostedToken::Use {
  const host::Request& request;
  CallLimit limit;
  const Gate& gate;
  TokenClient client;
  Persistence persistence;
  PinCache cache;
  std::optional<std::uint64_t> claimed;  // the login that serves it, by epoch
};

}  // namespace signet
