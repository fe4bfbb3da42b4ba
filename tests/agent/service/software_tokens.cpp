#include "tests/agent/service/software_tokens.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "protocol/signature.h"

namespace signet::test {
namespace {

using boost::asio::awaitable;

std::shared_ptr<EVP_PKEY> make_key(KeyAlgorithm algorithm) {
  EVP_PKEY* key = nullptr;
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
      key = EVP_EC_gen("P-256");
      break;
    case KeyAlgorithm::EcdsaP384:
      key = EVP_EC_gen("P-384");
      break;
    case KeyAlgorithm::Rsa2048:
      key = EVP_RSA_gen(2048);
      break;
    case KeyAlgorithm::Rsa3072:
      key = EVP_RSA_gen(3072);
      break;
    case KeyAlgorithm::Rsa4096:
      key = EVP_RSA_gen(4096);
      break;
    case KeyAlgorithm::Ed25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  if (key == nullptr) throw std::runtime_error("OpenSSL made no key");
  return {key, EVP_PKEY_free};
}

Bytes spki_of(EVP_PKEY* key) {
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Bytes spki(der, der + size);
  OPENSSL_free(der);
  return spki;
}

// As PKCS #11 does it: digests for ECDSA and PSS, the DigestInfo for PKCS #1, the message for EdDSA.
Bytes raw_signature(EVP_PKEY* key, TokenMechanism mechanism, const Bytes& input) {
  Bytes out(1024);
  std::size_t size = out.size();
  if (mechanism == TokenMechanism::Eddsa) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key);
    EVP_DigestSign(context, out.data(), &size, input.data(), input.size());
    EVP_MD_CTX_free(context);
    out.resize(size);
    return out;
  }
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
  EVP_PKEY_sign_init(context);
  if (mechanism == TokenMechanism::RsaPssSha256) {
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
    EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32);
  }
  EVP_PKEY_sign(context, out.data(), &size, input.data(), input.size());
  EVP_PKEY_CTX_free(context);
  out.resize(size);
  return out;
}

}  // namespace

SoftwareTokens::SoftwareTokens() {
  evidence.local = evidence.sensitive = evidence.always_sensitive = evidence.never_extractable = true;
  evidence.extractable = false;
}

awaitable<std::vector<ModuleDescription>> SoftwareTokens::modules() {
  std::vector<ModuleDescription> modules(1);
  modules[0].name = "software";
  modules[0].usable = true;
  co_return modules;
}

awaitable<std::vector<TokenDescription>> SoftwareTokens::list() {
  std::vector<TokenDescription> tokens(1);
  tokens[0].name = tokens[0].label = "software";
  tokens[0].state = TokenState::Unlocked;
  co_return tokens;
}

awaitable<Result<TokenDescription>> SoftwareTokens::describe(std::string) {
  TokenDescription token;
  token.name = token.label = "software";
  token.serial = "1";
  token.uri = "pkcs11:token=software;serial=1";
  token.state = TokenState::Unlocked;
  co_return token;
}
awaitable<Result<TokenDescription>> SoftwareTokens::unlock(std::string, std::optional<Secret>, PinCache) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::unlock_by_prompt(std::string, PinCache) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::change_pin(std::string, Secret, Secret) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::unblock_pin(std::string, Secret, Secret) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::lock(std::string) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::init(InitTokenRequest) {
  co_return TokenDescription();
}
awaitable<Result<TokenDescription>> SoftwareTokens::reset_pin_budget(std::string) {
  co_return TokenDescription();
}
awaitable<void> SoftwareTokens::drain(std::chrono::milliseconds) {
  co_return;
}

awaitable<Result<void>> SoftwareTokens::can_generate(const GenerateRequest&) {
  if (cannot_generate) co_return *cannot_generate;
  co_return Result<void>();
}

