// Signed notes, checkpoints, verifier keys, proof files, bundles and statements: what is read is written back
// as it was, and nothing that random bytes make verifies.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/checkpoint.h"
#include "protocol/record_statement.h"
#include "protocol/signed_note.h"
#include "protocol/tlog_tiles.h"

namespace {

// From golang.org/x/mod/sumdb/note's documentation.
constexpr std::string_view kKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

void check(bool holds) {
  if (!holds) std::abort();
}

void fuzz_note(std::string_view text) {
  static const signet::NoteKey key = signet::NoteKey::parse(kKey).value();
  const auto note = signet::parse_signed_note(text);
  if (!note) return check(note.error().message.ends_with('.'));
  check(signet::format_signed_note(*note) == text);
  (void)signet::check_note(*note, key);
  const auto checkpoint = signet::parse_checkpoint(note->text);
  if (checkpoint) check(note->text.starts_with(signet::format_checkpoint(*checkpoint)));
}

void fuzz_proof(std::string_view text) {
  const auto proof = signet::parse_tlog_proof(text);
  if (proof) check(signet::format_tlog_proof(*proof) == text);
}

void fuzz_bundle(std::string_view bytes) {
  for (const unsigned count : {0U, 1U, 3U, 256U}) {
    const auto entries = signet::parse_entry_bundle(signet::as_bytes(bytes), count);
    if (!entries) continue;
    signet::Bytes again;
    for (const std::string& entry : *entries) signet::append_entry(again, entry);
    check(signet::as_text(again) == bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_note(text);
  fuzz_proof(text);
  fuzz_bundle(text);
  if (const auto key = signet::NoteKey::parse(text)) check(signet::NoteKey::parse(key->text()).has_value());
  if (const auto statement = signet::parse_record_statement(text)) check(statement->sequence >= 1);
  return 0;
}
