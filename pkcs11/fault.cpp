#include "pkcs11/fault.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace signet::host {

namespace {

// What becomes of a fault that is no return code.
CkrClass class_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::TokenAbsent:
      return CkrClass::RestartHost;
    case FaultKind::Module:
    case FaultKind::Attributes:
      return CkrClass::Fatal;
    default:
      return CkrClass::CallersFault;
  }
}

}  // namespace

void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
  throw std::logic_error("the value of a call that failed: " + fault.call + " " + fault.detail);
}

Fault cryptoki_fault(std::string call, std::uint64_t ckr, std::chrono::steady_clock::duration elapsed) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
  Fault fault;
  fault.kind = FaultKind::Cryptoki;
  fault.ckr = ckr;
  fault.klass = ckr_class(ckr);
  fault.detail = call + " returned " + ckr_name(ckr) + ".";
  fault.call = std::move(call);
  fault.elapsed_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(milliseconds, 0, UINT32_MAX));
  return fault;
}

Fault make_fault(FaultKind kind, std::string detail) {
  Fault fault;
  fault.kind = kind;
  fault.klass = class_of(kind);
  fault.detail = std::move(detail);
  return fault;
}

void log_line(const std::string& message) {
  const std::string line = "signet-token-host[" + std::to_string(::getpid()) + "]: " + message + "\n";
  // One write, so that lines of several threads do not mix. Nobody to tell if it fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace signet::host
