// Signatures that come into a file, and those that leave it.
#include "client/tuf/merge_signatures.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;
using boost::json::object;
using enum KeyAlgorithm;

namespace {

constexpr auto kTuf = MetadataFormat::Tuf;

object signature(const std::string& keyid, const std::string& hex) {
  return {{"keyid", keyid}, {"sig", hex}};
}

SignableFile file_with(const boost::json::array& signatures, const object& content) {
  auto file = parse_signable(write_metadata_file(content, signatures, kTuf));
  REQUIRE(file);
  return std::move(*file);
}

std::string keyids(const boost::json::array& signatures) {
  std::string text;
  for (const auto& one : signatures)
    text += std::string(one.at("keyid").as_string()) + "=" + std::string(one.at("sig").as_string()) + " ";
  return text;
}

object true_signature(const object& content, KeyAlgorithm algorithm) {
  const std::string keyid = id_of(algorithm, kTuf);
  const MetadataFile file = sign_file(content, kTuf, {{test_key(algorithm), keyid}});
  return signature(keyid, to_hex(file.signatures.at(0).signature));
}

}  // namespace

TEST_CASE("new signatures follow, the same key's take the old one's place") {
  const object content = tuf_targets().object();
  const SignableFile file =
      file_with({signature("a", "01"), signature("b", ""), signature("c", "03")}, content);
  const auto merged =
      merge_signatures(file, {signature("d", "04"), signature("b", "02"), signature("d", "05")});
  CHECK(keyids(merged.signatures) == "a=01 b=02 c=03 d=05 ");
  CHECK(merged.added == std::vector<std::string>{"d"});
  CHECK(merged.dropped.empty());
}

TEST_CASE("members of a signature that we do not know stay") {
  const SignableFile file =
      file_with({object({{"keyid", "a"}, {"sig", "01"}, {"note", "x"}})}, tuf_targets().object());
  CHECK(boost::json::serialize(merge_signatures(file, {}).signatures) ==
        R"([{"keyid":"a","note":"x","sig":"01"}])");
}

TEST_CASE("a root's stale signatures are dropped, its good ones, placeholders and strangers stay") {
  const object content = tuf_root().object();
  const object good = true_signature(content, EcdsaP256);
  const object of_other_bytes = true_signature(tuf_root().with("/version", 7).object(), Ed25519);
  const std::string ed25519(of_other_bytes.at("keyid").as_string());
  const SignableFile file = file_with({good, of_other_bytes, signature("stranger", "00")}, content);
  const auto merged = merge_signatures(file, {});
  CHECK(merged.dropped == std::vector<std::string>{ed25519});
  CHECK(merged.signatures.size() == 2);
  CHECK(merged.signatures.at(0) == good);

  // Signed again, it is replaced and not dropped.
  const object fresh = true_signature(content, Ed25519);
  const auto again = merge_signatures(file, {fresh});
  CHECK(again.dropped.empty());
  CHECK(again.replaced == std::vector<std::string>{ed25519});
  CHECK(again.signatures.size() == 3);

  const SignableFile placeholder = file_with({signature(ed25519, "")}, content);
  CHECK(merge_signatures(placeholder, {}).dropped.empty());
}

TEST_CASE("a file that nobody signed yet may lack its signatures") {
  auto file = parse_signable(boost::json::serialize(object({{"signed", tuf_root().object()}})));
  REQUIRE(file);
  CHECK(file->signatures.empty());
  CHECK(file->metadata.content.type == RoleType::Root);
  // What is signed is the content's canonical form, whatever the file's white space and order.
  CHECK(file->metadata.canonical == file_with({}, tuf_root().object()).metadata.canonical);
}

TEST_CASE("the content alone is not signed, and the error says what is missing") {
  const auto bare = parse_signable(boost::json::serialize(tuf_root().object()));
  REQUIRE_FALSE(bare);
  CHECK(bare.error().parameters.at("why") == "not-an-envelope");
  CHECK(verdict(parse_signable("[]")) == "not-an-envelope ");
  CHECK(verdict(parse_signable("{\"signed\": {}, \"signed\": {}}")).starts_with("duplicate-key"));
  CHECK_FALSE(parse_signable("{\"signed\": {}, \"signatures\": 7}"));
  CHECK_FALSE(parse_signable(""));
}
