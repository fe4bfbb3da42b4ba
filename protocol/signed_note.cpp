#include "protocol/signed_note.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "protocol/json_text.h"
#include "protocol/metadata_error.h"
#include "protocol/signature.h"

namespace signet {
namespace {

constexpr std::string_view kSignatureStart = "\u2014 ";  // em dash, space
constexpr std::uint8_t kEd25519Type = 0x01;
constexpr std::uint8_t kEcdsaType = 0x02;
constexpr std::size_t kKeyIdSize = 4;
constexpr std::size_t kEd25519SignatureSize = 64;

// Unicode's White_Space above ASCII; what is below is a control character or the space.
constexpr std::array<std::uint32_t, 19> kSpaces{0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003,
                                                0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
                                                0x2028, 0x2029, 0x202f, 0x205f, 0x3000};

Error bad_note(std::size_t offset, std::string_view why, const std::string& what) {
  return metadata_invalid("@" + std::to_string(offset), why,
                          "This is not a signed note (C2SP signed-note): " + what + ".");
}

Error bad_key(const std::string& what) {
  return metadata_invalid("", "note-key",
                          "This is not a verifier key (NAME+HASH+KEY, C2SP signed-note): " + what + ".");
}

std::uint32_t big_endian(BytesView bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) | (std::uint32_t{bytes[2]} << 8) |
         bytes[3];
}

Bytes big_endian(std::uint32_t number) {
  return {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
          static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

std::optional<Error> check_characters(std::string_view note) {
  for (std::size_t offset = 0; offset < note.size();) {
    const CodePoint point = next_code_point(note.substr(offset));
    if (point.size == 0) return bad_note(offset, "invalid-utf8", "its text is not UTF-8");
    if (point.value < 0x20 && point.value != '\n')
      return bad_note(offset, "control-character", "it has a control character");
    offset += point.size;
  }
  return std::nullopt;
}

std::optional<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(kSignatureStart)) return std::nullopt;
  line.remove_prefix(kSignatureStart.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  NoteSignature signature;
  signature.name = line.substr(0, space);
  const auto bytes = from_base64(line.substr(space + 1));
  if (!is_note_key_name(signature.name) || !bytes || bytes->size() <= kKeyIdSize) return std::nullopt;
  signature.id = big_endian(*bytes);
  signature.signature.assign(bytes->begin() + kKeyIdSize, bytes->end());
  return signature;
}

}  // namespace

bool is_note_key_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNoteKeyName) return false;
  for (std::size_t offset = 0; offset < name.size();) {
    const CodePoint point = next_code_point(name.substr(offset));
    if (point.size == 0 || is_control(point.value) || point.value == ' ' || point.value == '+' ||
        std::find(kSpaces.begin(), kSpaces.end(), point.value) != kSpaces.end())
      return false;
    offset += point.size;
  }
  return true;
}

Result<SignedNote> parse_signed_note(std::string_view note) {
  if (note.size() > kMaxNoteSize)
    return bad_note(kMaxNoteSize, "size", "it has more than " + std::to_string(kMaxNoteSize) + " bytes");
  if (auto error = check_characters(note)) return std::move(*error);
  const std::size_t blank = note.rfind("\n\n");
  if (blank == std::string_view::npos)
    return bad_note(0, "note", "no blank line divides text and signatures");
  SignedNote parsed;
  parsed.text = note.substr(0, blank + 1);
  std::size_t offset = blank + 2;
  while (offset < note.size()) {
    const std::size_t end = note.find('\n', offset);
    if (end == std::string_view::npos) return bad_note(offset, "note", "its last line has no end");
    auto signature = parse_signature(note.substr(offset, end - offset));
    if (!signature) return bad_note(offset, "note", "a line below the text is no signature");
    if (parsed.signatures.size() == kMaxNoteSignatures)
      return bad_note(offset, "limit",
                      "it has more than " + std::to_string(kMaxNoteSignatures) + " signatures");
    parsed.signatures.push_back(std::move(*signature));
    offset = end + 1;
  }
  if (parsed.signatures.empty()) return bad_note(offset, "note", "it has no signature");
  return parsed;
}

