// The checkpoint signer signs its own log's checkpoints, forwards only, over crashes and thousands of tries.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <random>

#include "agent/checkpoint/durable_file.h"
#include "agent/checkpoint/signer.h"
#include "tests/support/result_printing.h"
#include "tests/support/scratch.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;
constexpr const char* kOrigin = "example.com/log";

MerkleTree tree_of(std::uint64_t size, const std::string& salt = "") {
  MerkleTree tree;
  for (std::uint64_t number = 0; number < size; ++number)
    tree.append(merkle_leaf_hash(as_bytes(salt + std::to_string(number))));
  return tree;
}

SignerRequest request(const MerkleTree& tree, std::uint64_t before, std::uint64_t size,
                      const std::string& origin = kOrigin) {
  SignerRequest made;
  made.text = format_checkpoint({origin, size, tree.root(size)});
  made.proof = merkle_consistency_proof(before, size, tree.reader()).value_or(std::vector<MerkleHash>());
  return made;
}

template <typename T>
std::string why(const Result<T>& result) {
  if (result) return "signed";
  const Error error = result.error();
  const auto* name = error.parameters.if_contains("why");
  return name ? std::string(name->as_string()) : "";
}

TEST_CASE("a checkpoint is signed by the key that the greeting names, and the next ones go on from it",
          "[signer]") {
  ScratchDir scratch;
  const MerkleTree tree = tree_of(20);
  Signer signer = Signer::open(scratch.path() / "log", kOrigin).value();
  CHECK_FALSE(signer.greeting().newest);
  const NoteKey key = NoteKey::parse(signer.greeting().verifier_key).value();
  CHECK(key.name() == kOrigin);
  const auto note = signer.sign(request(tree, 0, 5));
  REQUIRE(note);
  const auto parsed = parse_signed_checkpoint(*note);
  REQUIRE(parsed);
  CHECK(check_note(parsed->note, key) == NoteVerdict::Good);
  CHECK(parsed->checkpoint.size == 5);
  CHECK(signer.sign(request(tree, 5, 5)));
  CHECK(signer.sign(request(tree, 5, 9)));
  CHECK(signer.greeting().newest->size == 9);
}

TEST_CASE("what the signer signed binds it after a restart", "[signer]") {
  ScratchDir scratch;
  const MerkleTree tree = tree_of(20);
  std::string verifier_key;
  {
    Signer signer = Signer::open(scratch.path() / "log", kOrigin).value();
    verifier_key = signer.greeting().verifier_key;
    REQUIRE(signer.sign(request(tree, 0, 12)));
  }
  Signer signer = Signer::open(scratch.path() / "log", kOrigin).value();
  CHECK(signer.greeting().verifier_key == verifier_key);
  CHECK(signer.greeting().newest->size == 12);
  CHECK(why(signer.sign(request(tree, 0, 11))) == "signer-older");
  CHECK(why(signer.sign(request(tree_of(20, "other"), 12, 20))) == "signer-inconsistent");
  CHECK(why(signer.sign(request(tree_of(20, "other"), 12, 12))) == "signer-inconsistent");
  CHECK(signer.sign(request(tree, 12, 20)));
}

TEST_CASE("nothing but a checkpoint of its own log is signed", "[signer]") {
  const MerkleTree tree = tree_of(4);
  const auto refused = [](std::string text) {
    SignerRequest made;
    made.text = std::move(text);
    return why(may_sign(made, kOrigin, std::nullopt));
  };
  const std::string good = request(tree, 0, 4).text;
  CHECK(refused(good) == "signed");
  CHECK(refused(request(tree, 0, 4, "example.com/other").text) == "signer-origin");
  CHECK(refused("") == "signer-request");
  CHECK(refused("{\"signed\":{\"_type\":\"root\"}}") == "signer-request");
  CHECK(refused(good + "an extension line\n") == "signer-request");
  CHECK(refused(good.substr(0, good.size() - 1)) == "signer-request");
  CHECK(refused("\n" + good) == "signer-request");
  CHECK(refused(std::string(kOrigin) + "\n04\n" + good.substr(good.size() - 45)) == "signer-request");
}

// What an agent that was set back, or that lies, could ask: whatever is signed, each is a prefix of the next.
TEST_CASE("random requests never get two checkpoints that contradict each other", "[signer]") {
  std::mt19937_64 random(11);
  const MerkleTree good = tree_of(64), forked = tree_of(64, "fork");
  std::size_t tries = 0, signed_ones = 0;
  for (int log = 0; log < 40; ++log) {
    std::optional<Checkpoint> newest;
    const MerkleTree* history = nullptr;
    for (int attempt = 0; attempt < 100; ++attempt, ++tries) {
      const MerkleTree& tree = random() % 3 == 0 ? forked : good;
      const std::uint64_t size = random() % 65, before = random() % 65;
      SignerRequest asked = request(tree, random() % 2 == 0 && newest ? newest->size : before, size);
      if (random() % 8 == 0 && !asked.proof.empty()) asked.proof[random() % asked.proof.size()][3] ^= 1;
      const auto allowed = may_sign(asked, kOrigin, newest);
      if (!allowed) continue;
      ++signed_ones;
      if (newest) {
        if (allowed->size < newest->size) FAIL("a smaller tree");
        if (history && newest->size > 0 && allowed->root != history->root(allowed->size))
          FAIL("another history");
      }
      if (allowed->size > 0) history = &tree;
      newest = *allowed;
    }
  }
  CHECK(signed_ones > 100);
  std::printf("checkpoint signer: %zu requests, %zu signed, none contradicts another\n", tries, signed_ones);
}

