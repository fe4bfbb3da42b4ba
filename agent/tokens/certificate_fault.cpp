#include "agent/tokens/certificate_fault.h"

#include <algorithm>
#include <array>

#include "agent/tokens/officer_task.h"

namespace signet {
namespace {

using host::Fault;
using host::FaultKind;

// Return codes, by what they mean for a certificate.
constexpr std::uint64_t kArgumentsBad = 0x07, kUserTypeInvalid = 0x103;
// USER_NOT_LOGGED_IN; SESSION_READ_ONLY, which tpm2-pkcs11 1.9 says of a read-write session of nobody's.
constexpr std::array<std::uint64_t, 2> kWantsUser = {0x101, 0xB5};
// ARGUMENTS_BAD, FUNCTION_FAILED (ykcs11, of one that is too large), ATTRIBUTE_VALUE_INVALID, DATA_LEN_RANGE,
// DEVICE_MEMORY, TEMPLATE_INCONSISTENT.
constexpr std::array<std::uint64_t, 6> kNotThisOne = {kArgumentsBad, 0x06, 0x13, 0x21, 0x31, 0xD1};
// ACTION_PROHIBITED, FUNCTION_NOT_SUPPORTED, TOKEN_WRITE_PROTECTED.
constexpr std::array<std::uint64_t, 3> kNoneAtAll = {0x1B, 0x54, 0xE2};

constexpr const char* kOwnTool =
    " Use the token's own tool; for a YubiKey that is \"ykman piv certificates import\".";

bool has(const auto& codes, std::uint64_t code) {
  return std::ranges::find(codes, code) != codes.end();
}

Error already_there(const FaultContext& about) {
  boost::json::object parameters;
  parameters["kind"] = "object";
  parameters["name"] = about.key;
  return Error(ErrorName::AlreadyExists,
               "Token \"" + about.token + "\" has another certificate beside the key \"" + about.key +
                   "\" already. Look at it, then say that it is to be replaced.",
               std::move(parameters));
}

Error bad_parameter(std::string_view parameter, std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = parameter;
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

Error none_at_all(const Fault& fault, const FaultContext& about) {
  boost::json::object parameters;
  parameters["token"] = about.token;
  parameters["ckr"] = host::ckr_name(fault.ckr);
  parameters["call"] = fault.call;
  return Error(ErrorName::TokenFault,
               "The module of token \"" + about.token + "\" writes no certificates there (" + fault.call +
                   ": " + host::ckr_name(fault.ckr) + ")." + kOwnTool,
               std::move(parameters));
}

Error not_given_back(const FaultContext& about) {
  boost::json::object parameters;
  parameters["token"] = about.token;
  parameters["ckr"] = "CKR_OK";
  parameters["call"] = "C_CreateObject";
  return Error(ErrorName::TokenFault,
               "Token \"" + about.token +
                   "\" took the certificate and does not give it back. What was there before is still there, "
                   "if it has room for both." +
                   kOwnTool,
               std::move(parameters));
}

Error not_this_one(const Fault& fault, const FaultContext& about) {
  return bad_parameter("certificate",
                       "Token \"" + about.token + "\" does not take this certificate (" +
                           host::ckr_name(fault.ckr) +
                           "): it may be too large. A PIV card has room for about 3000 bytes.");
}

}  // namespace

Error only_officer_writes(const std::string& token) {
  return bad_parameter("soPin", "Token \"" + token +
                                    "\" lets only its security officer write certificates: give the SO PIN, "
                                    "which is a YubiKey's management key in hexadecimal." +
                                    kOwnTool);
}

Error store_fault_error(const HostAnswer& answer, const FaultContext& about) {
  const auto* lost = std::get_if<HostLost>(&answer);
  if (lost != nullptr) return to_error(*lost, about);
  const Fault& fault = std::get<Fault>(answer);
  if (fault.kind == FaultKind::KeyExists) return already_there(about);
  if (fault.kind == FaultKind::Attributes) return not_given_back(about);
  if (fault.kind != FaultKind::Cryptoki) return to_error(fault, about);
  if (auto refused = officer_login_error(answer, about, "Nothing was written", kOwnTool))
    return std::move(*refused);
  if (has(kNoneAtAll, fault.ckr)) return none_at_all(fault, about);
  if (fault.call == "C_CreateObject") {
    if (fault.ckr == kUserTypeInvalid) return only_officer_writes(about.token);
    if (has(kWantsUser, fault.ckr))
      return pin_required_error(about.token, "it lets its user alone write certificates");
    if (has(kNotThisOne, fault.ckr)) return not_this_one(fault, about);
  }
  return to_error(fault, about);
}

}  // namespace signet
