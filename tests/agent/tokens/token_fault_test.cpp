// What follows from a fault: the next step, and the error that people see.
#include <catch2/catch.hpp>

#include "agent/tokens/host_slot.h"
#include "agent/tokens/token_fault.h"
#include "agent/tokens/token_login.h"

using namespace signet;

namespace {

host::Fault fault(std::uint64_t ckr, const std::string& call, std::uint32_t elapsed_ms = 1) {
  host::Fault made;
  made.ckr = ckr;
  made.klass = host::ckr_class(ckr);
  made.call = call;
  made.elapsed_ms = elapsed_ms;
  return made;
}

FaultContext about() {
  FaultContext context;
  context.token = "alpha";
  context.label = "alpha";
  context.serial = "1";
  context.key = "release";
  context.mechanism = "CKM_EDDSA";
  return context;
}

std::string text(const Error& error, std::string_view name) {
  return std::string(error.parameters.at(name).as_string());
}

}  // namespace

TEST_CASE("every return code has a next step, and an error with the IDL's parameters") {
  for (const auto& row : host::ckr_table()) {
    if (row.value == 0) continue;
    CAPTURE(row.name);
    for (const char* call :
         {"C_Initialize", "C_OpenSession", "C_Login", "C_FindObjects", "C_SignInit", "C_Sign"}) {
      const auto one = fault(row.value, call);
      const NextStep step = next_step(one);
      switch (row.klass) {
        case host::CkrClass::Retry:
          CHECK(step == NextStep::Again);
          break;
        case host::CkrClass::ReopenSession:
          CHECK(step == NextStep::AnotherSession);
          break;
        case host::CkrClass::LoginAgain:
          CHECK(step == NextStep::LogInAgain);
          break;
        case host::CkrClass::RestartHost:
          CHECK(step == NextStep::RestartHost);
          break;
        default:
          CHECK(step == NextStep::Fail);
          break;
      }
      const Error error = to_error(one, about());
      CHECK(error.message.size() > 20);
      if (error.name == ErrorName::TokenFault) {
        CHECK(text(error, "ckr") == row.name);
        CHECK(text(error, "call") == call);
        CHECK(text(error, "token") == "alpha");
      }
    }
  }
}

TEST_CASE("a touch that did not come is told as such, and not tried again") {
  CHECK(next_step(fault(0x101, "C_Sign", 10)) == NextStep::LogInAgain);
  CHECK(next_step(fault(0x101, "C_Sign", 15000)) == NextStep::Fail);
  const Error error = to_error(fault(0x101, "C_Sign", 15000), about());
  CHECK(error.name == ErrorName::TouchTimeout);
  CHECK(text(error, "key") == "release");
}

TEST_CASE("faults of the caller, of the token, of its absence") {
  CHECK(to_error(fault(0x70, "C_SignInit"), about()).name == ErrorName::MechanismUnsupported);
  CHECK(text(to_error(fault(0x70, "C_SignInit"), about()), "mechanism") == "CKM_EDDSA");
  CHECK(to_error(fault(0x21, "C_Sign"), about()).name == ErrorName::InvalidParameter);
  CHECK(to_error(fault(0x7, "C_Initialize"), about()).name == ErrorName::TokenFault);
  CHECK(to_error(fault(0xe0, "C_Sign"), about()).name == ErrorName::TokenAbsent);
  CHECK(to_error(fault(0x32, "C_Sign"), about()).name == ErrorName::TokenAbsent);
  CHECK(text(to_error(fault(0xa4, "C_Login"), about()), "remaining") == "locked");
  host::Fault absent;
  absent.kind = host::FaultKind::KeyAbsent;
  CHECK(to_error(absent, about()).name == ErrorName::NotFound);
  absent.kind = host::FaultKind::TokenAbsent;
  CHECK(text(to_error(absent, about()), "serial") == "1");
  HostLost late("killed", HostLost::Kind::Deadline);
  late.call = "C_Sign";
  CHECK(text(to_error(late, about()), "ckr") == "deadline");
  CHECK(text(to_error(HostLost("gone"), about()), "ckr") == "host-died");
}

TEST_CASE("replays end") {
  ReplayBudget replays;
  CHECK(replays.allows(NextStep::Again));
  CHECK(replays.allows(NextStep::Again));
  CHECK_FALSE(replays.allows(NextStep::Again));
  CHECK(replays.allows(NextStep::LogInAgain));
  CHECK_FALSE(replays.allows(NextStep::LogInAgain));
  CHECK(replays.allows(NextStep::RestartHost));
  CHECK_FALSE(replays.allows(NextStep::RestartHost));
  CHECK_FALSE(replays.allows(NextStep::Fail));
}

TEST_CASE("a module that cannot reach its token has a moment to come back, one that can has not") {
  const ReplayBudget::Clock::time_point begun{};
  ReplayBudget replays;
  CHECK(replays.awaits_return(fault(0x30, "C_Initialize"), begun));
  CHECK(replays.awaits_return(fault(0x5, "C_GetSlotList"), begun + kAwayTime - std::chrono::milliseconds(1)));
  CHECK_FALSE(replays.awaits_return(fault(0x30, "C_Initialize"), begun + kAwayTime));
  CHECK_FALSE(replays.awaits_return(fault(0x30, "C_Sign"), begun));
  CHECK_FALSE(replays.awaits_return(fault(0x30, "C_Login"), begun));
  CHECK_FALSE(replays.awaits_return(fault(0x9, "C_Initialize"), begun));  // fatal: no restart helps
}

TEST_CASE("what is known of an attempt by how the call ended") {
  CHECK(login_outcome(HostAnswer(host::Reply(host::LoginReply{false}))) == PinOutcome::Accepted);
  CHECK(login_outcome(HostAnswer(host::Reply(host::LoginReply{true}))) == PinOutcome::NotTried);
  CHECK(login_outcome(HostAnswer(HostLost("gone"))) == PinOutcome::Unknown);
  CHECK(login_outcome(HostAnswer(fault(0xa0, "C_Login"))) == PinOutcome::Refused);
  CHECK(login_outcome(HostAnswer(fault(0xa4, "C_Login"))) == PinOutcome::Refused);
  CHECK(login_outcome(HostAnswer(fault(0x30, "C_Login"))) == PinOutcome::Unknown);
  CHECK(login_outcome(HostAnswer(fault(0x5, "C_Login"))) == PinOutcome::Unknown);
  CHECK(login_outcome(HostAnswer(fault(0xa2, "C_Login"))) == PinOutcome::NotTried);
  CHECK(login_outcome(HostAnswer(fault(0x30, "C_OpenSession"))) == PinOutcome::NotTried);
}

TEST_CASE("the first restart comes at once, the next ones ever later, up to five seconds") {
  using std::chrono::milliseconds;
  CHECK(restart_delay(0) == milliseconds(0));
  CHECK(restart_delay(1) == milliseconds(0));
  CHECK(restart_delay(2) == milliseconds(100));
  CHECK(restart_delay(3) == milliseconds(200));
  CHECK(restart_delay(7) == milliseconds(3200));
  CHECK(restart_delay(8) == milliseconds(5000));
  CHECK(restart_delay(1000) == milliseconds(5000));
}
