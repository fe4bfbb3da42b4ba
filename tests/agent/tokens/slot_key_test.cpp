// What is said before a key is made in a PIV slot, and when none was.
#include "agent/tokens/slot_key.h"

#include <catch2/catch.hpp>

#include "tests/support/result_printing.h"

using namespace signet;

namespace {

TokenDescription yubikey() {
  TokenDescription token;
  token.name = token.label = "YubiKey PIV #111";
  token.serial = "111";
  token.manufacturer = "Yubico (www.yubico.com)";
  token.model = "YubiKey YK5";
  return token;
}

TokenDescription named(const char* manufacturer) {
  TokenDescription token = yubikey();
  token.manufacturer = manufacturer;
  token.model = "PKCS#15 emulated";
  return token;
}

GenerateRequest request(Bytes id = {0x02}, KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256) {
  GenerateRequest wanted;
  wanted.label = "release";
  wanted.id = std::move(id);
  wanted.algorithm = algorithm;
  return wanted;
}

GenerateRequest by_officer(Bytes id = {0x02}, KeyAlgorithm algorithm = KeyAlgorithm::EcdsaP256) {
  GenerateRequest wanted = request(std::move(id), algorithm);
  wanted.so_pin.emplace("0102");
  return wanted;
}

std::string outcome(const Result<void>& checked) {
  if (checked) return "ok";
  std::string text(short_name(checked.error().name));
  for (const char* member : {"parameter", "mechanism", "kind", "name"})
    if (checked.error().parameters.contains(member))
      text += " " + std::string(checked.error().parameters.at(member).as_string());
  return text;
}

// A card on which ykcs11 makes a key.
host::CardSlotReply able() {
  host::CardSlotReply told;
  told.known = true;
  told.management_algorithm = host::kTripleDes;
  return told;
}

HostAnswer fault(std::uint64_t ckr, const std::string& call) {
  host::Fault made;
  made.ckr = ckr;
  made.klass = host::ckr_class(ckr);
  made.call = call;
  return made;
}

HostAnswer fault(host::FaultKind kind, const std::string& detail = "") {
  host::Fault made;
  made.kind = kind;
  made.klass = host::CkrClass::CallersFault;
  made.detail = detail;
  return made;
}

Error told(const HostAnswer& answer) {
  FaultContext about;
  about.token = about.label = "alpha";
  about.serial = "1";
  about.key = "release";
  return slot_key_error(answer, about, Bytes{0x01});
}

std::string outcome(const HostAnswer& answer) {
  return outcome(Result<void>(told(answer)));
}

}  // namespace

TEST_CASE("a key on a YubiKey needs its slot's CKA_ID and an algorithm that ykcs11 makes") {
  for (const auto algorithm : {KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048})
    CHECK(outcome(check_slot_request(yubikey(), by_officer({0x02}, algorithm))) == "ok");
  CHECK(outcome(check_slot_request(yubikey(), by_officer({0x02}, KeyAlgorithm::Rsa3072))) ==
        "MechanismUnsupported rsa-3072");
  CHECK(outcome(check_slot_request(yubikey(), by_officer({0x02}, KeyAlgorithm::Ed25519))) ==
        "MechanismUnsupported ed25519");
  CHECK(outcome(check_slot_request(yubikey(), by_officer({0x18}))) == "ok");
  for (const Bytes& id : {Bytes{}, Bytes{0x00}, Bytes{0x19}, Bytes(16, 0x01)})
    CHECK(outcome(check_slot_request(yubikey(), by_officer(id))) == "InvalidParameter id");
}

TEST_CASE("nobody's PIN goes where it makes no key") {
  GenerateRequest both = by_officer();
  both.pin.emplace("123456");
  CHECK(outcome(check_slot_request(yubikey(), both)) == "InvalidParameter soPin");
  CHECK(outcome(check_slot_request(named("piv_II"), request())) == "MechanismUnsupported ecdsa-p256");
  CHECK(outcome(check_slot_request(named("piv_II"), by_officer())) == "MechanismUnsupported ecdsa-p256");
  CHECK(outcome(check_slot_request(named("SoftHSM project"), by_officer())) == "InvalidParameter soPin");
  CHECK(outcome(check_slot_request(named("SoftHSM project"), request({}))) == "ok");
  CHECK(outcome(check_officer(yubikey(), request())) == "InvalidParameter soPin");
  CHECK(outcome(check_officer(yubikey(), by_officer())) == "ok");
  CHECK(outcome(check_officer(named("SoftHSM project"), request())) == "ok");
}

