#include "client/log/record_proof.h"

namespace signet::client {
namespace {

Error bad_answer(const char* what) {
  boost::json::object parameters{{"why", "malformed"}};
  return {ErrorName::ConnectionFailed,
          std::string("The agent's proof ") + what +
              ": nothing was written. Check the agent's ledger "
              "(signet ledger check).",
          std::move(parameters)};
}

bool shows_record(const TlogProof& proof, const Checkpoint& checkpoint) {
  return verify_inclusion(proof.index, checkpoint.size, merkle_leaf_hash(as_bytes(proof.entry)), proof.proof,
                          checkpoint.root);
}

std::string judge(const TlogProof& proof, const SignedCheckpoint& signed_one,
                  const RecordStatement& statement, const std::optional<NoteKey>& key,
                  const std::optional<std::string>& digest) {
  if (!shows_record(proof, signed_one.checkpoint)) return "proof";
  if (statement.sequence != static_cast<std::int64_t>(proof.index + 1)) return "record-out-of-place";
  if (key) {
    const NoteVerdict verdict = check_note(signed_one.note, *key);
    if (verdict != NoteVerdict::Good)
      return verdict == NoteVerdict::Unknown ? "checkpoint-not-signed" : "checkpoint-forged";
    if (signed_one.checkpoint.origin != key->name()) return "checkpoint-not-signed";
  }
  if (!digest) return "";
  const auto* named = statement.body.if_contains("digest");
  return named && *named == boost::json::string_view(*digest) ? "" : "digest-differs";
}

}  // namespace

Result<std::string> proof_file(const RecordProofInfo& info) {
  TlogProof proof;
  proof.entry = info.statement;
  proof.index = static_cast<std::uint64_t>(info.index);
  for (const std::string& text : info.proof) {
    const auto hash = parse_merkle_hash(text);
    if (!hash) return bad_answer("has a hash that is none");
    proof.proof.push_back(*hash);
  }
  proof.checkpoint = info.checkpoint;
  const auto checkpoint = parse_signed_checkpoint(info.checkpoint);
  if (!checkpoint) return bad_answer("has a checkpoint that is none");
  if (!shows_record(proof, checkpoint->checkpoint)) return bad_answer("does not verify");
  return format_tlog_proof(proof);
}

Result<ProofVerdict> check_proof_file(std::string_view text, const std::optional<NoteKey>& key,
                                      const std::optional<std::string>& digest) {
  auto proof = parse_tlog_proof(text);
  if (!proof) return proof.error();
  const auto signed_one = parse_signed_checkpoint(proof->checkpoint);
  if (!signed_one) return signed_one.error();
  auto statement = parse_record_statement(proof->entry);
  if (!statement) return statement.error();
  ProofVerdict verdict;
  verdict.why_not = judge(*proof, *signed_one, *statement, key, digest);
  verdict.checked.proof = std::move(*proof);
  verdict.checked.checkpoint = signed_one->checkpoint;
  verdict.checked.statement = std::move(*statement);
  verdict.checked.signature_checked = key.has_value() && verdict.why_not.empty();
  return verdict;
}

}  // namespace signet::client
