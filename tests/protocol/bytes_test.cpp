#include "protocol/bytes.h"

#include <catch2/catch.hpp>

using namespace signet;

TEST_CASE("hex goes both ways and refuses what is not hex") {
  const Bytes bytes{0x00, 0x7f, 0x80, 0xff};
  CHECK(to_hex(bytes) == "007f80ff");
  CHECK(from_hex("007F80ff") == bytes);
  CHECK(from_hex("") == Bytes{});
  CHECK_FALSE(from_hex("0"));
  CHECK_FALSE(from_hex("0g"));
}

TEST_CASE("base64 follows RFC 4648 section 10 and is strict") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(to_base64(as_bytes(plain)) == encoded);
    REQUIRE(from_base64(encoded));
    CHECK(as_text(*from_base64(encoded)) == plain);
  }
  for (const char* bad :
       {"Zg", "Zg=", "Zg= =", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_", "===="})
    CHECK_FALSE(from_base64(bad));
}
