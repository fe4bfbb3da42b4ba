// A metadata file as people read it. Pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "client/command/console.h"
#include "protocol/metadata.h"

namespace signet::client {

enum class SignatureState { Good, Bad, Unknown, Empty };

// Each signature of `file`, judged where its key is known: a root knows its own keys, `delegator` (if given)
// those of the file's role.
struct SignatureSummary {
  std::string keyid;
  SignatureState state = SignatureState::Unknown;
};
std::vector<SignatureSummary> judge_signatures(const MetadataFile& file,
                                               const std::optional<Signed>& delegator,
                                               const std::string& role);

std::string summary_text(const MetadataFile& file, const std::vector<SignatureSummary>& signatures,
                         std::chrono::sys_seconds now, const Paint& paint);
boost::json::object summary_json(const MetadataFile& file, const std::vector<SignatureSummary>& signatures);

}  // namespace signet::client
