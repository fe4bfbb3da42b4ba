// Repositories, their chain of trusted roots, and what was observed of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/database.h"
#include "agent/ledger/ledger_types.h"
#include "agent/ledger/mark_table.h"
#include "agent/ledger/records.h"

namespace signet {

// Contracts: ledger.h. Not thread safe; each call decides first and writes after.
class RepositoryTable {
 public:
  RepositoryTable(Database& database, RecordLog& records, MarkTable& marks)
      : database_(database), records_(records), marks_(marks) {}

  Result<void> create(const std::string& name, MetadataFormat format, const Requester& who);
  Result<void> adopt(const std::string& name, MetadataFormat format, const TrustedRoot& root,
                     const Requester& who);
  Result<LedgerRepository> find(const std::string& name);
  std::vector<LedgerRepository> all();
  Result<std::vector<VersionMark>> marks(const std::string& repository);
  Result<std::optional<ObservedMetadata>> observed(const std::string& repository, const std::string& role);
  Result<std::optional<ReleasedPayload>> last_released(const std::string& repository,
                                                       const std::string& role);
  Result<std::vector<std::string>> observe(const std::string& repository, const ObservedMetadata& metadata,
                                           const std::vector<std::string>& restart_roles,
                                           const Requester& who);

 private:
  // What is known of the version that is observed.
  struct Sighting {
    RoleRow role;
    std::vector<MarkRow> marks;        // of this version
    std::int64_t newest_observed = 0;  // of this role; 0: none
  };

  std::int64_t insert(const std::string& name, MetadataFormat format);
  void insert_root(std::int64_t repository, const TrustedRoot& root, std::string_view how);
  std::optional<TrustedRoot> newest_root(std::int64_t repository);
  std::optional<Error> taken(const std::string& name);
  std::optional<Error> refuse_sighting(const std::string& repository, const ObservedMetadata& metadata,
                                       const std::vector<std::string>& restart_roles,
                                       const Sighting& sighting);
  void write_sighting(std::int64_t repository, const ObservedMetadata& metadata,
                      const std::vector<std::string>& restart_roles, const Sighting& sighting);

  Database& database_;
  RecordLog& records_;
  MarkTable& marks_;
};

}  // namespace signet
