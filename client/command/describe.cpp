#include "client/command/describe.h"

#include <utility>

namespace signet::client {
namespace {

using boost::json::object;
using boost::json::value;

template <typename T>
value or_null(const std::optional<T>& optional) {
  return optional ? value(*optional) : value(nullptr);
}

value fault_or_null(const std::optional<Error>& fault) {
  return fault ? value(fault_json(*fault)) : value(nullptr);
}

}  // namespace

object fault_json(const Error& error) {
  const std::string_view wire = wire_name(error.name);
  object parameters = error.parameters;
  parameters["message"] = error.message;
  object json;
  json["error"] = boost::json::string_view(wire.data(), wire.size());
  json["parameters"] = std::move(parameters);
  return json;
}

object to_json(const CheckpointInfo& checkpoint) {
  return {{"origin", checkpoint.origin},
          {"verifierKey", or_null(checkpoint.verifier_key)},
          {"size", checkpoint.size},
          {"fault", or_null(checkpoint.fault)},
          {"failedWrites", checkpoint.failed_writes}};
}

object to_json(const QuarantineInfo& quarantine) {
  return {{"since", quarantine.since}, {"why", quarantine.why}, {"anchor", quarantine.anchor}};
}

object to_json(const LedgerInfo& ledger) {
  object json{{"id", ledger.id}, {"records", ledger.records}};
  if (ledger.commits) json["commits"] = *ledger.commits;
  return json;
}

object to_json(const ModuleInfo& module) {
  return {
      {"name", module.name}, {"path", module.path}, {"state", module.state}, {"why", or_null(module.why)}};
}

object to_json(const SinkInfo& sink) {
  return {{"name", sink.name},
          {"kind", sink.kind},
          {"state", sink.state},
          {"position", sink.position},
          {"lag", sink.lag},
          {"failures", sink.failures},
          {"lastError", or_null(sink.last_error)}};
}

object to_json(const AgentStatus& status) {
  return {{"version", status.version},
          {"pid", status.pid},
          {"started", status.started},
          {"socket", status.socket},
          {"state", status.state},
          {"ledger", status.ledger ? value(to_json(*status.ledger)) : value(nullptr)},
          {"ledgerFault", or_null(status.ledger_fault)},
          {"checkpoint", status.checkpoint ? value(to_json(*status.checkpoint)) : value(nullptr)},
          {"quarantine", status.quarantine ? value(to_json(*status.quarantine)) : value(nullptr)},
          {"modules", to_json(status.modules)},
          {"connections", status.connections},
          {"sinks", to_json(status.sinks)}};
}

object to_json(const TokenInfo& token) {
  object json{{"name", token.name},     {"label", token.label},
              {"serial", token.serial}, {"manufacturer", token.manufacturer},
              {"model", token.model},   {"module", token.module},
              {"uri", token.uri},       {"state", token.state},
              {"pin", token.pin},       {"removable", token.removable},
              {"pinTries", nullptr}};
  if (token.pin_tries) json["pinTries"] = *token.pin_tries;
  return json;
}

object to_json(const KeyEvidenceInfo& evidence) {
  return {{"local", evidence.local},
          {"sensitive", evidence.sensitive},
          {"extractable", evidence.extractable},
          {"alwaysSensitive", evidence.always_sensitive},
          {"neverExtractable", evidence.never_extractable},
          {"alwaysAuthenticate", evidence.always_authenticate},
          {"pinPolicy", or_null(evidence.pin_policy)},
          {"touchPolicy", or_null(evidence.touch_policy)}};
}

object to_json(const KeyLocationInfo& location) {
  return {{"uri", location.uri},
          {"tokenLabel", location.token_label},
          {"tokenSerial", location.token_serial},
          {"order", location.order},
          {"weight", location.weight},
          {"evidence", to_json(location.evidence)},
          {"fault", or_null(location.fault)}};
}

object to_json(const AttestationInfo& attestation) {
  return {{"firmware", attestation.firmware},
          {"serial", or_null(attestation.serial)},
          {"formFactor", or_null(attestation.form_factor)},
          {"pinPolicy", attestation.pin_policy},
          {"touchPolicy", attestation.touch_policy},
          {"root", attestation.root},
          {"rootFingerprint", attestation.root_fingerprint},
          {"verified", attestation.verified},
          {"warnings", to_json(attestation.warnings)}};
}

object to_json(const KeyInfo& key) {
  object json{{"name", key.name},
              {"uri", key.uri},
              {"algorithm", key.algorithm},
              {"fingerprint", key.fingerprint},
              {"tufKeyid", key.tuf_keyid},
              {"notaryKeyid", key.notary_keyid},
              {"uses", to_json(key.uses)},
              {"tokenLabel", key.token_label},
              {"tokenSerial", key.token_serial},
              {"state", key.state},
              {"created", key.created},
              {"evidence", to_json(key.evidence)}};
  if (!key.locations.empty()) json["locations"] = to_json(key.locations);  // an older agent tells none
  json["attestation"] = key.attestation ? value(to_json(*key.attestation)) : value(nullptr);
  return json;
}

object to_json(const AttestedKey& attested) {
  return {{"key", to_json(attested.key)},
          {"pem", attested.pem},
          {"attestation", attested.attestation},
          {"chain", to_json(attested.chain)}};
}

object to_json(const RoleInfo& role) {
  return {{"repository", role.repository}, {"role", role.role}};
}

object to_json(const KeyDetails& details) {
  return {{"key", to_json(details.key)}, {"pem", details.pem},       {"ssh", details.ssh},
          {"tuf", details.tuf},          {"notary", details.notary}, {"roles", to_json(details.roles)}};
}

object to_json(const RepositoryInfo& repository) {
  object versions;
  for (const auto& [role, version] : repository.versions) versions[role] = version;
  return {{"name", repository.name},
          {"format", repository.format},
          {"state", repository.state},
          {"rootVersion", or_null(repository.root_version)},
          {"rootDigest", or_null(repository.root_digest)},
          {"rootExpires", or_null(repository.root_expires)},
          {"versions", versions}};
}

object to_json(const Observation& observation) {
  return {{"repository", to_json(observation.repository)},
          {"version", observation.version},
          {"digest", observation.digest},
          {"warnings", to_json(observation.warnings)}};
}

object to_json(const IssuedCertificateInfo& issued) {
  return {{"kind", issued.kind},
          {"pem", issued.pem},
          {"fingerprint", issued.fingerprint},
          {"subject", issued.subject},
          {"serial", or_null(issued.serial)},
          {"notBefore", or_null(issued.not_before)},
          {"notAfter", or_null(issued.not_after)},
          {"notary", or_null(issued.notary)},
          {"notaryKeyid", or_null(issued.notary_keyid)},
          {"record", issued.record}};
}

object to_json(const TokenCertificateInfo& certificate) {
  return {{"pem", certificate.pem},
          {"fingerprint", certificate.fingerprint},
          {"subject", certificate.subject},
          {"issuer", certificate.issuer},
          {"notBefore", certificate.not_before},
          {"notAfter", certificate.not_after}};
}

object to_json(const SignatureInfo& signature) {
  return {{"key", or_null(signature.key)},   {"keyid", signature.keyid},
          {"status", signature.status},      {"signature", or_null(signature.signature)},
          {"hint", or_null(signature.hint)}, {"fault", fault_or_null(signature.fault)}};
}

object to_json(const SignedMetadata& metadata) {
  boost::json::array earlier;
  for (const auto& one : metadata.earlier) earlier.push_back(one);
  return {{"digest", metadata.digest},
          {"version", metadata.version},
          {"results", to_json(metadata.results)},
          {"earlier", earlier},
          {"warnings", to_json(metadata.warnings)},
          {"difference", or_null(metadata.difference)}};
}

boost::json::array to_json(const std::vector<std::string>& all) {
  boost::json::array array;
  for (const auto& one : all) array.emplace_back(one);
  return array;
}

}  // namespace signet::client
