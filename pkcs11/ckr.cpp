#include "pkcs11/ckr.h"

#include <algorithm>
#include <array>

namespace signet::host {

namespace {

using C = CkrClass;
using Row = CkrRow;

constexpr std::array kTable = {
    Row{0x0, "CKR_OK", C::Ok, "The call did what it should."},
    Row{0x1, "CKR_CANCEL", C::CallersFault,
        "A person pressed cancel on the reader or in the module's dialogue."},
    Row{0x2, "CKR_HOST_MEMORY", C::RestartHost,
        "The module found no memory; a new process starts with all of it."},
    Row{0x3, "CKR_SLOT_ID_INVALID", C::ReopenSession,
        "Slots were numbered anew: the token is looked up by label and serial again."},
    Row{0x5, "CKR_GENERAL_ERROR", C::RestartHost,
        "The module lost its footing (OpenSC: pcscd was killed); only C_Finalize or a new process helps."},
    Row{0x6, "CKR_FUNCTION_FAILED", C::Retry,
        "The one call failed and, by the standard, nothing else is the matter."},
    Row{0x7, "CKR_ARGUMENTS_BAD", C::CallersFault,
        "An argument was refused (ykcs11: a PIN shorter than 6 or longer than 8, no try used)."},
    Row{0x8, "CKR_NO_EVENT", C::Retry, "No slot event has happened yet."},
    Row{0x9, "CKR_NEED_TO_CREATE_THREADS", C::Fatal,
        "The module says it may not create threads although Signet allows it."},
    Row{0xa, "CKR_CANT_LOCK", C::Fatal,
        "The module cannot lock; the host has already tried without locking, and that failed too."},
    Row{0x10, "CKR_ATTRIBUTE_READ_ONLY", C::CallersFault, "The token sets this attribute itself."},
    Row{0x11, "CKR_ATTRIBUTE_SENSITIVE", C::CallersFault, "The token does not reveal this attribute."},
    Row{0x12, "CKR_ATTRIBUTE_TYPE_INVALID", C::CallersFault, "The object has no such attribute."},
    Row{0x13, "CKR_ATTRIBUTE_VALUE_INVALID", C::CallersFault,
        "The token does not take this value for an attribute."},
    Row{0x1b, "CKR_ACTION_PROHIBITED", C::CallersFault, "The token's policy or the object forbids it."},
    Row{0x20, "CKR_DATA_INVALID", C::CallersFault, "The input does not suit the key or the mechanism."},
    Row{0x21, "CKR_DATA_LEN_RANGE", C::CallersFault,
        "The input is too long or too short for the key or the mechanism."},
    Row{0x30, "CKR_DEVICE_ERROR", C::RestartHost,
        "ykcs11 says so when a card was pulled, reset or its PIN changed elsewhere; it may hold a stale PIN "
        "and a card transaction until its process ends."},
    Row{0x31, "CKR_DEVICE_MEMORY", C::CallersFault,
        "The token is full: something on it must be deleted first."},
    Row{0x32, "CKR_DEVICE_REMOVED", C::RestartHost,
        "The token was pulled during the call; the module may hold a stale PIN until its process ends."},
    Row{0x40, "CKR_ENCRYPTED_DATA_INVALID", C::Fatal,
        "Signet never decrypts: the module answered to another call."},
    Row{0x41, "CKR_ENCRYPTED_DATA_LEN_RANGE", C::Fatal,
        "Signet never decrypts: the module answered to another call."},
    Row{0x42, "CKR_AEAD_DECRYPT_FAILED", C::Fatal,
        "Signet never decrypts: the module answered to another call."},
    Row{0x50, "CKR_FUNCTION_CANCELED", C::Retry,
        "The call was cut short from outside; it left nothing behind."},
    Row{0x51, "CKR_FUNCTION_NOT_PARALLEL", C::Fatal,
        "A return code of Cryptoki 1.0: the module answered to another call."},
    Row{0x54, "CKR_FUNCTION_NOT_SUPPORTED", C::CallersFault, "The module does not have this function."},
    Row{0x60, "CKR_KEY_HANDLE_INVALID", C::ReopenSession,
        "The cached key handle is stale: the key is searched for again."},
    Row{0x62, "CKR_KEY_SIZE_RANGE", C::CallersFault, "The token does not support keys of this size."},
    Row{0x63, "CKR_KEY_TYPE_INCONSISTENT", C::CallersFault,
        "The key is of another type than the mechanism wants."},
    Row{0x64, "CKR_KEY_NOT_NEEDED", C::Fatal,
        "Signet passes no superfluous keys: the module answered to another call."},
    Row{0x65, "CKR_KEY_CHANGED", C::ReopenSession,
        "The key is not the one of before: it is searched for again by its public key."},
    Row{0x66, "CKR_KEY_NEEDED", C::Fatal,
        "Signet never restores states: the module answered to another call."},
    Row{0x67, "CKR_KEY_INDIGESTIBLE", C::Fatal,
        "Signet never digests keys: the module answered to another call."},
    Row{0x68, "CKR_KEY_FUNCTION_NOT_PERMITTED", C::CallersFault, "The key object is not allowed to sign."},
    Row{0x69, "CKR_KEY_NOT_WRAPPABLE", C::Fatal,
        "Signet never wraps keys: the module answered to another call."},
    Row{0x6a, "CKR_KEY_UNEXTRACTABLE", C::Fatal,
        "Signet never extracts keys: the module answered to another call."},
    Row{0x70, "CKR_MECHANISM_INVALID", C::CallersFault,
        "The token or the key does not offer this mechanism."},
    Row{0x71, "CKR_MECHANISM_PARAM_INVALID", C::CallersFault,
        "The token does not offer this mechanism with these parameters."},
    Row{0x82, "CKR_OBJECT_HANDLE_INVALID", C::ReopenSession,
        "The cached object handle is stale: the key is searched for again."},
    Row{0x90, "CKR_OPERATION_ACTIVE", C::ReopenSession,
        "A failed signature is still active in the session (OpenSC): closing the session ends it."},
    Row{0x91, "CKR_OPERATION_NOT_INITIALIZED", C::ReopenSession,
        "The session lost its operation: closing and opening it starts cleanly."},
    Row{0xa0, "CKR_PIN_INCORRECT", C::CallersFault,
        "The PIN is wrong and a try is used up: it must never be sent again."},
    Row{0xa1, "CKR_PIN_INVALID", C::CallersFault, "The new PIN has characters that the token does not take."},
    Row{0xa2, "CKR_PIN_LEN_RANGE", C::CallersFault, "The PIN is too long or too short for the token."},
    Row{0xa3, "CKR_PIN_EXPIRED", C::CallersFault, "The PIN must be changed before it is used."},
    Row{0xa4, "CKR_PIN_LOCKED", C::CallersFault,
        "No try is left: the PIN must be unblocked by its PUK or the security officer."},
    Row{0xb0, "CKR_SESSION_CLOSED", C::ReopenSession, "The session was closed during the call."},
    Row{0xb1, "CKR_SESSION_COUNT", C::Retry,
        "The token has no session free at the moment; another one may close."},
    Row{0xb3, "CKR_SESSION_HANDLE_INVALID", C::ReopenSession,
        "The session is gone (OpenSC: after the token was out)."},
    Row{0xb4, "CKR_SESSION_PARALLEL_NOT_SUPPORTED", C::Fatal,
        "CKF_SERIAL_SESSION is always set: the module is broken."},
    Row{0xb5, "CKR_SESSION_READ_ONLY", C::Fatal,
        "The admin host opens read-write sessions, others never write: a fault in Signet."},
    Row{0xb6, "CKR_SESSION_EXISTS", C::RestartHost,
        "A session with the token is still open in this process: a new process has none."},
    Row{0xb7, "CKR_SESSION_READ_ONLY_EXISTS", C::RestartHost,
        "A read-only session keeps the security officer out: a new process has none."},
    Row{0xb8, "CKR_SESSION_READ_WRITE_SO_EXISTS", C::RestartHost,
        "The security officer is still logged in in this process: a new process starts logged out."},
    Row{0xc0, "CKR_SIGNATURE_INVALID", C::Fatal,
        "Signet never verifies on the token: the module answered to another call."},
    Row{0xc1, "CKR_SIGNATURE_LEN_RANGE", C::Fatal,
        "Signet never verifies on the token: the module answered to another call."},
    Row{0xd0, "CKR_TEMPLATE_INCOMPLETE", C::CallersFault, "The token wants more attributes for such a key."},
    Row{0xd1, "CKR_TEMPLATE_INCONSISTENT", C::CallersFault,
        "The token does not make keys with this set of attributes."},
    Row{0xe0, "CKR_TOKEN_NOT_PRESENT", C::RestartHost,
        "The token was pulled; the module may hold a stale PIN until its process ends."},
    Row{0xe1, "CKR_TOKEN_NOT_RECOGNIZED", C::CallersFault,
        "What is in the slot is no token that the module can read."},
    Row{0xe2, "CKR_TOKEN_WRITE_PROTECTED", C::CallersFault, "The token does not let anybody write to it."},
    Row{0xf0, "CKR_UNWRAPPING_KEY_HANDLE_INVALID", C::Fatal,
        "Signet never unwraps keys: the module answered to another call."},
    Row{0xf1, "CKR_UNWRAPPING_KEY_SIZE_RANGE", C::Fatal,
        "Signet never unwraps keys: the module answered to another call."},
    Row{0xf2, "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", C::Fatal,
        "Signet never unwraps keys: the module answered to another call."},
    Row{0x100, "CKR_USER_ALREADY_LOGGED_IN", C::Retry,
        "The login that was wanted is there: the host goes on; this PIN was not checked."},
    Row{0x101, "CKR_USER_NOT_LOGGED_IN", C::LoginAgain,
        "Ambiguous: the PIN is needed, the card was reset, or (after seconds) a touch did not come."},
    Row{0x102, "CKR_USER_PIN_NOT_INITIALIZED", C::CallersFault, "The token has no user PIN yet."},
    Row{0x103, "CKR_USER_TYPE_INVALID", C::CallersFault,
        "The token knows no such user (an old module and CKU_CONTEXT_SPECIFIC)."},
    Row{0x104, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", C::RestartHost,
        "The other user is logged in in this process: a new process starts logged out."},
    Row{0x105, "CKR_USER_TOO_MANY_TYPES", C::RestartHost,
        "Too many users are logged in in this process: a new process starts logged out."},
    Row{0x110, "CKR_WRAPPED_KEY_INVALID", C::Fatal,
        "Signet never unwraps keys: the module answered to another call."},
    Row{0x112, "CKR_WRAPPED_KEY_LEN_RANGE", C::Fatal,
        "Signet never unwraps keys: the module answered to another call."},
    Row{0x113, "CKR_WRAPPING_KEY_HANDLE_INVALID", C::Fatal,
        "Signet never wraps keys: the module answered to another call."},
    Row{0x114, "CKR_WRAPPING_KEY_SIZE_RANGE", C::Fatal,
        "Signet never wraps keys: the module answered to another call."},
    Row{0x115, "CKR_WRAPPING_KEY_TYPE_INCONSISTENT", C::Fatal,
        "Signet never wraps keys: the module answered to another call."},
    Row{0x120, "CKR_RANDOM_SEED_NOT_SUPPORTED", C::Fatal,
        "Signet never seeds a token: the module answered to another call."},
    Row{0x121, "CKR_RANDOM_NO_RNG", C::Fatal,
        "The token has no random numbers: it can neither make keys nor sign."},
    Row{0x130, "CKR_DOMAIN_PARAMS_INVALID", C::CallersFault, "The token does not offer this curve."},
    Row{0x140, "CKR_CURVE_NOT_SUPPORTED", C::CallersFault, "The token does not offer this curve."},
    Row{0x150, "CKR_BUFFER_TOO_SMALL", C::Fatal,
        "The host's buffers hold every signature of the supported algorithms: the module is broken."},
    Row{0x160, "CKR_SAVED_STATE_INVALID", C::Fatal,
        "Signet never saves states: the module answered to another call."},
    Row{0x170, "CKR_INFORMATION_SENSITIVE", C::CallersFault, "The token does not reveal it."},
    Row{0x180, "CKR_STATE_UNSAVEABLE", C::Fatal,
        "Signet never saves states: the module answered to another call."},
    Row{0x190, "CKR_CRYPTOKI_NOT_INITIALIZED", C::RestartHost,
        "The module forgot that it was initialised: a new process initialises it."},
    Row{0x191, "CKR_CRYPTOKI_ALREADY_INITIALIZED", C::RestartHost,
        "Something else in this process initialised the module: a new process has it alone."},
    Row{0x1a0, "CKR_MUTEX_BAD", C::RestartHost,
        "The module's locks are damaged: a new process has new ones."},
    Row{0x1a1, "CKR_MUTEX_NOT_LOCKED", C::RestartHost,
        "The module's locks are damaged: a new process has new ones."},
    Row{0x1b0, "CKR_NEW_PIN_MODE", C::CallersFault, "The token wants a one-time PIN changed first."},
    Row{0x1b1, "CKR_NEXT_OTP", C::CallersFault, "The token wants the next one-time PIN."},
    Row{0x1b5, "CKR_EXCEEDED_MAX_ITERATIONS", C::Retry, "The search for primes gave up by chance."},
    Row{0x1b6, "CKR_FIPS_SELF_TEST_FAILED", C::Fatal, "The token does not trust itself any more."},
    Row{0x1b7, "CKR_LIBRARY_LOAD_FAILED", C::Fatal, "The module lacks a library that it needs."},
    Row{0x1b8, "CKR_PIN_TOO_WEAK", C::CallersFault, "The token wants a better new PIN."},
    Row{0x1b9, "CKR_PUBLIC_KEY_INVALID", C::CallersFault, "The token does not accept the public key."},
    Row{0x200, "CKR_FUNCTION_REJECTED", C::CallersFault, "A person or the token's policy refused."},
    Row{0x201, "CKR_TOKEN_RESOURCE_EXCEEDED", C::Retry, "The token is short of a resource at the moment."},
    Row{0x202, "CKR_OPERATION_CANCEL_FAILED", C::ReopenSession,
        "The operation could not be cancelled: closing the session ends it."},
    Row{0x203, "CKR_KEY_EXHAUSTED", C::CallersFault, "The key has used up its signatures."},
};

constexpr std::uint64_t kPinIncorrect = 0xa0, kPinLocked = 0xa4, kVendorDefined = 0x80000000;

const Row* find_row(std::uint64_t value) {
  const auto* row = std::ranges::lower_bound(kTable, value, {}, &Row::value);
  return row != kTable.end() && row->value == value ? row : nullptr;
}

std::string hex(std::uint64_t value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value % 16]);
    value /= 16;
  } while (value != 0);
  return "0x" + digits;
}

}  // namespace

