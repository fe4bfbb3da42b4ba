#include "agent/ledger/conflict.h"

#include <boost/json/array.hpp>

namespace signet {
namespace {

namespace json = boost::json;

// A signature that waits for touch takes seconds, one in a software token less than a millisecond.
constexpr std::int64_t kRetryAfterMs = 250;

std::string_view reason(Ruling ruling) {
  if (ruling == Ruling::Older) return "older";
  return ruling == Ruling::KeyUsed ? "key_used" : "other_bytes";
}

std::string advice(const Conflict& conflict) {
  switch (conflict.ruling) {
    case Ruling::Older:
      return "a newer version (" + std::to_string(conflict.version) +
             ") is known, and an older one would roll clients back. Sign a higher version.";
    case Ruling::KeyUsed:
      return "the key " + conflict.fingerprint.substr(0, 16) +
             " released other bytes of this type and version before (its memory is for life, across names "
             "and "
             "re-enrolments). Sign a version that it has not signed yet.";
    default:
      return "other bytes were released or observed for it (SHA-256 " + conflict.digest.substr(0, 16) +
             "). Publish those, sign a higher version, or supersede what was released and not observed.";
  }
}

}  // namespace

Error version_conflict(const std::string& repository, const std::string& role, std::int64_t wanted,
                       Conflict conflict) {
  json::object parameters{{"repository", repository},    {"role", role},
                          {"version", conflict.version}, {"reason", reason(conflict.ruling)},
                          {"digest", conflict.digest},   {"payload", nullptr},
                          {"signatures", json::array()}};
  std::string message = "Version " + std::to_string(wanted) + " of " + role + " in " + repository +
                        " is refused: " + advice(conflict);
  if (conflict.stored) {
    parameters["payload"] = conflict.stored->payload;
    json::array& signatures = parameters["signatures"].get_array();
    for (json::object& signature : conflict.stored->signatures) signatures.emplace_back(std::move(signature));
  }
  return {ErrorName::VersionConflict, std::move(message), std::move(parameters)};
}

Error unknown_repository(const std::string& name) {
  json::object parameters{{"kind", "repository"}, {"name", name}};
  return {
      ErrorName::NotFound,
      "The ledger knows no repository \"" + name +
          "\". Adopt its root (\"signet repository adopt\"), or create it if it is new (\"signet repository "
          "create\").",
      std::move(parameters)};
}

Error unknown_key(const std::string& fingerprint) {
  json::object parameters{{"kind", "key"}, {"name", fingerprint}};
  return {ErrorName::NotFound, "No key with the fingerprint " + fingerprint + " is enrolled.",
          std::move(parameters)};
}

Error retired_key(const std::string& fingerprint) {
  json::object parameters{{"key", fingerprint}, {"why", "retired"}};
  return {ErrorName::KeyRefused,
          "The key " + fingerprint +
              " is retired: it signs nothing but a root that removes it. Use another key of the role.",
          std::move(parameters)};
}

Error shared_key(const std::string& fingerprint, const std::string& other_pair,
                 const ReserveRequest& request) {
  json::object parameters{{"rule", "shared-key"}};
  return {ErrorName::PolicyDenied,
          "The key " + fingerprint + " signs " + request.type + " metadata for \"" + other_pair +
              "\" and may not serve \"" + request.repository + " " + request.role +
              "\" too. Use a key of its own, or name this key in the policy's shared keys.",
          std::move(parameters)};
}

Error busy(const ReserveRequest& request) {
  json::object parameters{{"retryAfterMs", kRetryAfterMs}};
  return {ErrorName::Busy,
          "Other bytes for version " + std::to_string(request.version) + " of " + request.role + " in " +
              request.repository +
              " (or with one of its keys) are being signed right now. Try again in a moment.",
          std::move(parameters)};
}

Error released_meanwhile(const ReserveRequest& request) {
  json::object parameters{{"retryAfterMs", kRetryAfterMs}};
  return {ErrorName::Busy,
          "Version " + std::to_string(request.version) + " of " + request.role + " in " + request.repository +
              " was released while this call was prepared: it would replace another thing than was shown. "
              "Nothing was signed. Ask again.",
          std::move(parameters)};
}

}  // namespace signet
