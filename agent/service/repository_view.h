// A repository as the ledger knows it, parsed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "agent/service/state.h"
#include "agent/signing/signing_rule.h"

namespace signet {

struct RepositoryView {
  LedgerRepository row;
  std::shared_ptr<const MetadataFile> root;  // the newest trusted root; null for a created repository
};

// The observed metadata that names a role's keys, and under which name it was observed.
struct Delegator {
  std::string role;
  std::shared_ptr<const MetadataFile> file;  // null: none is known
};

bool is_top_level(std::string_view role);

// NotFound, LedgerUnavailable; MetadataInvalid for a name that is none.
boost::asio::awaitable<Result<RepositoryView>> load_repository(ServiceState& state, Ledger& ledger,
                                                               std::string name);

// The newest observed metadata of one role, parsed; null if none was observed.
boost::asio::awaitable<Result<std::shared_ptr<const MetadataFile>>> load_observed(ServiceState& state,
                                                                                  Ledger& ledger,
                                                                                  const RepositoryView& view,
                                                                                  std::string role);

// The trusted root for a top-level role; else the observed targets metadata, or delegation, that names the
// role (looked for breadth first from "targets").
boost::asio::awaitable<Result<Delegator>> find_delegator(ServiceState& state, Ledger& ledger,
                                                         const RepositoryView& view, std::string role);

boost::asio::awaitable<Result<boost::json::object>> repository_json(ServiceState& state, Ledger& ledger,
                                                                    std::string name);

}  // namespace signet
