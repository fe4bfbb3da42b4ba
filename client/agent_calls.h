// What the agent is asked; protocol/org.signet.Agent.varlink says what each field means. Values.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/secret.h"

namespace signet::client {

// Which records: those that all given members fit.
struct RecordFilterInfo {
  std::optional<std::string> since, until;  // RFC 3339
  std::optional<std::string> kind, repository, role, key, outcome;
  std::optional<std::int64_t> uid;
};

struct ListRecordsCall {
  RecordFilterInfo filter;
  std::optional<std::int64_t> after;
  bool newest_first = false;
  std::int64_t limit = 100;  // 1 to 1000
};

struct InitTokenCall {
  std::string token, label;
  Secret so_pin, pin;
};

struct GenerateKeyCall {
  std::string token, name, algorithm;
  std::vector<std::string> uses;
  std::optional<Secret> pin, so_pin;  // one of them, or neither
  std::optional<std::string> id;      // CKA_ID in hexadecimal: of a PIV card its slot
};

// A further token that holds an enrolled key; for a token that is known, its order and weight anew.
struct AddKeyLocationCall {
  std::string key, uri;
  std::optional<std::int64_t> order, weight;
};

struct EnrolKeyCall {
  std::string uri, name;
  std::vector<std::string> uses;
  std::optional<std::string> attestation, intermediate;  // PEM
};

struct SignMetadataCall {
  std::string repository, role, format;
  std::string signed_bytes;  // the exact canonical JSON of "signed"
  std::optional<std::vector<std::string>> keys;
  bool dry_run = false, supersede = false, accept_lower_threshold = false;
};

struct SignMessageCall {
  std::string key;
  std::optional<Bytes> message, digest;  // exactly one
  std::optional<std::string> scheme;
};

struct IssueCertificateCall {
  std::string key, kind;             // certificate, request
  std::vector<std::string> subject;  // "CN=…", in the certificate's order
  std::vector<std::string> names;    // "dns:…", "email:…", "uri:…", "ip:…"
  std::vector<std::string> purposes;
  std::optional<std::string> not_before, not_after;  // RFC 3339; a certificate has an end, a request neither
};

// At most kMostInBatch, and no more bytes in all than a frame has room for: about 180 KiB, 4 more for each.
struct SignMessagesCall {
  std::string key;
  std::vector<Bytes> messages, digests;  // exactly one of the two lists has members
  std::optional<std::string> scheme;
};
inline constexpr std::size_t kMostInBatch = 1024;

struct StoreCertificateCall {
  std::string key, certificate;  // its name; PEM
  bool replace = false;
  std::optional<std::string> token;   // of a key on several: label, serial number or URI
  std::optional<Secret> pin, so_pin;  // one of them, or neither
};

// A request to explain, as the IDL's PolicyQuestion; what is not given is not known.
struct PolicyQuestion {
  std::string action;
  std::optional<std::string> user, issuer;
  std::optional<boost::json::object> claims;
  std::optional<std::string> key, algorithm, use, token, repository, role;
  std::optional<std::string> at, expires;  // RFC 3339 in UTC
  bool touch = false;
  std::optional<std::map<std::string, std::int64_t>> thresholds;
  std::optional<std::int64_t> root_keys, other_versions_last_hour;
  std::optional<std::vector<std::string>> changed_targets;
  std::optional<bool> delegations_changed;
};

}  // namespace signet::client