awaitable<Result<FoundKey>> SoftwareTokens::generate(GenerateRequest request) {
  made_as.so_pin = request.so_pin ? std::string(request.so_pin->text()) : std::string();
  made_as.id = request.id;
  const Key key = make_key(request.algorithm);
  FoundKey found;
  found.uri = "pkcs11:token=software;object=" + request.label + ";id=" + std::to_string(++made_);
  found.token_label = "software";
  found.token_serial = "1";
  found.module = "software";
  found.algorithm = request.algorithm;
  found.spki = spki_of(key.get());
  found.label = request.label;
  found.evidence = evidence;
  by_spki_[found.spki] = key;
  by_uri_[found.uri] = found;
  co_return found;
}

awaitable<Result<FoundKey>> SoftwareTokens::find(std::string uri) {
  const auto found = by_uri_.find(uri);
  if (found == by_uri_.end()) {
    boost::json::object parameters{{"kind", "object"}, {"name", uri}};
    co_return Error(ErrorName::NotFound, "There is no such object.", std::move(parameters));
  }
  co_return found->second;
}

std::string SoftwareTokens::replicate(const std::string& uri, const std::string& token_label) {
  FoundKey copy = by_uri_.at(uri);
  copy.token_label = token_label;
  copy.token_serial = "serial of " + token_label;
  copy.uri = "pkcs11:token=" + token_label + ";object=" + copy.label + ";id=" + std::to_string(++made_);
  copy.evidence = evidence;
  by_uri_[copy.uri] = copy;
  return copy.uri;
}

awaitable<Result<std::vector<Bytes>>> SoftwareTokens::read_certificates(std::string uri) {
  const auto found = by_uri_.find(uri);
  if (!certificate_objects) co_return std::vector<Bytes>();
  co_return certificate_objects(found == by_uri_.end() ? nullptr : &found->second);
}

awaitable<Result<StoredCertificate>> SoftwareTokens::store_certificate(StoreCertificateRequest request) {
  if (store_fault) co_return *store_fault;
  const bool replaced = !stored.empty() && stored.back().uri == request.uri;
  stored.push_back(std::move(request));
  co_return StoredCertificate{replaced};
}

// Nothing ever changes here.
awaitable<std::uint64_t> SoftwareTokens::changed(std::uint64_t seen, std::chrono::milliseconds at_most) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, at_most);
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return seen;
}

awaitable<Result<TokenSignature>> SoftwareTokens::sign(KeyLocation key, TokenMechanism mechanism, Bytes input,
                                                       Waiting waiting) {
  if (before_sign) {
    co_await before_sign();
    const auto allowed = co_await waiting.still_allowed();
    if (!allowed) co_return allowed.error();
  }
  for (const std::string& name : {key.name, std::string()}) {
    const auto error = sign_errors.find(name);
    if (error != sign_errors.end()) co_return error->second;
  }
  if (fail_signature)
    if (const auto error = fail_signature()) co_return *error;
  last_places.assign(1, key.place(0));
  last_places.insert(last_places.end(), key.also.begin(), key.also.end());
  TokenSignature result;
  result.signature = raw_signature(by_spki_.at(key.spki).get(), mechanism, input);
  if (mechanism == TokenMechanism::Ecdsa) {
    const auto raw = ecdsa_der_to_raw(result.signature, key.algorithm);
    if (!raw) co_return raw.error();
    result.signature = *raw;
  }
  if (flip_a_bit) result.signature[5] = static_cast<std::uint8_t>(result.signature[5] ^ 1);
  result.fresh_handle = fresh_handle;
  result.removable = removable;
  ++signatures;
  co_return result;
}

awaitable<void> SoftwareTokens::sign_many(KeyLocation key, TokenMechanism mechanism,
                                          std::vector<Bytes> inputs, Waiting waiting, ManyWatch watch) {
  watch.begun();
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    auto result = co_await sign(key, mechanism, std::move(inputs[index]), waiting);
    watch.ended(index, std::move(result));
  }
}

}  // namespace signet::test
