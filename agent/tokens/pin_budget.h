// The PIN budget on top of the ledger: software never burns a token's tries.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "agent/ledger/ledger.h"
#include "agent/tokens/token_service.h"
#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

// Under which name a token's attempts are counted, whatever module shows it: manufacturer and serial number,
// or the label where there is no serial number. For Ledger::reset_pin_attempts, too.
std::string pin_budget_id(const std::string& manufacturer, const std::string& serial,
                          const std::string& label);
std::string pin_budget_id(const TokenDescription& token);

// Whether a value may be sent, by what was tried before and what the token tells. `value` is its HMAC; `name`
// is for the message. PinRefused otherwise. Pure.
Result<void> check_pin_attempt(const Ledger::PinAttempts& before, const std::string& value,
                               const PinTold& told, const std::string& name);

// Until there is a ledger (before `signet init`), attempts are kept in memory and forgotten with the process.
// Runs on the agent's event loop; not thread safe.
class LedgerPinBudget : public PinBudget {
 public:
  // The key of the HMACs is DIRECTORY/pin-budget.key (32 bytes, mode 0600), made when it is first needed and
  // a ledger is there. `ledger` may be null; it must outlive this object or be replaced before it goes.
  LedgerPinBudget(std::filesystem::path directory, Ledger* ledger);

  void set_ledger(Ledger* ledger) { ledger_ = ledger; }

  // LedgerUnavailable beside what the interface says.
  boost::asio::awaitable<Result<void>> begin(std::string token, Secret pin, PinTold told,
                                             PinGiver giver) override;
  boost::asio::awaitable<Result<void>> end(std::string token, PinOutcome outcome) override;
  boost::asio::awaitable<Result<void>> refused_later(std::string token) override;
  boost::asio::awaitable<Result<void>> replaced(std::string token) override;
  boost::asio::awaitable<Result<void>> clear(std::string token) override;

 private:
  Result<std::string> value_of(const std::string& token, const Secret& pin);
  boost::asio::awaitable<Result<Ledger::PinAttempts>> attempts(std::string token);
  boost::asio::awaitable<Result<void>> forget_attempts(std::string token);
  boost::asio::awaitable<Result<void>> write_begin(std::string token, std::string value);
  void end_in_memory(const std::string& token, PinOutcome outcome);
  bool is_outdated(const std::string& token, const std::string& value) const;
  bool is_rotated(const std::string& token, const Ledger::PinAttempts& before,
                  const std::string& value) const;

  std::filesystem::path directory_;
  Ledger* ledger_;
  Secret key_;
  bool key_is_durable_ = false;
  // Attempts made while there was no ledger; they bind afterwards, too.
  std::map<std::string, Ledger::PinAttempts> memory_;
  // HMACs: the attempt under way, the last good one, one that was good and was refused since.
  std::map<std::string, std::string> sent_, accepted_, outdated_;
};

// Reads the key file, or makes it. LedgerUnavailable if it is not 32 bytes of a regular file of ours with
// mode 0600.
Result<Secret> load_pin_budget_key(const std::filesystem::path& file);

}  // namespace signet
