#include "protocol/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "protocol/metadata_error.h"

namespace signet {
namespace {

constexpr std::string_view kProofHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr std::size_t kMaxProofHashes = 63;

// Takes the next line, without its end, off the text; nothing when no line is left.
std::optional<std::string_view> next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// ASCII digits without leading zeroes, at most kMaxTreeSize.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (text.empty() || !whole || (text.size() > 1 && text.front() == '0') || number > kMaxTreeSize)
    return std::nullopt;
  return number;
}

Error bad_checkpoint(const std::string& what) {
  return metadata_invalid("", "checkpoint", "This is not a checkpoint (C2SP tlog-checkpoint): " + what + ".");
}

Error bad_proof(const std::string& what) {
  return metadata_invalid("", "tlog-proof", "This is not a proof (C2SP tlog-proof): " + what + ".");
}

Result<std::uint64_t> parse_proof_hashes(std::string_view& text, std::vector<MerkleHash>& hashes) {
  for (auto line = next_line(text); line; line = next_line(text)) {
    if (line->empty()) return hashes.size();
    const auto hash = parse_merkle_hash(*line);
    if (!hash) return bad_proof("a line of the proof is not the base64 of 32 bytes");
    if (hashes.size() == kMaxProofHashes) return bad_proof("it has more hashes than any tree needs");
    hashes.push_back(*hash);
  }
  return bad_proof("no empty line ends its hashes");
}

}  // namespace

std::string merkle_hash_text(const MerkleHash& hash) {
  return to_base64(hash);
}

std::optional<MerkleHash> parse_merkle_hash(std::string_view base64) {
  const auto bytes = from_base64(base64);
  MerkleHash hash{};
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         merkle_hash_text(checkpoint.root) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  Checkpoint checkpoint;
  const auto origin = next_line(text);
  if (!origin || origin->empty()) return bad_checkpoint("its first line names no origin");
  checkpoint.origin = *origin;
  const auto size_line = next_line(text);
  const auto size = size_line ? parse_decimal(*size_line) : std::nullopt;
  if (!size) return bad_checkpoint("its second line is no tree size");
  checkpoint.size = *size;
  const auto root_line = next_line(text);
  const auto root = root_line ? parse_merkle_hash(*root_line) : std::nullopt;
  if (!root) return bad_checkpoint("its third line is no root hash");
  checkpoint.root = *root;
  while (!text.empty()) {
    const auto extension = next_line(text);
    if (!extension || extension->empty()) return bad_checkpoint("an extension line is empty or has no end");
  }
  return checkpoint;
}

Result<SignedCheckpoint> parse_signed_checkpoint(std::string_view note) {
  auto parsed = parse_signed_note(note);
  if (!parsed) return parsed.error();
  auto checkpoint = parse_checkpoint(parsed->text);
  if (!checkpoint) return checkpoint.error();
  return SignedCheckpoint{std::move(*checkpoint), std::move(*parsed)};
}

std::string format_tlog_proof(const TlogProof& proof) {
  std::string text = std::string(kProofHeader) + "\n" + std::string(kExtra) +
                     to_base64(as_bytes(proof.entry)) + "\n" + std::string(kIndex) +
                     std::to_string(proof.index) + "\n";
  for (const MerkleHash& hash : proof.proof) text += merkle_hash_text(hash) + "\n";
  return text + "\n" + proof.checkpoint;
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
  if (text.size() > kMaxProofSize)
    return metadata_invalid("@" + std::to_string(kMaxProofSize), "size",
                            "The proof has more than " + std::to_string(kMaxProofSize) + " bytes.");
  TlogProof proof;
  if (next_line(text) != kProofHeader) return bad_proof("its first line is not " + std::string(kProofHeader));
  const auto extra = next_line(text);
  if (!extra || !extra->starts_with(kExtra))
    return bad_proof("it does not bring its entry along as \"extra\" data");
  const auto entry = from_base64(extra->substr(kExtra.size()));
  if (!entry) return bad_proof("its extra data is not base64");
  proof.entry = as_text(*entry);
  const auto index_line = next_line(text);
  const auto index = index_line && index_line->starts_with(kIndex)
                         ? parse_decimal(index_line->substr(kIndex.size()))
                         : std::nullopt;
  if (!index) return bad_proof("it names no index");
  proof.index = *index;
  if (const auto hashes = parse_proof_hashes(text, proof.proof); !hashes) return hashes.error();
  proof.checkpoint = text;
  return proof;
}

}  // namespace signet
