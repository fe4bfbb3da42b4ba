#include "agent/tokens/token_fault.h"

#include <algorithm>
#include <array>

namespace signet {

namespace {

using host::CkrClass;
using host::Fault;
using host::FaultKind;

// "Token "x" …": what every message starts with.
std::string subject(const FaultContext& context) {
  return "Token \"" + context.token + "\"";
}

Error token_fault(const FaultContext& context, const std::string& ckr, const std::string& call,
                  std::string message) {
  boost::json::object parameters;
  parameters["token"] = context.token;
  parameters["ckr"] = ckr;
  parameters["call"] = call;
  return Error(ErrorName::TokenFault, std::move(message), std::move(parameters));
}

Error invalid_parameter(std::string_view parameter, std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = parameter;
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

Error touch_timeout(const FaultContext& context, const Fault& fault) {
  boost::json::object parameters;
  parameters["key"] = context.key;
  return Error(ErrorName::TouchTimeout,
               subject(context) + " waited " + std::to_string(fault.elapsed_ms / 1000) +
                   " s for a touch that did not come. Sign again and touch the token when it blinks.",
               std::move(parameters));
}

Error mechanism_unsupported(const FaultContext& context, const std::string& ckr) {
  boost::json::object parameters;
  parameters["key"] = context.key;
  parameters["mechanism"] = context.mechanism;
  return Error(ErrorName::MechanismUnsupported,
               subject(context) + " does not offer " + context.mechanism + " (" + ckr +
                   "). Use a key of another algorithm, or another token.",
               std::move(parameters));
}

// Calls whose arguments come from a client; in all others CKR_ARGUMENTS_BAD and its like are nobody's but the
// module's.
bool takes_callers_arguments(const std::string& call) {
  constexpr std::array<std::string_view, 6> kCalls = {"C_SignInit",  "C_Sign",    "C_GenerateKeyPair",
                                                      "C_InitToken", "C_InitPIN", "C_SetPIN"};
  return std::ranges::find(kCalls, call) != kCalls.end();
}

std::string why_of(const Fault& fault) {
  const auto table = host::ckr_table();
  const auto row = std::ranges::find(table, fault.ckr, &host::CkrRow::value);
  return row != table.end() ? std::string(row->why) : "This is the module's own code; see its manual.";
}

std::string advice(CkrClass klass) {
  switch (klass) {
    case CkrClass::Fatal:
      return " Check the module's version and its settings; \"signet status\" names it.";
    case CkrClass::RestartHost:
      return " Its host was restarted and it failed again: check the token and its connection.";
    default:
      return " It was tried again and failed again; try later.";
  }
}

Error cryptoki_error(const Fault& fault, const FaultContext& context) {
  const std::string ckr = host::ckr_name(fault.ckr);
  const bool callers_call = takes_callers_arguments(fault.call);
  if (host::token_gone(fault.ckr)) return token_absent_error(context);
  if (host::pin_locked(fault.ckr))
    return pin_refused_error(context.token, PinState::Blocked, "it is locked.");
  if (host::pin_refused(fault.ckr) && fault.call == "C_InitToken") {
    return pin_refused_error(context.token, PinState::Ok,
                             "the security officer's PIN is wrong. Nothing was erased.");
  }
  if (host::pin_refused(fault.ckr)) {
    return pin_refused_error(context.token, PinState::Ok,
                             "it was accepted before and is wrong now; it was changed "
                             "elsewhere. Unlock the token with the new one.");
  }
  if (touch_missed(fault)) return touch_timeout(context, fault);
  if (callers_call && host::mechanism_unsupported(fault.ckr)) return mechanism_unsupported(context, ckr);
  if (callers_call && fault.klass == CkrClass::CallersFault) {
    return invalid_parameter("input", subject(context) + " refused " + fault.call + " with " + ckr + ": " +
                                          why_of(fault) + " Trying again changes nothing.");
  }
  return token_fault(context, ckr, fault.call,
                     subject(context) + " failed in " + fault.call + " with " + ckr + ". " + why_of(fault) +
                         advice(fault.klass));
}

Error key_absent_error(const FaultContext& context, const std::string& detail) {
  boost::json::object parameters;
  parameters["kind"] = "object";
  parameters["name"] = context.key;
  return Error(ErrorName::NotFound,
               subject(context) + " does not hold the private key \"" + context.key + "\"" +
                   (detail.empty() ? std::string(".") : ": " + detail) +
                   " Check that it is the right token; its keys are found by their public key.",
               std::move(parameters));
}

Error already_exists(const FaultContext& context, const std::string& detail) {
  boost::json::object parameters;
  parameters["kind"] = "object";
  parameters["name"] = context.key;
  return Error(ErrorName::AlreadyExists, subject(context) + " has such a key already: " + detail,
               std::move(parameters));
}

Error key_refused(const FaultContext& context, const std::string& detail) {
  boost::json::object parameters;
  parameters["key"] = context.key;
  parameters["why"] = detail.find("extractable") != std::string::npos ? "extractable" : "not-sensitive";
  return Error(
      ErrorName::KeyRefused,
      subject(context) + " made a key that is not what was asked for, and it was destroyed: " + detail,
      std::move(parameters));
}

}  // namespace

bool touch_missed(const Fault& fault) {
  return fault.kind == FaultKind::Cryptoki && fault.klass == CkrClass::LoginAgain &&
         fault.elapsed_ms >= kTouchWaitMs;
}

NextStep next_step(const Fault& fault) {
  if (fault.kind == FaultKind::TokenAbsent) return NextStep::AnotherHost;
  if (fault.kind != FaultKind::Cryptoki || touch_missed(fault)) return NextStep::Fail;
  switch (fault.klass) {
    case CkrClass::Retry:
      return NextStep::Again;
    case CkrClass::ReopenSession:
      return NextStep::AnotherSession;
    case CkrClass::LoginAgain:
      return NextStep::LogInAgain;
    case CkrClass::RestartHost:
      return NextStep::RestartHost;
    case CkrClass::Ok:
    case CkrClass::CallersFault:
    case CkrClass::Fatal:
      break;
  }
  return NextStep::Fail;
}

bool ReplayBudget::allows(NextStep step) {
  switch (step) {
    case NextStep::Fail:
      return false;
    case NextStep::Again:
      return ++again_ <= 2;
    case NextStep::AnotherSession:
      return ++sessions_ <= 2;
    case NextStep::LogInAgain:
      return ++logins_ <= 1;
    case NextStep::RestartHost:
      return patient_ && ++restarts_ <= 1;
    case NextStep::AnotherHost:
      return patient_ && ++others_ <= 1;
  }
  return false;
}

bool ReplayBudget::awaits_return(const Fault& fault, Clock::time_point now) {
  constexpr std::array<std::string_view, 5> kBeforeASession = {
      "C_Initialize", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_OpenSession"};
  if (!patient_ || next_step(fault) != NextStep::RestartHost) return false;
  if (std::ranges::find(kBeforeASession, fault.call) == kBeforeASession.end()) return false;
  if (!away_since_) away_since_ = now;
  return now - *away_since_ < kAwayTime;
}

Error to_error(const Fault& fault, const FaultContext& context) {
  switch (fault.kind) {
    case FaultKind::Cryptoki:
      return cryptoki_error(fault, context);
    case FaultKind::TokenAbsent:
      return token_absent_error(context);
    case FaultKind::Ambiguous:
      return invalid_parameter("token", subject(context) + " is not the only one that fits: " + fault.detail);
    case FaultKind::KeyAbsent:
      return key_absent_error(context, fault.detail);
    case FaultKind::KeyExists:
      return already_exists(context, fault.detail);
    case FaultKind::Attributes:
      return key_refused(context, fault.detail);
    case FaultKind::Protocol:
      if (fault.klass == CkrClass::CallersFault)
        return invalid_parameter("input", "The request does not fit: " + fault.detail);
      return Error(ErrorName::Internal, "The token host of \"" + context.token +
                                            "\" did not understand the agent: " + fault.detail +
                                            " This is a fault in Signet: please report it.");
    case FaultKind::Card:
      return token_fault(context, "card-error", fault.call,
                         "The card of token \"" + context.token + "\" could not be reached: " + fault.call +
                             " failed. " + fault.detail);
    case FaultKind::Module:
      return token_fault(context, "CKR_GENERAL_ERROR", fault.call,
                         "The module of token \"" + context.token + "\" cannot be loaded: " + fault.detail +
                             " Check its path and that its package is installed whole.");
  }
  return Error(ErrorName::Internal, "The token host answered with an unknown kind of fault.");
}

Error to_error(const HostLost& lost, const FaultContext& context) {
  const std::string call =
      lost.call.empty() ? "C_Initialize" : lost.call;  // lost before it was asked: not even started
  const bool late = lost.kind == HostLost::Kind::Deadline;
  return token_fault(context, late ? "deadline" : "host-died", call,
                     subject(context) +
                         (late ? " did not answer " + call + " in time: " : " was lost in " + call + ": ") +
                         lost.why + ". Its PIN is forgotten; unlock it again unless it has a PIN source.");
}

std::string_view remaining_tries(PinState state) {
  switch (state) {
    case PinState::Low:
      return "low";
    case PinState::Final:
      return "final";
    case PinState::Blocked:
      return "locked";
    case PinState::Ok:
    case PinState::Unset:
      break;
  }
  return "unknown";
}

Error pin_refused_error(const std::string& token, PinState state, const std::string& why,
                        std::optional<std::uint32_t> left) {
  boost::json::object parameters;
  parameters["token"] = token;
  parameters["remaining"] = remaining_tries(state);
  std::string told;
  if (left) {
    parameters["left"] = *left;
    told = *left == 1 ? " One try is left." : " " + std::to_string(*left) + " tries are left.";
  }
  return Error(ErrorName::PinRefused, "The PIN of token \"" + token + "\" was not accepted: " + why + told,
               std::move(parameters));
}

Error pin_required_error(const std::string& token, const std::string& why) {
  boost::json::object parameters;
  parameters["token"] = token;
  return Error(ErrorName::PinRequired,
               "Token \"" + token + "\" needs its PIN" + (why.empty() ? std::string() : ": " + why) +
                   ". Run: signet token unlock \"" + token + "\", or configure a PIN source for it.",
               std::move(parameters));
}

Error token_absent_error(const FaultContext& context, const std::vector<std::string>& present) {
  boost::json::object parameters;
  parameters["label"] = context.label;
  parameters["serial"] = context.serial;
  std::string instead;
  for (const std::string& name : present) instead += (instead.empty() ? "\"" : ", \"") + name + "\"";
  if (!instead.empty()) instead = " What is there is " + instead + ".";
  return Error(ErrorName::TokenAbsent,
               "Token \"" + context.label + "\" (serial number " + context.serial +
                   ") is not there. Insert it." + instead,
               std::move(parameters));
}

std::string_view mechanism_name(TokenMechanism mechanism) {
  switch (mechanism) {
    case TokenMechanism::Ecdsa:
      return "CKM_ECDSA";
    case TokenMechanism::RsaPkcs1:
      return "CKM_RSA_PKCS";
    case TokenMechanism::RsaPssSha256:
      return "CKM_RSA_PKCS_PSS";
    case TokenMechanism::Eddsa:
      return "CKM_EDDSA";
  }
  return "an unknown mechanism";
}

}  // namespace signet
