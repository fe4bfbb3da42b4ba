#include "protocol/sha256.h"

#include <catch2/catch.hpp>
#include <string>

using namespace signet;

TEST_CASE("SHA-256 of what NIST's examples hash, whole and in parts") {
  CHECK(sha256_hex({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(sha256_hex(as_bytes("abc")) == abc);
  CHECK(to_hex(sha256(as_bytes("abc"))) == abc);
  CHECK(to_hex(sha256_of({as_bytes("a"), {}, as_bytes("bc")})) == abc);
  CHECK(sha256_hex(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(as_bytes("abc")) == abc);  // nothing is left of the one before
}
