// What a PKCS#11 return code means for Signet: one classified table, used by the host and by signetd.
// Source: PKCS #11 v2.40 section 4.2 and v3.0 section 5.1.6, and what ykcs11 2.2.0, OpenSC 0.23.0 and
// SoftHSM 2.6.1 were measured to do (docs/host-protocol.md). Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace signet::host {

// What to do about it. Retry, ReopenSession and LoginAgain are the host's own business: it tries once, and
// only what it could not mend reaches signetd. RestartHost is signetd's. The rest is told to the caller.
enum class CkrClass : std::uint8_t {
  Ok = 0,
  Retry,          // the same call may work at once: nothing has changed
  ReopenSession,  // the session or a handle is stale: close, open, find the key again, once
  LoginAgain,     // the token wants its PIN (or a touch that did not come: see Fault::elapsed_ms)
  RestartHost,    // only a new process or C_Finalize brings the module or the token back
  CallersFault,   // what was asked cannot be done: trying again changes nothing
  Fatal,          // the module or the token is broken or Signet used it wrongly: tell people
};

struct CkrRow {
  std::uint64_t value;
  std::string_view name;  // "CKR_PIN_INCORRECT"
  CkrClass klass;
  std::string_view why;  // a sentence: why this class
};

// All rows, by ascending value.
std::span<const CkrRow> ckr_table();

// The name; "CKR_VENDOR_DEFINED+0x…" or "CKR_0x…" for a value that is not in the table.
std::string ckr_name(std::uint64_t value);
// Values outside the table are RestartHost: an unknown state is left by starting anew.
CkrClass ckr_class(std::uint64_t value);
std::string_view to_string(CkrClass klass);  // "retry", "reopen-session", …

// The PIN was wrong: it must never be sent again.
bool pin_refused(std::uint64_t value);
// No further try is left.
bool pin_locked(std::uint64_t value);
// The token is not there (any more).
bool token_gone(std::uint64_t value);
// The token does not offer this algorithm.
bool mechanism_unsupported(std::uint64_t value);

}  // namespace signet::host
