// What the crash test and its worker agree on: so many tokens, each with its number of uses.
#pragma once

#include <cstdint>
#include <string>

#include "agent/ledger/ledger_types.h"
#include "protocol/bytes.h"
#include "protocol/public_key.h"

namespace signet::test {

inline constexpr std::uint32_t kCrashTokens = 1000;

// From 1 to 5 uses.
inline std::int64_t crash_max_uses(std::uint32_t number) {
  return 1 + number % 5;
}

inline TokenUse crash_use(std::uint32_t number) {
  TokenUse use;
  use.issuer = "https://issuer.example";
  use.token_hash = sha256_hex(as_bytes("token " + std::to_string(number)));
  use.uid = 1000;
  use.max_uses = crash_max_uses(number);
  use.expires = 1'790'000'300;
  use.now = 1'790'000'000;
  return use;
}

}  // namespace signet::test
