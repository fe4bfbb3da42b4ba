// Checkpoints signed by an enrolled key on a token, of the use "checkpoint": Ed25519, or ECDSA P-256 where
// the token has no Ed25519 (protocol/signed_note.h says who can verify that). It remembers nothing by itself:
// the anchors do.
#pragma once

#include "agent/checkpoint/checkpoint_signer.h"
#include "agent/ledger/ledger.h"
#include "agent/tokens/token_service.h"
#include "protocol/signed_note.h"

namespace signet {

class TokenSigner final : public CheckpointSigner {
 public:
  // key: an enrolled name; looked up again for each signature, so that a key which is retired signs no more.
  TokenSigner(Ledger& ledger, TokenService& tokens, std::string key);

  bool remembers() const override { return false; }
  // NotFound; KeyRefused for a key that is retired, has another use or algorithm.
  boost::asio::awaitable<Result<SignerGreeting>> open(std::string origin, std::string branch) override;
  // Besides those: what TokenService::sign() says. The signature is verified.
  boost::asio::awaitable<Result<std::string>> sign(Checkpoint checkpoint,
                                                   std::vector<MerkleHash> proof) override;

 private:
  struct Named {
    LedgerKey entry;
    NoteKey note_key;
  };
  boost::asio::awaitable<Result<Named>> find_key();

  Ledger& ledger_;
  TokenService& tokens_;
  const std::string key_;
  std::string origin_;
};

}  // namespace signet
