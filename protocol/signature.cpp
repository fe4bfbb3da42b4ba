#include "protocol/signature.h"

#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "protocol/metadata_error.h"
#include "protocol/openssl_handles.h"

namespace signet {
namespace {

constexpr std::array<std::pair<SignatureScheme, std::string_view>, 5> kSchemes{{
    {SignatureScheme::EcdsaSha256, "ecdsa-sha2-nistp256"},
    {SignatureScheme::EcdsaSha384, "ecdsa-sha2-nistp384"},
    {SignatureScheme::RsaPssSha256, "rsassa-pss-sha256"},
    {SignatureScheme::RsaPkcs1Sha256, "rsassa-pkcs1v15-sha256"},
    {SignatureScheme::Ed25519, "ed25519"},
}};

// DER of DigestInfo{sha256, NULL}, up to the digest (RFC 8017 section 9.2, note 1).
constexpr std::array<std::uint8_t, 19> kSha256DigestInfo{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                                         0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                         0x01, 0x05, 0x00, 0x04, 0x20};

// A SEQUENCE of two INTEGERs of 48 bytes, each with a leading zero.
constexpr std::size_t kMostDerBytes = 2 + 2 * (2 + 1 + 48);

// How strict a PSS salt is judged: tokens are asked for 32 bytes and Notary's clients insist on them; TUF's
// clients take any length, and old signers used the longest.
enum class PssSalt { Digest, Any };

bool is_rsa(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::Rsa2048 || algorithm == KeyAlgorithm::Rsa3072 ||
         algorithm == KeyAlgorithm::Rsa4096;
}

bool is_ecdsa(SignatureScheme scheme) {
  return scheme == SignatureScheme::EcdsaSha256 || scheme == SignatureScheme::EcdsaSha384;
}

std::size_t digest_size(SignatureScheme scheme) {
  return scheme == SignatureScheme::EcdsaSha384 ? SHA384_DIGEST_LENGTH : SHA256_DIGEST_LENGTH;
}

const EVP_MD* digest_algorithm(SignatureScheme scheme) {
  return scheme == SignatureScheme::EcdsaSha384 ? EVP_sha384() : EVP_sha256();
}

Bytes digest_of(SignatureScheme scheme, BytesView message) {
  if (scheme != SignatureScheme::EcdsaSha384) return sha256(message);
  Bytes digest(SHA384_DIGEST_LENGTH);
  SHA384(message.data(), message.size(), digest.data());
  return digest;
}

// Bytes of r and of s; 0 for what is not ECDSA.
std::size_t coordinate_size(KeyAlgorithm algorithm) {
  if (algorithm == KeyAlgorithm::EcdsaP256) return 32;
  return algorithm == KeyAlgorithm::EcdsaP384 ? 48 : 0;
}

Error bad_encoding(std::string_view reason) {
  return metadata_invalid("", "signature-encoding",
                          "The ECDSA signature is refused: " + std::string(reason) + ".");
}

EVP_PKEY* handle_of(const PublicKey& key) {
  return static_cast<EVP_PKEY*>(key.handle());
}

bool verify_ed25519(const PublicKey& key, BytesView message, BytesView signature) {
  const EvpDigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle_of(key)) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

bool set_rsa_padding(EVP_PKEY_CTX* context, SignatureScheme scheme, PssSalt salt) {
  if (scheme == SignatureScheme::RsaPkcs1Sha256)
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  const int salt_size = salt == PssSalt::Digest ? RSA_PSS_SALTLEN_DIGEST : RSA_PSS_SALTLEN_AUTO;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_size) == 1;
}

// signature: DER for ECDSA.
bool verify_digest(const PublicKey& key, SignatureScheme scheme, BytesView digest, BytesView signature,
                   PssSalt salt) {
  const EvpKeyContext context(EVP_PKEY_CTX_new(handle_of(key), nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1) return false;
  // RFC 8017 section 8.1.2: as long as the modulus; OpenSSL would take one whose leading zeros were cut off.
  const auto modulus_size = static_cast<std::size_t>(EVP_PKEY_get_size(handle_of(key)));
  if (!is_ecdsa(scheme) && signature.size() != modulus_size) return false;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), digest_algorithm(scheme)) != 1) return false;
  if (!is_ecdsa(scheme) && !set_rsa_padding(context.get(), scheme, salt)) return false;
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) ==
         1;
}