std::string format_signed_note(const SignedNote& note) {
  std::string text = note.text + "\n";
  for (const NoteSignature& signature : note.signatures) {
    Bytes bytes = big_endian(signature.id);
    bytes.insert(bytes.end(), signature.signature.begin(), signature.signature.end());
    text += std::string(kSignatureStart) + signature.name + " " + to_base64(bytes) + "\n";
  }
  return text;
}

NoteKey::NoteKey(std::string name, PublicKey key) : name_(std::move(name)), key_(std::move(key)) {
  // ECDSA's id is by the key alone: signed-note, section "Signature types".
  Bytes input;
  if (key_.algorithm() == KeyAlgorithm::Ed25519) {
    input = to_bytes(as_bytes(name_ + "\n"));
    const Bytes key_bytes = encoded();
    input.insert(input.end(), key_bytes.begin(), key_bytes.end());
  } else {
    input = key_.spki();
  }
  id_ = big_endian(sha256(input));
}

// The type's byte and the key.
Bytes NoteKey::encoded() const {
  const bool ed25519 = key_.algorithm() == KeyAlgorithm::Ed25519;
  Bytes bytes{ed25519 ? kEd25519Type : kEcdsaType};
  const Bytes key = ed25519 ? key_.ed25519_raw() : key_.spki();
  bytes.insert(bytes.end(), key.begin(), key.end());
  return bytes;
}

Result<NoteKey> NoteKey::create(std::string name, PublicKey key) {
  if (!is_note_key_name(name)) return bad_key("its name is empty, too long, or has a space or a \"+\"");
  if (key.algorithm() != KeyAlgorithm::Ed25519 && key.algorithm() != KeyAlgorithm::EcdsaP256)
    return Error{ErrorName::KeyRefused,
                 "A key of the algorithm " + std::string(to_string(key.algorithm())) +
                     " cannot sign notes: use Ed25519, or ECDSA P-256 where a token has no Ed25519.",
                 {{"key", std::move(name)}, {"why", "algorithm"}}};
  return NoteKey(std::move(name), std::move(key));
}

Result<NoteKey> NoteKey::parse(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return bad_key("it has not three parts with a \"+\" between them");
  const auto hash = from_hex(text.substr(first + 1, second - first - 1));
  const auto bytes = from_base64(text.substr(second + 1));
  if (!hash || hash->size() != kKeyIdSize || !bytes || bytes->size() < 2)
    return bad_key("its hash is not 8 hexadecimal digits, or its key is not base64");
  const BytesView key_bytes = BytesView(*bytes).subspan(1);
  if (bytes->front() != kEd25519Type && bytes->front() != kEcdsaType)
    return bad_key("its signature type is " + std::to_string(bytes->front()) +
                   "; known are 1 (Ed25519) and 2 (ECDSA)");
  auto key =
      bytes->front() == kEd25519Type ? PublicKey::from_ed25519(key_bytes) : PublicKey::from_spki(key_bytes);
  if (!key) return bad_key("its public key is none that Signet knows");
  if ((bytes->front() == kEd25519Type) != (key->algorithm() == KeyAlgorithm::Ed25519))
    return bad_key("its public key is not of its signature type");
  auto parsed = create(std::string(text.substr(0, first)), std::move(*key));
  if (!parsed) return bad_key("its name or its algorithm is none for notes");
  if (parsed->id() != big_endian(*hash)) return bad_key("its hash is not that of its name and key");
  return parsed;
}

std::string NoteKey::text() const {
  return name_ + "+" + to_hex(big_endian(id_)) + "+" + to_base64(encoded());
}

bool NoteKey::verifies(std::string_view text, BytesView signature) const {
  if (key_.algorithm() == KeyAlgorithm::Ed25519)
    return signature.size() == kEd25519SignatureSize &&
           verify_token_signature(key_, SignatureScheme::Ed25519, as_bytes(text), signature);
  const auto raw = ecdsa_der_to_raw(signature, key_.algorithm());
  return raw && verify_token_signature(key_, SignatureScheme::EcdsaSha256, as_bytes(text), *raw);
}

NoteVerdict check_note(const SignedNote& note, const NoteKey& key) {
  NoteVerdict verdict = NoteVerdict::Unknown;
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name() || signature.id != key.id()) continue;
    if (!key.verifies(note.text, signature.signature)) return NoteVerdict::Forged;
    verdict = NoteVerdict::Good;
  }
  return verdict;
}

}  // namespace signet
