// What people are told when a certificate could not be written.
#include "agent/tokens/certificate_fault.h"

#include <catch2/catch.hpp>

using namespace signet;

namespace {

HostAnswer fault(std::uint64_t ckr, const std::string& call) {
  host::Fault made;
  made.ckr = ckr;
  made.klass = host::ckr_class(ckr);
  made.call = call;
  return made;
}

HostAnswer fault(host::FaultKind kind) {
  host::Fault made;
  made.kind = kind;
  made.klass = host::CkrClass::CallersFault;
  return made;
}

Error told(const HostAnswer& answer) {
  FaultContext about;
  about.token = about.label = "alpha";
  about.serial = "1";
  about.key = "release";
  return store_fault_error(answer, about);
}

std::string name_of(const HostAnswer& answer) {
  const Error error = told(answer);
  std::string text(short_name(error.name));
  for (const char* member : {"parameter", "ckr", "remaining", "kind"})
    if (error.parameters.contains(member)) text += " " + std::string(error.parameters.at(member).as_string());
  return text;
}

}  // namespace

TEST_CASE("each way in which a token does not take a certificate has its error") {
  CHECK(name_of(fault(host::FaultKind::KeyExists)) == "AlreadyExists object");
  CHECK(name_of(fault(host::FaultKind::Attributes)) == "TokenFault CKR_OK");
  CHECK(name_of(fault(host::FaultKind::Protocol)) == "InvalidParameter input");
  CHECK(name_of(fault(host::FaultKind::TokenAbsent)) == "TokenAbsent");
  CHECK(name_of(fault(0x103, "C_CreateObject")) == "InvalidParameter soPin");
  CHECK(name_of(fault(0x54, "C_CreateObject")) == "TokenFault CKR_FUNCTION_NOT_SUPPORTED");
  CHECK(name_of(fault(0xE2, "C_OpenSession")) == "TokenFault CKR_TOKEN_WRITE_PROTECTED");
  CHECK(name_of(fault(0x31, "C_CreateObject")) == "InvalidParameter certificate");
  CHECK(name_of(fault(0x06, "C_CreateObject")) == "InvalidParameter certificate");
  CHECK(name_of(fault(0x101, "C_CreateObject")) == "PinRequired");
  CHECK(name_of(fault(0xB5, "C_CreateObject")) == "PinRequired");
  CHECK(name_of(fault(0x30, "C_CreateObject")) == "TokenFault CKR_DEVICE_ERROR");
  CHECK(name_of(fault(0xA0, "C_Login")) == "PinRefused unknown");
  CHECK(name_of(fault(0xA4, "C_Login")) == "PinRefused locked");
  CHECK(name_of(fault(0x07, "C_Login")) == "InvalidParameter soPin");
  CHECK(name_of(fault(0xA2, "C_Login")) == "InvalidParameter soPin");
  HostLost lost("it died");
  lost.call = "C_CreateObject";
  CHECK(name_of(lost) == "TokenFault host-died");
}

TEST_CASE("what the module cannot do names the tool that can") {
  for (const HostAnswer& answer :
       {fault(0x103, "C_CreateObject"), fault(0x54, "C_CreateObject"), fault(0xA0, "C_Login")})
    CHECK(told(answer).message.find("ykman piv certificates import") != std::string::npos);
  CHECK(told(fault(0x31, "C_CreateObject")).message.find("ykman") == std::string::npos);
}
