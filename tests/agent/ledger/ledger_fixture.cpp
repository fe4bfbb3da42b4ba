#include "tests/agent/ledger/ledger_fixture.h"

#include <boost/json/parse.hpp>

#include "protocol/public_key.h"

namespace signet::test {

std::string digest_of(const std::string& payload) {
  return sha256_hex(as_bytes(payload));
}
std::string fingerprint_of(const std::string& key_name) {
  return digest_of("spki of " + key_name);
}

LedgerKey make_key(const std::string& name, std::vector<std::string> uses) {
  LedgerKey key;
  key.name = name;
  key.uri = "pkcs11:token=test;object=" + name;
  key.algorithm = "ecdsa-p256";
  key.spki = to_bytes(as_bytes("spki of " + name));
  key.fingerprint = fingerprint_of(name);
  key.tuf_keyid = digest_of("tuf " + name);
  key.notary_keyid = digest_of("notary " + name);
  key.uses = std::move(uses);
  key.token_label = "test";
  key.token_serial = "1";
  key.evidence = {{"local", true}};
  return key;
}

ReserveRequest make_request(const std::string& repository, const std::string& role, std::int64_t version,
                            const std::string& payload, const std::vector<std::string>& keys) {
  ReserveRequest request;
  request.repository = repository;
  request.role = role;
  request.type = role == "root" || role == "snapshot" || role == "timestamp" ? role : "targets";
  request.version = version;
  request.payload = payload;
  request.digest = digest_of(payload);
  for (const std::string& key : keys) request.fingerprints.push_back(fingerprint_of(key));
  request.requester = someone();
  return request;
}

KeyOutcome signed_by(const std::string& key_name) {
  KeyOutcome outcome;
  outcome.fingerprint = fingerprint_of(key_name);
  outcome.signature = boost::json::object{{"keyid", key_name}, {"sig", "00"}};
  return outcome;
}

KeyOutcome failed_by(const std::string& key_name) {
  KeyOutcome outcome;
  outcome.fingerprint = fingerprint_of(key_name);
  outcome.fault = "TokenFault: CKR_DEVICE_ERROR\n";
  return outcome;
}

ObservedMetadata make_observed(const std::string& role, std::int64_t version, const std::string& payload) {
  ObservedMetadata metadata;
  metadata.role = role;
  metadata.version = version;
  metadata.digest = digest_of(payload);
  metadata.metadata = "{\"signed\":\"" + payload + "\"}";
  return metadata;
}

std::string string_parameter(const Error& error, const char* name) {
  const auto* value = error.parameters.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

LedgerBench::LedgerBench(LedgerOptions options) : options_(std::move(options)) {
  store_ = LedgerStore::create(scratch_.path(), options_).value();
}

void LedgerBench::reopen() {
  store_.reset();
  store_ = LedgerStore::open(scratch_.path(), options_).value();
}

void LedgerBench::populate() {
  const auto populated = call([&]() -> Result<void> {
    for (const char* name : {"k1", "k2", "k3"})
      if (auto added = store_->keys().add(make_key(name), someone()); !added) return added;
    for (const char* name : {"a", "b"}) {
      TrustedRoot root;
      root.version = 1;
      root.digest = digest_of(std::string("root 1 of ") + name);
      root.metadata = "{}";
      auto adopted = store_->repositories().adopt(name, MetadataFormat::Tuf, root, someone());
      if (!adopted) return adopted;
    }
    return {};
  });
  populated.value();
}

Result<Reservation> LedgerBench::reserve(const ReserveRequest& request) {
  return call([&] { return store_->reservations().reserve(request); });
}

Result<Reservation> LedgerBench::check(const ReserveRequest& request) {
  return call([&] { return store_->reservations().check(request); });
}

Result<void> LedgerBench::finish(std::int64_t id, const std::vector<KeyOutcome>& outcomes) {
  const auto finished = call([&] { return store_->reservations().finish(id, outcomes); });
  if (!finished) return finished.error();
  return {};
}

Result<void> LedgerBench::sign(const ReserveRequest& request) {
  const auto reservation = reserve(request);
  if (!reservation) return reservation.error();
  std::vector<KeyOutcome> outcomes;
  for (const std::string& fingerprint : request.fingerprints) {
    KeyOutcome outcome;
    outcome.fingerprint = fingerprint;
    outcome.signature = boost::json::object{{"keyid", fingerprint}, {"sig", request.digest}};
    outcomes.push_back(std::move(outcome));
  }
  return finish(reservation->id, outcomes);
}

Result<std::vector<std::string>> LedgerBench::observe(const std::string& repository,
                                                      const ObservedMetadata& metadata,
                                                      const std::vector<std::string>& restart_roles) {
  return call([&] { return store_->observe(repository, metadata, restart_roles, someone()); });
}

std::vector<RecordRow> LedgerBench::records() {
  return call([&]() -> Result<std::vector<RecordRow>> { return store_->records().read(1, 1000); }).value();
}

boost::json::object LedgerBench::last_statement() {
  return boost::json::parse(records().back().statement).as_object();
}

}  // namespace signet::test
