// Whether enough keys signed. Pure decisions over parsed metadata; used by Observe, publish and verify.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

struct ThresholdReport {
  std::int64_t threshold = 1;
  std::vector<std::string> valid;  // key ids with a good signature; distinct public keys
  // Key ids of the role whose signature does not verify, whose key Signet cannot use, or whose public key
  // counted already under another key id.
  std::vector<std::string> invalid;
  // Key ids of the role without a signature, or with TUF's empty placeholder.
  std::vector<std::string> absent;
  bool met() const { return static_cast<std::int64_t>(valid.size()) >= threshold; }
};

// The role's keys as its delegator has them: a root for the four top-level roles, a targets role for a
// delegation (succinct roles included). NotFound if the delegator does not name the role.
struct DelegatedKeys {
  RoleKeys role;
  std::vector<MetadataKey> keys;  // those of role.keyids that the delegator defines
};
Result<DelegatedKeys> delegated_keys(const Signed& delegator, std::string_view role);

ThresholdReport count_signatures(const MetadataFile& file, const DelegatedKeys& delegated);

// MetadataInvalid unless the delegator's threshold is met (why "threshold", with the report in the message)
// and the metadata is of the role's type and the delegator's format (why "type"); NotFound as delegated_keys.
Result<ThresholdReport> verify_threshold(const MetadataFile& file, const Signed& delegator,
                                         std::string_view role);
// A root N + 1: version exactly + 1 (else why "root-version"), met by the old root's keys and by its own.
Result<void> verify_root_step(const Signed& trusted, const MetadataFile& candidate);

}  // namespace signet
