#include "agent/identity/jwk_set.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/json/serialize.hpp>
#include <cstdint>

#include "agent/identity/base64url.h"
#include "protocol/frame_json.h"

namespace signet {
namespace {

namespace json = boost::json;

struct Curve {
  std::string_view name;
  std::size_t size;  // bytes of a coordinate
};
constexpr std::array<Curve, 3> kCurves{{{"P-256", 32}, {"P-384", 48}, {"P-521", 66}}};

using Parsed = Result<std::optional<Jwk>>;  // nothing: a key that is left out

Error bad_set(const std::string& source, const std::string& what) {
  return {ErrorName::FileFault, "The JWKS file " + source + " is refused: " + what +
                                    ". Fetch the issuer's jwks_uri again and check that it is complete."};
}

std::string bad_key(const std::string& what) {
  return "a key in it has " + what;
}

// The member's text; empty if it is absent or no string.
std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

// Big-endian bytes without leading zeros (some issuers write one more than RFC 7518 section 2 allows).
std::optional<WipedBuffer> number_member(const json::object& object, std::string_view name) {
  auto bytes = from_base64url(text_member(object, name));
  if (!bytes) return bytes;
  bytes->erase(bytes->begin(), std::find_if(bytes->begin(), bytes->end(), [](char c) { return c != 0; }));
  return bytes;
}

std::size_t bit_size(const WipedBuffer& number) {
  if (number.empty()) return 0;
  return (number.size() - 1) * 8 +
         static_cast<std::size_t>(std::bit_width(static_cast<std::uint8_t>(number[0])));
}

bool is_good_exponent(const WipedBuffer& number) {
  const bool odd = !number.empty() && (static_cast<std::uint8_t>(number.back()) & 1U) != 0;
  return odd && bit_size(number) >= 2 && bit_size(number) <= 64;
}

Parsed read_rsa(const json::object& object, Jwk key, const std::string& source) {
  const auto modulus = number_member(object, "n"), exponent = number_member(object, "e");
  if (!modulus || !exponent) return bad_set(source, bad_key("an \"n\" or \"e\" that is not base64url"));
  if (bit_size(*modulus) < kMinRsaBits || bit_size(*modulus) > kMaxRsaBits)
    return bad_set(source, bad_key("an RSA modulus of " + std::to_string(bit_size(*modulus)) + " bits; " +
                                   std::to_string(kMinRsaBits) + " to " + std::to_string(kMaxRsaBits) +
                                   " are accepted"));
  if (!is_good_exponent(*exponent))
    return bad_set(source, bad_key("an RSA exponent that is even, below 3 or beyond 64 bits"));
  key.size = modulus->size();
  key.key = import_jwk(json::serialize(
      json::object{{"kty", "RSA"}, {"n", text_member(object, "n")}, {"e", text_member(object, "e")}}));
  if (!key.key) return bad_set(source, bad_key("an RSA key that cannot be used"));
  return std::optional<Jwk>(std::move(key));
}

Parsed read_ec(const json::object& object, Jwk key, const std::string& source) {
  key.curve = text_member(object, "crv");
  const auto* const curve = std::find_if(kCurves.begin(), kCurves.end(),
                                         [&key](const Curve& known) { return known.name == key.curve; });
  if (curve == kCurves.end()) return std::optional<Jwk>();
  const std::string x = text_member(object, "x"), y = text_member(object, "y");
  const auto x_bytes = from_base64url(x), y_bytes = from_base64url(y);
  if (!x_bytes || !y_bytes || x_bytes->size() != curve->size || y_bytes->size() != curve->size)
    return bad_set(source, bad_key("an \"x\" or \"y\" that is no base64url of a coordinate's length"));
  key.size = curve->size;
  key.key = import_jwk(json::serialize(json::object{{"kty", "EC"}, {"crv", key.curve}, {"x", x}, {"y", y}}));
  if (!key.key) return bad_set(source, bad_key("a point that is not on its curve"));
  return std::optional<Jwk>(std::move(key));
}

bool is_for_signatures(const json::object& object) {
  if (object.contains("use") && text_member(object, "use") != "sig") return false;
  const json::value* operations = object.if_contains("key_ops");
  if (operations == nullptr) return true;
  const json::array* list = operations->if_array();
  return list != nullptr && std::find(list->begin(), list->end(), json::value("verify")) != list->end();
}

Parsed read_key(const json::value& value, const std::string& source) {
  const json::object* object = value.if_object();
  if (object == nullptr) return bad_set(source, "an element of \"keys\" is no object");
  // RFC 7518 sections 6.2.2, 6.3.2 and 6.4: whoever can read this file could make tokens.
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
    if (object->contains(name))
      return bad_set(source, "a key in it has the member \"" + std::string(name) +
                                 "\", which is private or symmetric; only public keys belong there");
  Jwk key;
  key.key_id = text_member(*object, "kid");
  key.key_type = text_member(*object, "kty");
  key.algorithm = text_member(*object, "alg");
  key.for_signatures = is_for_signatures(*object);
  if (key.key_id.empty()) return std::optional<Jwk>();
  if (key.key_type == "RSA") return read_rsa(*object, std::move(key), source);
  if (key.key_type == "EC") return read_ec(*object, std::move(key), source);
  return std::optional<Jwk>();
}

}  // namespace

Result<JwkSet> JwkSet::parse(std::string_view text, const std::string& source) {
  const auto value = parse_frame_json(text, {});
  if (!value) return bad_set(source, "it is not JSON, or has a member twice");
  const json::value* keys = value->is_object() ? value->get_object().if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array())
    return bad_set(source, "it is no JWK Set (an object with \"keys\")");
  if (keys->get_array().size() > kMaxJwks)
    return bad_set(source, "it has " + std::to_string(keys->get_array().size()) + " keys, and at most " +
                               std::to_string(kMaxJwks) + " are read");
  JwkSet set;
  for (const json::value& element : keys->get_array()) {
    auto key = read_key(element, source);
    if (!key) return key.error();
    if (!*key) continue;
    if (set.find((*key)->key_id) != nullptr) return bad_set(source, "two keys in it have one \"kid\"");
    set.keys_.push_back(std::move(**key));
  }
  const bool usable = std::any_of(set.keys_.begin(), set.keys_.end(), [](const Jwk& key) {
    const auto algorithms = jws_algorithms();
    return std::any_of(algorithms.begin(), algorithms.end(),
                       [&key](const JwsAlgorithm& algorithm) { return key_fits(key, algorithm); });
  });
  if (!usable) return bad_set(source, "no key in it can verify a token");
  return set;
}

const Jwk* JwkSet::find(std::string_view key_id) const {
  for (const Jwk& key : keys_)
    if (key.key_id == key_id) return &key;
  return nullptr;
}

bool key_fits(const Jwk& key, const JwsAlgorithm& algorithm) {
  return key.for_signatures && key.key_type == algorithm.key_type && key.curve == algorithm.curve &&
         (key.algorithm.empty() || key.algorithm == algorithm.name);
}

std::size_t signature_size(const Jwk& key, const JwsAlgorithm& algorithm) {
  return algorithm.signature_size != 0 ? algorithm.signature_size : key.size;
}

}  // namespace signet
