#include "protocol/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "protocol/ed25519_point.h"
#include "protocol/metadata_error.h"
#include "protocol/openssl_handles.h"

namespace signet {
namespace {

constexpr std::array<std::pair<KeyAlgorithm, std::string_view>, 6> kAlgorithms{{
    {KeyAlgorithm::EcdsaP256, "ecdsa-p256"},
    {KeyAlgorithm::EcdsaP384, "ecdsa-p384"},
    {KeyAlgorithm::Rsa2048, "rsa-2048"},
    {KeyAlgorithm::Rsa3072, "rsa-3072"},
    {KeyAlgorithm::Rsa4096, "rsa-4096"},
    {KeyAlgorithm::Ed25519, "ed25519"},
}};

constexpr std::size_t kMaxPublicKeySize = 4096;  // no key or certificate of interest comes near
constexpr std::string_view kEd25519Prefix{"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12};

Error bad_key(std::string_view reason) {
  return metadata_invalid(
      "", "public-key",
      "The public key is refused: " + std::string(reason) +
          ". Signet knows ECDSA P-256 and P-384, RSA with 2048, 3072 or 4096 bits, and Ed25519.");
}

BigNumber number_of(const EVP_PKEY* key, const char* parameter) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, parameter, &number);
  return BigNumber(number);
}

Result<KeyAlgorithm> check_rsa(const EVP_PKEY* key) {
  const BigNumber modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
  const BigNumber exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  if (!modulus || !exponent || BN_is_negative(modulus.get()) || !BN_is_odd(modulus.get()))
    return bad_key("its RSA modulus is not an odd number");
  if (BN_is_negative(exponent.get()) || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()))
    return bad_key("its RSA exponent is even or below 3");
  switch (BN_num_bits(modulus.get())) {
    case 2048:
      return KeyAlgorithm::Rsa2048;
    case 3072:
      return KeyAlgorithm::Rsa3072;
    case 4096:
      return KeyAlgorithm::Rsa4096;
    default:
      return bad_key("its RSA modulus has " + std::to_string(BN_num_bits(modulus.get())) + " bits");
  }
}

Result<KeyAlgorithm> check_ec(EVP_PKEY* key) {
  int explicit_parameters = 0;
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters);
  if (explicit_parameters != 0) return bad_key("its curve is spelled out instead of named");
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1)
    return bad_key("its curve is not known");
  const std::string_view name(group.data(), size);
  if (name != SN_X9_62_prime256v1 && name != SN_secp384r1)
    return bad_key("its curve is " + std::string(name));
  const EvpKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || EVP_PKEY_public_check_quick(context.get()) != 1)
    return bad_key("its point is not on the curve");
  return name == SN_secp384r1 ? KeyAlgorithm::EcdsaP384 : KeyAlgorithm::EcdsaP256;
}

Bytes raw_ed25519(const EVP_PKEY* key) {
  Bytes raw(32);
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1) size = 0;
  raw.resize(size);
  return raw;
}

Result<KeyAlgorithm> check_key(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return check_rsa(key);
    case EVP_PKEY_EC:
      return check_ec(key);
    case EVP_PKEY_ED25519:
      if (!is_sound_ed25519_key(raw_ed25519(key)))
        return bad_key("its bytes are no Ed25519 point of full order");
      return KeyAlgorithm::Ed25519;
    default:
      return bad_key("it is of another type");
  }
}

// The one encoding by which a key is known: named curve, uncompressed point, minimal DER.
Bytes encode_spki(EVP_PKEY* key, KeyAlgorithm algorithm) {
  const bool is_ec = algorithm == KeyAlgorithm::EcdsaP256 || algorithm == KeyAlgorithm::EcdsaP384;
  if (is_ec) {
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED);
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return {};
  Bytes spki(der, der + size);
  OPENSSL_free(der);
  return spki;
}

// What a PEM text holds first: its label and its bytes. Header lines (docker writes "role: NAME") are
// skipped.
struct PemBlock {
  std::string label;
  Bytes data;
};
std::optional<PemBlock> read_pem(std::string_view pem) {
  if (pem.size() > kMaxPublicKeySize * 16) return std::nullopt;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (!bio || PEM_read_bio(bio.get(), &label, &header, &data, &size) != 1) return std::nullopt;
  PemBlock block{label, Bytes(data, data + size)};
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return block;
}

std::optional<Bytes> certificate_spki(BytesView der) {
  const unsigned char* at = der.data();
  const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate || at != der.data() + der.size()) return std::nullopt;
  unsigned char* spki = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &spki);
  if (size <= 0) return std::nullopt;
  Bytes out(spki, spki + size);
  OPENSSL_free(spki);
  return out;
}

void append_ssh_string(Bytes& out, BytesView field) {
  const auto size = static_cast<std::uint32_t>(field.size());
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(size >> shift & 0xff));
  out.insert(out.end(), field.begin(), field.end());
}

