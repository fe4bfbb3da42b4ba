// Whole files: the envelope, how they are written, and what python-tuf and notary wrote
// (tests/protocol/data).
#include <catch2/catch.hpp>

#include "protocol/canonical_json.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::test;
namespace json = boost::json;

namespace {

std::string envelope(const json::object& content, const json::array& signatures) {
  return json::serialize(json::object{{"signed", content}, {"signatures", signatures}});
}
std::string tuf_verdict(const json::array& signatures) {
  return verdict(parse_metadata_file(envelope(tuf_timestamp().object(), signatures), MetadataFormat::Tuf));
}
std::string notary_verdict(const json::array& signatures) {
  return verdict(
      parse_metadata_file(envelope(notary_timestamp().object(), signatures), MetadataFormat::Notary));
}
json::array signatures_in(std::string_view text) {
  return parse_strict_json(text, kMaxMetadataSize).value().at("signatures").as_array();
}

}  // namespace

TEST_CASE("a file's signatures are one for each key id, in the format's encoding") {
  CHECK(tuf_verdict({}) == "accepted");
  CHECK(tuf_verdict({{{"keyid", "a"}, {"sig", "00ff"}}, {{"keyid", "b"}, {"sig", ""}}}) == "accepted");
  CHECK(tuf_verdict({{{"keyid", "a"}, {"sig", "00"}}, {{"keyid", "a"}, {"sig", "01"}}}) ==
        "keyid-twice /signatures/1");
  CHECK(tuf_verdict({{{"keyid", "a"}, {"sig", "0"}}}) == "signature-encoding /signatures/0/sig");
  CHECK(tuf_verdict({{{"keyid", "a"}, {"sig", "AA=="}}}) == "signature-encoding /signatures/0/sig");
  CHECK(tuf_verdict({{{"keyid", "a"}}}) == "missing-member /signatures/0");
  CHECK(tuf_verdict({{{"sig", ""}}}) == "missing-member /signatures/0");
  CHECK(tuf_verdict({1}) == "type /signatures/0");
  CHECK(notary_verdict({{{"keyid", "a"}, {"method", "ecdsa"}, {"sig", "AA=="}}}) == "accepted");
  CHECK(notary_verdict({{{"keyid", "a"}, {"method", "ecdsa"}, {"sig", "00f"}}}) ==
        "signature-encoding /signatures/0/sig");
  CHECK(notary_verdict({{{"keyid", "a"}, {"sig", "AA=="}}}) == "missing-member /signatures/0");
  CHECK(notary_verdict({{{"keyid", "a"}, {"method", "x"}, {"sig", ""}, {"x", 1}}}) ==
        "unknown-member /signatures/0/x");
}

TEST_CASE("more than 1024 signatures are refused") {
  json::array signatures;
  for (int i = 0; i < 1024; ++i) signatures.push_back({{"keyid", std::to_string(i)}, {"sig", "00"}});
  CHECK(tuf_verdict(signatures) == "accepted");
  signatures.push_back({{"keyid", "one more"}, {"sig", "00"}});
  CHECK(tuf_verdict(signatures) == "limit /signatures");
}

TEST_CASE("what is wrong below signed is told from the top of the file") {
  const auto file = envelope(tuf_root().with("/version", 0).object(), {});
  CHECK(verdict(parse_metadata_file(file, MetadataFormat::Tuf)) == "range /signed/version");
  CHECK(verdict(parse_metadata_file("{\"signed\":{}}", MetadataFormat::Tuf)) == "missing-member ");
  CHECK(verdict(parse_metadata_file("{\"signatures\":[]}", MetadataFormat::Tuf)) == "missing-member ");
  CHECK(verdict(parse_metadata_file("{\"signatures\":[],\"signed\":1}", MetadataFormat::Tuf)) ==
        "type /signed");
  CHECK(verdict(parse_metadata_file("[]", MetadataFormat::Tuf)) == "type ");
  CHECK(verdict(parse_metadata_file("[]")) == "type ");
  CHECK(verdict(parse_metadata_file("{\"signatures\":[],\"signatures\":[]}")) == "duplicate-key @17");
  const json::object extra{{"signed", notary_timestamp().object()}, {"signatures", json::array()}, {"x", 1}};
  CHECK(verdict(parse_metadata_file(json::serialize(extra))) == "unknown-member /x");
  CHECK(verdict(parse_metadata_file(std::string(kMaxMetadataSize + 1, ' '))) ==
        "size @" + std::to_string(kMaxMetadataSize));
}

TEST_CASE("the format is told from the type's capital") {
  CHECK(parse_metadata_file(envelope(tuf_timestamp().object(), {}))->content.format == MetadataFormat::Tuf);
  CHECK(parse_metadata_file(envelope(notary_timestamp().object(), {}))->content.format ==
        MetadataFormat::Notary);
}

