// Signed notes, checkpoints and proof files: the specifications' own examples, and every way to be malformed.
#include <catch2/catch.hpp>

#include "protocol/checkpoint.h"
#include "protocol/signed_note.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

// From golang.org/x/mod/sumdb/note's documentation.
constexpr const char* kPeterKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kPeterText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr const char* kPeterSignature =
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::string why(const Error& error) {
  return std::string(error.parameters.at("why").as_string());
}
template <typename T>
std::string why_not(const Result<T>& result) {
  return result ? "accepted" : why(result.error());
}

TEST_CASE("a note of Go's documentation verifies with its key", "[note]") {
  const auto key = NoteKey::parse(kPeterKey);
  REQUIRE(key);
  CHECK(key->name() == "PeterNeumann");
  CHECK(key->text() == kPeterKey);
  const auto note = parse_signed_note(std::string(kPeterText) + "\n" + kPeterSignature);
  REQUIRE(note);
  CHECK(note->text == kPeterText);
  CHECK(check_note(*note, *key) == NoteVerdict::Good);
  CHECK(format_signed_note(*note) == std::string(kPeterText) + "\n" + kPeterSignature);
  SignedNote changed = *note;
  changed.text[0] = 'i';
  CHECK(check_note(changed, *key) == NoteVerdict::Forged);
  changed = *note;
  changed.signatures[0].name = "PeterNewmann";
  CHECK(check_note(changed, *key) == NoteVerdict::Unknown);
  changed = *note;
  changed.signatures[0].id ^= 1;
  CHECK(check_note(changed, *key) == NoteVerdict::Unknown);
  changed = *note;
  changed.signatures[0].signature.pop_back();
  CHECK(check_note(changed, *key) == NoteVerdict::Forged);
  // One good and one forged signature of the same key: the whole note is refused.
  changed = *note;
  changed.signatures.push_back(note->signatures[0]);
  changed.signatures[1].signature[0] ^= 1;
  CHECK(check_note(changed, *key) == NoteVerdict::Forged);
}

NoteSignature sign(const TestKey& key, const NoteKey& named, const std::string& text) {
  const bool ed25519 = named.key().algorithm() == KeyAlgorithm::Ed25519;
  const auto scheme = ed25519 ? SignatureScheme::Ed25519 : SignatureScheme::EcdsaSha256;
  const Bytes raw = key.sign(scheme, as_bytes(text));
  return {named.name(), named.id(), ed25519 ? raw : ecdsa_raw_to_der(raw).value()};
}

TEST_CASE("keys of both signature types sign and go through their text", "[note]") {
  for (const auto algorithm : {KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP256}) {
    const TestKey& signer = test_key(algorithm);
    const NoteKey key = NoteKey::create("example.com/log", signer.public_key()).value();
    const NoteKey read = NoteKey::parse(key.text()).value();
    CHECK(read.id() == key.id());
    SignedNote note{"text\n\nwith a blank line\n", {}};
    note.signatures.push_back(sign(signer, key, note.text));
    const auto parsed = parse_signed_note(format_signed_note(note));
    REQUIRE(parsed);
    CHECK(parsed->text == note.text);
    CHECK(check_note(*parsed, read) == NoteVerdict::Good);
    CHECK(check_note(*parsed,
                     NoteKey::create("example.com/log", test_key(algorithm, 1).public_key()).value()) ==
          NoteVerdict::Unknown);
  }
}

TEST_CASE("keys that notes do not know are refused", "[note]") {
  CHECK(why_not(NoteKey::create("a", test_key(KeyAlgorithm::EcdsaP384).public_key())) == "algorithm");
  CHECK(why_not(NoteKey::create("a", test_key(KeyAlgorithm::Rsa2048).public_key())) == "algorithm");
  const PublicKey& key = test_key(KeyAlgorithm::Ed25519).public_key();
  for (const std::string name : {"", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2028", "\xff", "a\x7f"})
    CHECK(why_not(NoteKey::create(name, key)) == "note-key");
  CHECK(NoteKey::create(std::string(255, 'n'), key));
  CHECK(why_not(NoteKey::create(std::string(256, 'n'), key)) == "note-key");
}

TEST_CASE("a verifier key is refused for anything that is not right in it", "[note]") {
  const std::string good = NoteKey::create("log", test_key(KeyAlgorithm::Ed25519).public_key())->text();
  REQUIRE(NoteKey::parse(good));
  std::string other_hash = good;
  other_hash[4] = other_hash[4] == '0' ? '1' : '0';
  const std::string key = good.substr(good.rfind('+') + 1);
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("log"), std::string("log+12345678"), other_hash, "lug" + good.substr(3),
           good + "A", good.substr(0, good.size() - 4), "log+123+" + key, "log+12345678+",
           "log+12345678+" + to_base64(Bytes{0x07, 1, 2}), "log+12345678+" + to_base64(Bytes{0x02, 1, 2})}) {
    INFO(bad);
    CHECK(why_not(NoteKey::parse(bad)) == "note-key");
  }
}