TEST_CASE("the card decides whether its module can make the key") {
  CHECK(outcome(judge_slot(yubikey(), request(), able())) == "ok");
  host::CardSlotReply told = able();
  told.occupied = true;
  CHECK(outcome(judge_slot(yubikey(), request({0x05}), told)) == "AlreadyExists object 82");
  told.management_algorithm = 0x0A;  // AES-192: that the slot is taken counts more
  CHECK(outcome(judge_slot(yubikey(), request(), told)) == "AlreadyExists object 9c");
  const auto why = [](host::CardSlotReply changed) {
    const auto judged = judge_slot(yubikey(), request(), changed);
    CHECK(outcome(judged) == "MechanismUnsupported ecdsa-p256");
    CHECK(judged.error().message.find("ykman piv keys generate") != std::string::npos);
    return judged.error().message;
  };
  for (const int aes : {0x08, 0x0A, 0x0C}) {
    told = able();
    told.management_algorithm = static_cast<std::uint8_t>(aes);
    CHECK(why(told).find("AES management key") != std::string::npos);
  }
  told = able();
  told.management_behind_pin = true;
  CHECK(why(told).find("behind its PIN") != std::string::npos);
  told = able();
  told.management_touch = true;
  CHECK(why(told).find("touch") != std::string::npos);
  CHECK(why(host::CardSlotReply{}).find("firmware before 5.3") != std::string::npos);
}

TEST_CASE("each way in which no key was made in a slot has its error") {
  CHECK(outcome(fault(host::FaultKind::KeyExists, "It has a certificate.")) == "AlreadyExists object 9a");
  CHECK(told(fault(host::FaultKind::KeyExists, "It has a certificate."))
            .message.find("It has a certificate.") != std::string::npos);
  CHECK(outcome(fault(0xA0, "C_Login")) == "PinRefused");
  CHECK(outcome(fault(0xA4, "C_Login")) == "PinRefused");
  CHECK(outcome(fault(0x07, "C_Login")) == "InvalidParameter soPin");
  CHECK(outcome(fault(0xA2, "C_Login")) == "InvalidParameter soPin");
  CHECK(outcome(fault(host::FaultKind::TokenAbsent)) == "TokenAbsent");
  CHECK(outcome(fault(0x30, "C_GenerateKeyPair")) == "TokenFault");
  HostLost lost("it died");
  lost.call = "C_GenerateKeyPair";
  CHECK(outcome(HostAnswer(lost)) == "TokenFault");
}

TEST_CASE("what may have become of the key is said where nobody knows, and only there") {
  constexpr const char* kUnknown = "look at slot 9a";
  HostLost lost("it died");
  lost.call = "C_GenerateKeyPair";
  for (const HostAnswer& answer : {fault(0x30, "C_GenerateKeyPair"), HostAnswer(lost)})
    CHECK(told(answer).message.find(kUnknown) != std::string::npos);
  for (const HostAnswer& answer :
       {fault(0xA0, "C_Login"), fault(0x30, "C_Login"), fault(host::FaultKind::KeyExists)})
    CHECK(told(answer).message.find(kUnknown) == std::string::npos);
}

TEST_CASE("a key that is not what was asked for is said to be still there") {
  const Error error =
      told(fault(host::FaultKind::Attributes,
                 "The token made another key than asked: it is extractable. It is still in its "
                 "slot: the module deletes no keys."));
  CHECK(error.name == ErrorName::KeyRefused);
  CHECK(error.parameters.at("why").as_string() == "extractable");
  CHECK(error.message.find("still in its slot") != std::string::npos);
  CHECK(error.message.find("was destroyed") == std::string::npos);
}
