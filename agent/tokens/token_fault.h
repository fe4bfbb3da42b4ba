// What signetd does about a failed call, and how it tells people. Pure decisions; thread safe.
// docs/host-protocol.md has the table of Cryptoki's return codes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tokens/host_connection.h"
#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"
#include "protocol/result.h"

namespace signet {

// Who and what a message is about. key and mechanism are empty where there is none.
struct FaultContext {
  std::string token;  // its name
  std::string label, serial;
  std::string key, mechanism;
};

// A replay is safe: the same bytes are signed again.
enum class NextStep {
  Fail,            // to_error() is the answer
  Again,           // the same call once more, on whatever session comes
  AnotherSession,  // the same call on a new session
  LogInAgain,      // the token forgot its login
  RestartHost,     // a new process, then the same call
  AnotherHost,     // this host does not know the token; one that is started now may
};

NextStep next_step(const host::Fault& fault);

// An HSM that restarts, or a link that comes back, takes a moment: for so long a call starts the token's host
// once more, and again. Not longer: the slot's pauses grow meanwhile, and hold up the calls that come next.
inline constexpr std::chrono::milliseconds kAwayTime{1200};

// How often one call has been replayed, by cause. Not shared: it lives as long as the call.
class ReplayBudget {
 public:
  using Clock = std::chrono::steady_clock;
  // Not patient: nothing is tried again that waits for a new host.
  explicit ReplayBudget(bool patient = true) : patient_(patient) {}
  // Whether the step may be taken once more; counts it.
  bool allows(NextStep step);
  // A host that ended under the call, through no fault of the call's own.
  bool allows_lost_host() { return patient_ && ++lost_hosts_ <= 3; }
  // The module did not get as far as a session, and may do so in a moment: true for kAwayTime from the
  // first time that it is asked. Not for a token that people pull: they are told at once.
  bool awaits_return(const host::Fault& fault, Clock::time_point now);

 private:
  bool patient_;
  std::optional<Clock::time_point> away_since_;
  int again_ = 0, sessions_ = 0, logins_ = 0, restarts_ = 0, others_ = 0, lost_hosts_ = 0;
};

// CKR_USER_NOT_LOGGED_IN after that long is a touch that did not come (after 15 s in ykcs11, 30 s in OpenSC);
// a card that was reset says it at once. The host uses the same limit (pkcs11/signer.h).
inline constexpr std::uint32_t kTouchWaitMs = 3000;
bool touch_missed(const host::Fault& fault);

// TokenFault, TokenAbsent, PinRequired, PinRefused, TouchTimeout, MechanismUnsupported, InvalidParameter,
// NotFound, Internal.
Error to_error(const host::Fault& fault, const FaultContext& context);
// TokenFault with ckr "deadline" or "host-died".
Error to_error(const HostLost& lost, const FaultContext& context);

// "unknown", "low", "final", "locked": how many tries are left, as far as the token says.
std::string_view remaining_tries(PinState state);
// `left`: exactly, where that is known.
Error pin_refused_error(const std::string& token, PinState state, const std::string& why,
                        std::optional<std::uint32_t> left = std::nullopt);
Error pin_required_error(const std::string& token, const std::string& why);
// `present`: the names of removable tokens that are there.
Error token_absent_error(const FaultContext& context, const std::vector<std::string>& present = {});

// "CKM_ECDSA", …
std::string_view mechanism_name(TokenMechanism mechanism);

}  // namespace signet
