#include "agent/service/replies.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "agent/service/key_attestation_record.h"
#include "agent/service/token_signing.h"

namespace signet {
namespace {

std::string_view state_name(TokenState state) {
  switch (state) {
    case TokenState::Blank:
      return "blank";
    case TokenState::Locked:
      return "locked";
    case TokenState::Unlocked:
      return "unlocked";
    case TokenState::Open:
      return "open";
    case TokenState::Faulty:
      return "faulty";
  }
  return "faulty";
}

std::string_view pin_name(PinState pin) {
  switch (pin) {
    case PinState::Ok:
      return "ok";
    case PinState::Low:
      return "low";
    case PinState::Final:
      return "final";
    case PinState::Blocked:
      return "blocked";
    case PinState::Unset:
      return "unset";
  }
  return "unset";
}

boost::json::object location_json(const LedgerKeyLocation& location, const LedgerKey& key,
                                  const TokenService& tokens) {
  boost::json::object json{{"uri", location.uri},
                           {"tokenLabel", location.token_label},
                           {"tokenSerial", location.token_serial},
                           {"order", location.share.order},
                           {"weight", location.share.weight},
                           {"evidence", location.evidence},
                           {"fault", nullptr}};
  if (const auto fault = tokens.fault_of(key_place(location), key.spki)) json["fault"] = *fault;
  return json;
}

}  // namespace

boost::json::object to_json(const LedgerSummary& summary) {
  return {{"id", summary.id}, {"records", summary.records}, {"commits", summary.commits}};
}

boost::json::object to_json(const ModuleDescription& module) {
  boost::json::object reply{{"name", module.name},
                            {"path", module.path},
                            {"state", module.usable ? "usable" : "faulty"},
                            {"why", nullptr}};
  if (!module.usable) reply["why"] = module.why;
  return reply;
}

boost::json::object to_json(const TokenDescription& token) {
  boost::json::object json{{"name", token.name},         {"label", token.label},
                           {"serial", token.serial},     {"manufacturer", token.manufacturer},
                           {"model", token.model},       {"module", token.module},
                           {"uri", token.uri},           {"state", state_name(token.state)},
                           {"pin", pin_name(token.pin)}, {"removable", token.removable},
                           {"pinTries", nullptr}};
  if (token.pin_tries) json["pinTries"] = *token.pin_tries;
  return json;
}

boost::json::object to_json(const KeyEvidence& evidence) {
  return {{"local", evidence.local},
          {"sensitive", evidence.sensitive},
          {"extractable", evidence.extractable},
          {"alwaysSensitive", evidence.always_sensitive},
          {"neverExtractable", evidence.never_extractable},
          {"alwaysAuthenticate", evidence.always_authenticate}};
}

boost::json::object to_json(const LedgerKey& key, const TokenService& tokens) {
  boost::json::array locations;
  locations.push_back(location_json(first_location(key), key, tokens));
  for (const LedgerKeyLocation& other : key.also) locations.push_back(location_json(other, key, tokens));
  boost::json::object evidence = key.evidence;
  evidence.erase(kAttestationMember);  // told in a member of its own, without its certificates
  return {{"name", key.name},
          {"uri", key.uri},
          {"algorithm", key.algorithm},
          {"fingerprint", key.fingerprint},
          {"tufKeyid", key.tuf_keyid},
          {"notaryKeyid", key.notary_keyid},
          {"uses", boost::json::array(key.uses.begin(), key.uses.end())},
          {"tokenLabel", key.token_label},
          {"tokenSerial", key.token_serial},
          {"state", key.retired ? "retired" : "active"},
          {"created", key.created},
          {"evidence", std::move(evidence)},
          {"locations", std::move(locations)},
          {"attestation", attestation_json(key)}};
}

boost::json::object to_json(const RecordRow& record) {
  return {{"sequence", record.sequence}, {"time", record.time}, {"statement", record.statement}};
}

boost::json::object to_json(const Quarantine& quarantine) {
  return {{"since", quarantine.since}, {"why", quarantine.why}, {"anchor", quarantine.anchor}};
}

boost::json::object to_json(const CheckpointerState& state, const KeptCheckpoint& newest) {
  boost::json::object json{{"origin", state.origin},
                           {"verifierKey", nullptr},
                           {"size", newest.size},
                           {"fault", nullptr},
                           {"failedWrites", state.failed_writes}};
  if (!state.verifier_key.empty()) json["verifierKey"] = state.verifier_key;
  if (state.fault) json["fault"] = state.fault->message;
  return json;
}

boost::json::object to_json(const LedgerFinding& finding) {
  return {{"name", finding.name},
          {"sequence", finding.sequence},
          {"warning", finding.warning},
          {"message", finding.message}};
}

boost::json::object to_json(const SinkState& sink, std::int64_t records) {
  boost::json::object reply{{"name", sink.name},
                            {"kind", sink.kind},
                            {"state", sink.failing ? "failing" : "working"},
                            {"position", sink.position},
                            {"lag", std::max<std::int64_t>(0, records - sink.position)},
                            {"failures", sink.failures},
                            {"lastError", nullptr}};
  if (!sink.error.empty()) reply["lastError"] = sink.error;
  return reply;
}

boost::json::object fault_json(const Error& error) {
  boost::json::object parameters = error.parameters;
  parameters["message"] = error.message;
  return {{"error", wire_name(error.name)}, {"parameters", std::move(parameters)}};
}

}  // namespace signet
