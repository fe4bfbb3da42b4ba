#include "tests/agent/identity/token_maker.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>
#include <vector>

#include "protocol/bytes.h"

namespace signet::test {
namespace {

namespace json = boost::json;

void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL failed in a test's token maker");
}

std::string number_of(const EVP_PKEY* key, const char* name, int size) {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key, name, &raw) == 1);
  const BigNumber number(raw);
  const int width = size != 0 ? size : BN_num_bytes(number.get());
  std::string bytes(static_cast<std::size_t>(width), '\0');
  require(BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), width) == width);
  return bytes;
}

int coordinate_size(const std::string& curve) {
  if (curve == "P-256") return 32;
  return curve == "P-384" ? 48 : 66;
}

// DER to r || s.
std::string raw_ecdsa(const std::string& der, int size) {
  const auto* place = reinterpret_cast<const unsigned char*>(der.data());
  const EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &place, static_cast<long>(der.size())));
  require(parsed != nullptr);
  std::string raw(2 * static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  require(BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, size) == size);
  require(BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + size, size) == size);
  return raw;
}

const EVP_MD* digest_of_algorithm(std::string_view algorithm) {
  if (algorithm.ends_with("256")) return EVP_sha256();
  return algorithm.ends_with("384") ? EVP_sha384() : EVP_sha512();
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text = to_base64(as_bytes(bytes));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

IssuerKey IssuerKey::ec(const std::string& curve, const std::string& key_id) {
  EvpKey key(EVP_EC_gen(curve.c_str()));
  require(key != nullptr);
  return {std::move(key), curve, key_id};
}

IssuerKey IssuerKey::rsa(unsigned bits, const std::string& key_id, unsigned exponent) {
  const EvpKeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
  require(EVP_PKEY_keygen_init(context.get()) == 1);
  require(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(bits)) == 1);
  const BigNumber number(BN_new());
  require(BN_set_word(number.get(), exponent) == 1);
  require(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), number.get()) == 1);
  EVP_PKEY* raw = nullptr;
  require(EVP_PKEY_generate(context.get(), &raw) == 1);
  return {EvpKey(raw), "", key_id};
}

json::object IssuerKey::jwk() const {
  if (curve_.empty())
    return {{"kty", "RSA"},
            {"kid", key_id_},
            {"n", base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0))},
            {"e", base64url(number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0))}};
  const int size = coordinate_size(curve_);
  return {{"kty", "EC"},
          {"kid", key_id_},
          {"crv", curve_},
          {"x", base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, size))},
          {"y", base64url(number_of(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, size))}};
}

std::string IssuerKey::sign(std::string_view algorithm, std::string_view input) const {
  const EvpDigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // the context's
  require(EVP_DigestSignInit(context.get(), &settings, digest_of_algorithm(algorithm), nullptr, key_.get()) ==
          1);
  if (algorithm.starts_with("PS")) {
    require(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1);
    require(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  const auto* data = reinterpret_cast<const unsigned char*>(input.data());
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) == 1);
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                         input.size()) == 1);
  signature.resize(size);
  return curve_.empty() ? signature : raw_ecdsa(signature, coordinate_size(curve_));
}

std::string make_token(std::string_view header, std::string_view payload, const IssuerKey& key,
                       std::string_view algorithm) {
  const std::string input = base64url(header) + "." + base64url(payload);
  return input + "." + base64url(key.sign(algorithm, input));
}

json::object usual_header(const IssuerKey& key, std::string_view algorithm) {
  return {{"typ", "JWT"}, {"alg", algorithm}, {"kid", key.key_id()}};
}

std::string make_token(const json::object& claims, const IssuerKey& key, std::string_view algorithm) {
  return make_token(json::serialize(usual_header(key, algorithm)), json::serialize(claims), key, algorithm);
}

std::string jwks_of(std::initializer_list<json::object> keys) {
  json::array list;
  for (const json::object& key : keys) list.push_back(key);
  return json::serialize(json::object{{"keys", std::move(list)}});
}

}  // namespace signet::test
