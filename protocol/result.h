// The one error type of Signet, and the Result that carries it.
//
// Errors are values; exceptions are for bugs only. An Error has the name under which the IDL
// (org.signet.Agent.varlink) declares it, a sentence for people (what went wrong, where, what to do next)
// and the parameters that the IDL gives that error.
#pragma once

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace signet {

// One enumerator for each error of org.signet.Agent and of org.varlink.service, in the IDL's order.
enum class ErrorName {
  // org.signet.Agent
  NotInitialised,
  NotFound,
  AlreadyExists,
  TokenAbsent,
  PinRequired,
  PinRefused,
  TouchTimeout,
  PolicyDenied,
  ApprovalRequired,
  RequestClosed,
  ApprovalRefused,
  VersionConflict,
  MetadataInvalid,
  KeyRefused,
  MechanismUnsupported,
  TokenFault,
  Busy,
  LedgerUnavailable,
  LimitExceeded,
  IdentityRefused,
  Internal,
  // org.varlink.service
  InterfaceNotFound,
  MethodNotFound,
  MethodNotImplemented,
  InvalidParameter,
  PermissionDenied,
  ExpectedMore,
  // Never on the wire: faults of a client's own side (no agent at the socket, a file that cannot be read).
  ConnectionFailed,
  FileFault,
};

struct Error {
  Error() = default;  // boost::system::result wants one: it is what error() of a success gives
  Error(ErrorName name_, std::string message_) : name(name_), message(std::move(message_)) {}
  Error(ErrorName name_, std::string message_, boost::json::object parameters_)
      : name(name_), message(std::move(message_)), parameters(std::move(parameters_)) {}

  ErrorName name = ErrorName::Internal;
  std::string message;             // a whole sentence for people; never holds a secret
  boost::json::object parameters;  // as the IDL declares them, without "message"
};

template <typename T>
using Result = boost::system::result<T, Error>;

// The name without its interface, e.g. "TokenAbsent".
std::string_view short_name(ErrorName name);
// The name as it goes over the wire, e.g. "org.signet.Agent.TokenAbsent".
std::string_view wire_name(ErrorName name);
// The inverse of wire_name; Internal for a name this build does not know.
ErrorName error_from_wire_name(std::string_view wire);

// value() on an error is a bug: boost::system::result calls this (found by ADL), which throws
// std::logic_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

}  // namespace signet
