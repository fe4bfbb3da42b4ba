#include "protocol/result.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace signet {
namespace {

constexpr std::array<std::pair<ErrorName, std::string_view>, 29> kWireNames{{
    {ErrorName::NotInitialised, "org.signet.Agent.NotInitialised"},
    {ErrorName::NotFound, "org.signet.Agent.NotFound"},
    {ErrorName::AlreadyExists, "org.signet.Agent.AlreadyExists"},
    {ErrorName::TokenAbsent, "org.signet.Agent.TokenAbsent"},
    {ErrorName::PinRequired, "org.signet.Agent.PinRequired"},
    {ErrorName::PinRefused, "org.signet.Agent.PinRefused"},
    {ErrorName::TouchTimeout, "org.signet.Agent.TouchTimeout"},
    {ErrorName::PolicyDenied, "org.signet.Agent.PolicyDenied"},
    {ErrorName::ApprovalRequired, "org.signet.Agent.ApprovalRequired"},
    {ErrorName::RequestClosed, "org.signet.Agent.RequestClosed"},
    {ErrorName::ApprovalRefused, "org.signet.Agent.ApprovalRefused"},
    {ErrorName::VersionConflict, "org.signet.Agent.VersionConflict"},
    {ErrorName::MetadataInvalid, "org.signet.Agent.MetadataInvalid"},
    {ErrorName::KeyRefused, "org.signet.Agent.KeyRefused"},
    {ErrorName::MechanismUnsupported, "org.signet.Agent.MechanismUnsupported"},
    {ErrorName::TokenFault, "org.signet.Agent.TokenFault"},
    {ErrorName::Busy, "org.signet.Agent.Busy"},
    {ErrorName::LedgerUnavailable, "org.signet.Agent.LedgerUnavailable"},
    {ErrorName::LimitExceeded, "org.signet.Agent.LimitExceeded"},
    {ErrorName::IdentityRefused, "org.signet.Agent.IdentityRefused"},
    {ErrorName::Internal, "org.signet.Agent.Internal"},
    {ErrorName::InterfaceNotFound, "org.varlink.service.InterfaceNotFound"},
    {ErrorName::MethodNotFound, "org.varlink.service.MethodNotFound"},
    {ErrorName::MethodNotImplemented, "org.varlink.service.MethodNotImplemented"},
    {ErrorName::InvalidParameter, "org.varlink.service.InvalidParameter"},
    {ErrorName::PermissionDenied, "org.varlink.service.PermissionDenied"},
    {ErrorName::ExpectedMore, "org.varlink.service.ExpectedMore"},
    {ErrorName::ConnectionFailed, "signet.local.ConnectionFailed"},
    {ErrorName::FileFault, "signet.local.FileFault"},
}};

}  // namespace

std::string_view wire_name(ErrorName name) {
  for (const auto& [known, wire] : kWireNames)
    if (known == name) return wire;
  throw std::logic_error("an ErrorName without a wire name");
}

std::string_view short_name(ErrorName name) {
  const std::string_view wire = wire_name(name);
  return wire.substr(wire.rfind('.') + 1);
}

ErrorName error_from_wire_name(std::string_view wire) {
  for (const auto& [known, known_wire] : kWireNames)
    if (known_wire == wire) return known;
  return ErrorName::Internal;
}

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
  throw std::logic_error("value() of an error at " + location.to_string() + ": " + error.message);
}

}  // namespace signet
