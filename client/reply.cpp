#include "client/reply.h"

#include <utility>

#include "client/connection.h"
#include "client/field_reader.h"
#include "protocol/varlink_message.h"

namespace signet::client {
namespace {

using boost::json::object;

Result<TokenInfo> read_token(const object& json) {
  FieldReader reader(json, "token");
  TokenInfo token;
  token.name = reader.text("name");
  token.label = reader.text("label");
  token.serial = reader.text("serial");
  token.manufacturer = reader.text("manufacturer");
  token.model = reader.text("model");
  token.module = reader.text("module");
  token.uri = reader.text("uri");
  token.state = reader.text("state");
  token.pin = reader.text("pin");
  token.removable = reader.flag("removable");
  token.pin_tries = reader.optional_number("pinTries");
  return reader.finish(std::move(token));
}

Result<KeyEvidenceInfo> read_evidence(const object& json) {
  FieldReader reader(json, "key's evidence");
  KeyEvidenceInfo evidence;
  evidence.local = reader.flag("local");
  evidence.sensitive = reader.flag("sensitive");
  evidence.extractable = reader.flag("extractable");
  evidence.always_sensitive = reader.flag("alwaysSensitive");
  evidence.never_extractable = reader.flag("neverExtractable");
  evidence.always_authenticate = reader.flag("alwaysAuthenticate");
  evidence.pin_policy = reader.optional_text("pinPolicy");
  evidence.touch_policy = reader.optional_text("touchPolicy");
  return reader.finish(evidence);
}

Result<KeyLocationInfo> read_key_location(const object& json) {
  FieldReader reader(json, "key's location");
  KeyLocationInfo location;
  location.uri = reader.text("uri");
  location.token_label = reader.text("tokenLabel");
  location.token_serial = reader.text("tokenSerial");
  location.order = reader.number("order");
  location.weight = reader.number("weight");
  location.evidence = reader.nested("evidence", read_evidence);
  location.fault = reader.optional_text("fault");
  return reader.finish(std::move(location));
}

Result<AttestationInfo> read_attestation(const object& json) {
  FieldReader reader(json, "key's attestation");
  AttestationInfo attestation;
  attestation.firmware = reader.text("firmware");
  attestation.serial = reader.optional_number("serial");
  attestation.form_factor = reader.optional_text("formFactor");
  attestation.pin_policy = reader.text("pinPolicy");
  attestation.touch_policy = reader.text("touchPolicy");
  attestation.root = reader.text("root");
  attestation.root_fingerprint = reader.text("rootFingerprint");
  attestation.verified = reader.text("verified");
  attestation.warnings = reader.texts("warnings");
  return reader.finish(std::move(attestation));
}

Result<KeyInfo> read_key(const object& json) {
  FieldReader reader(json, "key");
  KeyInfo key;
  key.name = reader.text("name");
  key.uri = reader.text("uri");
  key.algorithm = reader.text("algorithm");
  key.fingerprint = reader.text("fingerprint");
  key.tuf_keyid = reader.text("tufKeyid");
  key.notary_keyid = reader.text("notaryKeyid");
  key.uses = reader.texts("uses");
  key.token_label = reader.text("tokenLabel");
  key.token_serial = reader.text("tokenSerial");
  key.state = reader.text("state");
  key.created = reader.text("created");
  key.evidence = reader.nested("evidence", read_evidence);
  if (json.contains("locations")) key.locations = reader.list("locations", read_key_location);
  if (reader.optional_object("attestation")) key.attestation = reader.nested("attestation", read_attestation);
  return reader.finish(std::move(key));
}

Result<RoleInfo> read_role(const object& json) {
  FieldReader reader(json, "role");
  RoleInfo role;
  role.repository = reader.text("repository");
  role.role = reader.text("role");
  return reader.finish(std::move(role));
}

Result<RepositoryInfo> read_repository(const object& json) {
  FieldReader reader(json, "repository");
  RepositoryInfo repository;
  repository.name = reader.text("name");
  repository.format = reader.text("format");
  repository.state = reader.text("state");
  repository.root_version = reader.optional_number("rootVersion");
  repository.root_digest = reader.optional_text("rootDigest");
  repository.root_expires = reader.optional_text("rootExpires");
  repository.versions = reader.numbers("versions");
  return reader.finish(std::move(repository));
}

// {error, parameters} of one key: an error as the call itself could have had it.
Result<VarlinkReply> read_fault(const object& json) {
  FieldReader reader(json, "fault");
  VarlinkReply reply;
  reply.error = reader.text("error");
  reply.parameters = reader.object("parameters");
  return reader.finish(std::move(reply));
}

Result<SignatureInfo> read_signature(const object& json) {
  FieldReader reader(json, "signature result");
  SignatureInfo signature;
  signature.key = reader.optional_text("key");
  signature.keyid = reader.text("keyid");
  signature.status = reader.text("status");
  signature.signature = reader.optional_object("signature");
  signature.hint = reader.optional_text("hint");
  if (reader.optional_object("fault")) {
    auto fault = reply_result(reader.nested("fault", read_fault));
    if (!fault) signature.fault = fault.error();
  }
  return reader.finish(std::move(signature));
}

Result<BatchedSignature> read_batched_signature(const object& json) {
  FieldReader reader(json, "message's result");
  BatchedSignature made;
  made.record = reader.optional_number("record");
  if (reader.optional_object("fault")) {
    auto fault = reply_result(reader.nested("fault", read_fault));
    if (!fault) made.fault = fault.error();
  }
  if (const auto encoded = reader.optional_text("signature")) {
    auto bytes = from_base64(*encoded);
    if (!bytes)
      return connection_error("malformed",
                              "The agent's signature is not base64. Check that signet and signetd fit.");
    made.signature = std::move(*bytes);
  }
  return reader.finish(std::move(made));
}

Result<SignedMetadata> read_signed(const object& json) {
  FieldReader reader(json, "signing result");
  SignedMetadata metadata;
  metadata.digest = reader.text("digest");
  metadata.version = reader.number("version");
  metadata.results = reader.list("results", read_signature);
  metadata.earlier = reader.objects("earlier");
  metadata.warnings = reader.texts("warnings");
  metadata.record = reader.optional_number("record");
  metadata.difference = reader.optional_text("difference");
  return reader.finish(std::move(metadata));
}

Result<Event> read_event_object(const object& json) {
  FieldReader reader(json, "event");
  Event event;
  event.kind = reader.text("kind");
  event.token = reader.optional_text("token");
  event.serial = reader.optional_text("serial");
  event.key = reader.optional_text("key");
  event.message = reader.text("message");
  event.seconds = reader.optional_number("seconds");
  return reader.finish(std::move(event));
}

Result<TokenCertificateInfo> read_token_certificate(const object& json) {
  FieldReader reader(json, "certificate");
  TokenCertificateInfo certificate;
  certificate.pem = reader.text("pem");
  certificate.fingerprint = reader.text("fingerprint");
  certificate.subject = reader.text("subject");
  certificate.issuer = reader.text("issuer");
  certificate.not_before = reader.text("notBefore");
  certificate.not_after = reader.text("notAfter");
  return reader.finish(std::move(certificate));
}

Result<IssuedCertificateInfo> read_issued(const object& json) {
  FieldReader reader(json, "issued certificate");
  IssuedCertificateInfo issued;
  issued.kind = reader.text("kind");
  issued.pem = reader.text("pem");
  issued.fingerprint = reader.text("fingerprint");
  issued.subject = reader.text("subject");
  issued.serial = reader.optional_text("serial");
  issued.not_before = reader.optional_text("notBefore");
  issued.not_after = reader.optional_text("notAfter");
  issued.notary = reader.optional_object("notary");
  issued.notary_keyid = reader.optional_text("notaryKeyid");
  issued.record = reader.number("record");
  return reader.finish(std::move(issued));
}

}  // namespace

Result<AttestedKey> read_attested_key(const object& parameters) {
  FieldReader reader(parameters, "reply to AttestKey");
  AttestedKey attested;
  attested.key = reader.nested("key", read_key);
  attested.pem = reader.text("pem");
  attested.attestation = reader.text("attestation");
  attested.chain = reader.texts("chain");
  return reader.finish(std::move(attested));
}

Result<KeyDetails> read_key_details(const object& parameters) {
  FieldReader reader(parameters, "reply");
  KeyDetails details;
  details.key = reader.nested("key", read_key);
  details.pem = reader.text("pem");
  details.ssh = reader.text("ssh");
  details.tuf = reader.object("tuf");
  details.notary = reader.object("notary");
  details.roles = reader.list("roles", read_role);
  return reader.finish(std::move(details));
}

Result<Observation> read_observation(const object& parameters) {
  FieldReader reader(parameters, "reply");
  Observation observation;
  observation.repository = reader.nested("repository", read_repository);
  observation.version = reader.number("version");
  observation.digest = reader.text("digest");
  observation.warnings = reader.texts("warnings");
  return reader.finish(std::move(observation));
}

Result<MessageSignature> read_message_signature(const object& parameters) {
  FieldReader reader(parameters, "reply");
  MessageSignature signature;
  const std::string encoded = reader.text("signature");
  signature.scheme = reader.text("scheme");
  signature.record = reader.optional_number("record");
  auto bytes = from_base64(encoded);
  if (!bytes)
    return connection_error("malformed",
                            "The agent's signature is not base64. Check that signet and signetd fit.");
  signature.signature = std::move(*bytes);
  return reader.finish(std::move(signature));
}

Result<IssuedCertificateInfo> read_issued_certificate(const object& parameters) {
  return only(parameters, "issued", read_issued);
}

Result<BatchSignatures> read_batch_signatures(const object& parameters) {
  FieldReader reader(parameters, "reply");
  BatchSignatures batch;
  batch.scheme = reader.text("scheme");
  batch.results = reader.list("results", read_batched_signature);
  return reader.finish(std::move(batch));
}

Result<std::vector<TokenCertificateInfo>> read_token_certificates(const object& parameters) {
  return only_list(parameters, "certificates", read_token_certificate);
}

Result<StoredCertificateInfo> read_stored_certificate(const object& parameters) {
  FieldReader reader(parameters, "reply");
  StoredCertificateInfo stored;
  stored.certificate = reader.nested("certificate", read_token_certificate);
  stored.replaced = reader.flag("replaced");
  stored.record = reader.number("record");
  return reader.finish(std::move(stored));
}

Result<TokenInfo> read_token_reply(const object& parameters) {
  return only(parameters, "token", read_token);
}
Result<std::vector<TokenInfo>> read_token_list(const object& parameters) {
  return only_list(parameters, "tokens", read_token);
}
Result<KeyInfo> read_key_reply(const object& parameters) {
  return only(parameters, "key", read_key);
}
Result<std::vector<KeyInfo>> read_key_list(const object& parameters) {
  return only_list(parameters, "keys", read_key);
}
Result<RepositoryInfo> read_repository_reply(const object& parameters) {
  return only(parameters, "repository", read_repository);
}
Result<std::vector<RepositoryInfo>> read_repository_list(const object& parameters) {
  return only_list(parameters, "repositories", read_repository);
}
Result<SignedMetadata> read_signed_metadata(const object& parameters) {
  return only(parameters, "result", read_signed);
}
Result<Event> read_event(const object& parameters) {
  return only(parameters, "event", read_event_object);
}

}  // namespace signet::client
