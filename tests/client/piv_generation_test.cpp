// What a person is told to run for a key in a PIV slot, and where it is looked for afterwards.
#include <catch2/catch.hpp>

#include "client/command/piv_generation.h"
#include "tests/support/result_printing.h"

using namespace signet;
using namespace signet::client;

namespace {

TokenInfo yubikey(const std::string& serial = "15835999") {
  TokenInfo token;
  token.name = token.label = "YubiKey PIV #" + serial;
  token.serial = serial;
  token.manufacturer = "Yubico (www.yubico.com)";
  token.module = "ykcs11";
  token.uri = "pkcs11:serial=" + serial;
  return token;
}

TokenInfo opensc(const std::string& serial = "0c63dd4ccd532a8c") {
  TokenInfo token;
  token.name = token.label = "PIV_II";
  token.serial = serial;
  token.manufacturer = "piv_II";
  token.module = "opensc";
  token.uri = "pkcs11:serial=" + serial;
  return token;
}

PivKey key() {
  PivKey wanted;
  wanted.slot = "9c";
  wanted.algorithm = "ecdsa-p256";
  wanted.name = "root-alice";
  return wanted;
}

}  // namespace

TEST_CASE("ykman's command names the YubiKey, the policies, the slot and the file") {
  const auto commands = piv_commands(yubikey(), key());
  REQUIRE(commands);
  CHECK(commands->lines ==
        std::vector<std::string>{"ykman --device 15835999 piv keys generate --algorithm ECCP256 --pin-policy "
                                 "DEFAULT --touch-policy ALWAYS 9c root-alice.pem"});
  CHECK(commands->public_key_file == "root-alice.pem");
  PivKey other = key();
  other.algorithm = "rsa-2048";
  other.pin_policy = "once";
  other.touch_policy = "cached";
  other.slot = "82";
  other.name = "a b'$(c)";
  CHECK(piv_commands(yubikey(), other)->lines[0] ==
        "ykman --device 15835999 piv keys generate --algorithm RSA2048 --pin-policy ONCE --touch-policy "
        "CACHED 82 "
        "'a b'\\''$(c).pem'");
}

TEST_CASE("with OpenSC the key needs a certificate, and the serial number is none of the YubiKey's") {
  const auto commands = piv_commands(opensc("12345678"), key());
  REQUIRE(commands);
  REQUIRE(commands->lines.size() == 2);
  CHECK(commands->lines[0].starts_with("ykman piv keys generate "));
  CHECK(commands->lines[1] == "ykman piv certificates generate --subject CN=root-alice 9c root-alice.pem");
}

TEST_CASE("keys that the modules could not use are not made") {
  for (const char* algorithm : {"ed25519", "rsa-3072", "rsa-4096"}) {
    PivKey wanted = key();
    wanted.algorithm = algorithm;
    const auto commands = piv_commands(yubikey(), wanted);
    REQUIRE_FALSE(commands);
    CHECK(commands.error().name == ErrorName::InvalidParameter);
  }
}

TEST_CASE("what the module cannot express is ykman's, whatever the card is like") {
  PivKey wanted = key();
  wanted.touch_policy = "never";
  CHECK_FALSE(why_by_ykman(yubikey(), wanted));
  for (const char* touch : {"always", "cached"}) {
    wanted.touch_policy = touch;
    CHECK(why_by_ykman(yubikey(), wanted)->find("touch") != std::string::npos);
  }
  wanted.touch_policy = "never";
  for (const char* pin : {"once", "always", "never"}) {
    wanted.pin_policy = pin;
    CHECK(why_by_ykman(yubikey(), wanted)->find("PIN policy") != std::string::npos);
  }
  wanted.pin_policy = "default";
  CHECK(why_by_ykman(opensc(), wanted)->find("OpenSC") != std::string::npos);
}

TEST_CASE("each slot has its CKA_ID") {
  CHECK(piv_key_id("9c") == "02");
  CHECK(piv_key_id("95") == "18");
  CHECK(piv_slots().size() == 24);
  for (const auto& [slot, id] :
       {std::pair{"9a", "01"}, {"9c", "02"}, {"9d", "03"}, {"9e", "04"}, {"82", "05"}, {"95", "18"}})
    CHECK(piv_key_uri(yubikey(), slot) == std::string("pkcs11:serial=15835999;id=%") + id + ";type=private");
}

TEST_CASE("a token is found again under another name, and never mistaken for its neighbour") {
  const TokenInfo card = yubikey("111"), neighbour = yubikey("222");
  CHECK(find_again({neighbour, card}, card)->serial == "111");
  CHECK(find_again({neighbour}, card) == nullptr);  // another YubiKey was plugged in instead
  CHECK(find_again({}, card) == nullptr);
  // OpenSC calls the same card otherwise once ykman has written to it.
  const TokenInfo before = opensc("00"), after = opensc("aa");
  CHECK(find_again({after}, before)->serial == "aa");
  CHECK(find_again({after, opensc("bb")}, before) == nullptr);
  CHECK(find_again({after, before}, before)->serial == "00");
  CHECK(find_again({yubikey("aa")}, before) == nullptr);  // of another module
}

TEST_CASE("PIV cards are told from others") {
  CHECK(is_piv(yubikey()));
  CHECK(is_piv(opensc()));
  TokenInfo soft;
  soft.manufacturer = "SoftHSM project";
  CHECK_FALSE(is_piv(soft));
}

TEST_CASE("the command that puts a certificate beside a key names the slot that its CKA_ID stands for") {
  const auto command = [](const TokenInfo& token, const std::string& id, const std::string& file = "a.crt") {
    return piv_import_command(token, token.uri + id + ";type=private", file);
  };
  CHECK(command(yubikey(), ";id=%01") == "ykman --device 15835999 piv certificates import 9a a.crt");
  CHECK(command(yubikey(), ";id=%02;object=x") == "ykman --device 15835999 piv certificates import 9c a.crt");
  CHECK(command(yubikey(), ";id=%05") == "ykman --device 15835999 piv certificates import 82 a.crt");
  CHECK(command(yubikey(), ";id=%0A") == "ykman --device 15835999 piv certificates import 87 a.crt");
  CHECK(command(yubikey(), ";id=%0a") == command(yubikey(), ";id=%0A"));
  CHECK(command(yubikey(), ";id=%18") == "ykman --device 15835999 piv certificates import 95 a.crt");
  // OpenSC does not tell the YubiKey's serial number.
  CHECK(command(opensc(), ";id=%02", "my file.crt") == "ykman piv certificates import 9c 'my file.crt'");
  CHECK(command(yubikey(), ";id=%02", "-") == "ykman --device 15835999 piv certificates import 9c FILE");
  for (const char* none : {";id=%19", ";id=%00", ";id=%02%02", "", ";object=%02"})
    CHECK_FALSE(command(yubikey(), none));
  TokenInfo soft = yubikey();
  soft.manufacturer = "SoftHSM project";
  CHECK_FALSE(command(soft, ";id=%02"));
  for (const std::string& slot : piv_slots())
    CHECK(piv_import_command(yubikey(), piv_key_uri(yubikey(), slot), "f") ==
          "ykman --device 15835999 piv certificates import " + slot + " f");
}
