// What the tests of agent/tokens share: a loop, a token store, a service over real hosts.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/tokens/pin_budget.h"
#include "agent/tokens/token_service_factory.h"
#include "protocol/signature.h"
#include "tests/support/fault_shim.h"
#include "tests/support/result_printing.h"
#include "tests/support/softhsm.h"

namespace signet::test {

// Runs the loop until the coroutine is done.
template <typename T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr thrown;
  boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr error, T value) {
    thrown = error;
    result = std::move(value);
  });
  io.restart();
  while (!result && io.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}
void run(boost::asio::io_context& io, boost::asio::awaitable<void> work);
void run_for(boost::asio::io_context& io, std::chrono::milliseconds time);

// The real rules in memory, and a diary of what was asked of them.
class DiaryBudget : public PinBudget {
 public:
  boost::asio::awaitable<Result<void>> begin(std::string token, Secret pin, PinTold told,
                                             PinGiver giver) override;
  boost::asio::awaitable<Result<void>> end(std::string token, PinOutcome outcome) override;
  boost::asio::awaitable<Result<void>> refused_later(std::string token) override;
  boost::asio::awaitable<Result<void>> replaced(std::string token) override;
  boost::asio::awaitable<Result<void>> clear(std::string token) override;

  std::vector<std::string>
      diary;  // "begin", "refused to begin", "accepted", "refused", "not tried", "unknown", …

 private:
  LedgerPinBudget rules_{"/nonexistent", nullptr};
};

// Several calls at once; the results in the order of the calls.
template <typename T>
std::vector<T> run_all(boost::asio::io_context& io, std::vector<boost::asio::awaitable<T>> work) {
  std::vector<std::optional<T>> results(work.size());
  std::size_t done = 0;
  for (std::size_t index = 0; index < work.size(); ++index) {
    boost::asio::co_spawn(io, std::move(work[index]), [&, index](std::exception_ptr error, T value) {
      if (!error) results[index] = std::move(value);
      ++done;
    });
  }
  io.restart();
  while (done < results.size() && io.run_one() > 0) {
  }
  std::vector<T> values;
  for (auto& result : results) values.push_back(std::move(result.value()));
  return values;
}

std::filesystem::path host_path();
// SoftHSM without the shim, named "softhsm".
ModuleConfig softhsm_module(const SoftHsm& hsm);
// The same behind the shim.
ModuleConfig shimmed_module(const SoftHsm& hsm, const FaultShim& shim);
// A file of mode 0400 with the PIN, as a source for that token.
PinSource pin_file(const ScratchDir& dir, const std::string& token, const std::string& pin);

KeyLocation location_of(const FoundKey& key);
TokenMechanism mechanism_for(KeyAlgorithm algorithm);
SignatureScheme scheme_for(KeyAlgorithm algorithm);
// Whether a token's output is a good signature over `message`.
bool verifies(const FoundKey& key, BytesView message, const TokenSignature& signature);
GenerateRequest generate_request(const std::string& token, KeyAlgorithm algorithm, const std::string& label);

// The service over one loop.
struct TokenFixture {
  explicit TokenFixture(std::vector<ModuleConfig> modules);
  ~TokenFixture();

  Result<TokenDescription> unlock(const std::string& token, const std::string& pin = kUserPin);
  Result<FoundKey> generate(const std::string& token, KeyAlgorithm algorithm, const std::string& label);
  Result<TokenSignature> sign(const FoundKey& key, std::string_view message);
  boost::asio::awaitable<Result<TokenSignature>> signing(const FoundKey& key, std::string_view message);
  TokenDescription described(const std::string& token);

  boost::asio::io_context io;
  std::shared_ptr<DiaryBudget> budget = std::make_shared<DiaryBudget>();
  std::unique_ptr<ReloadableTokenService> service;
};

}  // namespace signet::test