TEST_CASE("the signer's directory and key are closed to others", "[signer]") {
  ScratchDir scratch;
  const fs::path directory = scratch.path() / "log";
  { REQUIRE(Signer::open(directory, kOrigin)); }
  struct stat status {};
  REQUIRE(stat((directory / "key.pem").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(stat(directory.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  SECTION("a directory that others can look into") {
    chmod(directory.c_str(), 0750);
  }
  SECTION("a key that others can read") {
    chmod((directory / "key.pem").c_str(), 0640);
  }
  SECTION("a key that is a link") {
    fs::rename(directory / "key.pem", scratch.path() / "elsewhere.pem");
    fs::create_symlink(scratch.path() / "elsewhere.pem", directory / "key.pem");
  }
  CHECK(Signer::open(directory, kOrigin).error().name == ErrorName::FileFault);
}

TEST_CASE("a damaged memory, a lost key and another log are refused, not begun anew", "[signer]") {
  ScratchDir scratch;
  const fs::path directory = scratch.path() / "log";
  { REQUIRE(Signer::open(directory, kOrigin).value().sign(request(tree_of(3), 0, 3))); }
  std::string origin = kOrigin;
  SECTION("newest is cut short") {
    fs::resize_file(directory / "newest", 10);
  }
  SECTION("newest has a line too many") {
    std::ofstream(directory / "newest", std::ios::app) << "x\n";
  }
  SECTION("the key is gone") {
    fs::remove(directory / "key.pem");
  }
  SECTION("the key is damaged") {
    fs::resize_file(directory / "key.pem", 40);
  }
  SECTION("another origin") {
    origin = "example.com/new";
  }
  CHECK(Signer::open(directory, origin).error().name == ErrorName::FileFault);
}

TEST_CASE("one signer at a time", "[signer]") {
  ScratchDir scratch;
  const auto first = Signer::open(scratch.path() / "log", kOrigin);
  REQUIRE(first);
  CHECK(Signer::open(scratch.path() / "log", kOrigin).error().message.find("in use") != std::string::npos);
}

TEST_CASE("a signature is not given when its memory cannot be written", "[signer]") {
  if (geteuid() == 0) return;  // root writes anywhere
  ScratchDir scratch;
  Signer signer = Signer::open(scratch.path() / "log", kOrigin).value();
  chmod((scratch.path() / "log").c_str(), 0500);
  CHECK(signer.sign(request(tree_of(3), 0, 3)).error().name == ErrorName::FileFault);
  chmod((scratch.path() / "log").c_str(), 0700);
  CHECK(signer.sign(request(tree_of(3), 0, 3)));
}

TEST_CASE("messages between agent and signer are read as they were written", "[signer]") {
  const MerkleTree tree = tree_of(9);
  const SignerRequest asked = request(tree, 5, 9);
  const auto read = parse_request(format_request(asked));
  REQUIRE(read);
  CHECK(read->text == asked.text);
  CHECK(read->proof == asked.proof);
  SignerGreeting greeting;
  greeting.verifier_key = "key";
  CHECK_FALSE(parse_greeting(format_greeting(greeting))->newest);
  greeting.newest = Checkpoint{"o", 9, tree.root()};
  CHECK(parse_greeting(format_greeting(greeting))->newest == greeting.newest);
  CHECK(parse_answer(format_answer(std::string("note\n"))).value() == "note\n");
  const Error error{ErrorName::LedgerUnavailable, "No.", {{"why", "signer-older"}}};
  CHECK(why(parse_answer(format_answer(error))) == "signer-older");
  for (const char* bad : {"", "ready", "sign\nAAAA\n\n", "sign\n", "refused\nx"}) {
    CHECK_FALSE(parse_greeting(bad));
    CHECK_FALSE(parse_request(bad));
    CHECK_FALSE(parse_answer(bad));
  }
}

TEST_CASE("small files are replaced as a whole, with their mode", "[signer]") {
  ScratchDir scratch;
  const fs::path file = scratch.path() / "file";
  CHECK_FALSE(read_small_file(file, 10).value());
  REQUIRE(replace_small_file(file, "one", 0644));
  REQUIRE(replace_small_file(file, "two", 0644));
  CHECK(read_small_file(file, 3).value() == "two");
  CHECK_FALSE(read_small_file(file, 2));
  CHECK_FALSE(create_small_file(file, "three", 0600));
  CHECK(read_small_file(file, 3).value() == "two");
  struct stat status {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  CHECK_FALSE(read_small_file(scratch.path(), 10));
  CHECK_FALSE(replace_small_file(scratch.path() / "nowhere" / "file", "x", 0644));
}

}  // namespace
}  // namespace signet::test
