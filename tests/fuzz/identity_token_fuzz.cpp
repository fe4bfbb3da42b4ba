// Whatever the parsers of tokens and of JWK sets accept has one form only, and no token is ever verified:
// nobody gave the fuzzer a signature by this key.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/identity/base64url.h"
#include "agent/identity/compact_token.h"
#include "agent/identity/jwk_set.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// RFC 7517 appendix A.1, the first key.
const signet::JwkSet& keys() {
  static const signet::JwkSet set =
      signet::JwkSet::parse(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"1",)"
                            R"("x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
                            R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})",
                            "fuzz")
          .value();
  return set;
}

void check_token(std::string_view text) {
  const auto token = signet::parse_compact_token(text);
  if (!token) {
    check(token.error().name == signet::ErrorName::IdentityRefused);
    check(token.error().parameters.contains("reason"));
    return;
  }
  check(text.size() <= signet::kMaxIdentityTokenSize);
  check(text.starts_with(token->signing_input) && text[token->signing_input.size()] == '.');
  check(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
        std::string_view::npos);
  check(!token->header.key_id.empty() && !token->header.algorithm.empty());
  const auto signature = signet::from_base64url(text.substr(token->signing_input.size() + 1));
  check(signature && signature->size() == token->signature_size);
  check(!signet::verify_jws(text, keys().find("1")->key));
}

void check_set(std::string_view text) {
  const auto set = signet::JwkSet::parse(text, "fuzz");
  if (!set) return;
  check(!set->keys().empty() && set->keys().size() <= signet::kMaxJwks);
  for (const signet::Jwk& key : set->keys()) check(key.key != nullptr && set->find(key.key_id) == &key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  check_set(text);
  // The fuzzer cannot be expected to find base64url of JSON: this makes it.
  const std::size_t half = text.find('\n');
  if (half == std::string_view::npos) return 0;
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto encoded = [](std::string_view part) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : part) {
      bits = (bits << 8U) | static_cast<std::uint8_t>(c);
      for (count += 8; count >= 6; count -= 6) out += kAlphabet[(bits >> (count - 6)) & 63U];
    }
    if (count > 0) out += kAlphabet[(bits << (6 - count)) & 63U];
    return out;
  };
  check_token(encoded(text.substr(0, half)) + "." + encoded(text.substr(half + 1)) + "." +
              std::string(86, 'A'));
  return 0;
}
