#include "agent/tokens/slot_key.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "agent/tokens/officer_task.h"
#include "agent/tokens/pin_told.h"
#include "pkcs11/host_piv_slot.h"

namespace signet {
namespace {

constexpr std::string_view kByYkman =
    " Make it with the card's own tool (for a YubiKey: ykman piv keys generate), and enrol it.";

Error invalid_parameter(std::string_view parameter, std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = parameter;
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

// `why` goes on after "Token "x"".
Error not_by_module(const TokenDescription& token, const GenerateRequest& request, const std::string& why) {
  const std::string algorithm(to_string(request.algorithm));
  boost::json::object parameters;
  parameters["key"] = request.label;
  parameters["mechanism"] = algorithm;
  return Error(ErrorName::MechanismUnsupported,
               "Token \"" + token.name + "\" " + why + ", so its module makes no key there (" + algorithm +
                   ")." + std::string(kByYkman),
               std::move(parameters));
}

// "9a"; empty if it names none.
std::string slot_name(BytesView id) {
  const auto slot = host::piv_slot(id);
  if (!slot) return {};
  std::array<char, 3> text{};
  std::snprintf(text.data(), text.size(), "%02x", static_cast<unsigned>(*slot));
  return text.data();
}

// `why`: a sentence that tells what the slot has.
Error slot_taken(const std::string& token, const std::string& slot, const std::string& why) {
  boost::json::object parameters;
  parameters["kind"] = "object";
  parameters["name"] = slot;
  return Error(ErrorName::AlreadyExists,
               "Slot " + slot + " of token \"" + token + "\" is taken: " + why +
                   " A new key would destroy that. Nothing was changed: choose another slot.",
               std::move(parameters));
}

bool makes_algorithm(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::EcdsaP256 || algorithm == KeyAlgorithm::EcdsaP384 ||
         algorithm == KeyAlgorithm::Rsa2048;
}

Error key_refused(const FaultContext& about, const std::string& detail) {
  boost::json::object parameters;
  parameters["key"] = about.key;
  parameters["why"] = detail.find("extractable") != std::string::npos ? "extractable" : "not-sensitive";
  return Error(
      ErrorName::KeyRefused,
      "Token \"" + about.token + "\" made a key that is not what was asked for: " + detail +
          " Do not use it: make another one in its place (ykman piv keys generate), or with firmware "
          "5.7 delete it (ykman piv keys delete).",
      std::move(parameters));
}

}  // namespace

Result<void> check_slot_request(const TokenDescription& token, const GenerateRequest& request) {
  if (request.pin && request.so_pin)
    return invalid_parameter("soPin", "Give the PIN or the SO PIN, not both.");
  if (!is_piv(token)) {
    if (!request.so_pin) return {};
    return invalid_parameter(
        "soPin", "Token \"" + token.name + "\" makes keys for its user: give the PIN, not the SO PIN.");
  }
  if (!is_ykcs11(token))
    return not_by_module(token, request, "is a PIV card, to which OpenSC writes nothing");
  if (!makes_algorithm(request.algorithm))
    return not_by_module(token, request, "has ecdsa-p256, ecdsa-p384 and rsa-2048 alone through ykcs11");
  if (host::piv_slot(request.id)) return {};
  return invalid_parameter("id", "Token \"" + token.name +
                                     "\" has its keys in slots: say which by its CKA_ID, in hexadecimal: 01 "
                                     "is slot 9a, 02 is 9c, 03 is 9d, 04 is 9e, 05 to 18 are 82 to 95.");
}

Result<void> judge_slot(const TokenDescription& token, const GenerateRequest& request,
                        const host::CardSlotReply& told) {
  if (!told.known)
    return not_by_module(token, request,
                         "does not tell whether its slots have keys (firmware before 5.3), and ykcs11 "
                         "overwrites them without asking");
  if (told.occupied) return slot_taken(token.name, slot_name(request.id), "It has a key.");
  if (told.management_algorithm != host::kTripleDes)
    return not_by_module(
        token, request,
        "has an AES management key (YubiKeys have since firmware 5.7), which ykcs11 2.2 does "
        "not know");
  if (told.management_behind_pin)
    return not_by_module(token, request,
                         "keeps its management key behind its PIN, where ykcs11 does not look");
  if (told.management_touch)
    return not_by_module(token, request,
                         "wants a touch for its management key, which ykcs11 tells nobody of");
  return {};
}

Result<void> check_officer(const TokenDescription& token, const GenerateRequest& request) {
  if (!is_piv(token) || request.so_pin) return {};
  return invalid_parameter("soPin", "Token \"" + token.name +
                                        "\" lets only its security officer make keys: give the SO PIN, which "
                                        "is a YubiKey's management key in hexadecimal.");
}

Error slot_key_error(const HostAnswer& answer, const FaultContext& about, BytesView id) {
  if (auto refused = officer_login_error(answer, about, "No key was made", kByYkman))
    return std::move(*refused);
  const auto* fault = std::get_if<host::Fault>(&answer);
  if (fault != nullptr && fault->kind == host::FaultKind::KeyExists)
    return slot_taken(about.token, slot_name(id), fault->detail);
  if (fault != nullptr && fault->kind == host::FaultKind::Attributes)
    return key_refused(about, fault->detail);
  Error error = fault != nullptr ? to_error(*fault, about) : to_error(std::get<HostLost>(answer), about);
  // The card makes the key first, and is given the certificate that ykcs11 writes beside it after that.
  const bool was_in = fault == nullptr || fault->call != "C_Login";
  if (was_in)
    error.message += " The key may have been made all the same: look at slot " + slot_name(id) +
                     " (ykman piv info) before you try again.";
  return error;
}

}  // namespace signet
