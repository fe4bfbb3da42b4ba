// C2SP signed-note: a text with signature lines below it. Pure, thread safe.
//
// Two of its signature types: Ed25519 (0x01), which every tool of that world reads, and ECDSA (0x02, P-256
// with SHA-256 and DER, as github.com/transparency-dev writes it) for tokens that cannot do Ed25519. A public
// log has to carry an Ed25519 signature (tlog-tiles), and golang.org/x/mod/sumdb/note reads no other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/public_key.h"
#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxNoteSize = 64 * 1024;
inline constexpr std::size_t kMaxNoteSignatures = 64;  // verifiers must take at least 16
inline constexpr std::size_t kMaxNoteKeyName = 255;

struct NoteSignature {
  std::string name;
  std::uint32_t id = 0;
  Bytes signature;  // after the key id
};

struct SignedNote {
  std::string text;  // ends with a line feed
  std::vector<NoteSignature> signatures;
};

// Not empty, at most 255 bytes of UTF-8, no space of any kind, no control character, no "+".
bool is_note_key_name(std::string_view name);

// MetadataInvalid, why one of: size, invalid-utf8, control-character, note (no text, no blank line, no
// signature, a line that is none), limit.
Result<SignedNote> parse_signed_note(std::string_view note);
std::string format_signed_note(const SignedNote& note);

// Who may have signed: a name and a public key (Ed25519 or ECDSA P-256). A value.
class NoteKey {
 public:
  // KeyRefused (why algorithm) for another algorithm; MetadataInvalid (why note-key) for a name that is none.
  static Result<NoteKey> create(std::string name, PublicKey key);
  // A verifier key: NAME+HASH+BASE64. MetadataInvalid (why note-key), also where the hash is not the key's.
  static Result<NoteKey> parse(std::string_view text);

  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  const PublicKey& key() const { return key_; }
  std::string text() const;  // the verifier key

  // signature: Ed25519's 64 bytes, or ECDSA in DER, over the text.
  bool verifies(std::string_view text, BytesView signature) const;

 private:
  NoteKey(std::string name, PublicKey key);
  Bytes encoded() const;

  std::string name_;
  PublicKey key_;
  std::uint32_t id_ = 0;
};

enum class NoteVerdict {
  Good,     // a signature of the key, and all of its signatures verify
  Unknown,  // no signature of this key
  Forged,   // a signature with the key's name and id that does not verify
};
NoteVerdict check_note(const SignedNote& note, const NoteKey& key);

}  // namespace signet
