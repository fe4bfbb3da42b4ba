// What the ledger's tests share: a scratch directory, requests in one line, and a store that commits each
// call.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/ledger/ledger_store.h"
#include "tests/support/scratch.h"

namespace signet::test {

std::string digest_of(const std::string& payload);        // SHA-256, hex
std::string fingerprint_of(const std::string& key_name);  // the fingerprint that make_key() gives the key
LedgerKey make_key(const std::string& name, std::vector<std::string> uses = {"tuf"});
// type from the role; keys by the names that make_key() was given.
ReserveRequest make_request(const std::string& repository, const std::string& role, std::int64_t version,
                            const std::string& payload, const std::vector<std::string>& keys = {"k1"});
KeyOutcome signed_by(const std::string& key_name);
KeyOutcome failed_by(const std::string& key_name);
ObservedMetadata make_observed(const std::string& role, std::int64_t version, const std::string& payload);
inline Requester someone() {
  return {1000, 1000, 4711};
}

// The string that a JSON value is.
inline std::string text_of(const boost::json::value& value) {
  return std::string(value.as_string());
}
std::string string_parameter(const Error& error, const char* name);

// Commits each call: what the writer does with a group of one. Starts with a new ledger.
class LedgerBench {
 public:
  explicit LedgerBench(LedgerOptions options = {});

  LedgerStore& store() { return *store_; }
  const std::filesystem::path& directory() const { return scratch_.path(); }
  // What a crash and a new start do.
  void reopen();
  void close() { store_.reset(); }

  template <typename Call>
  auto call(Call&& work) -> decltype(work()) {
    if (auto begun = store_->begin_group(true); !begun) return begun.error();
    auto result = store_->run(true, work);
    if (auto committed = store_->commit_group(); !committed) return committed.error();
    return result;
  }

  // The usual start: keys k1, k2 and k3, the repositories "a" and "b", both with a root 1.
  void populate();
  Result<Reservation> reserve(const ReserveRequest& request);
  Result<Reservation> check(const ReserveRequest& request);
  Result<void> finish(std::int64_t id, const std::vector<KeyOutcome>& outcomes);
  // Reserve and finish with the signatures of all the request's keys.
  Result<void> sign(const ReserveRequest& request);
  Result<std::vector<std::string>> observe(const std::string& repository, const ObservedMetadata& metadata,
                                           const std::vector<std::string>& restart_roles = {});
  std::vector<RecordRow> records();
  // The newest record's statement.
  boost::json::object last_statement();

 private:
  ScratchDir scratch_;
  LedgerOptions options_;
  std::unique_ptr<LedgerStore> store_;
};

}  // namespace signet::test
