#include "client/command/message_input.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "client/file_io.h"

namespace signet::client {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool is_ecdsa(SignatureScheme scheme) {
  return scheme == SignatureScheme::EcdsaSha256 || scheme == SignatureScheme::EcdsaSha384;
}

Result<Bytes> digest_of_descriptor(int descriptor, const std::filesystem::path& path,
                                   const EVP_MD* algorithm) {
  const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t count = ::read(descriptor, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return file_fault(
          path, "failed",
          "Reading " + path.string() + " failed: " + std::generic_category().message(errno) + ".");
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), part.data(), static_cast<std::size_t>(count));
  }
  Bytes digest(static_cast<std::size_t>(EVP_MD_get_size(algorithm)));
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
}

}  // namespace

Result<Bytes> digest_of_file(const std::filesystem::path& path, SignatureScheme scheme) {
  if (scheme == SignatureScheme::Ed25519)
    return Error(ErrorName::MetadataInvalid,
                 "Ed25519 signs messages, not digests (RFC 8032): leave out --hash.",
                 {{"where", "--hash"}, {"why", "digest"}});
  const EVP_MD* algorithm = scheme == SignatureScheme::EcdsaSha384 ? EVP_sha384() : EVP_sha256();
  if (path == "-") return digest_of_descriptor(STDIN_FILENO, "standard input", algorithm);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return file_fault(path, "not-found",
                      "Reading " + path.string() + " failed: " + std::generic_category().message(errno) +
                          ". Check the path.");
  auto digest = digest_of_descriptor(descriptor, path, algorithm);
  ::close(descriptor);
  return digest;
}

Bytes signature_bytes(std::string_view content) {
  std::string_view line = content;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (auto decoded = from_base64(line); decoded && !line.empty()) return std::move(*decoded);
  return to_bytes(as_bytes(content));
}

Result<bool> verify_file(const PublicKey& key, SignatureScheme scheme, const std::filesystem::path& path,
                         const Bytes& signature) {
  Bytes raw = signature;
  if (is_ecdsa(scheme)) {
    auto converted = ecdsa_der_to_raw(signature, key.algorithm());
    // What is no DER signature is no good signature.
    if (!converted) return false;
    raw = std::move(*converted);
  }
  if (scheme == SignatureScheme::Ed25519) {
    auto message = read_whole_file(path, kMaxEd25519Message);
    if (!message) return message.error();
    return verify_token_signature(key, scheme, as_bytes(*message), raw);
  }
  auto digest = digest_of_file(path, scheme);
  if (!digest) return digest.error();
  return verify_token_signature_of_digest(key, scheme, *digest, raw);
}

}  // namespace signet::client