// The scheme of an entry of "signatures"; nothing if its method does not fit the key.
std::optional<SignatureScheme> entry_scheme(KeyAlgorithm algorithm, MetadataFormat format,
                                            std::string_view method) {
  if (format == MetadataFormat::Tuf) return metadata_scheme(algorithm, format);
  if (method == "ecdsa" && coordinate_size(algorithm) != 0) return SignatureScheme::EcdsaSha256;
  if (method == "rsapss" && is_rsa(algorithm)) return SignatureScheme::RsaPssSha256;
  if (method == "rsapkcs1v15" && is_rsa(algorithm)) return SignatureScheme::RsaPkcs1Sha256;
  if (method == "eddsa" && algorithm == KeyAlgorithm::Ed25519) return SignatureScheme::Ed25519;
  return std::nullopt;
}

std::string_view notary_method(KeyAlgorithm algorithm) {
  if (algorithm == KeyAlgorithm::Ed25519) return "eddsa";
  return is_rsa(algorithm) ? "rsapss" : "ecdsa";
}

}  // namespace

std::string_view to_string(SignatureScheme scheme) {
  return std::find_if(kSchemes.begin(), kSchemes.end(),
                      [&](const auto& known) { return known.first == scheme; })
      ->second;
}

Result<SignatureScheme> parse_signature_scheme(std::string_view name) {
  for (const auto& [scheme, known] : kSchemes)
    if (known == name) return scheme;
  return Error(
      ErrorName::InvalidParameter,
      "There is no signature scheme " + quoted(name) +
          "; use ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, rsassa-pss-sha256, rsassa-pkcs1v15-sha256 or "
          "ed25519.",
      {{"parameter", "scheme"}});
}

SignatureScheme metadata_scheme(KeyAlgorithm algorithm, MetadataFormat format) {
  if (format == MetadataFormat::Notary && algorithm == KeyAlgorithm::EcdsaP384)
    return SignatureScheme::EcdsaSha256;
  return default_scheme(algorithm);
}

SignatureScheme default_scheme(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      return SignatureScheme::EcdsaSha256;
    case KeyAlgorithm::EcdsaP384:
      return SignatureScheme::EcdsaSha384;
    case KeyAlgorithm::Ed25519:
      return SignatureScheme::Ed25519;
    default:
      return SignatureScheme::RsaPssSha256;
  }
}

bool scheme_fits(SignatureScheme scheme, KeyAlgorithm algorithm) {
  if (is_rsa(algorithm))
    return scheme == SignatureScheme::RsaPssSha256 || scheme == SignatureScheme::RsaPkcs1Sha256;
  return scheme == default_scheme(algorithm);
}

bool signs_sha256(SignatureScheme scheme) {
  return scheme != SignatureScheme::EcdsaSha384 && scheme != SignatureScheme::Ed25519;
}

Bytes token_input(SignatureScheme scheme, BytesView message) {
  if (scheme == SignatureScheme::Ed25519) return to_bytes(message);
  return token_input_of_digest(scheme, digest_of(scheme, message)).value();
}

Result<Bytes> token_input_of_digest(SignatureScheme scheme, BytesView digest) {
  if (scheme == SignatureScheme::Ed25519)
    return metadata_invalid("", "digest-size",
                            "Ed25519 signs the message itself, not a digest. Send the message.");
  if (digest.size() != digest_size(scheme)) {
    return metadata_invalid("", "digest-size",
                            "The scheme " + std::string(to_string(scheme)) + " signs a digest of " +
                                std::to_string(digest_size(scheme)) + " bytes, this one has " +
                                std::to_string(digest.size()) + ".");
  }
  Bytes input;
  if (scheme == SignatureScheme::RsaPkcs1Sha256)
    input.assign(kSha256DigestInfo.begin(), kSha256DigestInfo.end());
  input.insert(input.end(), digest.begin(), digest.end());
  return input;
}