// RFC 4251 section 5: an mpint has a zero byte in front if its first bit is set.
void append_ssh_number(Bytes& out, const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)) + 1);
  BN_bn2bin(number, bytes.data() + 1);
  const bool high_bit = bytes.size() > 1 && (bytes[1] & 0x80) != 0;
  append_ssh_string(out, BytesView(bytes).subspan(high_bit ? 0 : 1));
}

std::string_view ssh_type(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      return "ecdsa-sha2-nistp256";
    case KeyAlgorithm::EcdsaP384:
      return "ecdsa-sha2-nistp384";
    case KeyAlgorithm::Ed25519:
      return "ssh-ed25519";
    default:
      return "ssh-rsa";
  }
}

}  // namespace

std::string_view to_string(KeyAlgorithm algorithm) {
  return std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                      [&](const auto& known) { return known.first == algorithm; })
      ->second;
}

Result<KeyAlgorithm> parse_key_algorithm(std::string_view name) {
  for (const auto& [algorithm, known] : kAlgorithms)
    if (known == name) return algorithm;
  return Error(ErrorName::InvalidParameter,
               "There is no key algorithm " + quoted(name) +
                   "; use ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519.",
               {{"parameter", "algorithm"}});
}

struct PublicKey::State {
  EvpKey key;
  KeyAlgorithm algorithm;
  Bytes spki;
  std::string fingerprint;
};

PublicKey::PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<PublicKey> PublicKey::from_spki(BytesView der) {
  if (der.size() > kMaxPublicKeySize)
    return bad_key("it is longer than " + std::to_string(kMaxPublicKeySize) + " bytes");
  const unsigned char* at = der.data();
  EvpKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (!key) return bad_key("it is no DER SubjectPublicKeyInfo that OpenSSL can read");
  if (at != der.data() + der.size()) return bad_key("bytes follow it");
  const auto algorithm = check_key(key.get());
  if (!algorithm) return algorithm.error();
  Bytes spki = encode_spki(key.get(), *algorithm);
  if (spki.empty()) return bad_key("OpenSSL cannot encode it");
  std::string fingerprint = sha256_hex(spki);
  return PublicKey(std::make_shared<const State>(
      State{std::move(key), *algorithm, std::move(spki), std::move(fingerprint)}));
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  const auto block = read_pem(pem);
  if (!block) return bad_key("it is not PEM");
  if (block->label == PEM_STRING_PUBLIC) return from_spki(block->data);
  if (block->label != PEM_STRING_X509) return bad_key("its PEM label is " + quoted(block->label));
  const auto spki = certificate_spki(block->data);
  if (!spki) return bad_key("its certificate cannot be read");
  return from_spki(*spki);
}

Result<PublicKey> PublicKey::from_ed25519(BytesView raw) {
  if (raw.size() != 32) return bad_key("an Ed25519 key has 32 bytes, this one " + std::to_string(raw.size()));
  Bytes spki = to_bytes(as_bytes(kEd25519Prefix));
  spki.insert(spki.end(), raw.begin(), raw.end());
  return from_spki(spki);
}

KeyAlgorithm PublicKey::algorithm() const {
  return state_->algorithm;
}
const Bytes& PublicKey::spki() const {
  return state_->spki;
}
const std::string& PublicKey::fingerprint() const {
  return state_->fingerprint;
}
void* PublicKey::handle() const {
  return state_->key.get();
}

Bytes PublicKey::ed25519_raw() const {
  return algorithm() == KeyAlgorithm::Ed25519 ? raw_ed25519(state_->key.get()) : Bytes{};
}

std::string PublicKey::pem() const {
  constexpr std::size_t kColumns = 64;
  const std::string body = to_base64(spki());
  std::string out = "-----BEGIN PUBLIC KEY-----\n";
  for (std::size_t i = 0; i < body.size(); i += kColumns) out += body.substr(i, kColumns) + "\n";
  return out + "-----END PUBLIC KEY-----\n";
}

std::string PublicKey::ssh(std::string_view comment) const {
  const std::string_view type = ssh_type(algorithm());
  Bytes blob;
  append_ssh_string(blob, as_bytes(type));
  if (algorithm() == KeyAlgorithm::Ed25519) {
    append_ssh_string(blob, ed25519_raw());
  } else if (type == "ssh-rsa") {
    append_ssh_number(blob, number_of(state_->key.get(), OSSL_PKEY_PARAM_RSA_E).get());
    append_ssh_number(blob, number_of(state_->key.get(), OSSL_PKEY_PARAM_RSA_N).get());
  } else {  // RFC 5656 section 3.1: the curve's name, then the uncompressed point, which ends the SPKI
    const std::size_t point_size = algorithm() == KeyAlgorithm::EcdsaP256 ? 65 : 97;
    append_ssh_string(blob, as_bytes(type.substr(type.rfind('-') + 1)));
    append_ssh_string(blob, BytesView(spki()).last(point_size));
  }
  std::string line = std::string(type) + " " + to_base64(blob);
  if (!comment.empty()) line += ' ';
  // A line break in a comment would begin a second entry of authorized_keys.
  std::copy_if(comment.begin(), comment.end(), std::back_inserter(line),
               [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  return line;
}

}  // namespace signet
