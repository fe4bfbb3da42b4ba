// Marks, payloads and signatures: the SQL of the signing memory. What the rows mean is decided in
// version_rules.h.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/version_rules.h"

namespace signet {

struct RoleRow {
  std::int64_t id = 0;  // 0: the ledger has no such role yet
  std::int64_t epoch = 1;
};

struct StoredPayload {
  std::int64_t epoch = 0, version = 0;
  std::string digest;
  std::string payload;
  std::vector<boost::json::object> signatures;
};

// Not thread safe. Faults are the database's.
class MarkTable {
 public:
  explicit MarkTable(Database& database) : database_(database) {}

  std::optional<std::int64_t> repository_id(std::string_view name);
  RoleRow role(std::int64_t repository, std::string_view name);
  RoleRow ensure_role(std::int64_t repository, std::string_view name);
  // The role's marks start over; what was observed of it under its old keys is forgotten.
  void restart_role(std::int64_t role);
  // The newest released or observed version of each role in its present epoch; where there is none, the
  // reserved one.
  std::vector<VersionMark> newest_marks(std::int64_t repository);

  // --- (repository, role) ---
  std::vector<MarkRow> version(const RoleRow& role, std::int64_t version);
  std::int64_t highest(const RoleRow& role);  // released or observed; 0: none
  void set_state(const RoleRow& role, std::int64_t version, std::string_view digest, MarkRowState state,
                 bool released);
  void drop_reserved(const RoleRow& role, std::int64_t version);

  // --- (public key, type, version) ---
  // The facts of one key but for what is in flight.
  KeyFacts key_facts(const ReserveRequest& request, const std::string& fingerprint, std::int64_t role);
  void reserve_key(const ReserveRequest& request, const std::string& fingerprint, std::int64_t role);
  void release_key(const ReserveRequest& request, const std::string& fingerprint, std::int64_t role);
  std::vector<std::pair<std::string, std::string>> key_roles(std::string_view fingerprint);

  // --- payloads ---
  bool has_payload(std::int64_t role, std::string_view digest);
  std::optional<StoredPayload> payload(std::int64_t role);
  // Keeps it, if no newer one is kept; then add_signature() adds to it (and is nothing where it was not
  // kept).
  void keep_payload(const RoleRow& role, const ReserveRequest& request);
  void add_signature(std::int64_t role, const std::string& digest, const std::string& fingerprint,
                     const boost::json::object& signature);
  std::vector<boost::json::object> signatures(std::int64_t role, std::string_view digest);

 private:
  std::optional<VersionMark> newest_mark(const RoleRow& role);

  Database& database_;
};

}  // namespace signet