Result<Bytes> ecdsa_raw_to_der(BytesView raw) {
  const std::size_t half = raw.size() / 2;
  if (raw.size() % 2 != 0 || (half != 32 && half != 48))
    return bad_encoding("r and s have " + std::to_string(raw.size()) + " bytes together instead of 64 or 96");
  BigNumber r(BN_bin2bn(raw.data(), static_cast<int>(half), nullptr));
  BigNumber s(BN_bin2bn(raw.data() + half, static_cast<int>(half), nullptr));
  const EcdsaSignature signature(ECDSA_SIG_new());
  if (!r || !s || !signature) return bad_encoding("OpenSSL has no memory");
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return bad_encoding("r or s is zero");
  ECDSA_SIG_set0(signature.get(), r.release(), s.release());
  Bytes der(kMostDerBytes);  // to ask OpenSSL for the size first takes as long as writing it
  unsigned char* at = der.data();
  const int size = i2d_ECDSA_SIG(signature.get(), &at);
  if (size < 0) return bad_encoding("OpenSSL has no memory");
  der.resize(static_cast<std::size_t>(size));
  return der;
}

Result<Bytes> ecdsa_der_to_raw(BytesView der, KeyAlgorithm algorithm) {
  const std::size_t half = coordinate_size(algorithm);
  if (half == 0) return bad_encoding("a key of type " + std::string(to_string(algorithm)) + " makes none");
  const unsigned char* at = der.data();
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature || at != der.data() + der.size())
    return bad_encoding("it is not one DER SEQUENCE of two INTEGERs");
  const BIGNUM* r = ECDSA_SIG_get0_r(signature.get());
  const BIGNUM* s = ECDSA_SIG_get0_s(signature.get());
  if (BN_is_negative(r) || BN_is_negative(s) || BN_is_zero(r) || BN_is_zero(s))
    return bad_encoding("r or s is not positive");
  Bytes raw(2 * half);
  const int width = static_cast<int>(half);
  if (BN_bn2binpad(r, raw.data(), width) != width || BN_bn2binpad(s, raw.data() + half, width) != width)
    return bad_encoding("r or s is longer than " + std::to_string(half) + " bytes");
  // OpenSSL reads BER; DER is what it writes back.
  const auto minimal = ecdsa_raw_to_der(raw);
  if (!minimal || !std::equal(minimal->begin(), minimal->end(), der.begin(), der.end()))
    return bad_encoding("it is BER but not DER");
  return raw;
}

bool verify_token_signature(const PublicKey& key, SignatureScheme scheme, BytesView message, BytesView raw) {
  if (scheme == SignatureScheme::Ed25519)
    return key.algorithm() == KeyAlgorithm::Ed25519 && verify_ed25519(key, message, raw);
  return verify_token_signature_of_digest(key, scheme, digest_of(scheme, message), raw);
}

bool verify_token_signature_of_digest(const PublicKey& key, SignatureScheme scheme, BytesView digest,
                                      BytesView raw) {
  if (scheme == SignatureScheme::Ed25519 || digest.size() != digest_size(scheme)) return false;
  if (!is_ecdsa(scheme))
    return is_rsa(key.algorithm()) && verify_digest(key, scheme, digest, raw, PssSalt::Digest);
  // Notary signs SHA-256 with every curve, so the scheme alone does not tell the size of r and s.
  if (raw.size() != 2 * coordinate_size(key.algorithm())) return false;
  const auto der = ecdsa_raw_to_der(raw);
  return der && verify_digest(key, scheme, digest, *der, PssSalt::Digest);
}

bool verify_metadata_signature(const PublicKey& key, MetadataFormat format, BytesView canonical,
                               const SignatureEntry& entry) {
  const auto scheme = entry_scheme(key.algorithm(), format, entry.method);
  if (!scheme || entry.signature.empty()) return false;
  if (format == MetadataFormat::Notary || *scheme == SignatureScheme::Ed25519)
    return verify_token_signature(key, *scheme, canonical, entry.signature);
  return verify_digest(key, *scheme, digest_of(*scheme, canonical), entry.signature, PssSalt::Any);
}

Result<boost::json::object> metadata_signature_object(const PublicKey& key, std::string_view keyid,
                                                      MetadataFormat format, BytesView raw) {
  boost::json::object out;
  out["keyid"] = keyid;
  if (format == MetadataFormat::Notary) {
    out["method"] = notary_method(key.algorithm());
    out["sig"] = to_base64(raw);
    return out;
  }
  if (coordinate_size(key.algorithm()) == 0) {
    out["sig"] = to_hex(raw);
    return out;
  }
  const auto der = ecdsa_raw_to_der(raw);
  if (!der) return der.error();
  out["sig"] = to_hex(*der);
  return out;
}

}  // namespace signet
