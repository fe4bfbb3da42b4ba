#include "agent/service/key_attestation_record.h"

#include <boost/json/array.hpp>

#include "agent/attestation/attestation_certificate.h"

namespace signet {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::int64_t> number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

// Null for a key without.
const json::object* stored_attestation(const LedgerKey& key) {
  const json::value* stored = key.evidence.if_contains(kAttestationMember);
  return stored != nullptr && stored->is_object() ? &stored->get_object() : nullptr;
}

std::string pem_of(std::string_view base64) {
  const auto der = from_base64(base64);
  return der ? certificate_to_pem(*der) : std::string();
}

}  // namespace

json::object to_ledger(const VerifiedAttestation& attestation, std::string time) {
  const KeyAttestation& facts = attestation.facts;
  json::object stored{{"firmware", to_string(facts.firmware)},
                      {"serial", nullptr},
                      {"formFactor", nullptr},
                      {"pinPolicy", to_string(facts.pin)},
                      {"touchPolicy", to_string(facts.touch)},
                      {"root", attestation.root},
                      {"rootFingerprint", attestation.root_fingerprint},
                      {"verified", std::move(time)},
                      {"certificate", to_base64(attestation.certificate)}};
  if (facts.serial) stored["serial"] = std::int64_t{*facts.serial};
  if (facts.form_factor) stored["formFactor"] = std::int64_t{*facts.form_factor};
  json::array chain;
  for (const Bytes& der : attestation.chain) chain.emplace_back(to_base64(der));
  stored["chain"] = std::move(chain);
  return stored;
}

std::optional<KeyAttestation> attestation_facts(const LedgerKey& key) {
  const json::object* const found = stored_attestation(key);
  if (found == nullptr) return std::nullopt;
  const json::object& stored = *found;
  const auto firmware = parse_firmware_version(text(stored, "firmware"));
  const auto pin = parse_pin_policy(text(stored, "pinPolicy"));
  const auto touch = parse_touch_policy(text(stored, "touchPolicy"));
  if (!firmware || !pin || !touch) return std::nullopt;
  KeyAttestation facts;
  facts.firmware = *firmware;
  facts.pin = *pin;
  facts.touch = *touch;
  if (const auto serial = number(stored, "serial")) facts.serial = static_cast<std::uint32_t>(*serial);
  if (const auto form = number(stored, "formFactor")) facts.form_factor = static_cast<std::uint8_t>(*form);
  return facts;
}

void add_policies(json::object& evidence, const KeyPolicies& told) {
  evidence["pinPolicy"] = to_string(told.pin);
  evidence["touchPolicy"] = to_string(told.touch);
}

std::optional<KeyPolicies> told_policies(const LedgerKey& key) {
  const auto pin = parse_pin_policy(text(key.evidence, "pinPolicy"));
  const auto touch = parse_touch_policy(text(key.evidence, "touchPolicy"));
  if (!pin || !touch) return std::nullopt;
  return KeyPolicies{*pin, *touch};
}

json::value attestation_json(const LedgerKey& key) {
  const auto facts = attestation_facts(key);
  if (!facts) return nullptr;
  json::object reply;
  for (const char* name :
       {"firmware", "serial", "pinPolicy", "touchPolicy", "root", "rootFingerprint", "verified"})
    if (const json::value* value = stored_attestation(key)->if_contains(name)) reply[name] = *value;
  reply["formFactor"] = nullptr;
  if (facts->form_factor) reply["formFactor"] = form_factor_text(*facts->form_factor);
  json::array warnings;
  if (const auto algorithm = parse_key_algorithm(key.algorithm))
    if (std::string weakness = known_weakness(facts->firmware, *algorithm); !weakness.empty())
      warnings.emplace_back(weakness);
  reply["warnings"] = std::move(warnings);
  return reply;
}

AttestationPems attestation_pems(const LedgerKey& key) {
  AttestationPems pems;
  const json::object* const stored = stored_attestation(key);
  if (stored == nullptr) return pems;
  pems.certificate = pem_of(text(*stored, "certificate"));
  const json::value* chain = stored->if_contains("chain");
  if (chain == nullptr || !chain->is_array()) return pems;
  for (const json::value& element : chain->get_array())
    if (element.is_string()) pems.chain.push_back(pem_of(std::string(element.get_string())));
  return pems;
}

}  // namespace signet
