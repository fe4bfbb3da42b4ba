// What may be a key of this agent: pure decisions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ledger/ledger_types.h"
#include "agent/tokens/token_service.h"
#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxKeyName = 64;

// NotFound (kind key).
Error key_not_found(const std::string& name);

// 1 to 64 of [A-Za-z0-9._-], not starting with "." or "-", and not 64 hexadecimal digits (which is a key id).
// InvalidParameter(name).
Result<void> check_key_name(std::string_view name);

// At least one of tuf, certificate, approval, checkpoint, message, digest; each once; approval and checkpoint
// alone, tuf alone or with certificate (the agent builds what it signs as one). InvalidParameter(uses),
// PolicyDenied(tuf-excludes-…, approval-excludes-…, checkpoint-excludes-…).
Result<void> check_key_uses(const std::vector<std::string>& uses);

// KeyRefused (extractable, not-sensitive): a key that could leave its token is not one that Signet signs
// with.
Result<void> check_evidence(const std::string& name, const KeyEvidence& evidence);

// Of a further token that is to hold the key: it must hold this key, one that cannot leave it either.
// InvalidParameter (uri), KeyRefused (extractable, not-sensitive).
Result<void> check_further_location(const LedgerKey& key, const FoundKey& found);
// The one of the key's tokens that is meant by a label, serial number or URI: also one that is not there any
// more. NotFound (kind token), InvalidParameter (token: several).
Result<LedgerKeyLocation> named_location(const LedgerKey& key, const std::string& selector);
// InvalidParameter (order, weight); absent: 0 and 1.
Result<KeyShare> key_share(const std::optional<std::int64_t>& order,
                           const std::optional<std::int64_t>& weight);

}  // namespace signet
