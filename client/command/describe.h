// The agent's answers as JSON for scripts: the members and spellings of org.signet.Agent. Pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <vector>

#include "client/signet.h"

namespace signet::client {

boost::json::object to_json(const LedgerInfo& ledger);
boost::json::object to_json(const CheckpointInfo& checkpoint);
boost::json::object to_json(const QuarantineInfo& quarantine);
boost::json::object to_json(const ModuleInfo& module);
boost::json::object to_json(const SinkInfo& sink);
boost::json::object to_json(const AgentStatus& status);
boost::json::object to_json(const TokenInfo& token);
boost::json::object to_json(const KeyEvidenceInfo& evidence);
boost::json::object to_json(const KeyLocationInfo& location);
boost::json::object to_json(const KeyInfo& key);
boost::json::object to_json(const AttestationInfo& attestation);
boost::json::object to_json(const AttestedKey& attested);
boost::json::object to_json(const RoleInfo& role);
boost::json::object to_json(const KeyDetails& details);
boost::json::object to_json(const RepositoryInfo& repository);
boost::json::object to_json(const Observation& observation);
boost::json::object to_json(const IssuedCertificateInfo& issued);
boost::json::object to_json(const TokenCertificateInfo& certificate);
boost::json::object to_json(const SignatureInfo& signature);
boost::json::object to_json(const SignedMetadata& metadata);

template <typename T>
boost::json::array to_json(const std::vector<T>& all) {
  boost::json::array array;
  for (const auto& one : all) array.push_back(to_json(one));
  return array;
}

boost::json::array to_json(const std::vector<std::string>& all);
// {error, parameters}, as the IDL's Fault.
boost::json::object fault_json(const Error& error);

// {NAME: value}, e.g. {"token": {…}}.
template <typename Value>
boost::json::object one_member(const char* name, Value value) {
  boost::json::object json;
  json[name] = std::move(value);
  return json;
}

}  // namespace signet::client
