// How the host's functions fail: with the fault that goes over the wire.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <string>

#include "pkcs11/host_frame.h"

namespace signet::host {

[[noreturn]] void throw_exception_from_error(const Fault& fault, const boost::source_location& location);

template <typename T>
using HostResult = boost::system::result<T, Fault>;

// A Cryptoki call that did not return CKR_OK; its class comes from ckr.h.
Fault cryptoki_fault(std::string call, std::uint64_t ckr, std::chrono::steady_clock::duration elapsed);
// A fault that is no return code. `kind` is not Cryptoki.
Fault make_fault(FaultKind kind, std::string detail);

// One line to standard error. Never pass a secret.
void log_line(const std::string& message);

}  // namespace signet::host
