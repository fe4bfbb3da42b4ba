#include "client/command/exit_code.h"

namespace signet::client {

ExitCode exit_code(const Error& error) {
  if (error.parameters.contains("interrupted")) return ExitCode::Interrupted;
  switch (error.name) {
    case ErrorName::NotInitialised:
      return ExitCode::NotInitialised;
    case ErrorName::TokenAbsent:
      return ExitCode::TokenAbsent;
    case ErrorName::PinRequired:
    case ErrorName::PinRefused:
      return ExitCode::Pin;
    case ErrorName::TouchTimeout:
    case ErrorName::Busy:
      return ExitCode::Busy;
    case ErrorName::PolicyDenied:
    case ErrorName::ApprovalRequired:
    case ErrorName::RequestClosed:
    case ErrorName::ApprovalRefused:
    case ErrorName::KeyRefused:
    case ErrorName::IdentityRefused:
    case ErrorName::PermissionDenied:
      return ExitCode::Refused;
    case ErrorName::VersionConflict:
      return ExitCode::VersionConflict;
    case ErrorName::MetadataInvalid:
    case ErrorName::InvalidParameter:
    case ErrorName::LimitExceeded:
      return ExitCode::Invalid;
    case ErrorName::ConnectionFailed:
      return ExitCode::NoAgent;
    default:
      return ExitCode::Failed;
  }
}

}  // namespace signet::client
