#include "agent/checkpoint/token_signer.h"

#include <algorithm>

#include "protocol/signature.h"

namespace signet {
namespace {

using boost::asio::awaitable;

Error refused(const std::string& name, const char* why, const std::string& what) {
  return {ErrorName::KeyRefused,
          "The key " + name + " signs no checkpoints: " + what,
          {{"key", name}, {"why", why}}};
}

Result<void> check_entry(const LedgerKey& entry) {
  if (entry.retired) return refused(entry.name, "retired", "it is retired.");
  if (std::find(entry.uses.begin(), entry.uses.end(), "checkpoint") == entry.uses.end())
    return refused(entry.name, "use-excluded",
                   "it is not enrolled for the use \"checkpoint\". Enrol a key of its own for that.");
  return {};
}

}  // namespace

TokenSigner::TokenSigner(Ledger& ledger, TokenService& tokens, std::string key)
    : ledger_(ledger), tokens_(tokens), key_(std::move(key)) {}

awaitable<Result<TokenSigner::Named>> TokenSigner::find_key() {
  auto entry = co_await ledger_.key(key_);
  if (!entry) co_return entry.error();
  if (auto usable = check_entry(*entry); !usable) co_return usable.error();
  auto key = PublicKey::from_spki(entry->spki);
  if (!key) co_return key.error();
  auto note_key = NoteKey::create(origin_, std::move(*key));
  if (!note_key) co_return note_key.error();
  co_return Named{std::move(*entry), std::move(*note_key)};
}

awaitable<Result<SignerGreeting>> TokenSigner::open(std::string origin, std::string) {
  origin_ = std::move(origin);
  const auto named = co_await find_key();
  if (!named) co_return named.error();
  SignerGreeting greeting;
  greeting.verifier_key = named->note_key.text();
  co_return greeting;
}

awaitable<Result<std::string>> TokenSigner::sign(Checkpoint checkpoint, std::vector<MerkleHash>) {
  const auto named = co_await find_key();
  if (!named) co_return named.error();
  const bool ed25519 = named->note_key.key().algorithm() == KeyAlgorithm::Ed25519;
  const auto scheme = ed25519 ? SignatureScheme::Ed25519 : SignatureScheme::EcdsaSha256;
  SignedNote note;
  note.text = format_checkpoint(checkpoint);
  KeyLocation location;
  location.name = named->entry.name;
  location.uri = named->entry.uri;
  location.token_label = named->entry.token_label;
  location.token_serial = named->entry.token_serial;
  location.spki = named->entry.spki;
  location.algorithm = named->note_key.key().algorithm();
  const auto mechanism = ed25519 ? TokenMechanism::Eddsa : TokenMechanism::Ecdsa;
  Bytes input = token_input(scheme, as_bytes(note.text));
  auto raw = co_await tokens_.sign(std::move(location), mechanism, std::move(input));
  if (!raw) co_return raw.error();
  const auto encoded = ed25519 ? Result<Bytes>(raw->signature) : ecdsa_raw_to_der(raw->signature);
  if (!encoded || !named->note_key.verifies(note.text, *encoded))
    co_return refused(key_, "wrong-signature", "the token's signature is not by it. Is it the right token?");
  NoteSignature signature;
  signature.name = named->note_key.name();
  signature.id = named->note_key.id();
  signature.signature = *encoded;
  note.signatures.push_back(std::move(signature));
  co_return format_signed_note(note);
}

}  // namespace signet
