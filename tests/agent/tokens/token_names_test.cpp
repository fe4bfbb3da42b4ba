// Names, URIs and selection: pure decisions.
#include <catch2/catch.hpp>

#include "agent/tokens/found_key.h"
#include "agent/tokens/token_names.h"
#include "tests/support/result_printing.h"

using namespace signet;

namespace {

ListedToken token(const std::string& label, const std::string& serial, const std::string& module = "softhsm",
                  bool initialised = true) {
  ListedToken made;
  made.description.label = label;
  made.description.serial = serial;
  made.description.manufacturer = "Maker";
  made.description.model = "Model";
  made.description.module = module;
  made.initialised = initialised;
  made.slot = serial.size() + 7;
  return made;
}

}  // namespace

TEST_CASE("a name is the label, else the serial number, else the URI, and always unique") {
  std::vector<ListedToken> tokens = {token("alone", "1"),
                                     token("twin", "2"),
                                     token("twin", "3"),
                                     token("", "4"),
                                     token("both", "5", "one"),
                                     token("both", "5", "two"),
                                     token("", "", "softhsm", false)};
  name_tokens(tokens);
  CHECK(tokens[0].description.name == "alone");
  CHECK(tokens[1].description.name == "2");
  CHECK(tokens[2].description.name == "3");
  CHECK(tokens[3].description.name == "4");
  CHECK(tokens[4].description.name == tokens[4].description.uri);
  for (const auto& one : tokens) {
    int same = 0;
    for (const auto& other : tokens) same += other.description.name == one.description.name;
    CHECK(same == 1);
    // Every name and every URI leads back to its token and to no other.
    const auto by_name = select_token(tokens, one.description.name);
    REQUIRE(by_name);
    CHECK(&tokens[*by_name] == &one);
    const auto by_uri = select_token(tokens, one.description.uri);
    REQUIRE(by_uri);
    CHECK(&tokens[*by_uri] == &one);
  }
}

TEST_CASE("selectors: label, serial number, partial URI, module of the one blank token") {
  std::vector<ListedToken> tokens = {token("alpha", "11"), token("beta", "22"),
                                     token("", "", "softhsm", false)};
  name_tokens(tokens);
  CHECK(*select_token(tokens, "alpha") == 0);
  CHECK(*select_token(tokens, "22") == 1);
  CHECK(*select_token(tokens, "pkcs11:serial=22") == 1);
  CHECK(*select_token(tokens, "pkcs11:token=alpha;object=some%20key") == 0);
  CHECK(*select_token(tokens, "softhsm") == 2);
  CHECK(select_token(tokens, "gamma").error().name == ErrorName::NotFound);
  CHECK(select_token(tokens, "").error().name == ErrorName::NotFound);
  const auto several = select_token(tokens, "pkcs11:manufacturer=Maker");
  REQUIRE_FALSE(several);
  CHECK(several.error().name == ErrorName::InvalidParameter);
  CHECK(several.error().message.find("\"alpha\"") != std::string::npos);
  CHECK(several.error().message.find("\"beta\"") != std::string::npos);
  tokens.push_back(token("", "", "softhsm", false));
  tokens.back().slot = 99;
  name_tokens(tokens);
  CHECK(select_token(tokens, "softhsm").error().name == ErrorName::InvalidParameter);
}

TEST_CASE("a PIN source that fits several tokens is for none of them") {
  std::vector<ListedToken> tokens = {token("twin", "1"), token("twin", "2"), token("other", "3")};
  name_tokens(tokens);
  PinSource by_label, by_serial;
  by_label.token = "twin";
  by_serial.token = "2";
  const std::vector<PinSource> sources = {by_label, by_serial};
  CHECK_FALSE(pin_source_of(sources, tokens, 0));
  REQUIRE(pin_source_of(sources, tokens, 1));
  CHECK(pin_source_of(sources, tokens, 1)->token == "2");
  CHECK_FALSE(pin_source_of(sources, tokens, 2));
}

TEST_CASE("URIs: attributes go there and back; PINs and other objects are refused") {
  TokenUri uri;
  uri.label = "My token; a=b";
  uri.serial = "1583/5999";
  uri.id = Bytes{0, 1, 0xff, '%'};
  uri.object = "κλειδί";
  const std::string text = format_token_uri(uri);
  const auto back = parse_token_uri(text);
  REQUIRE(back);
  CHECK(back->label == uri.label);
  CHECK(back->serial == uri.serial);
  CHECK(back->id == uri.id);
  CHECK(back->object == uri.object);
  CHECK_FALSE(back->slot);
  CHECK_FALSE(back->manufacturer);

  for (const char* bad : {"", "pkcs11", "http://x", "pkcs11:token=%zz", "pkcs11:type=public;token=a",
                          "pkcs11:token=a;unknown-thing=3"}) {
    CAPTURE(bad);
    const auto refused = parse_token_uri(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().name == ErrorName::InvalidParameter);
  }
  for (const char* bad : {"pkcs11:token=a?pin-value=123456", "pkcs11:token=a?pin-source=file:/123456"}) {
    const auto refused = parse_token_uri(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("123456") == std::string::npos);
  }
  CHECK_FALSE(parse_token_uri("pkcs11:token=" + std::string(5000, 'a')));
  CHECK(parse_token_uri("pkcs11:token=a;type=private"));
}

TEST_CASE("one key, none, several") {
  TokenDescription told;
  told.name = told.label = "alpha";
  told.serial = "1";
  host::FindObjectsReply found;
  CHECK(the_one_key(found, told, "pkcs11:").error().name == ErrorName::NotFound);
  found.skipped = 2;
  CHECK(the_one_key(found, told, "pkcs11:").error().message.find("2 that fit") != std::string::npos);
  host::KeyObject key;
  key.label = "k1";
  key.id = {1};
  found.keys = {key};
  const auto one = the_one_key(found, told, "pkcs11:");
  REQUIRE(one);
  CHECK(one->uri == "pkcs11:serial=1;token=alpha;id=%01;object=k1;type=private");
  key.id = {2};
  found.keys.push_back(key);
  const auto several = the_one_key(found, told, "pkcs11:");
  CHECK(several.error().name == ErrorName::InvalidParameter);
  CHECK(several.error().message.find("id=%02") != std::string::npos);
}