std::span<const CkrRow> ckr_table() {
  return kTable;
}

std::string ckr_name(std::uint64_t value) {
  if (const Row* row = find_row(value)) return std::string(row->name);
  if (value >= kVendorDefined) return "CKR_VENDOR_DEFINED+" + hex(value - kVendorDefined);
  return "CKR_" + hex(value);
}

CkrClass ckr_class(std::uint64_t value) {
  const Row* row = find_row(value);
  return row != nullptr ? row->klass : CkrClass::RestartHost;
}

std::string_view to_string(CkrClass klass) {
  switch (klass) {
    case CkrClass::Ok:
      return "ok";
    case CkrClass::Retry:
      return "retry";
    case CkrClass::ReopenSession:
      return "reopen-session";
    case CkrClass::LoginAgain:
      return "login-again";
    case CkrClass::RestartHost:
      return "restart-host";
    case CkrClass::CallersFault:
      return "callers-fault";
    case CkrClass::Fatal:
      return "fatal";
  }
  return "fatal";
}

bool pin_refused(std::uint64_t value) {
  return value == kPinIncorrect;
}

bool pin_locked(std::uint64_t value) {
  return value == kPinLocked;
}

bool token_gone(std::uint64_t value) {
  return value == 0xe0 || value == 0x32;
}

bool mechanism_unsupported(std::uint64_t value) {
  constexpr std::array<std::uint64_t, 5> kUnsupported = {0x62, 0x70, 0x71, 0x130, 0x140};
  return std::ranges::find(kUnsupported, value) != kUnsupported.end();
}

}  // namespace signet::host
