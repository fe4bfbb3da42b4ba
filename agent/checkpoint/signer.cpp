#include "agent/checkpoint/signer.h"

#include <array>

namespace signet {
namespace {

Error refuse(const char* why, std::string message) {
  boost::json::object parameters{{"why", why}};
  return {ErrorName::LedgerUnavailable, std::move(message), std::move(parameters)};
}

Result<PublicKey> public_key(EVP_PKEY* key) {
  std::array<std::uint8_t, 32> raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1)
    return Error{ErrorName::Internal, "OpenSSL gives no public key of the checkpoint signer's key."};
  return PublicKey::from_ed25519(raw);
}

Result<Bytes> sign_text(EVP_PKEY* key, std::string_view text) {
  const EvpDigestContext context(EVP_MD_CTX_new());
  Bytes signature(64);
  std::size_t size = signature.size();
  const BytesView bytes = as_bytes(text);
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) != 1)
    return Error{ErrorName::Internal, "OpenSSL cannot sign the checkpoint."};
  return signature;
}

}  // namespace

Result<Checkpoint> may_sign(const SignerRequest& request, const std::string& origin,
                            const std::optional<Checkpoint>& newest) {
  auto checkpoint = parse_checkpoint(request.text);
  if (!checkpoint || format_checkpoint(*checkpoint) != request.text)
    return refuse("signer-request", "The checkpoint signer was given something else than a checkpoint.");
  if (checkpoint->origin != origin)
    return refuse("signer-origin", "The checkpoint signer signs for the log " + origin + " alone.");
  if (!newest) return checkpoint;
  if (checkpoint->size < newest->size)
    return refuse("signer-older", "The checkpoint signer has signed " + std::to_string(newest->size) +
                                      " records already, and is now shown " +
                                      std::to_string(checkpoint->size) + ": the ledger was set back.");
  if (!verify_consistency(newest->size, checkpoint->size, newest->root, checkpoint->root, request.proof))
    return refuse("signer-inconsistent",
                  "The first " + std::to_string(newest->size) +
                      " records are not those that the checkpoint signer signed before.");
  return checkpoint;
}

Result<Signer> Signer::open(const std::filesystem::path& directory, std::string origin) {
  auto store = SignerStore::open(directory);
  if (!store) return store.error();
  if (store->newest() && store->newest()->origin != origin) {
    boost::json::object parameters{{"path", directory.string()}, {"why", "failed"}};
    return Error{ErrorName::FileFault,
                 "The checkpoint signer in \"" + directory.string() + "\" signs for the log " +
                     store->newest()->origin + ", not for " + origin +
                     ". Put the origin back, or give the new log a directory of its own.",
                 std::move(parameters)};
  }
  auto key = public_key(store->key());
  if (!key) return key.error();
  auto name = NoteKey::create(std::move(origin), std::move(*key));
  if (!name) return name.error();
  return Signer(std::move(*store), std::move(*name));
}

SignerGreeting Signer::greeting() const {
  return {name_.text(), store_.newest()};
}

Result<std::string> Signer::sign(const SignerRequest& request) {
  const auto checkpoint = may_sign(request, name_.name(), store_.newest());
  if (!checkpoint) return checkpoint.error();
  if (auto kept = store_.keep(*checkpoint); !kept) return kept.error();
  auto signature = sign_text(store_.key(), request.text);
  if (!signature) return signature.error();
  SignedNote note;
  note.text = request.text;
  note.signatures.push_back({name_.name(), name_.id(), std::move(*signature)});
  return format_signed_note(note);
}

}  // namespace signet
