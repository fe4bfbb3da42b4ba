#include "agent/service/token_signing.h"

#include "agent/service/key_attestation_record.h"

namespace signet {

TokenMechanism token_mechanism(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::EcdsaSha256:
    case SignatureScheme::EcdsaSha384:
      return TokenMechanism::Ecdsa;
    case SignatureScheme::RsaPssSha256:
      return TokenMechanism::RsaPssSha256;
    case SignatureScheme::RsaPkcs1Sha256:
      return TokenMechanism::RsaPkcs1;
    case SignatureScheme::Ed25519:
      return TokenMechanism::Eddsa;
  }
  return TokenMechanism::Ecdsa;
}

KeyLocation key_location(const LedgerKey& enrolled, const PublicKey& key) {
  KeyLocation location;
  location.name = enrolled.name;
  location.uri = enrolled.uri;
  location.token_label = enrolled.token_label;
  location.token_serial = enrolled.token_serial;
  location.order = enrolled.share.order;
  location.weight = enrolled.share.weight;
  location.spki = key.spki();
  location.algorithm = key.algorithm();
  for (const LedgerKeyLocation& other : enrolled.also) location.also.push_back(key_place(other));
  if (const auto attested = attestation_facts(enrolled))
    location.touch = attested->touch;
  else if (const auto told = told_policies(enrolled))
    location.touch = told->touch;
  return location;
}

KeyPlace key_place(const LedgerKeyLocation& location) {
  KeyPlace place;
  place.uri = location.uri;
  place.token_label = location.token_label;
  place.token_serial = location.token_serial;
  place.order = location.share.order;
  place.weight = location.share.weight;
  return place;
}

namespace {

std::string_view event_kind(TokenEvent::Kind kind) {
  switch (kind) {
    case TokenEvent::Kind::InsertToken:
      return "insert_token";
    case TokenEvent::Kind::Pin:
      return "pin";
    case TokenEvent::Kind::Queued:
      return "queued";
    case TokenEvent::Kind::Touch:
      break;
  }
  return "touch";
}

boost::json::object event_json(const TokenEvent& event) {
  return {{"kind", event_kind(event.kind)}, {"token", event.token},
          {"serial", event.serial},         {"key", event.key},
          {"message", event.message},       {"seconds", event.left.count()}};
}

}  // namespace

Waiting waiting_for(const Peer& client, EventSink& events, boost::json::object empty) {
  Waiting waiting;
  waiting.client.uid = client.uid;
  waiting.client.process = client.pid;
  if (!events.wanted()) return waiting;
  waiting.patience = kTokenPatience;
  waiting.abandoned = [&events] { return events.over(); };
  waiting.tell = [&events, empty = std::move(empty)](TokenEvent event) {
    boost::json::object reply = empty;
    reply["event"] = event_json(event);
    return events.send(std::move(reply));
  };
  return waiting;
}

Error wrong_signature(const LedgerKey& key, const KeyPlace& place) {
  return {ErrorName::KeyRefused,
          "The token answered for the key " + key.name +
              " with a signature that the enrolled public key does not verify, so it was thrown away. Is the "
              "right token (" +
              place.token_label + ", serial " + place.token_serial + ") inserted?",
          {{"key", key.name}, {"why", "wrong-signature"}}};
}

}  // namespace signet