TEST_CASE("a malformed note is refused and says why", "[note]") {
  const std::string text = kPeterText, line = kPeterSignature;
  CHECK(why_not(parse_signed_note("")) == "note");
  CHECK(why_not(parse_signed_note(text)) == "note");
  CHECK(why_not(parse_signed_note(text + "\n")) == "note");
  CHECK(why_not(parse_signed_note(text + line)) == "note");
  CHECK(why_not(parse_signed_note(text + "\n" + line.substr(0, line.size() - 1))) == "note");
  CHECK(why_not(parse_signed_note(text + "\n-- a AAAAAAAA\n")) == "note");
  CHECK(why_not(parse_signed_note(text + "\n— a AAAA\n")) == "note");      // an id cut short
  CHECK(why_not(parse_signed_note(text + "\n— a AAAAAA==\n")) == "note");  // an id without a signature
  CHECK(why_not(parse_signed_note(text + "\n— a+b AAAAAAAA\n")) == "note");
  CHECK(why_not(parse_signed_note(text + "\n—  AAAAAAAA\n")) == "note");
  CHECK(why_not(parse_signed_note(text + "\n— a AAAAAAA\n")) == "note");
  CHECK(why_not(parse_signed_note("a\r\n\n" + line)) == "control-character");
  CHECK(why_not(parse_signed_note("\xc0\x80\n\n" + line)) == "invalid-utf8");
  std::string many = text + "\n";
  for (std::size_t number = 0; number < kMaxNoteSignatures; ++number) many += "— a AAAAAAAA\n";
  CHECK(parse_signed_note(many));
  CHECK(why_not(parse_signed_note(many + "— a AAAAAAAA\n")) == "limit");
  const std::string fitting(kMaxNoteSize - line.size() - 2, 'x');
  CHECK(parse_signed_note(fitting + "\n\n" + line));
  CHECK(why_not(parse_signed_note(fitting + "x\n\n" + line)) == "size");
}

constexpr const char* kCheckpoint =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

TEST_CASE("the specification's checkpoint is read and written", "[note]") {
  const auto checkpoint = parse_checkpoint(kCheckpoint);
  REQUIRE(checkpoint);
  CHECK(checkpoint->origin == "example.com/behind-the-sofa");
  CHECK(checkpoint->size == 20852163);
  CHECK(format_checkpoint(*checkpoint) == kCheckpoint);
  const std::string line =
      "— example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
  const auto signed_one = parse_signed_checkpoint(std::string(kCheckpoint) + "\n" + line);
  REQUIRE(signed_one);
  CHECK(signed_one->checkpoint == *checkpoint);
  CHECK(parse_checkpoint(std::string(kCheckpoint) + "an extension\n")->size == 20852163);
}

TEST_CASE("a malformed checkpoint is refused", "[note]") {
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("a\n"), std::string("a\n1\n"), "\n1\n" + root, "a\n01\n" + root,
           "a\n-1\n" + root, "a\n+1\n" + root, "a\n 1\n" + root, "a\n\n" + root, "a\n1x\n" + root,
           "a\n4611686018427387905\n" + root, "a\n99999999999999999999\n" + root, "a\n1\n" + root.substr(4),
           "a\n1\n" + root.substr(0, root.size() - 1), "a\n1\n" + root + "\n", "a\n1\n" + root + "cut"}) {
    INFO(bad);
    CHECK(why_not(parse_checkpoint(bad)) == "checkpoint");
  }
  CHECK(parse_checkpoint("a\n0\n" + root));
  CHECK(parse_checkpoint("a\n4611686018427387904\n" + root));
}

TEST_CASE("a proof file is read as it was written, and refused when malformed", "[note]") {
  TlogProof proof;
  proof.entry = "{\"sequence\":8}";
  proof.index = 7;
  proof.proof = {merkle_leaf_hash({}), merkle_empty_root()};
  proof.checkpoint = std::string(kCheckpoint) + "\n— a AAAAAAAA\n";
  const std::string text = format_tlog_proof(proof);
  CHECK(text.starts_with("c2sp.org/tlog-proof@v1\nextra eyJzZXF1ZW5jZSI6OH0=\nindex 7\n"));
  const auto read = parse_tlog_proof(text);
  REQUIRE(read);
  CHECK(read->entry == proof.entry);
  CHECK(read->index == 7);
  CHECK(read->proof == proof.proof);
  CHECK(read->checkpoint == proof.checkpoint);
  const std::string head = "c2sp.org/tlog-proof@v1\n", hash = merkle_hash_text(merkle_empty_root()) + "\n";
  std::string too_many = head + "extra YQ==\nindex 0\n";
  for (int number = 0; number < 64; ++number) too_many += hash;
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("c2sp.org/tlog-proof@v2\n"), head, head + "index 0\n\n",
           head + "extra YQ\n", head + "extra YQ==\n", head + "extra YQ==\nindex 00\n\n",
           head + "extra YQ==\nindex\n\n", head + "extra YQ==\nindex 0\n",
           head + "extra YQ==\nindex 0\nAAAA\n\n", too_many + "\n"}) {
    INFO(bad);
    CHECK(why_not(parse_tlog_proof(bad)) == "tlog-proof");
  }
  CHECK(parse_tlog_proof(head + "extra YQ==\nindex 0\n\n"));
  CHECK(why_not(parse_tlog_proof(std::string(kMaxProofSize + 1, 'x'))) == "size");
}

}  // namespace
}  // namespace signet::test
