// Who signs checkpoints: a process of its own (process_signer.h) or a key on a token (token_signer.h).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "agent/checkpoint/signer_protocol.h"
#include "protocol/checkpoint.h"
#include "protocol/result.h"

namespace signet {

// All calls run on the agent's event loop; one at a time.
class CheckpointSigner {
 public:
  virtual ~CheckpointSigner() = default;
  // Whether it keeps, durably and apart from the ledger, what it signed last: then it is an anchor too.
  virtual bool remembers() const = 0;
  // The log that is signed for from now on; branch: see TreeHead. Says who signs, and, as far as the signer
  // remembers by itself, what it signed of this log last.
  virtual boost::asio::awaitable<Result<SignerGreeting>> open(std::string origin, std::string branch) = 0;
  // The whole signed note. proof: that the newest checkpoint which the signer remembers is a prefix of this
  // one.
  virtual boost::asio::awaitable<Result<std::string>> sign(Checkpoint checkpoint,
                                                           std::vector<MerkleHash> proof) = 0;
};

}  // namespace signet
