#include "client/command/attestation_text.h"

#include "client/command/console.h"

namespace signet::client {
namespace {

std::string touch_text(const std::string& policy) {
  if (policy == "always") return "wants a touch for each signature";
  if (policy == "cached") return "wants a touch, which lasts for 15 s";
  if (policy == "never") return "wants no touch";
  return "touch policy " + printable(policy);
}

std::string pin_text(const std::string& policy) {
  if (policy == "never") return "wants no PIN";
  if (policy == "once") return "wants the PIN once";
  if (policy == "always") return "wants the PIN for each signature";
  if (policy == "match-once") return "wants a fingerprint once";
  if (policy == "match-always") return "wants a fingerprint for each signature";
  return "PIN policy " + printable(policy);
}

std::string device_text(const AttestationInfo& attestation) {
  std::string text = "YubiKey";
  if (attestation.serial) text += " " + std::to_string(*attestation.serial);
  text += ", firmware " + printable(attestation.firmware);
  if (attestation.form_factor) text += ", " + printable(*attestation.form_factor);
  return text;
}

}  // namespace

std::string attestation_lines(const KeyInfo& key) {
  if (!key.attestation && key.evidence.touch_policy)
    return "  the card     says it " + touch_text(*key.evidence.touch_policy) + "; " +
           pin_text(key.evidence.pin_policy.value_or("")) + " (its own word: there is no attestation)\n";
  if (!key.attestation) return "";
  const AttestationInfo& attestation = *key.attestation;
  std::string text = "  attested     made on " + device_text(attestation) + "\n               " +
                     touch_text(attestation.touch_policy) + "; " + pin_text(attestation.pin_policy) +
                     "\n               by " + printable(attestation.root) + ", verified " +
                     printable(attestation.verified) + "\n";
  for (const std::string& warning : attestation.warnings)
    text += "  WARNING      " + printable(warning) + "\n";
  return text;
}

std::string attestation_readme(const KeyInfo& key, bool has_intermediates) {
  const AttestationInfo attestation = key.attestation.value_or(AttestationInfo());
  std::string text = "The attestation of the key " + printable(key.name) +
                     ": a certificate by which the token that holds the key says\n"
                     "that it made the key itself, so that it never was anywhere else.\n"
                     "\n"
                     "  attestation.pem   the token's certificate for the key\n";
  if (has_intermediates)
    text += "  intermediate.pem  the certificates between it and the root, the token's own (slot f9) first\n";
  text +=
      "  root.pem          the root; do not believe this copy, compare it (3)\n"
      "  key.pem           the key\n"
      "\n"
      "Run in this directory, with OpenSSL 3:\n"
      "\n"
      "1. The chain is good. This must say \"attestation.pem: OK\":\n"
      "\n"
      "    openssl verify -CAfile root.pem" +
      std::string(has_intermediates ? " -untrusted intermediate.pem" : "") +
      " attestation.pem\n"
      "\n"
      "2. It is of this key. This must print nothing:\n"
      "\n"
      "    openssl x509 -in attestation.pem -noout -pubkey | diff - key.pem\n"
      "\n"
      "   SHA-256 of the key (DER SubjectPublicKeyInfo), by which Signet knows it:\n"
      "     " +
      printable(key.fingerprint) +
      "\n"
      "\n"
      "    openssl pkey -pubin -in key.pem -outform DER | openssl dgst -sha256\n"
      "\n"
      "3. The root is the maker's. For YubiKeys compare it with "
      "https://developers.yubico.com/PKI/yubico-ca-certs.txt:\n"
      "\n"
      "    openssl x509 -in root.pem -noout -subject -fingerprint -sha256\n"
      "\n"
      "   When the key was enrolled it was " +
      printable(attestation.root) + ", SHA-256\n     " + printable(attestation.root_fingerprint) +
      "\n"
      "\n"
      "4. What it says of the token: the octets below 1.3.6.1.4.1.41482.3\n"
      "   (https://developers.yubico.com/PIV/Introduction/PIV_attestation.html):\n"
      "\n"
      "    openssl asn1parse -in attestation.pem | grep -A1 1.3.6.1.4.1.41482.3\n"
      "\n"
      "   .3  firmware, three bytes: " +
      printable(attestation.firmware) +
      "\n"
      "   .7  serial number, an INTEGER: " +
      (attestation.serial ? std::to_string(*attestation.serial) : std::string("not stated")) +
      "\n"
      "   .8  PIN policy (1 never, 2 once, 3 always) and touch policy (1 never, 2 always, 3 cached): " +
      printable(attestation.pin_policy) + ", " + printable(attestation.touch_policy) +
      "\n"
      "   .9  form factor: " +
      printable(attestation.form_factor.value_or("not stated")) + "\n";
  for (const std::string& warning : attestation.warnings) text += "\nWARNING: " + printable(warning) + "\n";
  return text;
}

}  // namespace signet::client
