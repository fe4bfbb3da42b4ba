// Where uses of identity tokens are counted.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_types.h"
#include "protocol/result.h"

namespace signet {

// Called on the agent's loop. An implementation is durable: a use that count() allowed is still counted after
// a crash at any later moment; and atomic: concurrent calls never allow more uses than there are.
class ReplayStore {
 public:
  virtual ~ReplayStore() = default;
  // Whether count() would allow it now.
  virtual boost::asio::awaitable<Result<TokenUseVerdict>> check(TokenUse use) = 0;
  virtual boost::asio::awaitable<Result<TokenUseVerdict>> count(TokenUse use) = 0;
};

// The one that signetd has. `ledger` is borrowed.
class LedgerReplayStore final : public ReplayStore {
 public:
  explicit LedgerReplayStore(Ledger& ledger) : ledger_(ledger) {}
  boost::asio::awaitable<Result<TokenUseVerdict>> check(TokenUse use) override {
    return ledger_.check_token_use(std::move(use));
  }
  boost::asio::awaitable<Result<TokenUseVerdict>> count(TokenUse use) override {
    return ledger_.count_token_use(std::move(use));
  }

 private:
  Ledger& ledger_;
};

}  // namespace signet