TEST_CASE("TUF files are written sorted, indented by one, with a final newline") {
  const json::object content = {
      {"b", {1, {{"x", "\"\\\n"}}}}, {"a", json::object()}, {"c", {nullptr, true, "é"}}};
  CHECK(write_metadata_file(content, {}, MetadataFormat::Tuf) ==
        "{\n \"signatures\": [],\n \"signed\": {\n  \"a\": {},\n  \"b\": [\n   1,\n   {\n    \"x\": "
        "\"\\\"\\\\\\n\"\n   }\n"
        "  ],\n  \"c\": [\n   null,\n   true,\n   \"é\"\n  ]\n }\n}\n");
}

TEST_CASE("Notary files are written as Go writes them") {
  const json::object content = {{"b<>&", 1}, {"a", "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7\"\\/é"}};
  const json::array signatures = {{{"sig", "AA=="}, {"method", "ecdsa"}, {"keyid", "k"}}};
  CHECK(write_metadata_file(content, signatures, MetadataFormat::Notary) ==
        "{\"signed\":{\"a\":\"\\u2028\\u2029\xe2\x80\xa7\\\"\\\\/é\",\"b\\u003c\\u003e\\u0026\":1},"
        "\"signatures\":[{\"keyid\":\"k\",\"method\":\"ecdsa\",\"sig\":\"AA==\"}]}");
}

TEST_CASE("what notary and its server wrote is read and written again to the byte") {
  for (const char* name :
       {"1.root", "root", "targets", "targets_releases", "targets_qa", "snapshot", "timestamp"}) {
    CAPTURE(name);
    const std::string text = read_data("notary/" + std::string(name) + ".json");
    const auto file = parse_metadata_file(text);
    REQUIRE(verdict(file) == "accepted");
    CHECK(file->content.format == MetadataFormat::Notary);
    CHECK(file->content.warnings.empty());
    for (const auto& [keyid, key] : file->content.keys) {
      CHECK(key.key);
      CHECK(key.keyid_matches);
      if (key.scheme.ends_with("-x509")) continue;
      CHECK(metadata_keyid(*key.key, MetadataFormat::Notary) == keyid);
      CHECK(metadata_key_object(*key.key, MetadataFormat::Notary) == key.object);
    }
    CHECK(write_metadata_file(file->signed_object, signatures_in(text), MetadataFormat::Notary) == text);
  }
  const auto targets = parse_metadata_file(read_data("notary/targets.json")).value();
  CHECK(targets.content.targets.contains("a<b>&c"));
  CHECK(targets.content.delegations.size() == 2);
}

TEST_CASE("Notary's snapshot has the hashes of the bytes that we write") {
  const auto snapshot = parse_metadata_file(read_data("notary/snapshot.json")).value();
  for (const char* role : {"root", "targets"}) {
    const std::string text = read_data("notary/" + std::string(role) + ".json");
    const auto file = parse_metadata_file(text).value();
    const std::string written =
        write_metadata_file(file.signed_object, signatures_in(text), MetadataFormat::Notary);
    const MetaFile& meta = snapshot.content.meta.at(std::string(role) + ".json");
    CHECK(meta.hashes.at("sha256") == sha256_hex(as_bytes(written)));
    CHECK(meta.length == static_cast<std::int64_t>(written.size()));
  }
}

TEST_CASE("what python-tuf wrote is read; its canonical form is ours") {
  for (const char* name : {"1.root", "2.root", "targets", "succinct", "release", "snapshot", "timestamp"}) {
    CAPTURE(name);
    const auto file = parse_metadata_file(read_data("tuf/" + std::string(name) + ".json"));
    REQUIRE(verdict(file) == "accepted");
    CHECK(file->content.format == MetadataFormat::Tuf);
    CHECK(file->content.warnings.empty());
    CHECK(verdict(parse_signed(file->canonical, MetadataFormat::Tuf)) == "accepted");
    for (const auto& [keyid, key] : file->content.keys) {
      CHECK(key.keyid_matches);
      REQUIRE(key.key);
      CHECK(metadata_keyid(*key.key, MetadataFormat::Tuf) == keyid);
      CHECK(metadata_key_object(*key.key, MetadataFormat::Tuf) == key.object);
    }
    const std::string written = write_metadata_file(file->signed_object, {}, MetadataFormat::Tuf);
    CHECK(parse_metadata_file(written)->canonical == file->canonical);
  }
  for (const char* name : {"1.root", "targets"})
    CHECK(parse_metadata_file(read_data("tuf/" + std::string(name) + ".json"))->canonical ==
          read_data("tuf/" + std::string(name) + ".canonical"));
  const auto targets = parse_metadata_file(read_data("tuf/targets.json")).value();
  CHECK(targets.content.targets.contains("dir/größe €"));
  CHECK(targets.content.targets.at("hello").custom.at("note") == "a \"quoted\" \\ note 😀");
}
