// Checks a whole repository as a TUF client would (specification 1.0, section 5): root chain, timestamp,
// snapshot, targets, delegations, target files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "client/tuf/check_report.h"
#include "client/tuf/root_chain.h"
#include "protocol/result.h"

namespace signet::client {

// A target file's content, as it can be compared with metadata.
struct ContentDigest {
  std::int64_t length = 0;
  std::map<std::string, std::string> hashes;  // "sha256", "sha512" -> lower-case hex
};

ContentDigest digest_of(std::string_view content);

// Where the check gets a repository's files. Implementations do the I/O.
class RepositorySource {
 public:
  virtual ~RepositorySource() = default;
  // A metadata file by its name in the repository ("2.root.json"); nothing if there is none.
  virtual Result<std::optional<std::string>> metadata(const std::string& name) = 0;
  // A target file by its path below the repository's targets; nothing if there is none.
  virtual Result<std::optional<ContentDigest>> target(const std::string& path) = 0;
};

// Everything reachable from `anchor` (the text of a trusted root, named `anchor_name`), in order. The report
// stops where nothing more can be trusted. MetadataInvalid if the anchor itself is no sound root. Files of
// targets that the source does not have are counted, not held against the repository: mirrors need not have
// all.
Result<CheckReport> check_repository(std::string anchor_name, std::string anchor, RepositorySource& source,
                                     const CheckOptions& options);

}  // namespace signet::client
