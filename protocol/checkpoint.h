// C2SP tlog-checkpoint: the text of a signed note that says what a log's tree is; and tlog-proof: a file that
// shows one entry to be in it. Pure, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/merkle.h"
#include "protocol/result.h"
#include "protocol/signed_note.h"

namespace signet {

// Origins that Signet makes are key names too (no spaces, no "+"), so that the log's key has its name.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  MerkleHash root{};
  bool operator==(const Checkpoint&) const = default;
};

// The note's text, without extension lines.
std::string format_checkpoint(const Checkpoint& checkpoint);
// MetadataInvalid (why checkpoint) for a text that is none. Extension lines are read over, as the
// specification wants it of clients; a signer asks for text == format_checkpoint(*parse_checkpoint(text)).
Result<Checkpoint> parse_checkpoint(std::string_view text);

// A signed checkpoint as it lies in a file.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  SignedNote note;
};
Result<SignedCheckpoint> parse_signed_checkpoint(std::string_view note);

// A tlog-proof, version 1. The extra data is the entry itself, so that the file is complete; it counts only
// as far as the proof shows its hash to be in the tree.
struct TlogProof {
  std::string entry;
  std::uint64_t index = 0;
  std::vector<MerkleHash> proof;
  std::string checkpoint;  // the signed note, verbatim
};
inline constexpr std::size_t kMaxProofSize = 256 * 1024;

std::string format_tlog_proof(const TlogProof& proof);
// MetadataInvalid (why tlog-proof, or size). The checkpoint is not parsed.
Result<TlogProof> parse_tlog_proof(std::string_view text);

// A hash as these formats write it (base64); nothing for anything but 32 bytes.
std::string merkle_hash_text(const MerkleHash& hash);
std::optional<MerkleHash> parse_merkle_hash(std::string_view base64);

}  // namespace signet
